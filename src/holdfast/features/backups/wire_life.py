"""A repository's life on the wire."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field, SecretStr, model_validator

from holdfast.features.backups.adopting import Stored
from holdfast.features.backups.kinds import KINDS
from holdfast.features.backups.life_service import AdoptWish
from holdfast.features.backups.wire_places import AzureIn, CredentialIn, GcsIn, S3In, SftpIn
from holdfast.features.backups.wire_repositories import RepositoryOut
from holdfast.features.runs.wire import RunOut
from holdfast.web.wire import Confirm, In


class AdoptIn(In):
    """An existing repository, made by stock restic or by another Holdfast, and its password."""

    project_id: str = Field(max_length=64)
    environment_id: str = Field(max_length=64, description="Where snapshots of databases that are not here are shown.")
    name: str = Field(max_length=63)
    password: SecretStr = Field(
        default=SecretStr(""), max_length=65_536, description="Of plain files: their keys, one a line; none if open."
    )
    kind: Literal["local", "s3", "gcs", "azure", "sftp"] = "local"
    path: str | None = Field(default=None, max_length=500, description="Of kind local: its directory, absolute.")
    s3: S3In | None = None
    gcs: GcsIn | None = None
    azure: AzureIn | None = None
    sftp: SftpIn | None = None

    @model_validator(mode="after")
    def _matches(self) -> AdoptIn:
        for name in KINDS:
            if (self.kind == name) != (getattr(self, name) is not None):
                raise ValueError(f"`{name}` goes with kind {name}, and only with it")
        if (self.kind == "local") != (self.path is not None):
            raise ValueError("`path` goes with kind local, and only with it")
        return self

    def wish(self) -> AdoptWish:
        place = self.s3 or self.gcs or self.azure or self.sftp
        return AdoptWish(
            self.project_id,
            self.name,
            self.environment_id,
            self.password.get_secret_value(),
            self.path,
            place.wish() if place else None,
        )


class AdoptAgainIn(In):
    environment_id: str = Field(max_length=64, description="Where snapshots of databases that are not here are shown.")


class CopyIn(In):
    into: str = Field(max_length=64, description="Id of another repository of the project; it may be new.")
    switch: bool = Field(default=False, description="Use the copies from then on, and make it the default.")


class DeletesIn(In):
    """Who may delete in it."""

    apart: bool = Field(description="true = with its own credential Holdfast only adds.")
    credential: CredentialIn | None = Field(default=None, description="That may delete; left out = none is kept here.")


class RemoveIn(Confirm):
    files: bool = Field(default=False, description="Delete what is ours in it too; without, its files stay.")
    force: bool = Field(default=False, description="Although it holds the only good snapshot of a living database.")


class StoredOut(BaseModel):
    """A snapshot as the repository has it. `origin`: database = restored as one; metadata = Holdfast's own records;
    foreign = files that stock restic stored, which are looked into and downloaded, and never restored as a database."""

    restic_id: str
    origin: Literal["database", "metadata", "foreign"]
    snapshot_id: str | None
    taken_at: datetime
    hostname: str
    paths: list[str]
    tags: list[str]

    @classmethod
    def of(cls, found: Stored) -> StoredOut:
        info = found.info
        return cls(
            restic_id=info.id,
            origin=found.origin,
            snapshot_id=found.snapshot_id,
            taken_at=found.taken_at,
            hostname=info.hostname,
            paths=list(info.paths),
            tags=list(info.tags),
        )


class FileOut(BaseModel):
    path: str
    size: int
    type: str


class RemovedOut(BaseModel):
    """`run` deletes its files; null = they stay."""

    repository: RepositoryOut
    run: RunOut | None
