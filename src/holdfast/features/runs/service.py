"""What people ask of runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import sqlalchemy as sa

from holdfast.features.access.actor import Actor, no_such
from holdfast.features.access.grants import Columns, Place
from holdfast.features.runs import store
from holdfast.features.runs.repeating import REPEATABLE, Again, not_repeatable
from holdfast.features.runs.store import ANY, Filter
from holdfast.jobs import ENDED, Jobs, LogLine, Run
from holdfast.jobs.schema import runs
from holdfast.kernel import audit
from holdfast.kernel.db import Database
from holdfast.kernel.errors import Conflict

PIECE = 500  # runs read at once for an export


class RunsService:
    """Every verb takes the actor first; a run of a project the actor does not see is not there.

    `again`: how each kind of `REPEATABLE` is asked for anew."""

    def __init__(self, db: Database, jobs: Jobs, again: Mapping[str, Again]) -> None:
        self._db = db
        self._jobs = jobs
        self._again = again

    def list(self, actor: Actor, wanted: Filter = ANY, *, after: str | None = None, limit: int = 50) -> Sequence[Run]:
        actor.require_within("run.read", wanted.project_id)
        visible = actor.visible("run.read", Columns.of(runs))
        with self._db.read() as conn:
            return store.page(conn, visible, wanted, after=after, limit=limit)

    def every(self, actor: Actor, wanted: Filter) -> Iterator[Run]:
        """The same without a limit, read in pieces. Authorised before this returns."""
        first = self.list(actor, wanted, limit=PIECE)

        def pieces() -> Iterator[Run]:
            rows = first
            while rows:
                yield from rows
                rows = self.list(actor, wanted, after=rows[-1].id, limit=PIECE)

        return pieces()

    def get(self, actor: Actor, run_id: str) -> Run:
        with self._db.read() as conn:
            return self._found(conn, actor, run_id, "run.read")

    def logs(self, actor: Actor, run_id: str, *, after: int, limit: int) -> Sequence[LogLine]:
        """Lines with a sequence above `after`, oldest first."""
        with self._db.read() as conn:
            self._found(conn, actor, run_id, "run.read")
            return self._jobs.logs(conn, run_id, after, limit)

    def news(self, actor: Actor, run_id: str, after: int) -> tuple[Run, Sequence[LogLine]]:
        """The run and its lines after `after`, of one moment."""
        with self._db.read() as conn:
            run = self._found(conn, actor, run_id, "run.read")
            return run, self._jobs.logs(conn, run_id, after, 500)

    def cancel(self, actor: Actor, run_id: str) -> Run:
        """Ask it to stop. One that has ended stays as it is, and no audit row says otherwise."""
        with self._db.write() as conn:
            run = self._found(conn, actor, run_id, "run.cancel")
            if run.state in ENDED:
                return run
            asked = self._jobs.cancel(conn, run_id)
            audit.record(
                conn,
                actor=actor.id,
                action="run.cancel",
                project_id=run.project_id,
                environment_id=run.environment_id,
                resource_id=run.resource_id,
                details={"run_id": run.id, "kind": run.kind},
            )
            return asked

    def retry(self, actor: Actor, run_id: str) -> Run:
        """A new run of the same with the same parameters, asked for by the actor; the run before it stays as it is.

        Whoever may not do the same by its own verb is refused, and so is work that is not `REPEATABLE` or not over."""
        with self._db.read() as conn:
            run = self._found(conn, actor, run_id, "run.read")
        if run.kind not in REPEATABLE:
            raise not_repeatable(run)
        actor.require(REPEATABLE[run.kind], place_of(run), noun="run")
        if run.state not in ENDED:
            raise Conflict("the run is not over", code="run_not_over", hint="Wait for its end, or cancel it.")
        return self._again[run.kind](actor, run)

    def _found(self, conn: sa.Connection, actor: Actor, run_id: str, permission: str) -> Run:
        run = self._jobs.get(conn, run_id)
        actor.require(permission, place_of(run) if run else None)
        if run is None:
            raise no_such("run")
        return run


def place_of(run: Run) -> Place:
    return Place(run.project_id, run.environment_id, run.resource_id if run.environment_id else None)
