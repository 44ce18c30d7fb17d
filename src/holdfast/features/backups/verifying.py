"""Proving a snapshot: L1 reads every byte back, L2 parses it, L3 restores it into a scratch server and compares."""

from __future__ import annotations

import asyncio
import secrets as tokens
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from holdfast.contract.engine import Engine, Session
from holdfast.contract.snapshot import Check, Level, Manifest, RestoreRequest, Verdict
from holdfast.contract.spec import Access, Endpoint, Spec
from holdfast.contract.tools import Tools
from holdfast.features.backups import proofs, store
from holdfast.features.backups.chaining import MISMATCH
from holdfast.features.backups.colouring import DAMAGED
from holdfast.features.backups.formats import Opened
from holdfast.features.backups.freshness import fresh_until
from holdfast.features.backups.model import Snapshot, VerificationRow
from holdfast.features.databases.interruption import only_interrupted
from holdfast.features.databases.reach import Reach
from holdfast.features.databases.tasks import reason_of, scratch_of
from holdfast.jobs.model import TaskContext
from holdfast.kernel.clock import Clock
from holdfast.kernel.errors import Corrupt, HoldfastError
from holdfast.kernel.ids import new_id
from holdfast.vault.stores.cloud_errors import ARCHIVED

METHODS = {Level.HASHES: "hashes", Level.READABLE: "tools", Level.RESTORED: "restore into a scratch server"}
_KEPT_CHECKS = 200  # every failed check is kept, and so many of the others


@dataclass(frozen=True)
class Rehearsal:
    """A snapshot that was brought back beside everything else, and what it promised."""

    engine: Engine
    endpoint: Endpoint
    tools: Tools
    manifest: Manifest

    @contextmanager
    def session(self, access: Access) -> Iterator[Session]:
        session = self.engine.connect(self.endpoint, self.tools, access)
        try:
            yield session
        finally:
            asyncio.run(session.close())

    def verify(self, ctx: TaskContext) -> Verdict:
        """What came back compared with what was taken."""
        ctx.progress("comparing")
        with self.session("admin") as session:
            return session.verify(self.manifest, Level.RESTORED, ctx.stop)


@dataclass(frozen=True)
class Proof:
    """One proof before it is recorded: its row, what the snapshot's row says after it, why it does not hold."""

    row: VerificationRow
    values: Mapping[str, Any]
    failure: HoldfastError | None
    repository_id: str
    packs: frozenset[bytes] = field(default=frozenset(), repr=False)

    def keep_packs(self, conn: sa.Connection) -> None:
        """Packs that were read whole for it need no other proof today."""
        if self.packs:
            proofs.proven_now(conn, self.repository_id, self.packs, self.row.at)


