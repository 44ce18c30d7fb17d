"""The runs of a move: finding out what would be lost; copying and comparing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from holdfast.contract.catalog import JSON
from holdfast.contract.neutral import CanTranslate, Reading
from holdfast.contract.neutral_digest import METHOD, NeutralDigest
from holdfast.contract.spec import Endpoint
from holdfast.features.databases import store as databases
from holdfast.features.databases.endpoints import endpoint_to_json
from holdfast.features.databases.interruption import only_interrupted
from holdfast.features.databases.model import Resource
from holdfast.features.databases.reach import Reach
from holdfast.features.databases.tasks import reason_of, scratch_of
from holdfast.features.moves import store
from holdfast.features.moves.model import RUNNING, Move
from holdfast.features.moves.plan import Plan, acceptor, planned, translator
from holdfast.jobs import TaskRegistry
from holdfast.jobs.model import TaskContext
from holdfast.kernel import audit
from holdfast.kernel.clock import Clock
from holdfast.kernel.crashpoints import crash_point
from holdfast.kernel.db import Database
from holdfast.kernel.errors import Conflict, Corrupt, NotFound


class MoveTasks:
    """The runner's side of the slice. Run again after a crash, a copy starts over: all its rows are of one moment."""

    def __init__(self, db: Database, reach: Reach, clock: Clock) -> None:
        self._db = db
        self._reach = reach
        self._clock = clock

    def register(self, tasks: TaskRegistry) -> None:
        tasks.add("move.plan", self.plan)
        tasks.add("move.run", self.run, resource_exclusive=True)

    def plan(self, ctx: TaskContext) -> Mapping[str, JSON]:
        """Reads the source's catalog, and its values where their types do not bind them."""
        move, source = self._load(ctx)
        try:
            ctx.progress("describing")
            target = acceptor(self._reach.engines.get(move.engine), self._reach.tools(source, scratch_of(ctx)))
            with self._reading(ctx, source) as reading:
                made = planned(reading, target, ctx.stop)
            with ctx.commit() as conn:
                values = {"tables": list(made.tables()), "losses": [loss.as_dict() for loss in made.losses]}
                store.change(
                    conn, move.id, states=("planning",), state="planned", fingerprint=made.fingerprint, **values
                )
        except Exception as error:
            self._ended(ctx, move, error)
            raise
        return {"move_id": move.id, "tables": len(made.pairs), "rows": made.rows, "losses": len(made.losses)}

    def run(self, ctx: TaskContext) -> Mapping[str, JSON]:
        """Ends with the new database ready and equal, or failed with nothing left of it on its host."""
        move, source = self._load(ctx)
        target = self._target(move)
        try:
            self._reach.require_space(0, "a move")
            ctx.progress("provisioning")
            self._reach.hosts.remove(target.id)  # what a crashed attempt left
            endpoint = self._reach.provision(target, scratch_of(ctx))
            crash_point("move.created")
            receipt = self._filled(ctx, move, source, target, endpoint)
            crash_point("move.compared")
            self._succeeded(ctx, move, target, endpoint, receipt)
        except Exception as error:
            if not only_interrupted(ctx, error):
                self._reach.hosts.remove(target.id)
            self._ended(ctx, move, error, target)
            raise
        return {"move_id": move.id, "resource_id": target.id, "rows": receipt["rows"]}

    def _filled(
        self, ctx: TaskContext, move: Move, source: Resource, target: Resource, endpoint: Endpoint
    ) -> dict[str, Any]:
        other = self._reach.engine(target).connect(endpoint, self._reach.tools(target, scratch_of(ctx)))
        writer = translator(other, target.engine)
        with self._reading(ctx, source) as reading:
            ctx.progress("describing")
            made = planned(reading, writer, ctx.stop)
            if made.fingerprint != move.fingerprint:
                raise Conflict(
                    f"{source.name!r} is no longer what the plan says",
                    code="plan_stale",
                    hint="Its tables or the kinds of its values changed. Plan the move again and read what is lost.",
                )
            digests = _copied(ctx, made, reading, writer)
        crash_point("move.copied")
        compared = _compared(ctx, made, writer, digests)
        return {
            "method": METHOD,
            "rows": sum(each["rows"] for each in compared),
            "tables": compared,
            "losses": [loss.as_dict() for loss in made.losses],
        }

    def _succeeded(
        self, ctx: TaskContext, move: Move, target: Resource, endpoint: Endpoint, receipt: dict[str, Any]
    ) -> None:
        now = self._clock.now()
        with ctx.commit() as conn:
            changed = databases.change(
                conn,
                target.id,
                now=now,
                states=("creating", "failed"),
                run_id=ctx.run.id,
                state="ready",
                state_reason=None,
                endpoint=endpoint_to_json(endpoint),
                host=self._reach.plan(target).host,
                bump_generation=True,
            )
            if changed is None:
                raise Conflict(f"{target.name!r} changed during the move", code="state_changed")
            store.change(conn, move.id, states=("moving",), state="succeeded", receipt=receipt, finished_at=now)
            self._audit(conn, ctx, move, "ok")

    def _ended(self, ctx: TaskContext, move: Move, error: Exception, target: Resource | None = None) -> None:
        """Undone already. Nothing is written when another runner goes on with it."""
        if only_interrupted(ctx, error):
            return
        ended: Any = "cancelled" if ctx.stop.stopped else "failed"
        now = self._clock.now()
        with ctx.commit() as conn:
            if target is not None:
                databases.change(
                    conn,
                    target.id,
                    now=now,
                    states=("creating",),
                    run_id=ctx.run.id,
                    state="failed",
                    state_reason=reason_of(error),
                )
            values = {"state": ended, "error": reason_of(error), "finished_at": now}
            store.change(conn, move.id, states=RUNNING, **values)
            self._audit(conn, ctx, move, "failed")

    @contextmanager
    def _reading(self, ctx: TaskContext, source: Resource) -> Iterator[Reading]:
        """One moment of the source; a foreign server's line is closed with it."""
        if source.state != "ready":
            raise Conflict(f"{source.name!r} is {source.state}, not ready", code="wrong_state")
        with self._reach.session(source, scratch_of(ctx)) as session:
            with translator(session, source.engine).reading() as reading:
                yield reading

    def _load(self, ctx: TaskContext) -> tuple[Move, Resource]:
        with self._db.read() as conn:
            move = store.get(conn, str(ctx.run.input["move_id"]))
            source = databases.get(conn, move.resource_id) if move else None
        if move is None or source is None or source.deleted_at is not None:
            raise NotFound("the move or its database is gone")
        return move, source

    def _target(self, move: Move) -> Resource:
        with self._db.read() as conn:
            target = databases.get(conn, move.target_id or "")
        if target is None:
            raise NotFound("the database to move into is gone")
        return target

    def _audit(self, conn: Any, ctx: TaskContext, move: Move, outcome: Any) -> None:
        audit.record(
            conn,
            actor=ctx.run.actor,
            action=f"database.{ctx.run.kind.replace('.run', '')}.{'done' if outcome == 'ok' else 'failed'}",
            project_id=move.project_id,
            environment_id=move.environment_id,
            resource_id=move.resource_id,
            outcome=outcome,
            details={"run_id": ctx.run.id, "move_id": move.id, "target": move.target_id},
        )


