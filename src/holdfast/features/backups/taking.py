"""Taking a snapshot: capture, store, read back, prove, on a runner thread."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from holdfast import __version__
from holdfast.contract.engine import Session
from holdfast.contract.snapshot import CaptureRequest, Manifest, Verdict
from holdfast.features.backups import chaining, store
from holdfast.features.backups.anchors import ANCHOR
from holdfast.features.backups.chaining import Parent
from holdfast.features.backups.damage import explain
from holdfast.features.backups.format_registry import format_of
from holdfast.features.backups.formats import Opened, Taking, restic
from holdfast.features.backups.keys import Keys
from holdfast.features.backups.model import ORIGIN, RepositoryRow, Snapshot, VerificationRow
from holdfast.features.backups.sealing import with_key
from holdfast.features.backups.tagging.ready import became_ready
from holdfast.features.backups.verifying import kept_checks
from holdfast.features.databases import store as databases
from holdfast.features.databases.interruption import only_interrupted
from holdfast.features.databases.model import Resource
from holdfast.features.databases.reach import Reach
from holdfast.features.databases.tasks import reason_of, scratch_of
from holdfast.features.limits.quota import Quotas
from holdfast.features.projects.model import environments, projects
from holdfast.jobs.model import TaskContext
from holdfast.kernel.audit_chain import Head
from holdfast.kernel.audit_chain import head as audit_head
from holdfast.kernel.clock import Clock
from holdfast.kernel.db import Database
from holdfast.kernel.errors import Conflict, HoldfastError, NotFound
from holdfast.kernel.ids import new_id
from holdfast.vault.line import SnapshotStats
from holdfast.vault.options import SnapshotOptions

TAG = "holdfast:"


@dataclass(frozen=True)
class Elsewhere:
    """Data that is not the living database's: where it lies, and what the manifest says of that. Its snapshot builds
    on none and marks no moment of the database."""

    opened: Callable[[TaskContext, Resource], AbstractContextManager[Session]]
    facts: Mapping[str, Any]


class Taker:
    """One snapshot row from "creating" to "ready" or "failed". Running it again after a crash finds what is stored."""

    def __init__(self, db: Database, reach: Reach, keys: Keys, clock: Clock, quotas: Quotas) -> None:
        self._db = db
        self._quotas = quotas
        self._reach = reach
        self._keys = keys
        self._clock = clock

    def take(
        self,
        ctx: TaskContext,
        snapshot_id: str,
        states: Sequence[str] = ("ready",),
        elsewhere: Elsewhere | None = None,
    ) -> tuple[Snapshot, Opened]:
        """Stored and recorded as ready; the caller proves it next. A failure leaves the row failed and nothing that
        could be taken for a snapshot."""
        snapshot, resource, row = self._load(snapshot_id)
        if snapshot.state == "ready":
            return snapshot, self._keys.open(row, ctx.stop)
        if snapshot.state == "failed" and snapshot.run_id == ctx.run.id:  # this run's second attempt
            with ctx.commit() as conn:
                snapshot = store.change(conn, Snapshot, snapshot.id, state="creating", error=None) or snapshot
        if snapshot.state != "creating":
            raise Conflict(f"snapshot {snapshot_id} is {snapshot.state}", code="snapshot_state")
        repository: Opened | None = None
        try:
            if elsewhere is None and resource.state not in states:
                raise Conflict(
                    f"{resource.name!r} is {resource.state}, not ready",
                    code="database_not_ready",
                    hint="Start it first.",
                )
            self._reach.require_space(0, "a snapshot")
            self._require_room(snapshot)
            repository = self._keys.open(row, ctx.stop)
            with self._db.read() as conn:
                anchor = audit_head(conn) if elsewhere is None else None
            facts, manifest = self._stored(ctx, snapshot, resource, row, repository, anchor, elsewhere)
            verdict = None
            if format_of(row).abilities.incremental:
                verdict = chaining.proven(restic(repository), facts["restic_id"], manifest)
            done = self._ready(ctx, snapshot, facts, manifest, verdict)
        except Exception as error:
            if not only_interrupted(ctx, error):
                explain(error)
                self._failed(ctx, snapshot, row, repository, error)
            raise
        if verdict is not None and any(check.ok is False for check in verdict.checks):
            raise chaining.mismatch(verdict, manifest)  # kept, red, for whoever investigates
        return done, repository

    def _ready(
        self, ctx: TaskContext, snapshot: Snapshot, facts: dict[str, Any], manifest: Manifest, verdict: Verdict | None
    ) -> Snapshot:
        """The row and the proof of what was not read in one transaction: a snapshot that is wrong was never good."""
        failed = verdict is not None and any(check.ok is False for check in verdict.checks)
        error = reason_of(chaining.mismatch(verdict, manifest)) if verdict is not None and failed else None
        with ctx.commit() as conn:
            if verdict is not None:
                store.insert(conn, proof_row(ctx, snapshot, verdict, error, self._clock))
            more = {"verification": "red", "error": error} if failed else {}
            done = became_ready(conn, snapshot, **facts, **more)
        if done is None:
            raise Conflict("the snapshot's row changed meanwhile", code="snapshot_state")
        return done

    def _require_room(self, snapshot: Snapshot) -> None:
        """What waited in the queue may find the quota used up. A restore's safety snapshot is taken all the same."""
        if snapshot.trigger != "safety":
            with self._db.read() as conn:
                self._quotas.require_storage(conn, snapshot.project_id)

    def _load(self, snapshot_id: str) -> tuple[Snapshot, Resource, RepositoryRow]:
        with self._db.read() as conn:
            snapshot = store.get(conn, Snapshot, snapshot_id)
            resource = databases.get(conn, snapshot.resource_id) if snapshot else None
            row = store.get(conn, RepositoryRow, snapshot.repository_id) if snapshot else None
        if snapshot is None or resource is None or row is None:
            raise NotFound(f"snapshot {snapshot_id} or its database is gone")
        return snapshot, resource, row

    def _stored(
        self,
        ctx: TaskContext,
        snapshot: Snapshot,
        resource: Resource,
        row: RepositoryRow,
        repository: Opened,
        anchor: Head | None,
        elsewhere: Elsewhere | None,
    ) -> tuple[dict[str, Any], Manifest]:
        """What the row says once everything is in the repository, and the manifest."""
        form = format_of(row)
        found = form.find(repository, snapshot.id, f"{TAG}{snapshot.id}")
        if found is not None and form.reads(repository, found):  # else it is taken again
            ctx.log("an earlier attempt had stored it already", restic_id=found)
            manifest = repository.manifest(found)
            facts = {**describe(manifest), "restic_id": found, "taken_at": self._clock.now()}
            return {**facts, **form.said(repository, found)}, manifest
        started, taken_at = time.monotonic(), self._clock.now()
        options = SnapshotOptions.of(snapshot.options)
        with self._db.read() as conn:
            words = with_key(conn, row, [snapshot.environment_id], snapshot.options)
        settings = form.chosen(row.settings, words)
        parent = self._parent(ctx, snapshot, row, repository) if elsewhere is None else Parent(full="imported")
        want = CaptureRequest(full=parent.full is not None, sample=parent.sequence)
        at = self._reach.session(resource, scratch_of(ctx)) if elsewhere is None else elsewhere.opened(ctx, resource)
        about = facts_of(snapshot, resource, anchor) | (dict(elsewhere.facts) if elsewhere else {})
        with at as session:
            expected = asyncio.run(session.inspect("shallow")).bytes
            if form.abilities.stages:
                self._reach.require_space(expected or 0, "a snapshot into plain files")
            inner = session.capture(parent.manifest, want, ctx.stop)
            with chaining.Chained(inner, parent, snapshot.id, taken_at) as capture:
                project, environment = self._names(resource)
                taking = Taking(
                    snapshot_id=snapshot.id,
                    project=project,
                    environment=environment,
                    database=resource.name,
                    resource_id=resource.id,
                    engine=resource.engine,
                    taken_at=taken_at,
                    tags=(f"{TAG}{snapshot.id}", f"engine:{resource.engine}"),
                    facts={**about, "options": options.as_json()},
                    options=options,
                    scratch=scratch_of(ctx),
                    stop=ctx.stop,
                    reading=lambda stats: _report(ctx, stats, expected),
                    sending=lambda done, total: ctx.progress("writing the file", done, total, "bytes"),
                    parent=parent.restic_id,
                    attempt=max(1, ctx.run.epoch),
                    chosen=settings != row.settings,
                    still_ours=lambda: _claimed(ctx),
                    tools=self._reach.hosts.tools(None, None, scratch_of(ctx)) if form.abilities.stages else None,
                )
                written = form.take(repository, capture, taking, settings, self._reach.engines)
        if written.manifest.options.get("one_moment") is False:
            ctx.log("not of one moment", reason=str(written.manifest.options.get("reason", "")))
        facts = {
            **describe(written.manifest),
            **sizes(written.stats, written.manifest),
            "restic_id": written.id,
            "options": dict(written.options),
            "taken_at": taken_at,
            "seconds": round(time.monotonic() - started, 3),
        }
        return facts, written.manifest

    def _names(self, resource: Resource) -> tuple[str, str]:
        """Of its project and environment, for people."""
        with self._db.read() as conn:
            of_project = sa.select(projects.c.name).where(projects.c.id == resource.project_id)
            of_environment = sa.select(environments.c.name).where(environments.c.id == resource.environment_id)
            found = [conn.scalar(query) for query in (of_project, of_environment)]
        return str(found[0] or resource.project_id), str(found[1] or resource.environment_id)

    def _parent(self, ctx: TaskContext, snapshot: Snapshot, row: RepositoryRow, repository: Opened) -> Parent:
        """The newest good snapshot that is still in the repository: a foreign forget may have removed any. None where
        each snapshot is whole by itself."""
        abilities = format_of(row).abilities
        if not abilities.incremental:
            return Parent(full=f"{abilities.title} hold everything each time")
        with self._db.read() as conn:
            good = store.newest_good(conn, snapshot.resource_id, snapshot.repository_id)
            newest = store.newest_ready(conn, snapshot.resource_id, snapshot.repository_id)
        asked = bool(ctx.run.input.get("full"))
        if good is None or good.restic_id is None or good.restic_id not in {i.id for i in repository.snapshots()}:
            return Parent(full="asked for" if asked else None)
        parent = Parent(good.restic_id, good.id, repository.manifest(good.restic_id))
        return chaining.decided(parent, newest, asked, self._clock.now())

    def _failed(
        self, ctx: TaskContext, snapshot: Snapshot, row: RepositoryRow, repository: Opened | None, error: Exception
    ) -> None:
        """The row fails whether or not the store still answers: otherwise it would say "creating" for ever."""
        try:
            tag = f"{TAG}{snapshot.id}"
            if repository is not None and (stored := format_of(row).find(repository, snapshot.id, tag)):
                repository.forget(stored)
        except HoldfastError as gone:
            ctx.log("what was stored may still be in the repository", reason=gone.message)
        with ctx.commit() as conn:
            store.change(
                conn,
                Snapshot,
                snapshot.id,
                states=("creating",),
                state="failed",
                verification="red",
                error=reason_of(error),
            )


