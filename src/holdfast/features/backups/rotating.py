"""A repository's new password, so that a crash at any point leaves one that works and is known."""

from __future__ import annotations

import secrets as tokens
from collections.abc import Mapping

import sqlalchemy as sa

from holdfast.contract.catalog import JSON
from holdfast.features.backups import store
from holdfast.features.backups.format_registry import format_of
from holdfast.features.backups.keys import PASSWORD, Keys
from holdfast.features.backups.model import RepositoryRow
from holdfast.jobs.model import TaskContext
from holdfast.kernel import audit
from holdfast.kernel.clock import Clock
from holdfast.kernel.crashpoints import crash_point
from holdfast.kernel.db import Database
from holdfast.kernel.errors import Conflict, Denied, NotFound
from holdfast.kernel.secrets import Secrets
from holdfast.vault.plain.keys import id_of
from holdfast.vault.repository import Repository

NEXT, OLD = "password_next", "password_old"


class Rotator:
    """Four steps, each of which finds what an earlier attempt had done:

    the new password is kept; a key file for it is added and opened; from one transaction on it is the one that counts;
    the key files of the old one are removed. Keys of other passwords stay: they are other people's.
    """

    def __init__(self, db: Database, keys: Keys, secrets: Secrets, clock: Clock) -> None:
        self._db = db
        self._keys = keys
        self._secrets = secrets
        self._clock = clock

    def rotate(self, ctx: TaskContext) -> Mapping[str, JSON]:
        row = self._row(str(ctx.run.input["repository_id"]))
        if not format_of(row).abilities.rekeys:
            return {
                "repository_id": row.id,
                "removed": 0,
                "keys": ctx.step("rekeyed", lambda: self._next_key(ctx, row)),
            }
        repository = self._keys.restic(row, ctx.stop)
        known = self._known(row)
        if not (OLD in known and self._switched(known)):
            self._switch(ctx, row, repository, known)
        removed = self._remove_old(ctx, row, repository)
        return {"repository_id": row.id, "removed": removed, "keys": len(repository.keys())}

    def _next_key(self, ctx: TaskContext, row: RepositoryRow) -> int:
        """For what is written from now on; how many there are then. What is there still needs the one before, which is
        kept. Twice is one key more that nothing needs."""
        with ctx.commit() as conn:
            self._keys.put_older(conn, row, id_of(old := self._keys.password(conn, row)), old)
            self._secrets.put(conn, row.project_id, row.id, PASSWORD, format_of(row).new_key(row.settings))
            self._switched_over(conn, ctx, row)
            kept = 1 + len(self._keys.older(conn, row))
        crash_point("rotate.switched")
        return kept

    def _row(self, repository_id: str) -> RepositoryRow:
        with self._db.read() as conn:
            row = store.get(conn, RepositoryRow, repository_id)
        if row is None:
            raise NotFound("the repository is gone")
        if row.state != "ready":
            raise Conflict(f"the repository {row.name!r} is {row.state}", code="repository_state")
        return row

    def _known(self, row: RepositoryRow) -> dict[str, str]:
        with self._db.read() as conn:
            return self._secrets.all(conn, row.project_id, row.id)

    @staticmethod
    def _switched(known: Mapping[str, str]) -> bool:
        """The old one waits for its key file to be removed, and nothing newer was begun."""
        return NEXT not in known

    def _switch(self, ctx: TaskContext, row: RepositoryRow, repository: Repository, known: dict[str, str]) -> None:
        fresh = known.get(NEXT)
        if fresh is None:
            fresh = tokens.token_urlsafe(32)
            with ctx.commit() as conn:
                self._secrets.put(conn, row.project_id, row.id, NEXT, fresh)
        crash_point("rotate.kept")
        ctx.progress("adding the new key")
        if not repository.keys_of(fresh):
            repository.add_key(fresh)
        crash_point("rotate.added")
        if not repository.keys_of(fresh):
            raise Denied("the new key does not open: the old password still counts", code="repository_password")
        with ctx.commit() as conn:
            old = self._keys.password(conn, row)
            self._secrets.put(conn, row.project_id, row.id, OLD, old)
            self._secrets.put(conn, row.project_id, row.id, PASSWORD, fresh)
            self._secrets.forget_older(conn, row.project_id, row.id, PASSWORD)
            self._secrets.delete(conn, row.project_id, row.id, NEXT)
            self._switched_over(conn, ctx, row)
        crash_point("rotate.switched")

    def _switched_over(self, conn: sa.Connection, ctx: TaskContext, row: RepositoryRow) -> None:
        store.change(conn, RepositoryRow, row.id, password_since=self._clock.now())
        audit.record(
            conn,
            actor=ctx.run.actor,
            action="repository.key.rotate.done",
            project_id=row.project_id,
            details={"repository_id": row.id, "name": row.name, "run_id": ctx.run.id},
        )

    def _remove_old(self, ctx: TaskContext, row: RepositoryRow, repository: Repository) -> int:
        """The old password stops working here. The new one was opened before."""
        known = self._known(row)
        old, removed = known.get(OLD), 0
        if old is None:
            return 0
        ctx.progress("removing the old key")
        current = set(repository.keys_of(known[PASSWORD]))
        for key_id in repository.keys_of(old):
            if key_id not in current:
                repository.remove_key(key_id)
                removed += 1
        crash_point("rotate.removed")
        with ctx.commit() as conn:
            self._secrets.delete(conn, row.project_id, row.id, OLD)
        return removed
