"""One database of a batch: what it is captured from, what became of it, how its run ends."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from holdfast.contract.measure import CanMeasure
from holdfast.contract.snapshot import Capture, CaptureRequest, Level
from holdfast.features.backups import chaining
from holdfast.features.backups.asking import SMALL
from holdfast.features.backups.chaining import Chained, Parent
from holdfast.features.backups.damage import explain
from holdfast.features.backups.model import Snapshot, VerificationRow
from holdfast.features.backups.taking import TAG, describe, facts_of, proof_row, sizes
from holdfast.features.backups.verifying import Verifier
from holdfast.features.databases.model import Resource
from holdfast.features.databases.reach import Reach
from holdfast.features.databases.service import wrong_state
from holdfast.features.databases.tasks import reason_of, scratch_of
from holdfast.jobs.model import End, Progress, TaskContext
from holdfast.kernel.audit_chain import Head
from holdfast.kernel.clock import Clock
from holdfast.kernel.errors import Cancelled, HoldfastError, NotFound, Retryable
from holdfast.vault.batch import Batch, Wish
from holdfast.vault.pipeline import About, WrittenSnapshot
from holdfast.vault.repository import Repository


@dataclass(frozen=True)
class Given:
    """What all of a group share. `present`: names of the snapshots that are in the repository."""

    reach: Reach
    batch: Batch
    clock: Clock
    now: datetime
    anchor: Head | None
    present: set[str]


class Member:
    """From its rows to its end. `error`: why it has no snapshot, or why its snapshot is not good."""

    def __init__(
        self,
        given: Given,
        ctx: TaskContext,
        snapshot: Snapshot | None,
        resource: Resource | None,
        good: Mapping[str, Snapshot],
        newest: Mapping[str, Snapshot],
        room: HoldfastError | None,
    ) -> None:
        """`good` and `newest`: of each database; `room`: why the project takes no more bytes."""
        self.ctx = ctx
        self._given = given
        self._snapshot, self._resource = snapshot, resource
        self._good = good.get(ctx.run.resource_id or "")
        self._newest = newest.get(ctx.run.resource_id or "")
        self._began = time.monotonic()
        self._higher: HoldfastError | None = None
        self.written: WrittenSnapshot | None = None
        self.changed: Snapshot | None = None
        self.proofs: list[VerificationRow] = []
        self._proven: dict[str, Any] = {}
        self.error: HoldfastError | None = self._why_not() or room

    @property
    def snapshot_id(self) -> str:
        return str(self.ctx.run.input["snapshot_id"])

    def _why_not(self) -> HoldfastError | None:
        if self._snapshot is None or self._resource is None or self._resource.deleted_at is not None:
            return NotFound(f"snapshot {self.snapshot_id} or its database is gone")
        if self._snapshot.state != "creating":
            return Retryable("it was begun before", code="begun_before")
        if self._resource.state != "ready":
            return wrong_state(self._resource, "take a snapshot of")
        return None

    @property
    def _row(self) -> tuple[Snapshot, Resource]:
        if self._snapshot is None or self._resource is None:
            raise NotFound("the snapshot or its database is gone")
        return self._snapshot, self._resource

    @property
    def goes_alone(self) -> bool:
        """Its trouble may pass, or it is not small, or somebody wants it stopped: a runner takes it by itself."""
        return (
            self.written is None
            and self.error is not None
            and (self.error.retryable or isinstance(self.error, Cancelled))
        )

    @property
    def goes_on(self) -> bool:
        """Stored and read back, and more is wanted."""
        return self.error is None and self._snapshot is not None and self._snapshot.wanted_level > Level.HASHES

    # -- taking ----------------------------------------------------------------------------------------------

    def wish(self) -> Wish:
        snapshot, resource = self._row
        parent = self._good.restic_id if self._good is not None else None
        facts = {
            **facts_of(snapshot, resource, self._given.anchor),
            "options": self._given.batch.options.as_json(),
        }
        about = About(
            hostname="holdfast",
            paths=[f"/{resource.id}"],
            tags=[f"{TAG}{snapshot.id}", f"engine:{resource.engine}"],
            facts=facts,
            parent=parent if parent in self._given.present else None,
        )
        return Wish(self._capture, about)

    @contextmanager
    def _capture(self) -> Iterator[Capture]:
        """Entered on a thread of the batch. Raises Retryable("not_small") for one that has grown."""
        snapshot, resource = self._row
        self._began, self._taken_at = time.monotonic(), self._given.now
        parent = self._parent(self._given.batch.repo)
        want = CaptureRequest(full=parent.full is not None, sample=parent.sequence)
        with self._given.reach.session(resource, scratch_of(self.ctx)) as session:
            if isinstance(session, CanMeasure) and (session.measure(self.ctx.stop).size_bytes or 0) > 2 * SMALL:
                raise Retryable(f"{resource.name!r} is not small", code="not_small")
            inner = session.capture(parent.manifest, want, self.ctx.stop)
            with Chained(inner, parent, snapshot.id, self._given.now) as capture:
                yield capture

    def _parent(self, repository: Repository) -> Parent:
        good, asked = self._good, bool(self.ctx.run.input.get("full"))
        if good is None or good.restic_id is None or good.restic_id not in self._given.present:
            return Parent(full="asked for" if asked else None)
        parent = Parent(good.restic_id, good.id, repository.manifest(good.restic_id))
        return chaining.decided(parent, self._newest, asked, self._given.now)

    # -- proving ---------------------------------------------------------------------------------------------

    def prove(self, verifier: Verifier) -> None:
        """What was left out, then what was stored; nothing is recorded yet. Raises only when interrupted."""
        written, snapshot = self.written, self._row[0]
        if written is None:
            return
        repository = self._given.batch.repo
        verdict = chaining.proven(repository, written.id, written.manifest, self._given.present)
        if verdict is not None:
            if any(check.ok is False for check in verdict.checks):
                self.error = chaining.mismatch(verdict, written.manifest)
            error = reason_of(self.error) if self.error else None
            self.proofs.append(proof_row(self.ctx, snapshot, verdict, error, self._given.clock))
        if self.error is None:
            stored = replace(snapshot, state="ready", **self._facts(written))
            proof = verifier.judge(self.ctx, stored, repository, Level.HASHES)
            self.proofs.append(proof.row)
            self._proven, self.error = dict(proof.values), proof.failure

    def prove_further(self, verifier: Verifier, repository: Repository) -> None:
        """To the level it is wanted at, recorded as it comes."""
        if self.changed is None:
            return
        try:
            self.changed = verifier.prove_to(self.ctx, self.changed, repository, Level(self.changed.wanted_level))
        except HoldfastError as error:
            if self.ctx.stop.stopped or error.code == "claim_lost":
                raise
            explain(error)
            self.error = error

    # -- recording -------------------------------------------------------------------------------------------

    def _facts(self, written: WrittenSnapshot) -> dict[str, Any]:
        return {
            **describe(written.manifest),
            **sizes(written.stats, written.manifest),
            "restic_id": written.id,
            "options": self._given.batch.options.as_json(),
            "taken_at": self._taken_at,
            "seconds": round(time.monotonic() - self._began, 3),
        }

    def values(self) -> dict[str, Any]:
        """What its row says now."""
        if self.written is None:
            error = self.error or NotFound("it was not taken")
            explain(error)
            return {"state": "failed", "verification": "red", "error": reason_of(error)}
        values = {"state": "ready", **self._facts(self.written), **self._proven}
        if self.error is not None and not self._proven:  # what it left out was not what it believed
            values |= {"verification": "red", "error": reason_of(self.error)}
        return values

    def end(self) -> End:
        """How its run ends."""
        if self.error is not None:
            explain(self.error)
            return End(self.ctx.run, "failed", error=self.error.as_dict())
        done = self.changed
        if done is None:
            lost = HoldfastError("the snapshot's row changed meanwhile", code="snapshot_state")
            return End(self.ctx.run, "failed", error=lost.as_dict())
        result = {
            "snapshot_id": done.id,
            "verified_level": done.verified_level,
            "source_bytes": done.source_bytes,
            "stored_bytes": done.stored_bytes,
        }
        size = done.source_bytes or 0
        return End(self.ctx.run, "succeeded", result=result, progress=Progress("proven", size, size, "bytes"))
