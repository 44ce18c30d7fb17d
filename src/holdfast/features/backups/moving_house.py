"""Copying a repository into another, and its snapshots' rows with it: a new master key, or another store."""

from __future__ import annotations

from collections.abc import Mapping

from holdfast.contract.catalog import JSON
from holdfast.features.backups import store
from holdfast.features.backups.adopting import stored
from holdfast.features.backups.keys import Keys
from holdfast.features.backups.model import RepositoryRow, Snapshot
from holdfast.jobs.model import TaskContext
from holdfast.kernel import audit
from holdfast.kernel.crashpoints import crash_point
from holdfast.kernel.db import Database
from holdfast.kernel.errors import Cancelled, Conflict, NotFound
from holdfast.vault.copying import copy_snapshot
from holdfast.vault.repository import Repository

_ROUNDS = 20


class HouseMover:
    """`repository.copy`: every snapshot, then the default, then what was taken meanwhile. Run again it goes on."""

    def __init__(self, db: Database, keys: Keys) -> None:
        self._db = db
        self._keys = keys

    def copy(self, ctx: TaskContext) -> Mapping[str, JSON]:
        """The old repository stays as it is, until somebody deletes it. With `switch` the rows of its snapshots point
        to the copies, and it is nobody's default any more."""
        old, new = self._rows(ctx)
        switch = bool(ctx.run.input.get("switch"))
        source, target = self._keys.restic(old, ctx.stop), self._keys.restic(new, ctx.stop)
        if source.id == target.id:
            raise Conflict("these are the same repository", code="repository_same")
        done: dict[str, str] = {}
        self._round(ctx, source, target, done)
        crash_point("copy.round")
        if not switch:
            return {"repository_id": old.id, "into": new.id, "snapshots": len(done), "switched": 0}
        self._switch_default(ctx, old, new)
        crash_point("copy.default")
        switched = 0
        for _ in range(_ROUNDS):  # what was begun before the switch ends in the old one
            switched += self._switch_rows(ctx, old, new, done)
            left = self._left(old)
            if not left:
                break
            if ctx.stop.wait(0.5):
                ctx.stop.check()
            self._round(ctx, source, target, done)
        else:
            ctx.log("snapshots are still being taken into the old one: copy it again when they are done")
        return {"repository_id": old.id, "into": new.id, "snapshots": len(done), "switched": switched}

    def _rows(self, ctx: TaskContext) -> tuple[RepositoryRow, RepositoryRow]:
        with self._db.read() as conn:
            old = store.get(conn, RepositoryRow, str(ctx.run.input["repository_id"]))
            new = store.get(conn, RepositoryRow, str(ctx.run.input["into"]))
        if old is None or new is None:
            raise NotFound("one of the repositories is gone")
        return old, new

    def _round(self, ctx: TaskContext, source: Repository, target: Repository, done: dict[str, str]) -> None:
        """Every snapshot there, foreign ones too."""
        there = [each for each in stored(source) if each.info.id not in done]
        for number, each in enumerate(there, 1):
            ctx.progress("copying", number - 1, len(there), "snapshots")
            try:
                copied = copy_snapshot(source, target, each.info.id, stop=ctx.stop)
            except NotFound:  # somebody deleted it between the list and the look
                continue
            except Cancelled:
                ctx.log("stopped; what was copied stays, and the next copy goes on from there", copied=len(done))
                raise
            done[each.info.id] = copied.id
        ctx.progress("copying", len(there), len(there), "snapshots")

    def _switch_default(self, ctx: TaskContext, old: RepositoryRow, new: RepositoryRow) -> None:
        with ctx.commit() as conn:
            now = store.get(conn, RepositoryRow, old.id)
            if now is None or not now.is_default:
                return
            if new.serves == old.serves:
                store.make_default(conn, new)
            else:
                store.change(conn, RepositoryRow, new.id, is_default=True, serves=old.serves)
                store.change(conn, RepositoryRow, old.id, is_default=False)
            audit.record(
                conn,
                actor=ctx.run.actor,
                action="repository.default",
                project_id=new.project_id,
                details={"repository_id": new.id, "name": new.name, "instead_of": old.id},
            )

    def _switch_rows(self, ctx: TaskContext, old: RepositoryRow, new: RepositoryRow, done: Mapping[str, str]) -> int:
        """Rows whose snapshot is in the new one now, read back there."""
        switched = 0
        with self._db.read() as conn:
            rows = store.page(conn, Snapshot, repository_id=old.id, state="ready", limit=100_000)
        for row in rows:
            if row.restic_id is not None and row.restic_id in done:
                with ctx.commit() as conn:
                    values = {"repository_id": new.id, "restic_id": done[row.restic_id], "version": row.version + 1}
                    switched += store.change(conn, Snapshot, row.id, states=("ready",), **values) is not None
        return switched

    def _left(self, old: RepositoryRow) -> bool:
        with self._db.read() as conn:
            return bool(store.page(conn, Snapshot, repository_id=old.id, state=["ready", "creating"], limit=1))