def _copied(ctx: TaskContext, made: Plan, reading: Reading, writer: CanTranslate) -> dict[str, NeutralDigest]:
    digests: dict[str, NeutralDigest] = {}
    done = 0
    with writer.writing(made.targets, ctx.stop) as writing:
        for source, target in made.pairs:
            digest = digests[target.name] = NeutralDigest()
            for batch in reading.rows(source, ctx.stop):
                digest.add(batch)
                writing.put(target, batch)
                done += len(batch)
                ctx.progress("copying", done, max(done, made.rows), "rows")
        ctx.progress("indexing")
        writing.finish(made.targets)
    return digests


def _compared(
    ctx: TaskContext, made: Plan, writer: CanTranslate, digests: Mapping[str, NeutralDigest]
) -> list[dict[str, Any]]:
    """Every row is read again where it arrived. Raises Corrupt (code "verification_failed")."""
    found: list[dict[str, Any]] = []
    done, total = 0, sum(digest.rows for digest in digests.values())
    with writer.reading() as reading:
        reading.describe(ctx.stop)
        for source, target in made.pairs:
            wanted, arrived = digests[target.name], NeutralDigest()
            for batch in reading.rows(target, ctx.stop):
                arrived.add(batch)
                done += len(batch)
                ctx.progress("comparing", done, total, "rows")
            if (arrived.rows, arrived.text) != (wanted.rows, wanted.text):
                raise Corrupt(
                    f"{target.name} did not arrive as it was: {wanted.rows} rows were read, {arrived.rows} arrived",
                    code="verification_failed",
                    details={"table": target.name, "rows": wanted.rows, "arrived": arrived.rows},
                )
            name = ".".join(part for part in source.source if part)
            found.append({"name": name, "becomes": target.name, "rows": arrived.rows, "digest": arrived.text})
    return found
