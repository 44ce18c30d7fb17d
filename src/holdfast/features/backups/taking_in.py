"""Taking in an existing repository: rows for the databases' snapshots that another Holdfast made there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from holdfast.contract.catalog import JSON
from holdfast.features.backups import store
from holdfast.features.backups.adopting import Adoptable, readable, row_of, stored
from holdfast.features.backups.format_registry import format_of
from holdfast.features.backups.keys import Keys
from holdfast.features.backups.model import RepositoryRow, Snapshot
from holdfast.features.backups.tagging.ready import taken_in
from holdfast.features.databases import store as databases
from holdfast.jobs.model import TaskContext
from holdfast.kernel.clock import Clock
from holdfast.kernel.crashpoints import crash_point
from holdfast.kernel.db import Database
from holdfast.kernel.errors import NotFound
from holdfast.kernel.ids import new_id


class Adopter:
    """`repository.adopt`: run again it adds what is new. Foreign snapshots get no rows: no retention of ours ever
    counts or deletes them."""

    def __init__(self, db: Database, keys: Keys, clock: Clock) -> None:
        self._db = db
        self._keys = keys
        self._clock = clock

    def adopt(self, ctx: TaskContext) -> Mapping[str, JSON]:
        with self._db.read() as conn:
            row = store.get(conn, RepositoryRow, str(ctx.run.input["repository_id"]))
        if row is None:
            raise NotFound("the repository is gone")
        environment_id = str(ctx.run.input["environment_id"])
        repository = self._keys.open(row, ctx.stop)
        found = stored(repository)
        ours = [each for each in found if each.origin == "database"]
        ctx.progress("reading manifests", 0, len(ours), "snapshots")
        good, bad = readable(repository, ours)
        rows = 0
        for number, each in enumerate(good, 1):
            ctx.progress("reading manifests", number, len(ours), "snapshots")
            said = format_of(row).said(repository, each.stored.info.id)
            with ctx.commit() as conn:
                rows += self._take_in(conn, row, each, said, environment_id, ctx.run.actor)
            crash_point("adopt.row")
        for unread in bad:
            ctx.log("a snapshot's manifest cannot be read", restic_id=unread.info.id)
        counts = {name: sum(each.origin == name for each in found) for name in ("metadata", "foreign")}
        return {"repository_id": row.id, "snapshots": len(found), "adopted": rows, "unreadable": len(bad), **counts}

    def _take_in(
        self,
        conn: sa.Connection,
        row: RepositoryRow,
        each: Adoptable,
        said: Mapping[str, Any],
        environment_id: str,
        actor: str,
    ) -> int:
        """One row, unless this repository's snapshot has one already. It keeps its id where that is free, and its
        database where that is one of this project's."""
        known = store.page(conn, Snapshot, repository_id=row.id, restic_id=each.stored.info.id, limit=1)
        if known and known[0].state != "deleted":
            return 0
        if known:
            values = {"state": "ready", "deleted_at": None, "error": None, "verification": "yellow"}
            return int(store.change(conn, Snapshot, known[0].id, states=("deleted",), **values) is not None)
        resource = databases.get(conn, str(each.facts["resource_id"]))
        mine = resource is not None and resource.project_id == row.project_id
        wanted = each.stored.snapshot_id
        free = wanted is not None and store.get(conn, Snapshot, wanted) is None
        made = row_of(
            each,
            row.id,
            row.project_id,
            resource.environment_id if mine and resource else environment_id,
            self._clock.now(),
            snapshot_id=str(wanted) if free else new_id("snap"),
            actor=actor,
            keep_anchor=False,
        )
        taken_in(conn, replace(made, **said))
        return 1