def _claimed(ctx: TaskContext) -> None:
    """Raises Conflict("claim_lost")."""
    with ctx.commit():
        return


def facts_of(snapshot: Snapshot, resource: Resource, anchor: Head | None) -> dict[str, Any]:
    """Among them the audit log's end: what was cut off the log later, this snapshot still remembers."""
    return {
        **({ANCHOR: anchor.as_dict()} if anchor else {}),
        "snapshot_id": snapshot.id,
        "project_id": resource.project_id,
        "environment_id": resource.environment_id,
        "resource_id": resource.id,
        "resource_name": resource.name,
        "engine": resource.engine,
        "spec": dict(resource.spec),
        "holdfast_version": __version__,
    }


def find_stored(repository: Opened, snapshot_id: str) -> str | None:
    """The restic id of a snapshot by our id: written last of all, so what has it is complete."""
    for info in repository.snapshots():
        if f"{TAG}{snapshot_id}" in (info.tags or ()):
            return info.id
    return None


def describe(manifest: Manifest) -> dict[str, Any]:
    """What listings show of a manifest without opening the repository."""
    return {
        "summary": {
            "engine_version": manifest.version,
            "database": manifest.database,
            "relations": len(manifest.catalog.relations),
            "objects": dict(manifest.catalog.objects),
            "extensions": dict(manifest.catalog.extensions),
            **chaining.summary(manifest),
            **{name: manifest.facts[name] for name in (ANCHOR, ORIGIN) if name in manifest.facts},
        },
        "source_bytes": manifest.catalog.bytes,
        "entries": len(manifest.entries),
        "tables": len(manifest.tables),
        "rows": sum(table.rows for table in manifest.tables),
        "position": dict(manifest.position),
    }


def sizes(stats: SnapshotStats, manifest: Manifest) -> dict[str, Any]:
    """What the snapshot holds, read or taken over, and what it added to the repository."""
    skipped = chaining.summary(manifest).get("skipped_bytes", 0)
    return {"source_bytes": stats.bytes_read + skipped, "stored_bytes": stats.bytes_stored}


def proof_row(
    ctx: TaskContext, snapshot: Snapshot, verdict: Verdict, error: Mapping[str, Any] | None, clock: Clock
) -> VerificationRow:
    """The rolling sample as a proof of its own. It proves no level."""
    judged = any(check.ok is not None for check in verdict.checks)
    return VerificationRow(
        id=new_id("ver"),
        snapshot_id=snapshot.id,
        run_id=ctx.run.id,
        level=0,
        method=chaining.METHOD,
        ok=verdict.ok if judged else None,
        seconds=0.0,
        bytes=None,
        checks=kept_checks(verdict),
        error=error,
        at=clock.now(),
    )


def _report(ctx: TaskContext, stats: SnapshotStats, total: int | None) -> None:
    known = total if total is not None and total >= stats.bytes_read else None
    ctx.progress("storing", stats.bytes_read, known, "bytes")
