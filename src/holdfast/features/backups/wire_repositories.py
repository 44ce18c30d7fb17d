"""Repositories on the wire."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, Field, model_validator

from holdfast.features.backups.kinds import KINDS
from holdfast.features.backups.model import RepositoryRow
from holdfast.features.backups.repository_service import RepositoryWish
from holdfast.features.backups.wire_places import PLACES, AzureIn, AzureOut, GcsIn, GcsOut, S3In, S3Out, SftpIn, SftpOut
from holdfast.features.runs.wire import RunOut
from holdfast.vault.stores.breaker import BreakerView
from holdfast.web.wire import In


class RepositoryIn(In):
    """Kind "local": on this machine's disk. Of the others the place is said in the field of the kind's name, and is
    tried before anything is kept."""

    project_id: str = Field(max_length=64)
    name: str = Field(max_length=63)
    kind: Literal["local", "s3", "gcs", "azure", "sftp"] = "local"
    environment_id: str | None = Field(default=None, max_length=64, description="Only this environment's snapshots.")
    is_default: bool = Field(default=False, description="Where snapshots go that name no repository.")
    s3: S3In | None = None
    gcs: GcsIn | None = None
    azure: AzureIn | None = None
    sftp: SftpIn | None = None

    @model_validator(mode="after")
    def _matches(self) -> RepositoryIn:
        for name in KINDS:
            if (self.kind == name) != (getattr(self, name) is not None):
                raise ValueError(f"`{name}` goes with kind {name}, and only with it")
        return self

    def wish(self) -> RepositoryWish:
        place = self.s3 or self.gcs or self.azure or self.sftp
        return RepositoryWish(
            self.project_id, self.name, self.environment_id, self.is_default, place.wish() if place else None
        )


class BreakerOut(BaseModel):
    """Whether the api calls the store: open = it is left alone for a while."""

    state: Literal["closed", "open", "half_open"]
    failures: int
    since: datetime


class RepositoryOut(BaseModel):
    """Where a project's snapshots live. `path` is what stock restic takes as -r."""

    id: str
    project_id: str
    name: str
    kind: str
    environment_id: str | None = Field(description="The one environment it is for; null = all.")
    state: str
    is_default: bool
    restic_id: str | None
    last_check: dict[str, Any] | None
    path: str
    s3: S3Out | None = None
    gcs: GcsOut | None = None
    azure: AzureOut | None = None
    sftp: SftpOut | None = None
    last_test: dict[str, Any] | None = Field(description="What its credential may do, and what it could do without.")
    trouble: dict[str, Any] | None = Field(description="Since when and why it does not answer; null = it does.")
    breaker: BreakerOut | None = None
    last_gc: dict[str, Any] | None = Field(default=None, description="What the last collection of garbage did.")
    bytes: int | None = None
    created_by: str
    created_at: datetime
    node: str | None = Field(description="The node whose disk it is on; null = reached from every node.")

    @classmethod
    def of(
        cls, row: RepositoryRow, path: str, size: int | None = None, breaker: BreakerView | None = None
    ) -> RepositoryOut:
        values = {name: value for name, value in vars(row).items() if name in cls.model_fields}
        lies: dict[str, Any] = {row.kind: PLACES[row.kind](**row.lies)} if row.lies and not row.on_disk else {}
        return cls(
            **values,
            path=path,
            bytes=size,
            environment_id=row.serves,
            **lies,
            breaker=BreakerOut(state=breaker.state, failures=breaker.failures, since=breaker.since)
            if breaker
            else None,
        )


class RepositoryRunOut(BaseModel):
    repository: RepositoryOut
    run: RunOut


class RepositoryKeyOut(BaseModel):
    """All a stock restic needs; `variables` are set by whoever runs it, from a credential of their own."""

    password: str
    path: str
    variables: list[str] = Field(default_factory=list)