class Verifier:
    """Each proof is a row of its own; the snapshot's colour follows from the newest."""

    def __init__(self, reach: Reach, clock: Clock) -> None:
        self._reach = reach
        self._clock = clock

    def prove(self, ctx: TaskContext, snapshot: Snapshot, repository: Opened, level: Level) -> Snapshot:
        """Every level up to `level` in turn, L2 only when it is the one asked for. Raises Corrupt (code
        "verification_failed") at the first that fails; the snapshot is red then, and stays for whoever investigates."""
        if level >= Level.HASHES:
            snapshot = self._one(ctx, snapshot, repository, Level.HASHES)
        return self.prove_to(ctx, snapshot, repository, level)

    def prove_to(self, ctx: TaskContext, snapshot: Snapshot, repository: Opened, level: Level) -> Snapshot:
        """As `prove`, for one that was proven to L1 a moment ago."""
        return self._one(ctx, snapshot, repository, level) if level > Level.HASHES else snapshot

    def _one(self, ctx: TaskContext, snapshot: Snapshot, repository: Opened, level: Level) -> Snapshot:
        proof = self.judge(ctx, snapshot, repository, level)
        with ctx.commit() as conn:
            store.insert(conn, proof.row)
            proof.keep_packs(conn)
            recorded = store.change(conn, Snapshot, snapshot.id, **proof.values) or snapshot
        if proof.failure is not None:
            raise proof.failure
        return recorded

    def judge(self, ctx: TaskContext, snapshot: Snapshot, repository: Opened, level: Level) -> Proof:
        """Prove it to `level` and say what is to be recorded; nothing is. Raises only when it was interrupted."""
        nothing = frozenset[bytes]()
        prove: dict[Level, Callable[[], tuple[Verdict, int | None, frozenset[bytes]]]] = {
            Level.HASHES: lambda: self._hashes(ctx, snapshot, repository),
            Level.READABLE: lambda: (self._readable(ctx, snapshot, repository), None, nothing),
            Level.RESTORED: lambda: (self._restored(ctx, snapshot, repository), None, nothing),
        }
        packs = nothing
        started = time.monotonic()
        verdict: Verdict | None = None
        size: int | None = None
        error: HoldfastError | None = None
        try:
            verdict, size, packs = prove[level]()
        except Corrupt as found:
            error, verdict = found, Verdict(level, (Check("read", False, detail=found.message),))
        except HoldfastError as found:
            if only_interrupted(ctx, found) or ctx.stop.stopped:
                raise
            error = found
        row, values = self.recorded(ctx, snapshot, level, verdict, size, error, time.monotonic() - started)
        return Proof(row, values, _failure(level, verdict, error), snapshot.repository_id, packs)

    def _hashes(
        self, ctx: TaskContext, snapshot: Snapshot, repository: Opened
    ) -> tuple[Verdict, int, frozenset[bytes]]:
        report = repository.verify_snapshot(
            snapshot.restic_id or "",
            ctx.stop,
            lambda done, total: ctx.progress("reading back", done, total, "bytes"),
        )
        checks = [Check("blob", False, detail=text) for text in report.errors]
        if report.unopened is not None:
            checks.append(Check("opened", None, detail=f"not tried: {report.unopened}"))
        checks.append(Check("blobs", not report.errors, actual=f"{report.blobs} blobs, {report.bytes} bytes"))
        return Verdict(Level.HASHES, tuple(checks)), report.bytes, report.sound

    def _readable(self, ctx: TaskContext, snapshot: Snapshot, repository: Opened) -> Verdict:
        ctx.progress("parsing")
        engine = self._reach.engines.get(snapshot.engine)
        software = engine.software(self.spec(snapshot))
        tools = self._reach.hosts.tools(None, software, scratch_of(ctx))
        with repository.source(snapshot.restic_id or "") as source:
            return engine.readable(source, tools, ctx.stop)

    def _restored(self, ctx: TaskContext, snapshot: Snapshot, repository: Opened) -> Verdict:
        with self.rehearsal(ctx, snapshot, repository) as rehearsed:
            return rehearsed.verify(ctx)

    @contextmanager
    def rehearsal(self, ctx: TaskContext, snapshot: Snapshot, repository: Opened) -> Iterator[Rehearsal]:
        """The snapshot restored into a scratch server of its own, which is gone afterwards."""
        self._reach.require_space(snapshot.source_bytes or 0, "a rehearsed restore")
        engine, spec = self._reach.engines.get(snapshot.engine), self.spec(snapshot)
        secrets = {name: tokens.token_urlsafe(24) for name in engine.needs(spec)[1]}
        scratch = scratch_of(ctx)
        ctx.progress("rehearsing", 0, snapshot.source_bytes, "bytes")
        with (
            repository.source(snapshot.restic_id or "") as source,
            self._reach.hosts.scratch(engine, spec, snapshot.resource_name, secrets, scratch) as endpoint,
        ):
            tools = self._reach.hosts.tools(None, engine.software(spec), scratch)
            asyncio.run(engine.prepare(endpoint, spec, tools))
            rehearsed = Rehearsal(engine, endpoint, tools, source.manifest)
            with rehearsed.session("admin") as session:
                session.restore(source, restore_request(ctx, snapshot, "rehearsing"), ctx.stop)
            yield rehearsed

    def spec(self, snapshot: Snapshot) -> Spec:
        return self._reach.engines.get(snapshot.engine).spec.model_validate(dict(snapshot.spec))

    def recorded(
        self,
        ctx: TaskContext,
        snapshot: Snapshot,
        level: Level,
        verdict: Verdict | None,
        size: int | None,
        error: HoldfastError | None,
        seconds: float,
    ) -> tuple[VerificationRow, dict[str, Any]]:
        """A row of the proof, and what the snapshot's own says after it."""
        ok = verdict.ok if verdict is not None else None
        row = VerificationRow(
            id=new_id("ver"),
            snapshot_id=snapshot.id,
            run_id=ctx.run.id,
            level=int(level),
            method=METHODS[level],
            ok=ok,
            seconds=round(seconds, 3),
            bytes=size,
            checks=kept_checks(verdict),
            error=reason_of(error) if error else None,
            at=self._clock.now(),
        )
        reached = max(int(level), snapshot.verified_level or 0) if ok else snapshot.verified_level
        return row, {"verified_level": reached, **_after(snapshot, level, ok, reached or 0, row.at)}

    def record(
        self,
        ctx: TaskContext,
        snapshot: Snapshot,
        level: Level,
        verdict: Verdict | None,
        size: int | None,
        error: HoldfastError | None,
        seconds: float,
    ) -> Snapshot:
        """A row of the proof, and the snapshot's colour after it."""
        row, values = self.recorded(ctx, snapshot, level, verdict, size, error, seconds)
        with ctx.commit() as conn:
            store.insert(conn, row)
            return store.change(conn, Snapshot, snapshot.id, **values) or snapshot


