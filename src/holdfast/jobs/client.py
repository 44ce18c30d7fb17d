"""The client side of runs: submit, cancel, read. Every verb works in the caller's transaction."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from holdfast.contract.catalog import JSON
from holdfast.jobs import schedules, store
from holdfast.jobs.lanes import Lane
from holdfast.jobs.model import ENDED, Run
from holdfast.jobs.schema import runs
from holdfast.jobs.store import LogLine
from holdfast.kernel.clock import Clock, SystemClock
from holdfast.kernel.db import Database
from holdfast.kernel.errors import NotFound, Retryable
from holdfast.kernel.ids import new_id
from holdfast.kernel.wake import Wake

# What runs that are carried have in common with their carrier.
_SHARED = (
    *("project_id", "environment_id", "actor", "trigger", "requested_at", "not_before", "correlation_id"),
    *("node", "lane", "lane_limit", "lane_node_limit", "deadline_seconds"),
)


class Jobs:
    """What the API and the tests use. Writing verbs need a connection from `Database.write`; when that transaction
    rolls back, no run exists and nobody was woken. `node_of` is the SQL that says where a resource lives."""

    def __init__(
        self,
        db: Database,
        clock: Clock | None = None,
        wake: Wake | None = None,
        node_of: Callable[[str], sa.ColumnElement[Any]] | None = None,
    ) -> None:
        self._db = db
        self._clock = clock or SystemClock()
        self._wake = wake
        self._node_of = node_of

    def submit(
        self,
        conn: sa.Connection,
        *,
        kind: str,
        actor: str,
        project_id: str,
        environment_id: str | None = None,
        resource_id: str | None = None,
        input: Mapping[str, JSON] | None = None,
        trigger: str = "api",
        correlation_id: str | None = None,
        delay_seconds: float = 0,
        node: str | None = None,
        lane: Lane | None = None,
        deadline_seconds: int | None = None,
    ) -> Run:
        """A queued run, executed once the caller has committed and `delay_seconds` have passed. `input` carries ids.

        Only runners of `node` take it: by default of the node that the resource lives on, any when it lives on none.
        One of a `lane` waits its turn (see jobs/lanes); one at work for longer than `deadline_seconds` is cancelled.
        """
        now = self._clock.now()
        where: Any = node
        if node is None and resource_id is not None and self._node_of is not None:
            where = self._node_of(resource_id)
        run_id = new_id("run")
        conn.execute(
            sa.insert(runs).values(
                id=run_id,
                kind=kind,
                state="queued",
                project_id=project_id,
                environment_id=environment_id,
                resource_id=resource_id,
                actor=actor,
                trigger=trigger,
                input=dict(input or {}),
                correlation_id=correlation_id,
                requested_at=now,
                not_before=now + timedelta(seconds=delay_seconds) if delay_seconds else None,
                epoch=0,
                exclusive=False,
                node=where,
                lane=lane.name if lane else None,
                lane_limit=lane.limit if lane else None,
                lane_node_limit=lane.node_limit if lane else None,
                deadline_seconds=deadline_seconds,
            )
        )
        self._tell(conn, "runs")
        return self._found(conn, run_id)

    def submit_carried(
        self, conn: sa.Connection, carrier: Run, kind: str, members: Sequence[tuple[str, Mapping[str, JSON]]]
    ) -> list[str]:
        """Runs that `carrier`, just submitted, takes along: one of each (resource, input), as its own row, in one
        statement. Their ids, in order. On their own, should it come to that, they have the carrier's node, lane and
        deadline."""
        ids = [new_id("run") for _ in members]
        same = sa.select(runs).where(runs.c.id == carrier.id)
        of_carrier = dict(conn.execute(same).mappings().one())
        common = {name: of_carrier[name] for name in _SHARED}
        common |= {"kind": kind, "state": "queued", "epoch": 0, "exclusive": False, "carrier": carrier.id}
        if ids:
            rows = zip(ids, members, strict=True)
            values = [{**common, "id": each, "resource_id": about[0], "input": dict(about[1])} for each, about in rows]
            conn.execute(sa.insert(runs), values)
        return ids

    def cancel(self, conn: sa.Connection, run_id: str) -> Run:
        """Ask a run to stop; one that was never begun ends at once, one that has ended stays. Raises NotFound."""
        store.cancel(conn, run_id, self._clock.now())
        self._tell(conn, f"run:{run_id}")
        return self._found(conn, run_id)

    def get(self, conn: sa.Connection, run_id: str) -> Run | None:
        return store.get(conn, run_id)

    def list(
        self,
        conn: sa.Connection,
        *,
        project_id: str | None = None,
        resource_id: str | None = None,
        states: Sequence[str] = (),
        kinds: Sequence[str] = (),
        before: str | None = None,
        limit: int = 50,
    ) -> list[Run]:
        """Newest first; `before` is the id of the last run of the page before."""
        query = sa.select(runs).order_by(runs.c.id.desc()).limit(limit)
        if project_id is not None:
            query = query.where(runs.c.project_id == project_id)
        if resource_id is not None:
            query = query.where(runs.c.resource_id == resource_id)
        if states:
            query = query.where(runs.c.state.in_(states))
        if kinds:
            query = query.where(runs.c.kind.in_(kinds))
        if before is not None:
            query = query.where(runs.c.id < before)
        return [store.to_run(row) for row in conn.execute(query).mappings()]

    def logs(self, conn: sa.Connection, run_id: str, after: int = 0, limit: int = 500) -> Sequence[LogLine]:
        """Lines with a `seq` above `after`, oldest first."""
        return store.logs(conn, run_id, after, limit)

    def schedule(
        self,
        conn: sa.Connection,
        name: str,
        kind: str,
        *,
        every_seconds: int | None = None,
        cron: str | None = None,
        tz: str = "UTC",
        project_id: str = "",
        input: Mapping[str, JSON] | None = None,
        enabled: bool = True,
    ) -> datetime:
        """Create or change the schedule `name`; the next moment it is due. Exactly one of `every_seconds` and `cron`.

        Raises Invalid for a cron line or time zone nobody understands. A run still going when the next is due is
        not doubled: that turn is skipped. With `cron` the run's input carries `due`, the
        turn it is for, beside `input`.
        """
        rule = schedules.Rule(every_seconds=every_seconds, cron=cron, tz=tz)
        return schedules.put(
            conn,
            name=name,
            kind=kind,
            rule=rule,
            project_id=project_id,
            values=dict(input or {}),
            now=self._clock.now(),
            enabled=enabled,
        )

    def unschedule(self, conn: sa.Connection, prefix: str, keep: Iterable[str] = ()) -> None:
        """Remove the schedules whose name begins with `prefix`, but for `keep`."""
        schedules.remove(conn, prefix, frozenset(keep))

    def wait(self, run_id: str, timeout: float) -> Run:
        """Block until the run has ended. Raises NotFound, or Retryable("run_unfinished") after `timeout` seconds."""
        deadline = time.monotonic() + timeout
        listener = self._wake.listen("wait") if self._wake else None
        try:
            while True:
                with self._db.read() as conn:
                    run = self._found(conn, run_id)
                if run.state in ENDED:
                    return run
                if time.monotonic() > deadline:
                    raise Retryable(f"{run_id} is still {run.state}", code="run_unfinished")
                if listener:
                    listener.wait(0.25)
                else:
                    time.sleep(0.02)
        finally:
            if listener:
                listener.close()

    def _found(self, conn: sa.Connection, run_id: str) -> Run:
        run = store.get(conn, run_id)
        if run is None:
            raise NotFound(f"no run {run_id}")
        return run

    def _tell(self, conn: sa.Connection, topic: str) -> None:
        wake: Any = self._wake
        if wake is not None:
            self._db.after_commit(conn, lambda: wake.notify(topic))
