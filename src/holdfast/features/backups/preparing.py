"""A snapshot's row before anything of it was taken."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from holdfast.features.backups.format_registry import format_of
from holdfast.features.backups.model import RepositoryRow, Snapshot
from holdfast.features.backups.sealing import with_key
from holdfast.features.databases.model import Resource
from holdfast.kernel import audit
from holdfast.kernel.errors import Conflict, Invalid
from holdfast.kernel.ids import new_id
from holdfast.vault.options import SnapshotOptions

DEFAULT_LEVEL = 1
FIRST_LEVEL = 3  # the first snapshot of a database is proven by restoring it
MAX_TAGS = 50


def fresh(
    resource: Resource,
    repository: RepositoryRow,
    *,
    actor: str,
    level: int | None,
    proven: bool,
    trigger: str,
    tags: Sequence[str],
    plan_id: str | None,
    options: Mapping[str, Any] | None,
    now: datetime,
) -> Snapshot:
    """In state "creating", of no run yet. `proven`: whether one of this database was ever restored and compared, or
    none can be."""
    if level is None:
        level = DEFAULT_LEVEL if proven else FIRST_LEVEL
    return Snapshot(
        id=new_id("snap"),
        project_id=resource.project_id,
        environment_id=resource.environment_id,
        resource_id=resource.id,
        resource_name=resource.name,
        engine=resource.engine,
        spec=resource.spec,
        repository_id=repository.id,
        restic_id=None,
        run_id=None,
        state="creating",
        trigger=trigger,
        summary={},
        source_bytes=None,
        stored_bytes=None,
        entries=None,
        tables=None,
        rows=None,
        seconds=None,
        position=None,
        wanted_level=max(DEFAULT_LEVEL, level),
        verified_level=None,
        verification="yellow",
        tags=list(tags),
        hold=False,
        error=None,
        version=1,
        created_by=actor,
        created_at=now,
        taken_at=None,
        deleted_at=None,
        plan_id=plan_id,
        options=options,
    )


def require_serves(repository: RepositoryRow, resource: Resource) -> None:
    """Raises Conflict for a repository of another environment."""
    if repository.serves not in (None, resource.environment_id):
        raise Conflict(
            "this repository is for another environment",
            code="repository_environment",
            hint="Leave it out, or name one that is for this environment or for all.",
        )


def kept_options(chosen: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """As they are kept until the snapshot is taken, on whatever node that is. Raises Invalid."""
    if not chosen:
        return None
    SnapshotOptions.of(chosen)
    return dict(chosen)


def require_takes(
    conn: sa.Connection,
    repository: RepositoryRow,
    environments: Sequence[str],
    options: Mapping[str, Any] | None,
    level: int | None,
) -> bool:
    """Whether Holdfast will be able to open such a snapshot again. Raises Invalid for options that snapshots in this
    repository cannot have, and (code "file_key_opens_nothing") for a proof that takes opening where it cannot."""
    form = format_of(repository)
    words = with_key(conn, repository, environments, options)
    opens = form.opens(form.chosen(repository.settings, words))
    if not opens and level is not None and level > DEFAULT_LEVEL:
        raise Invalid(
            f"only the public half of this key is here: such a snapshot cannot be proven to L{level}",
            code="file_key_opens_nothing",
            hint="Ask for L1, which compares what is stored; or choose a key that Holdfast can open with.",
        )
    return opens


def record_weaker(conn: sa.Connection, actor: str, snapshot: Snapshot, repository: RepositoryRow) -> None:
    """In the audit log: a snapshot that will lie in plain text where the repository encrypts."""
    form = format_of(repository)
    words = with_key(conn, repository, [snapshot.environment_id], snapshot.options)
    if not form.weaker(repository.settings, form.chosen(repository.settings, words)):
        return
    audit.record(
        conn,
        actor=actor,
        action="snapshot.unencrypted",
        project_id=snapshot.project_id,
        environment_id=snapshot.environment_id,
        resource_id=snapshot.resource_id,
        details={
            "snapshot_id": snapshot.id,
            "name": snapshot.resource_name,
            "repository_id": repository.id,
            "repository_encryption": (repository.settings or {}).get("encryption"),
        },
    )


def checked_tags(tags: Sequence[str]) -> list[str]:
    """At most 50 different ones of 1-100 characters without control characters. Raises Invalid."""
    unique = list(dict.fromkeys(tags))
    if len(unique) > MAX_TAGS or any(not 1 <= len(tag) <= 100 or not tag.isprintable() for tag in unique):
        raise Invalid(f"at most {MAX_TAGS} tags of 1 to 100 printable characters", code="tags_invalid")
    return unique
