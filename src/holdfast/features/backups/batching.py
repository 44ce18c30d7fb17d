"""Many small databases in one run: one lock, one index, shared packs, and for each its snapshot, proof and end.

Each database has a run of its own that this one carries (jobs/carrying): its row, claim, cancel, error, retention and
alerts are as if it had gone alone. Whatever goes wrong with the batch itself ends only the batch: those that did not
end go alone then. So does one that is not small any more, and one whose trouble may pass.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial

from holdfast.contract.catalog import JSON
from holdfast.features.backups import store
from holdfast.features.backups.batch_members import Given, Member
from holdfast.features.backups.format_restic import LOCK_PATIENCE
from holdfast.features.backups.keys import Keys
from holdfast.features.backups.model import RepositoryRow
from holdfast.features.backups.tagging.ready import Tagger
from holdfast.features.backups.verifying import Verifier
from holdfast.features.databases import store as databases
from holdfast.features.databases.interruption import only_interrupted
from holdfast.features.databases.reach import Reach
from holdfast.features.limits.quota import Quotas
from holdfast.jobs.giving_up import SUSPECT_AFTER
from holdfast.jobs.model import End, TaskContext
from holdfast.kernel.audit_chain import head as audit_head
from holdfast.kernel.clock import Clock
from holdfast.kernel.crashpoints import crash_point
from holdfast.kernel.db import Database
from holdfast.kernel.errors import Conflict, HoldfastError, NotFound, Retryable
from holdfast.vault.batch import GROUP, Batch, batching
from holdfast.vault.options import SnapshotOptions
from holdfast.vault.pipeline import WrittenSnapshot
from holdfast.vault.stores.base import pieces

_BUSY_TRIES = 5


class BatchTaker:
    """The task of `snapshot.batch`. Again after a crash it goes on with those that were never begun."""

    def __init__(
        self, db: Database, reach: Reach, keys: Keys, verifier: Verifier, clock: Clock, quotas: Quotas
    ) -> None:
        self._db = db
        self._reach = reach
        self._keys = keys
        self._verifier = verifier
        self._clock = clock
        self._quotas = quotas

    def run(self, ctx: TaskContext) -> Mapping[str, JSON]:
        """How many were taken, how many failed, how many went alone, and why the batch ended early when it did."""
        tally: Counter[str] = Counter()
        result: dict[str, JSON] = {}
        try:
            if ctx.run.deaths < SUSPECT_AFTER:
                self._together(ctx, tally)
            else:
                ctx.log("its runner died twice: the others go alone", deaths=ctx.run.deaths)
        except HoldfastError as error:
            if isinstance(error, Conflict) and error.code == "claim_lost":
                raise
            cancelled = ctx.stop.stopped and ctx.stop.reason == "cancel requested"
            tally["alone"] += ctx.let_go(cancel=cancelled)
            if cancelled or only_interrupted(ctx, error):
                raise
            ctx.log("the batch ended early: the others go alone", reason=error.message, code=error.code)
            result["ended_early"] = error.code
        except Exception:
            # Whatever it was, it is raised again: a fault of ours ends this run, and its members must not wait for it.
            ctx.let_go()
            raise
        return {**result, **{name: tally[name] for name in ("taken", "failed", "alone")}}

    def _together(self, ctx: TaskContext, tally: Counter[str]) -> None:
        total = int(str(ctx.run.input.get("databases", 0)))
        with self._db.read() as conn:
            row = store.get(conn, RepositoryRow, str(ctx.run.input["repository_id"]))
        if row is None:
            raise NotFound("the repository is gone")
        options = SnapshotOptions.of(_mapping(ctx.run.input.get("options")))
        repository = self._keys.restic(row, ctx.stop)
        with batching(repository, stop=ctx.stop, options=options, patience=LOCK_PATIENCE) as batch:
            present = {name.rpartition("/")[2] for name, _ in pieces(repository.store, "snapshots")}
            while group := _next(ctx):
                self._reach.require_space(0, "a snapshot")
                self._group(ctx, batch, present, self._members(group, row, batch, present), tally)
                ctx.progress("storing", sum(tally.values()), max(total, sum(tally.values())), "steps")

    def _members(
        self, group: Sequence[TaskContext], row: RepositoryRow, batch: Batch, present: set[str]
    ) -> list[Member]:
        """What each of them needs, in a handful of statements for all."""
        ids = [str(member.run.input["snapshot_id"]) for member in group]
        resources = sorted({member.run.resource_id or "" for member in group})
        with self._db.read() as conn:
            snapshots = store.by_ids(conn, ids)
            there = databases.by_ids(conn, resources)
            good = store.newest_of(conn, resources, row.id, good=True)
            newest = store.newest_of(conn, resources, row.id)
            anchor = audit_head(conn)
            room: HoldfastError | None = None
            try:
                self._quotas.require_storage(conn, row.project_id)
            except HoldfastError as error:
                room = error
        given = Given(self._reach, batch, self._clock, self._clock.now(), anchor, present)
        return [
            Member(given, member, snapshots.get(each), there.get(member.run.resource_id or ""), good, newest, room)
            for member, each in zip(group, ids, strict=True)
        ]

    def _group(
        self, ctx: TaskContext, batch: Batch, present: set[str], members: Sequence[Member], tally: Counter[str]
    ) -> None:
        """From captures to ends. What is written stays, and its rows say so in one transaction."""
        ready = [member for member in members if member.error is None]
        outcomes = batch.write([member.wish() for member in ready], partial(self._unwanted, ctx, ready))
        crash_point("batch.stored")
        for member, outcome in zip(ready, outcomes, strict=True):
            if isinstance(outcome, WrittenSnapshot):
                member.written = outcome
                present.add(outcome.id)
            else:
                member.error = outcome
        written = [member for member in ready if member.written is not None]
        list(batch.pool.map(lambda member: member.prove(self._verifier), written))
        self._record(ctx, members, tally)
        self._further(ctx, batch, [member for member in written if member.goes_on], tally)

    def _unwanted(self, ctx: TaskContext, members: Sequence[Member]) -> list[int]:
        with self._db.read() as conn:
            found = ctx.cancelled_carried(conn)
        return [number for number, member in enumerate(members) if member.ctx.run.id in found]

    def _record(self, ctx: TaskContext, members: Sequence[Member], tally: Counter[str]) -> None:
        """Rows, proofs and ends of a group in one transaction; those that go alone are let go after it."""
        alone = [member for member in members if member.goes_alone]
        settled = [member for member in members if not member.goes_alone]
        with ctx.commit() as conn:
            store.insert_many(conn, [proof for member in settled for proof in member.proofs])
            tagger = Tagger(conn, ctx.run.project_id or "", [member.ctx.run.resource_id or "" for member in settled])
            for member in settled:
                member.changed = tagger.became(member.snapshot_id, member.values())
            ends = [member.end() for member in settled if not member.goes_on]
            ctx.end_carried(conn, ends)
        crash_point("batch.recorded")
        if alone:
            tally["alone"] += ctx.let_go(only=[member.ctx.run.id for member in alone])
        _count(tally, ends)

    def _further(self, ctx: TaskContext, batch: Batch, members: Sequence[Member], tally: Counter[str]) -> None:
        """The levels beyond reading back, one after the other for each: a restore may be one of them."""
        if not members:
            return

        def prove(member: Member) -> None:
            ctx.stop.check()
            member.prove_further(self._verifier, batch.repo)

        list(batch.pool.map(prove, members))
        ends = [member.end() for member in members]
        with ctx.commit() as conn:
            ctx.end_carried(conn, ends)
        _count(tally, ends)


def _count(tally: Counter[str], ends: Sequence[End]) -> None:
    for end in ends:
        tally["taken" if end.state == "succeeded" else "failed"] += 1


def _next(ctx: TaskContext) -> Sequence[TaskContext]:
    """The next group; again when another runner took one of its databases this very moment."""
    for number in range(_BUSY_TRIES):
        try:
            return ctx.carry(GROUP)
        except Retryable as error:
            if error.code != "resource_busy" or number == _BUSY_TRIES - 1:
                raise
            ctx.stop.wait(0.05 * (number + 1))
    raise AssertionError("unreachable")


def _mapping(found: JSON) -> Mapping[str, JSON]:
    return found if isinstance(found, Mapping) else {}