def _after(snapshot: Snapshot, level: Level, ok: bool | None, reached: int, at: datetime) -> dict[str, Any]:
    """The snapshot's colour after a proof, and why."""
    if ok is False:
        return {"verification": "red", "unproven": None}
    if ok is None:  # nothing gets better by what could not be judged
        why = snapshot.unproven or "skipped"
        return {"verification": snapshot.verification, "unproven": why if snapshot.verification == "yellow" else None}
    code = (snapshot.error or {}).get("code")
    if code == MISMATCH:  # it may be readable and restorable, and still not be what the database was
        return {"verification": "red", "unproven": None}
    if code == DAMAGED and level not in (Level.HASHES, Level.RESTORED):
        return {"verification": "red", "unproven": None}  # what was lost was perhaps not read
    colour = "green" if reached >= snapshot.wanted_level else "yellow"
    values: dict[str, Any] = {"verification": colour, "unproven": None, "proof_due": fresh_until(snapshot, at)}
    return values | ({"error": None} if code == DAMAGED else {})


def _failure(level: Level, verdict: Verdict | None, error: HoldfastError | None) -> HoldfastError | None:
    """Why it does not hold, or could not be judged; None when it holds. One that lies in an archive cannot be judged
    now, and nothing is wrong with it: its row says so."""
    if verdict is None:
        return None if error is not None and error.code == ARCHIVED else error
    if verdict.ok:
        return None
    bad = [check for check in verdict.checks if check.ok is False]
    names = ", ".join(check.name for check in bad[:5]) or "nothing could be judged"
    return Corrupt(
        f"the snapshot did not prove itself at level {int(level)}: {names}",
        code="verification_failed",
        hint="Take another snapshot now, and keep this one until you know why.",
        details={"level": int(level), "checks": [_check(check) for check in bad[:20]]},
    )


def restore_request(
    ctx: TaskContext, snapshot: Snapshot, phase: str, select: tuple[str, ...] = (), **more: Any
) -> RestoreRequest:
    """A request that reports its progress as the run's."""
    total = snapshot.source_bytes
    return RestoreRequest(select=select, progress=lambda done: ctx.progress(phase, done, total, "bytes"), **more)


def kept_checks(verdict: Verdict | None) -> list[dict[str, Any]]:
    """Failed ones first; a database of ten thousand tables does not need ten thousand lines of "yes"."""
    if verdict is None:
        return []
    ordered = sorted(verdict.checks, key=lambda check: (check.ok is not False, check.ok is not None))
    failed = sum(check.ok is False for check in ordered)
    return [_check(check) for check in ordered[: max(failed, _KEPT_CHECKS)]]


def _check(check: Check) -> dict[str, Any]:
    return {key: value for key, value in asdict(check).items() if value != ""}
