"""Snapshots that a repository holds and our rows do not know: made by this Holdfast before it was lost, by another
Holdfast, or by stock restic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from holdfast.contract.snapshot import Manifest
from holdfast.features.backups.anchors import ANCHOR
from holdfast.features.backups.formats import Opened
from holdfast.features.backups.model import IMPORTED, ORIGIN, Snapshot
from holdfast.features.backups.taking import TAG, describe
from holdfast.kernel.errors import Corrupt, NotFound
from holdfast.kernel.ids import is_id
from holdfast.vault.repository import SnapshotInfo

METADATA_TAG = f"{TAG}metadata"
Origin = Literal["database", "metadata", "foreign"]


@dataclass(frozen=True)
class Stored:
    """A snapshot as the repository has it. `snapshot_id`: by which a Holdfast knows it; None = stock restic's, or
    another program's: files, and never a database."""

    info: SnapshotInfo
    origin: Origin
    snapshot_id: str | None

    @property
    def taken_at(self) -> datetime:
        return moment_of(self.info.time)


def stored(repository: Opened) -> list[Stored]:
    """Every snapshot of the repository, oldest first, told apart by its tags alone."""
    return sorted(map(_told_apart, repository.snapshots()), key=lambda each: (each.taken_at, each.info.id))


def moment_of(text: str) -> datetime:
    """restic's RFC 3339 with nanoseconds and any zone. What cannot be read counts as the oldest there can be."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return datetime(1970, 1, 1, tzinfo=UTC)
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)


def _told_apart(info: SnapshotInfo) -> Stored:
    tags = info.tags or ()
    ids = [tag.removeprefix(TAG) for tag in tags if tag.startswith(TAG)]
    named = next((each for each in ids if is_id(each, "snap")), None)
    if METADATA_TAG in tags:
        return Stored(info, "metadata", named)
    return Stored(info, "database" if named else "foreign", named)


@dataclass(frozen=True)
class Adoptable:
    """A database's snapshot with what its manifest says of where it came from."""

    stored: Stored
    manifest: Manifest
    facts: Mapping[str, Any]


def readable(repository: Opened, found: Sequence[Stored]) -> tuple[list[Adoptable], list[Stored]]:
    """(those whose manifest names a database, those that have none or a damaged one)."""
    good: list[Adoptable] = []
    bad: list[Stored] = []
    for each in found:
        try:
            manifest = repository.manifest(each.info.id)
        except (Corrupt, NotFound):
            bad.append(each)
            continue
        facts = manifest.facts
        if _names_a_database(facts):
            good.append(Adoptable(each, manifest, facts))
        else:
            bad.append(each)
    return good, bad


def _names_a_database(facts: Mapping[str, Any]) -> bool:
    """Whoever may write into the repository wrote them."""
    named = all(isinstance(facts.get(name), str) for name in ("resource_id", "resource_name", "engine"))
    return named and isinstance(facts.get("spec"), Mapping | None)


def row_of(
    found: Adoptable,
    repository_id: str,
    project_id: str,
    environment_id: str,
    now: datetime,
    *,
    snapshot_id: str,
    actor: str,
    keep_anchor: bool = True,
) -> Snapshot:
    """As if it had just been taken and not been proven yet. `keep_anchor` False: its audit log was another one, or
    went on after what is left of it."""
    facts, described = found.facts, describe(found.manifest)
    summary = dict(described["summary"])
    if not keep_anchor:
        summary.pop(ANCHOR, None)
    return Snapshot(
        id=snapshot_id,
        project_id=project_id,
        environment_id=environment_id,
        resource_id=str(facts["resource_id"])[:40],
        resource_name=str(facts["resource_name"])[:63],
        engine=str(facts["engine"])[:40],
        spec=dict(facts.get("spec") or {}),
        repository_id=repository_id,
        restic_id=found.stored.info.id,
        run_id=None,
        state="ready",
        trigger=IMPORTED if ORIGIN in facts else "adopted",
        summary=summary,
        source_bytes=described["source_bytes"],
        stored_bytes=None,
        entries=described["entries"],
        tables=described["tables"],
        rows=described["rows"],
        seconds=None,
        position=described["position"],
        wanted_level=1,
        verified_level=None,
        verification="yellow",
        tags=["adopted"],
        hold=False,
        error=None,
        version=1,
        created_by=actor,
        created_at=now,
        taken_at=found.stored.taken_at,
        deleted_at=None,
    )
