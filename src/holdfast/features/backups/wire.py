"""Repositories, snapshots and restores on the wire."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, Field

from holdfast.features.backups.asking import Asked, carriers
from holdfast.features.backups.browse import TableLook
from holdfast.features.backups.choosing import Which
from holdfast.features.backups.model import Restore, Snapshot, VerificationRow
from holdfast.features.backups.restore_service import Outlook, RestoreWish
from holdfast.features.databases.wire import DatabaseOut
from holdfast.features.runs.wire import RunOut
from holdfast.formats.plain.packing import Packing
from holdfast.jobs import Run
from holdfast.vault.options import LEAST_BANDWIDTH, MOST_NICE, MOST_WORKERS
from holdfast.vault.plain.wish import MOST_RECIPIENTS, Sealing
from holdfast.web.wire import In


def _level(value: Any) -> Any:
    """ "L3" means 3."""
    return int(value[1]) if isinstance(value, str) and re.fullmatch(r"[Ll][0-3]", value) else value


Level = Annotated[
    int,
    BeforeValidator(_level),
    Field(ge=0, le=3, description="1 hashes, 2 readable by tools, 3 restored and compared; also L1, L2, L3."),
]


class OptionsIn(In):
    """How hard to compress, how fast to store, how much of the machine to take. What is absent is the default."""

    level: Literal["off", "fast", "default", "max"] | None = Field(default=None, description="Of compression.")
    bandwidth: int | None = Field(
        default=None, ge=LEAST_BANDWIDTH, le=1 << 40, description="Bytes per second to the repository."
    )
    workers: int | None = Field(default=None, ge=1, le=MOST_WORKERS, description="Threads that compress and seal.")
    nice: int | None = Field(default=None, ge=0, le=MOST_NICE, description="How much they yield to other work.")
    verify_within: int | None = Field(default=None, ge=1, le=3650, description="Days that a proof of it counts.")
    compression: Packing | None = Field(
        default=None, description="This and those below: of plain files, where unsaid is as the repository has it."
    )
    file_level: Annotated[int, Field(ge=1, le=19)] | Literal["fast", "small"] | None = Field(
        default=None, description="gzip and bzip2 1-9, zstd 1-19, or a word."
    )
    encryption: Sealing | None = Field(
        default=None, description="With the repository's key. none, where the repository encrypts, is audited."
    )
    recipients: list[Annotated[str, Field(min_length=1, max_length=20_000)]] | None = Field(
        default=None, max_length=MOST_RECIPIENTS, description="age1... keys that open the file too."
    )
    key: Annotated[str, Field(min_length=1, max_length=63)] | None = Field(
        default=None, description="A file key of the project, by name; own = the repository's."
    )

    def chosen(self) -> dict[str, Any]:
        return self.model_dump(exclude_none=True)


class SnapshotIn(In):
    """Without `level`: 1, and 3 while no snapshot of this database was ever restored."""

    level: Level | None = None
    repository_id: str | None = Field(default=None, max_length=64)
    tags: list[str] = Field(default_factory=list)
    options: OptionsIn = Field(default_factory=OptionsIn)
    full: bool = Field(default=False, description="Read everything, also what is known to be unchanged.")


class SnapshotsIn(SnapshotIn):
    """Of many databases: `databases`, `all` or `labels` says which."""

    databases: list[Annotated[str, Field(max_length=64)]] = Field(
        default_factory=list, max_length=2000, description="Ids."
    )
    all: bool = Field(default=False, description="All that the caller may take snapshots of.")
    labels: dict[str, str] = Field(default_factory=dict, description="Those that have all of these labels.")
    project_id: str | None = Field(default=None, max_length=64, description="With `all` or `labels`: only this one's.")
    environment_id: str | None = Field(default=None, max_length=64, description="The same.")

    def which(self) -> Which:
        return Which(self.databases, self.all, self.labels, self.project_id, self.environment_id)


class SnapshotPatch(In):
    tags: list[str] | None = None
    hold: bool | None = None


class VerifyIn(In):
    level: Level | None = None


class SnapshotDeleteIn(In):
    confirm: str = Field(max_length=64, description="The snapshot's id, typed.")
    force: bool = Field(default=False, description="Even when it is the only good one.")


class RestoreIn(In):
    """Mode "new": `name`, and where (`environment_id`, else the snapshot's own). Mode "in_place": `confirm`."""

    mode: Literal["new", "in_place"]
    name: str | None = Field(default=None, max_length=63)
    environment_id: str | None = Field(default=None, max_length=64)
    spec: dict[str, Any] | None = None
    confirm: str | None = Field(default=None, max_length=63, description="The database's name, typed.")
    select: list[str] = Field(default_factory=list, description="Only these tables; patterns allowed.")
    safety: bool = Field(default=True, description="In place: take a snapshot of what is there first.")
    override_unverified: bool = False
    masking: str | None = Field(
        default=None, max_length=64, description="Mode new: mask the copy with this profile, by name or id."
    )
    server: str | None = Field(
        default=None, max_length=64, description="Mode new: an external database; the new one is made on its server."
    )

    def wish(self) -> RestoreWish:
        return RestoreWish(**self.model_dump())


class SnapshotOut(BaseModel):
    """One backup. `verification`: green = proven to `wanted_level`, yellow = not yet or not any more, red = failed.
    `proof` says which: verified, pending (not tried yet), skipped (could not be judged), stale (its newest proof is
    older than `options.verify_within` days, else 30), failed."""

    id: str
    type: str | None = Field(description="full = everything was read, incremental = what changed since `parent_id`.")
    parent_id: str | None = Field(description="What an incremental one took over from; it is whole without it.")
    read_bytes: int | None = Field(description="Read of the database.")
    skipped_bytes: int | None = Field(description="Taken over from the parent unread.")
    project_id: str
    environment_id: str
    resource_id: str
    resource_name: str
    engine: str
    repository_id: str
    restic_id: str | None
    run_id: str | None
    state: str
    trigger: str
    summary: dict[str, Any]
    source_bytes: int | None
    stored_bytes: int | None
    entries: int | None
    tables: int | None
    rows: int | None
    seconds: float | None
    position: dict[str, Any] | None
    wanted_level: int
    verified_level: int | None
    verification: str
    proof: str
    proof_due: datetime | None = Field(description="Until when its newest proof counts.")
    tags: list[str]
    tag_colours: dict[str, str] = Field(description="Of those tags that were given one.")
    hold: bool
    options: dict[str, Any] | None
    error: dict[str, Any] | None
    version: int
    created_by: str
    created_at: datetime
    taken_at: datetime | None
    deleted_at: datetime | None
    forgotten: dict[str, Any] | None = None
    forget_due: datetime | None = None

    @classmethod
    def of(cls, snapshot: Snapshot, colours: Mapping[str, Mapping[str, str]] | None = None) -> SnapshotOut:
        """`colours`: of tags, by snapshot."""
        about = snapshot.summary
        values = vars(snapshot) | {name: about.get(name) for name in ("type", "read_bytes", "skipped_bytes")}
        values |= {"parent_id": about.get("parent"), "proof": snapshot.proof}
        values |= {"tag_colours": (colours or {}).get(snapshot.id, {})}
        return cls(**{name: values[name] for name in cls.model_fields})


class SnapshotRunOut(BaseModel):
    snapshot: SnapshotOut
    run: RunOut

    @classmethod
    def of(cls, made: tuple[Snapshot, Run]) -> SnapshotRunOut:
        return cls(snapshot=SnapshotOut.of(made[0]), run=RunOut.of(made[1]))

    @classmethod
    def body(cls, made: tuple[Snapshot, Run]) -> dict[str, Any]:
        """As it is kept for the same request again."""
        return cls.of(made).model_dump(mode="json")


class AskedOut(BaseModel):
    """A snapshot to come, or why there is none. `run_id` is this database's own run; `carrier` takes it along."""

    resource_id: str
    resource_name: str
    snapshot_id: str | None
    run_id: str | None
    carrier: str | None
    error: dict[str, Any] | None

    @classmethod
    def of(cls, asked: Asked) -> AskedOut:
        resource = asked.want.resource
        return cls(
            resource_id=resource.id,
            resource_name=resource.name,
            snapshot_id=asked.snapshot.id if asked.snapshot else None,
            run_id=asked.run_id,
            carrier=asked.carrier,
            error=asked.error.as_dict() if asked.error else None,
        )


class SnapshotsAskedOut(BaseModel):
    """One item for each database; `runs` are to be waited for: a batch, and those that go alone."""

    items: list[AskedOut]
    runs: list[str]

    @classmethod
    def of(cls, asked: Sequence[Asked]) -> SnapshotsAskedOut:
        return cls(items=[AskedOut.of(each) for each in asked], runs=carriers(asked))


class VerificationOut(BaseModel):
    """One proof of one snapshot. `ok` null = could not be judged."""

    id: str
    snapshot_id: str
    run_id: str | None
    level: int
    method: str
    ok: bool | None
    seconds: float
    bytes: int | None
    checks: list[dict[str, Any]]
    error: dict[str, Any] | None
    at: datetime

    @classmethod
    def of(cls, row: VerificationRow) -> VerificationOut:
        return cls(**_plain(asdict(row)))


class RestoreOut(BaseModel):
    """Who brought what back where."""

    id: str
    project_id: str
    environment_id: str
    snapshot_id: str
    resource_id: str
    resource_name: str | None = Field(description="Of the database it went into; null when that is not known any more.")
    mode: str
    actor: str
    run_id: str | None
    select: list[str]
    safety_snapshot_id: str | None
    state: str
    kept_until: datetime | None
    masking: str | None = Field(description="The masking profile's name.")
    receipt: dict[str, Any] | None
    verdict: dict[str, Any] | None
    error: dict[str, Any] | None
    at: datetime
    finished_at: datetime | None

    @classmethod
    def of(cls, restore: Restore, resource_name: str | None) -> RestoreOut:
        masking = restore.masking["name"] if restore.masking else None
        values = vars(restore) | {"masking": masking, "resource_name": resource_name}
        return cls(**{name: values[name] for name in cls.model_fields})


class RestoreRunOut(BaseModel):
    """The database (new, or the one to be replaced), the restore and its run."""

    resource: DatabaseOut
    restore: RestoreOut
    run: RunOut


class OutlookOut(BaseModel):
    """What a restore would do. With `blockers` it would be refused now."""

    snapshot: SnapshotOut
    target: str
    environment_id: str
    environment: str
    bytes: int | None
    seconds: float | None
    confirm: str | None
    warnings: list[str]
    blockers: list[dict[str, Any]]

    @classmethod
    def of(cls, outlook: Outlook) -> OutlookOut:
        return cls(
            snapshot=SnapshotOut.of(outlook.snapshot),
            target=outlook.target,
            environment_id=outlook.environment.id,
            environment=outlook.environment.name,
            bytes=outlook.bytes,
            seconds=outlook.seconds,
            confirm=outlook.confirm,
            warnings=outlook.warnings,
            blockers=outlook.blockers,
        )


class EntryOut(BaseModel):
    path: str
    size: int
    type: str
    facts: dict[str, Any]


class TableOut(BaseModel):
    name: str
    schema_name: str = Field(serialization_alias="schema")
    kind: str
    rows: int
    digest: str | None
    columns: list[dict[str, Any]]

    @classmethod
    def of(cls, look: TableLook) -> TableOut:
        return cls(
            name=look.name,
            schema_name=look.schema,
            kind=look.kind,
            rows=look.rows,
            digest=look.digest,
            columns=[dict(column) for column in look.columns],
        )


class PreviewOut(BaseModel):
    """The first rows of a table, straight out of the snapshot."""

    columns: list[dict[str, Any]]
    rows: list[list[Any]]
    truncated: str | None


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: list(value) if _is_list(value) else value for name, value in values.items()}


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)
