"""What a look at a whole repository says of the snapshots in it: red for those that damage reaches, green again only by
a proof of its own, and never silently."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from holdfast.features.backups import store
from holdfast.features.backups.chaining import MISMATCH
from holdfast.features.backups.freshness import fresh_until
from holdfast.features.backups.model import STORED, Snapshot, VerificationRow, snapshots
from holdfast.kernel.ids import new_id
from holdfast.vault.reaching import Reached

METHOD = "check"  # of a proof by what was read of the whole repository; it proves no level
DAMAGED = "snapshot_damaged"  # the code of the error that such a snapshot keeps
_HINT = "Take another snapshot now. `holdfast repo repair` says what in this one is lost; nothing was deleted."
_BATCH = 500


@dataclass(frozen=True)
class Seen:
    """`reached`: by their names in the repository, with what. `sound`: packs that were read whole. `everything`: all
    packs were. `since`: since when every pack was read at least once; None = some never was."""

    run_id: str
    reached: Mapping[str, Reached]
    sound: Collection[bytes]
    everything: bool
    at: datetime
    since: datetime | None = None


def suspects(conn: sa.Connection, repository_id: str) -> set[bytes]:
    """Packs whose damage made snapshots red that still are: every look reads these again."""
    return {pack for row in _kept(conn, repository_id) for pack in _packs(row)}


def colour(conn: sa.Connection, repository_id: str, seen: Seen) -> tuple[int, int]:
    """(snapshots that are red by it, those that are not red any more). A handful of statements for each reason."""
    rows = _kept(conn, repository_id)
    red = {row.id: found for row in rows if (found := seen.reached.get(row.restic_id or "")) is not None}
    whole = [row for row in rows if row.id not in red and _mended(row, seen)]
    renewed = [row for row in rows if row.id not in red and _renewed(row, seen)]
    stale = [row for row in renewed if row.unproven == "stale"]
    store.insert_many(conn, [_proof(row_id, seen, found) for row_id, found in red.items()])
    store.insert_many(conn, [_proof(row.id, seen, None) for row in (*whole, *stale)])
    mismatched = {row.id for row in rows if (row.error or {}).get("code") == MISMATCH}
    for reason in set(red.values()):
        ids = [row_id for row_id, found in red.items() if found == reason and row_id not in mismatched]
        _set(conn, ids, verification="red", unproven=None, error=_error(reason))
    _renew(conn, whole, seen.at)
    _renew(conn, renewed, seen.since or seen.at)
    return len(red), len(whole)


def _renewed(row: Snapshot, seen: Seen) -> bool:
    """Green or stale, and all it needs was read lately."""
    if seen.since is None or (row.verification != "green" and row.unproven != "stale"):
        return False
    until = fresh_until(row, seen.since)
    return until > seen.at and (row.proof_due is None or until > row.proof_due)


def _renew(conn: sa.Connection, rows: Sequence[Snapshot], proven: datetime) -> None:
    due: dict[tuple[str, datetime], list[str]] = {}
    for row in rows:
        reached = (row.verified_level or 0) >= row.wanted_level
        due.setdefault(("green" if reached else "yellow", fresh_until(row, proven)), []).append(row.id)
    for (verification, until), ids in due.items():
        _set(conn, ids, verification=verification, unproven=None, error=None, proof_due=until)


def _kept(conn: sa.Connection, repository_id: str) -> list[Snapshot]:
    query = sa.select(snapshots).where(snapshots.c.repository_id == repository_id, snapshots.c.state.in_(STORED))
    return [Snapshot(**row) for row in conn.execute(query).mappings()]


def _mended(row: Snapshot, seen: Seen) -> bool:
    """Red by an earlier look, and what it was red for was read sound, or is there again."""
    error = row.error or {}
    if row.verification != "red" or error.get("code") != DAMAGED:
        return False
    return seen.everything or set(_packs(row)) <= set(seen.sound)


def _packs(row: Snapshot) -> list[bytes]:
    error = row.error or {}
    if error.get("code") != DAMAGED:
        return []
    return [bytes.fromhex(pack) for pack in (error.get("details") or {}).get("packs", ())]


def _proof(snapshot_id: str, seen: Seen, found: Reached | None) -> VerificationRow:
    check: dict[str, Any] = {"name": "repository", "ok": found is None}
    return VerificationRow(
        id=new_id("ver"),
        snapshot_id=snapshot_id,
        run_id=seen.run_id,
        level=0,
        method=METHOD,
        ok=found is None,
        seconds=0.0,
        bytes=None,
        checks=[check | ({"detail": found.reason} if found else {})],
        error=_error(found) if found else None,
        at=seen.at,
    )


def _error(found: Reached) -> dict[str, Any]:
    return {
        "code": DAMAGED,
        "message": found.reason,
        "hint": _HINT,
        "details": {"packs": [pack.hex() for pack in found.packs]},
        "retryable": False,
    }


def _set(conn: sa.Connection, ids: Sequence[str], **values: Any) -> None:
    for some in _batches(ids):
        conn.execute(sa.update(snapshots).where(snapshots.c.id.in_(some)).values(**values))


def _batches(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for at in range(0, len(ids), _BATCH):
        yield ids[at : at + _BATCH]
