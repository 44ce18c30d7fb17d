"""What people ask of snapshots. Each act is one transaction: row, audit and run, or nothing at all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from holdfast.features.access.actor import Actor, no_such
from holdfast.features.access.grants import Columns
from holdfast.features.backups import store
from holdfast.features.backups.asking import Asked, Asker, How, Want
from holdfast.features.backups.choosing import Which
from holdfast.features.backups.keys import Keys
from holdfast.features.backups.model import RepositoryRow, Restore, Snapshot, VerificationRow, restores, snapshots
from holdfast.features.backups.preparing import (
    checked_tags,
    fresh,
    kept_options,
    record_weaker,
    require_serves,
    require_takes,
)
from holdfast.features.backups.searching import Search
from holdfast.features.databases import store as databases
from holdfast.features.databases.elsewhere import common_node
from holdfast.features.databases.guard import found as found_database
from holdfast.features.databases.model import Resource
from holdfast.features.databases.service import wrong_state
from holdfast.features.limits.quota import Quotas
from holdfast.jobs import Jobs, Run
from holdfast.kernel import audit
from holdfast.kernel.clock import Clock
from holdfast.kernel.db import Database
from holdfast.kernel.errors import Conflict, Invalid
from holdfast.web.changed import changed_meanwhile
from holdfast.web.idempotency import NEVER, Once


class SnapshotsService:
    """Every verb takes the actor first and raises Denied or NotFound before it reads or writes anything else."""

    def __init__(self, db: Database, jobs: Jobs, keys: Keys, clock: Clock, quotas: Quotas) -> None:
        self._db = db
        self._jobs = jobs
        self._keys = keys
        self._clock = clock
        self._quotas = quotas
        self.asker = Asker(jobs, keys, clock)

    def create(
        self,
        actor: Actor,
        resource_id: str,
        *,
        level: int | None = None,
        repository_id: str | None = None,
        tags: Sequence[str] = (),
        options: Mapping[str, Any] | None = None,
        full: bool = False,
        once: Once = NEVER,
    ) -> tuple[Snapshot, Run]:
        """`level` None = L1, and L3 while no snapshot of this database was ever restored. `full`: read everything."""
        with self._db.write() as conn:
            resource = found_database(conn, actor, resource_id, "snapshot.create")
            once.check(conn)
            if resource.state != "ready":
                raise wrong_state(resource, "take a snapshot of")
            self._quotas.require(conn, actor, resource.project_id, "backups")
            self._quotas.require_storage(conn, resource.project_id)
            snapshot = self.insert(
                conn,
                actor,
                resource,
                level=level,
                repository_id=repository_id,
                tags=tags,
                trigger="manual",
                options=options,
            )
            node = self.node_of(conn, snapshot, resource.node)
            values = {"full": True} if full else {}
            run = self._submit(conn, actor, snapshot, "snapshot.create", values, resource.id, node)
            made = (self.own(conn, snapshot, run), run)
            once.keep(conn, made)
            return made

    def create_many(
        self, actor: Actor, which: Which, how: How, *, repository_id: str | None, once: Once
    ) -> list[Asked]:
        """Of many databases in one transaction; small ones go together in one run. Refused as a whole when one that was
        named may not be snapshotted by the actor, or the quota has no room for all; one that is not ready is said so.
        """
        with self._db.write() as conn:
            found = which.resources(conn, actor)
            once.check(conn)
            if repository_id is not None:
                chosen = store.get(conn, RepositoryRow, repository_id)
                if chosen is None or chosen.project_id not in {each.project_id for each in found}:
                    raise no_such("repository")
            for project_id, count in Counter(each.project_id for each in found).items():
                self._quotas.require(conn, actor, project_id, "backups", count)
                self._quotas.require_storage(conn, project_id)
            asked = self.asker.ask(conn, [Want(each, repository_id) for each in found], how)
            for each in asked:
                if each.snapshot is not None:
                    record(conn, actor, each.snapshot, "snapshot.create", {"run_id": each.run_id})
            once.keep(conn, asked)
            return asked

    def insert(
        self,
        conn: sa.Connection,
        actor: Actor,
        resource: Resource,
        *,
        level: int | None,
        trigger: str,
        repository_id: str | None = None,
        tags: Sequence[str] = (),
        plan_id: str | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> Snapshot:
        """A row in state "creating", in the caller's transaction; the caller authorised and submits the run."""
        if repository_id is None:
            repository = self._keys.default(conn, resource, actor.id)
        else:
            chosen = store.get(conn, RepositoryRow, repository_id)
            if chosen is None or chosen.project_id != resource.project_id:
                raise no_such("repository")
            require_serves(chosen, resource)
            repository = chosen
            common_node(resource.node, repository.node, "the database and the repository")
        opens = require_takes(conn, repository, [resource.environment_id], options, level)
        snapshot = fresh(
            resource,
            repository,
            actor=actor.id,
            level=level,
            proven=level is not None or not opens or store.proven_before(conn, resource.id),
            trigger=trigger,
            tags=checked_tags(tags),
            plan_id=plan_id,
            options=kept_options(options),
            now=self._clock.now(),
        )
        store.insert(conn, snapshot)
        record_weaker(conn, actor.id, snapshot, repository)
        return snapshot

    def node_of(self, conn: sa.Connection, snapshot: Snapshot, other: str | None = None) -> str | None:
        """The node that reaches the snapshot's repository, and `other` too. Raises Conflict("nodes_apart")."""
        row = store.get(conn, RepositoryRow, snapshot.repository_id)
        return common_node(other, row.node if row else None, "the database and the snapshot's repository")

    def own(self, conn: sa.Connection, snapshot: Snapshot, run: Run) -> Snapshot:
        """Name the run that will end the row's state "creating"."""
        return store.change(conn, Snapshot, snapshot.id, run_id=run.id) or snapshot

    def list(
        self,
        actor: Actor,
        *,
        project_id: str | None = None,
        resource_id: str | None = None,
        after: str | None = None,
        limit: int = 50,
        states: Sequence[str] = (),
        search: Search | None = None,
        **equal: Any,
    ) -> Sequence[Snapshot]:
        """Newest first; deleted ones only when asked for by state. One statement always."""
        actor.require_within("snapshot.read", project_id)
        visible = actor.visible("snapshot.read", Columns.of(snapshots))
        wanted = list(states) or ["creating", "ready", "failed"]
        with self._db.read() as conn:
            return store.page(
                conn,
                Snapshot,
                visible=visible,
                after=after,
                limit=limit,
                project_id=project_id,
                resource_id=resource_id,
                state=wanted,
                where=search.conditions(conn) if search else (),
                **equal,
            )

    def get(self, actor: Actor, snapshot_id: str, permission: str = "snapshot.read") -> Snapshot:
        with self._db.read() as conn:
            return found(conn, actor, snapshot_id, permission)

    def verifications(self, actor: Actor, snapshot_id: str) -> Sequence[VerificationRow]:
        """Every proof of a snapshot, newest first."""
        with self._db.read() as conn:
            snapshot = found(conn, actor, snapshot_id, "snapshot.read")
            return store.page(conn, VerificationRow, snapshot_id=snapshot.id, limit=100)

    def update(self, actor: Actor, snapshot_id: str, changes: Mapping[str, Any], *, version: int) -> Snapshot:
        """Tags and hold. A held snapshot is deleted by nobody and no plan."""
        values = {key: changes[key] for key in ("tags", "hold") if key in changes}
        if "tags" in values:
            values["tags"] = checked_tags(values["tags"])
        with self._db.write() as conn:
            snapshot = found(conn, actor, snapshot_id, "snapshot.create")
            if snapshot.version != version:
                raise changed_meanwhile("snapshot")
            changed = store.change(conn, Snapshot, snapshot.id, version=version + 1, **values) or snapshot
            record(conn, actor, changed, "snapshot.update", audit.difference(snapshot, values))
            return changed

    def verify(self, actor: Actor, snapshot_id: str, level: int | None) -> tuple[Snapshot, Run]:
        """Prove it again, to `level` (by default the one it was made for)."""
        with self._db.write() as conn:
            snapshot = found(conn, actor, snapshot_id, "snapshot.verify")
            require_ready(snapshot)
            wanted = snapshot.wanted_level if level is None else max(1, level)
            return snapshot, self._submit(
                conn, actor, snapshot, "snapshot.verify", {"level": wanted}, node=self.node_of(conn, snapshot)
            )

    def delete(self, actor: Actor, snapshot_id: str, confirm: str, *, force: bool = False) -> tuple[Snapshot, Run]:
        """Refused for a held snapshot, and without `force` for the only good one its database has."""
        with self._db.write() as conn:
            snapshot = found(conn, actor, snapshot_id, "snapshot.delete")
            if confirm != snapshot.id:
                raise Invalid(
                    "confirm must be the snapshot's id",
                    code="confirm_mismatch",
                    details={"fields": [{"field": "confirm", "message": "is not the id"}]},
                )
            if snapshot.state not in ("ready", "failed", "forgotten"):
                raise Conflict(f"the snapshot is {snapshot.state}", code="snapshot_state")
            if snapshot.hold:
                raise Conflict("the snapshot is held", code="snapshot_held", hint="Release the hold first.")
            good = snapshot.state == "ready" and snapshot.verification != "red"
            if good and not force and not store.other_good(conn, snapshot):
                raise Conflict(
                    "this is the only good snapshot of its database",
                    code="last_good_snapshot",
                    hint="Take another one first, or say force.",
                )
            node = self.node_of(conn, snapshot)
            run = self._submit(conn, actor, snapshot, "snapshot.delete", {}, snapshot.resource_id, node)
            return snapshot, run

    def restores(
        self,
        actor: Actor,
        *,
        project_id: str | None,
        resource_id: str | None,
        snapshot_id: str | None,
        state: str | None,
        after: str | None,
        limit: int,
    ) -> Sequence[tuple[Restore, str | None]]:
        """Who brought what back where, newest first, each with its database's name. Two statements always."""
        actor.require_within("snapshot.read", project_id)
        visible = actor.visible("snapshot.read", Columns.of(restores))
        with self._db.read() as conn:
            rows = store.page(
                conn,
                Restore,
                visible=visible,
                project_id=project_id,
                resource_id=resource_id,
                snapshot_id=snapshot_id,
                state=state,
                after=after,
                limit=limit,
            )
            into = databases.by_ids(conn, [row.resource_id for row in rows])
        return [(row, one.name if (one := into.get(row.resource_id)) else None) for row in rows]

    def _submit(
        self,
        conn: sa.Connection,
        actor: Actor,
        snapshot: Snapshot,
        kind: str,
        values: Mapping[str, Any],
        resource_id: str | None = None,
        node: str | None = None,
    ) -> Run:
        run = self._jobs.submit(
            conn,
            kind=kind,
            actor=actor.id,
            project_id=snapshot.project_id,
            environment_id=snapshot.environment_id,
            resource_id=resource_id or snapshot.resource_id,
            input={"snapshot_id": snapshot.id, **values},
            node=node,
        )
        record(conn, actor, snapshot, kind, {"run_id": run.id, **values})
        return run


def found(conn: sa.Connection, actor: Actor, snapshot_id: str, permission: str) -> Snapshot:
    """The snapshot, if `actor` may do `permission` with it; absent and foreign look the same."""
    snapshot = store.get(conn, Snapshot, snapshot_id)
    actor.require(permission, snapshot.place if snapshot else None, noun="snapshot")
    if snapshot is None:
        raise no_such("snapshot")
    return snapshot


def require_ready(snapshot: Snapshot) -> None:
    if snapshot.state != "ready" or snapshot.restic_id is None:
        raise Conflict(f"the snapshot is {snapshot.state}, not ready", code="snapshot_state")


def record(conn: sa.Connection, actor: Actor, snapshot: Snapshot, action: str, details: Mapping[str, Any]) -> None:
    audit.record(
        conn,
        actor=actor.id,
        action=action,
        project_id=snapshot.project_id,
        environment_id=snapshot.environment_id,
        resource_id=snapshot.resource_id,
        details={"snapshot_id": snapshot.id, "name": snapshot.resource_name, **details},
    )
