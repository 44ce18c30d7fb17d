"""What a repository does with storage classes: rows and records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa

from holdfast.kernel.db import Json, Timestamp, metadata
from holdfast.kernel.errors import Invalid
from holdfast.vault.stores.classes import COLDER

By = Literal["holdfast", "store"]
MOST_DAYS = 36_500

repository_classes = sa.Table(
    "repository_classes",
    metadata,
    sa.Column("repository_id", sa.String(40), sa.ForeignKey("repositories.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("rule", Json()),
    sa.Column("prices", Json()),
    sa.Column("counted", Json()),
    sa.Column("updated_by", sa.String(80), nullable=False),
    sa.Column("updated_at", Timestamp(), nullable=False),
)


@dataclass(frozen=True)
class ColderRule:
    """What only snapshots older than `after_days` need goes to `storage_class`. `by` holdfast: copied in place by a run
    each day; by the store: with a lifecycle rule that we write. `old_versions_days`, `parts_days`: of the store's rules
    only: when what was deleted or replaced ends, and uploads that never ended.

    Raises Invalid naming the field that is wrong.
    """

    after_days: int
    storage_class: str
    by: By = "holdfast"
    old_versions_days: int | None = None
    parts_days: int | None = None

    def __post_init__(self) -> None:
        for name in ("after_days", "old_versions_days", "parts_days"):
            value = getattr(self, name)
            if value is not None and not 1 <= value <= MOST_DAYS:
                raise invalid(name, f"is a number of days from 1 to {MOST_DAYS}")
        if self.storage_class not in COLDER:
            raise invalid("storage_class", f"is one of {', '.join(COLDER)}")
        if self.by == "holdfast" and (self.old_versions_days or self.parts_days):
            raise invalid("by", "is store for rules on old versions and unfinished uploads")

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Prices:
    """Per GB (10^9 bytes) and month, by class, as its admin gives them: Holdfast knows no price."""

    currency: str
    per_gb_month: Mapping[str, float]

    def as_json(self) -> dict[str, Any]:
        return {"currency": self.currency, "per_gb_month": dict(self.per_gb_month)}


@dataclass(frozen=True)
class ClassesRow:
    """`rule` and `prices` as their `as_json`. `counted`: what a run last saw: {"at", "classes": {name: {"pieces",
    "bytes"}}}."""

    repository_id: str
    rule: Mapping[str, Any] | None
    prices: Mapping[str, Any] | None
    counted: Mapping[str, Any] | None
    updated_by: str
    updated_at: datetime

    @property
    def colder(self) -> ColderRule | None:
        return ColderRule(**self.rule) if self.rule else None

    @property
    def priced(self) -> Prices | None:
        return Prices(**self.prices) if self.prices else None


def invalid(name: str, text: str) -> Invalid:
    return Invalid(f"{name} {text}", code="colder_invalid", details={"fields": [{"field": name, "message": text}]})
