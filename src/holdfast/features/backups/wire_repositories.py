"""Repositories on the wire."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, model_validator

from holdfast.features.backups.format_registry import format_of
from holdfast.features.backups.formats import ABILITIES
from holdfast.features.backups.kinds import KINDS
from holdfast.features.backups.model import RepositoryRow
from holdfast.features.backups.repository_service import RepositoryWish
from holdfast.features.backups.wire_places import PLACES, AzureIn, AzureOut, GcsIn, GcsOut, S3In, S3Out, SftpIn, SftpOut
from holdfast.features.runs.wire import RunOut
from holdfast.formats.plain.packing import Packing
from holdfast.vault.plain.naming import DEFAULT, FIELDS
from holdfast.vault.plain.settings import FileSettings, Form, level_of
from holdfast.vault.plain.wish import MOST_RECIPIENTS, Sealing
from holdfast.vault.stores.breaker import BreakerView
from holdfast.web.wire import In


class FilesIn(In):
    """How a repository of format "plain" writes its files. Unsaid: gzip 6, not encrypted."""

    form: Form = Field(
        default="native", description="native: what the engine's own tools open; tar: every entry, with a RESTORE.md."
    )
    compression: Packing = "gzip"
    level: Annotated[int, Field(ge=1, le=19)] | Literal["fast", "small"] | None = Field(
        default=None, description="gzip and bzip2 1-9, zstd 1-19, or a word."
    )
    encryption: Sealing = Field(
        default="none", description="With a key of the repository's own, which its recovery kit holds."
    )
    recipients: list[Annotated[str, Field(min_length=1, max_length=20_000)]] = Field(
        default_factory=list, max_length=MOST_RECIPIENTS, description="age1... keys that open the files too."
    )
    key: Annotated[str, Field(min_length=1, max_length=63)] | None = Field(
        default=None, description="A file key of the project, by name, that seals instead of the repository's own."
    )
    template: str = Field(
        default=DEFAULT, max_length=300, description=f"The files' names; fields: {', '.join(FIELDS)}. Times are in UTC."
    )

    def settings(self) -> dict[str, Any]:
        """Raises Invalid for a level that is none of the compression's."""
        level = level_of(self.compression, self.level)
        recipients = tuple(each.strip() for each in self.recipients)
        return FileSettings(self.form, self.compression, level, self.encryption, recipients, self.template).as_json()


class ChosenKeyOut(BaseModel):
    id: str
    name: str
    kind: str


class FilesOut(BaseModel):
    form: str
    compression: str
    level: int | None
    encryption: str
    recipients: list[str]
    template: str
    key: ChosenKeyOut | None = Field(default=None, description="The file key; null = the repository's own.")


class FileKeyChoiceIn(In):
    """For new files. What is there opens with the keys it names."""

    key: str = Field(min_length=1, max_length=63, description="A file key by name, or own.")
    encryption: Sealing | None = Field(default=None, description="One that the key seals; by default the usual one.")


class RepositoryIn(In):
    """Kind "local": on this machine's disk. Of the others the place is said in the field of the kind's name, and is
    tried before anything is kept. Format "restic" is deduplicated and always encrypted; "plain" is one file for each
    snapshot, which stock tools open."""

    project_id: str = Field(max_length=64)
    name: str = Field(max_length=63)
    kind: Literal["local", "s3", "gcs", "azure", "sftp"] = "local"
    format: Literal["restic", "plain"] = "restic"
    files: FilesIn | None = Field(default=None, description="Of format plain.")
    path: str | None = Field(
        default=None, max_length=500, description="Of kind local: a directory of its own; needs system.admin."
    )
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
        if self.path is not None and self.kind != "local":
            raise ValueError("`path` goes with kind local, and only with it")
        return self

    def wish(self) -> RepositoryWish:
        place = self.s3 or self.gcs or self.azure or self.sftp
        return RepositoryWish(
            self.project_id,
            self.name,
            self.environment_id,
            self.is_default,
            place.wish() if place else None,
            self.format,
            self.files.settings() if self.files else None,
            self.path,
            self.files.key if self.files else None,
        )


class BreakerOut(BaseModel):
    """Whether the api calls the store: open = it is left alone for a while."""

    state: Literal["closed", "open", "half_open"]
    failures: int
    since: datetime


class RepositoryOut(BaseModel):
    """Where a project's snapshots live. `path` is what stock restic takes as -r, or where the files are."""

    id: str
    project_id: str
    name: str
    kind: str
    format: str = Field(description="restic or plain.")
    files: FilesOut | None = Field(default=None, description="Of format plain: how they are written.")
    abilities: list[str] = Field(description=f"Which of {', '.join(ABILITIES)}.")
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
            files=FilesOut(**row.settings) if row.settings else None,
            abilities=format_of(row).abilities.names(),
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
    """All a stock restic needs, or what opens plain files (an age identity, else a passphrase). `variables` are set by
    whoever runs it, from a credential of their own."""

    password: str
    path: str
    variables: list[str] = Field(default_factory=list)
    older: list[str] = Field(default_factory=list, description="Of format plain: what files of before a rotation need.")
