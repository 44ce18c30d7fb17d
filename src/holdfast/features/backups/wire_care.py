"""Looking after repositories, on the wire."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field

from holdfast.features.backups.care_service import CheckWish
from holdfast.features.backups.model import CheckRow
from holdfast.web.wire import In


class CheckIn(In):
    read_data: bool = Field(default=False, description="Read every byte, not only the structure.")
    subset: str | None = Field(
        default=None, max_length=20, description='Read a part: "1/7", the first of seven, or "10%" picked by chance.'
    )
    within: str | None = Field(
        default=None,
        max_length=10,
        description='Read the longest unproven, so much that everything is read again within that time: "30d".',
    )

    def wish(self) -> CheckWish:
        return CheckWish(self.read_data, self.subset, self.within)


class CheckOut(BaseModel):
    """One check as recorded. `packs_read` of `packs` were read whole, `bytes` of `bytes_total`."""

    id: str
    repository_id: str
    run_id: str | None
    method: str = Field(description='"structure", "all data", "part 1/7", "sample 10%" or "within 30d".')
    ok: bool
    seconds: float
    packs: int
    packs_read: int
    blobs: int
    bytes: int
    bytes_total: int
    errors: list[str]
    errors_total: int
    at: datetime

    @classmethod
    def of(cls, row: CheckRow) -> CheckOut:
        return cls(**{name: getattr(row, name) for name in cls.model_fields})


class RepairIn(In):
    act: Literal["report", "index"] = Field(
        default="report",
        description='"report" says which snapshots damage reaches; "index" makes the index again from the packs.',
    )
    read_data: bool = Field(default=False, description="Of a report: read every byte as well.")
