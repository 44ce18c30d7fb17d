"""The ends of the audit log that snapshots remember."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import sqlalchemy as sa

from holdfast.features.access.actor import Actor
from holdfast.features.backups import store
from holdfast.features.backups.keys import Keys
from holdfast.features.backups.model import STORED, RepositoryRow, Snapshot, snapshots
from holdfast.features.backups.service import found, require_ready
from holdfast.kernel.db import Database
from holdfast.kernel.errors import NotFound

ANCHOR = "audit"
_PAGE = 1000


def remembered(conn: sa.Connection) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """By every snapshot's row, oldest first."""
    c = snapshots.c
    query = sa.select(c.id, c.summary).where(c.state.in_((*STORED, "deleted"))).order_by(c.id)
    for row in conn.execution_options(yield_per=_PAGE).execute(query):
        if anchor := (row.summary or {}).get(ANCHOR):
            yield f"the snapshot {row.id}", anchor


class Manifests:
    """The end that a snapshot's own manifest remembers: in the repository, under another key than the database."""

    def __init__(self, db: Database, keys: Keys) -> None:
        self._db = db
        self._keys = keys

    def anchor_of(self, actor: Actor, snapshot_id: str) -> Mapping[str, Any] | None:
        with self._db.read() as conn:
            snapshot = found(conn, actor, snapshot_id, "snapshot.read")
            require_ready(snapshot)
            row = store.get(conn, RepositoryRow, snapshot.repository_id)
        if row is None:
            raise NotFound(f"the repository of {snapshot_id} is gone")
        return self._read(row, snapshot)

    def _read(self, row: RepositoryRow, snapshot: Snapshot) -> Mapping[str, Any] | None:
        anchor = self._keys.open(row).manifest(snapshot.restic_id or "").facts.get(ANCHOR)
        return anchor if isinstance(anchor, Mapping) else None
