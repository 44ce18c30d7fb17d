"""The lost server's records made the new server's: one transaction on the staged database.

Everything that was only true on the lost machine is taken out: its node, its sessions, its runs under way, its files.
Every database that Holdfast hosted gets a restore of its newest good snapshot, as a run that the new server's runner
executes: there a crash is nothing special.
"""

from __future__ import annotations

import secrets as tokens
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from holdfast.contract.registry import Registry
from holdfast.features.access.model import sessions, users
from holdfast.features.backups import store as backups
from holdfast.features.backups.adopting import Adoptable, readable, row_of
from holdfast.features.backups.anchors import ANCHOR
from holdfast.features.backups.model import IMPORTED, RepositoryRow, Restore, Snapshot, restores, snapshots
from holdfast.features.connections.model import tunnels
from holdfast.features.databases import store as databases
from holdfast.features.databases.model import EXTERNAL, KIND, Resource, resources
from holdfast.features.projects.model import environments, projects
from holdfast.features.recovery.code import after_loss
from holdfast.features.recovery.model import metadata_snapshots
from holdfast.features.recovery.outlook import Coming, Outlook, Reached
from holdfast.features.recovery.staging import Open, Staged
from holdfast.features.secrets.model import installation
from holdfast.features.transfers.model import exports, uploads
from holdfast.features.upgrades.model import upgrades
from holdfast.features.workers.model import workers
from holdfast.features.workers.store import begin_build
from holdfast.features.workers.versions import BUILD
from holdfast.jobs import ENDED, Jobs
from holdfast.jobs.schema import nodes, runners, runs
from holdfast.kernel import audit
from holdfast.kernel.audit_chain import head as audit_head
from holdfast.kernel.db import metadata
from holdfast.kernel.ids import new_id

ACTOR = "system"
_LOST: dict[str, Any] = {"hint": None, "details": {}, "retryable": False}


@dataclass(frozen=True)
class Wish:
    """`only`: names or ids of the databases to bring back; empty = all. `started_from`: for the audit log."""

    now: datetime
    only: Sequence[str] = ()
    started_from: str = ""


class Rebuild:
    """One use. `outlook` is complete after `run`, which may only be called in a transaction on the staged database."""

    def __init__(self, staged: Staged, engines: Registry, jobs: Jobs, wish: Wish, outlook: Outlook) -> None:
        self._staged = staged
        self._engines = engines
        self._jobs = jobs
        self._wish = wish
        self.outlook = outlook
        self._node = staged.keys.node
        self._head = 0

    def run(self, conn: sa.Connection) -> None:
        """Raises what a database raises; nothing is changed then."""
        ended = audit_head(conn)
        self._head = ended.seq if ended else 0
        self._forget_machine(conn)
        self._repositories(conn)
        self._restore_all(conn)
        self._workers(conn)
        conn.execute(sa.update(installation).values(epoch=self.outlook.epoch))
        self.outlook.people = _count(conn, users)
        self.outlook.projects = _count(conn, projects)
        self._record(conn)

    # -- what was the lost machine's ---------------------------------------------------------------------------

    def _forget_machine(self, conn: sa.Connection) -> None:
        """Also its sessions: one that was ended after the snapshot would live again."""
        now = self._wish.now
        error = {"code": "server_lost", "message": "the server it ran on was lost", **_LOST}
        going = runs.c.state.not_in(sorted(ENDED))
        ended = {"state": "cancelled", "finished_at": now, "error": error, "epoch": runs.c.epoch + 1}
        conn.execute(sa.update(runs).where(going).values(**ended))
        failed = {"state": "failed", "error": error, "finished_at": now, "kept_until": None}
        conn.execute(sa.update(restores).where(restores.c.state == "running").values(**failed))
        conn.execute(sa.update(restores).values(kept_until=None))
        conn.execute(sa.update(upgrades).values(kept=None, kept_until=None))
        open_ones = sa.update(tunnels).where(tunnels.c.dismissed_at.is_(None))
        closed = sa.func.coalesce(tunnels.c.closed_at, sa.bindparam("closed", now, tunnels.c.closed_at.type))
        conn.execute(open_ones.values(dismissed_at=now, closed_at=closed, reason="the server was lost"))
        for files in (uploads, exports):  # those on the disk are gone: the sweep takes the rows
            conn.execute(sa.update(files).values(expires_at=now))
        creating = metadata_snapshots.c.state == "creating"
        conn.execute(sa.update(metadata_snapshots).where(creating).values(state="failed", error=error))
        for table in (sessions, runners, nodes):
            conn.execute(sa.delete(table))
        for table in metadata.sorted_tables:
            if "node" in table.c and table is not runs:
                here = sa.update(table).where(table.c.node.is_not(None))
                conn.execute(here.values(node=self._node))
        conn.execute(sa.update(runs).where(runs.c.node.is_not(None)).values(node=self._node))

    # -- repositories and what is in them ----------------------------------------------------------------------

    def _repositories(self, conn: sa.Connection) -> None:
        reached = []
        for found in self._staged.opened.values():
            adopted = 0
            if found.repository is not None:
                adopted = self._reconcile(conn, found)
            elif found.row.on_disk and not found.row.lies:
                self._begin_anew(conn, found.row)
            where = str(found.directory) if found.directory else self._staged.keys.places.where(found.row)
            ok = found.repository is not None
            reached.append(Reached(found.row.id, found.row.name, where, ok, found.why, adopted))
        self.outlook.repositories = reached

    def _begin_anew(self, conn: sa.Connection, row: RepositoryRow) -> None:
        """A local one whose directory is gone is made again, empty, at its next use; what was in it is lost."""
        error = {"code": "repository_lost", "message": f"the repository {row.name!r} was lost with the server", **_LOST}
        c = snapshots.c
        there = sa.update(snapshots).where(c.repository_id == row.id, c.state.in_(("ready", "creating")))
        conn.execute(there.values(state="failed", verification="red", error=error))
        own = metadata_snapshots.c
        mine = sa.update(metadata_snapshots).where(own.repository_id == row.id, own.state == "ready")
        conn.execute(mine.values(state="failed", error=error))
        backups.change(conn, RepositoryRow, row.id, state="new", restic_id=None, trouble=None, last_check=None)

    def _reconcile(self, conn: sa.Connection, found: Open) -> int:
        """Rows and repository say the same afterwards: what only the repository knows gets rows, and what it no longer
        has is deleted. The number of rows made."""
        row, repository = found.row, found.repository
        assert repository is not None  # noqa: S101 - the caller looked
        there = {each.info.id: each for each in found.found}
        c = snapshots.c
        known = {r.id: r for r in conn.execute(sa.select(c.id, c.state, c.restic_id).where(c.repository_id == row.id))}
        wanted = [each for each in there.values() if each.origin == "database" and self._unknown(known, each)]
        good, bad = readable(repository, wanted)
        made = sum(self._adopt(conn, row, each, known) for each in good)
        gone = {"code": "snapshot_gone", "message": "it is no longer in its repository", **_LOST}
        for old in known.values():
            if old.state == "ready" and old.restic_id not in there:
                values = {"state": "deleted", "deleted_at": self._wish.now, "error": gone}
                backups.change(conn, Snapshot, old.id, states=("ready",), **values)
        lost = {"code": "server_lost", "message": "the server it was taken on was lost", **_LOST}
        half = sa.update(snapshots).where(c.repository_id == row.id, c.state == "creating")
        conn.execute(half.values(state="failed", verification="red", error=lost))
        backups.change(conn, RepositoryRow, row.id, state="ready", restic_id=repository.id, trouble=None)
        if bad:
            self.outlook.warnings.append(f"{len(bad)} snapshots in {row.name!r} have a manifest that cannot be read")
        return made

    @staticmethod
    def _unknown(known: dict[str, Any], each: Any) -> bool:
        old = known.get(each.snapshot_id)
        return old is None or old.state == "creating" or (old.state == "ready" and old.restic_id is None)

    def _adopt(self, conn: sa.Connection, row: RepositoryRow, each: Adoptable, known: dict[str, Any]) -> int:
        """One that was stored after the metadata's snapshot was taken, or just before its row said so."""
        resource = databases.get(conn, str(each.facts["resource_id"])) or self._unrecorded(conn, each)
        if resource is None:
            self.outlook.warnings.append(
                f"a snapshot of {each.facts['resource_name']!r} is of an environment that was made later: "
                f"restore it by hand (restic id {each.stored.info.id[:12]})"
            )
            return 0
        anchor = each.manifest.facts.get(ANCHOR)
        made = row_of(
            each,
            row.id,
            resource.project_id,
            resource.environment_id,
            self._wish.now,
            snapshot_id=each.stored.snapshot_id or new_id("snap"),
            actor=ACTOR,
            keep_anchor=isinstance(anchor, dict) and int(anchor.get("seq", 0)) <= self._head,
        )
        if made.id in known:
            facts: dict[str, Any] = {"restic_id": made.restic_id, "summary": made.summary, "taken_at": made.taken_at}
            facts |= {"source_bytes": made.source_bytes, "entries": made.entries, "rows": made.rows}
            backups.change(conn, Snapshot, made.id, state="ready", **facts)
        elif backups.get(conn, Snapshot, made.id) is None:
            backups.insert(conn, made)
        else:
            return 0
        return 1

    def _unrecorded(self, conn: sa.Connection, each: Adoptable) -> Resource | None:
        """The row of a database that was made after the metadata's snapshot, when its environment is known: with the
        name and spec of its own snapshot, and new passwords."""
        facts, now = each.facts, self._wish.now
        c = environments.c
        place = conn.execute(sa.select(c.id, c.project_id).where(c.id == facts.get("environment_id"))).first()
        if place is None or str(facts["engine"]) not in self._engines.names():
            return None
        engine = self._engines.get(str(facts["engine"]))
        name = str(facts["resource_name"])
        if databases.by_name(conn, place.id, name) is not None:
            name = f"{name[:50]}-{str(facts['resource_id'])[-8:]}"
        values: dict[str, Any] = dict.fromkeys(Resource.__dataclass_fields__)
        values |= {"id": facts["resource_id"], "project_id": place.project_id, "environment_id": place.id}
        values |= {"kind": KIND, "engine": engine.name, "name": name, "spec": dict(facts.get("spec") or {})}
        values |= {"labels": {}, "notes": "Found in a repository when the server was recovered.", "state": "failed"}
        values |= {"deletion_protection": False, "generation": 1, "version": 1, "created_by": ACTOR}
        made = Resource(**values | {"created_at": now, "updated_at": now, "node": self._node})
        databases.insert(conn, made)
        for secret in engine.needs(engine.spec.model_validate(dict(made.spec)))[1]:
            self._staged.secrets.put(conn, place.id, made.id, secret, tokens.token_urlsafe(24))
        self.outlook.warnings.append(f"{name!r} was made after the metadata's snapshot: its passwords are new")
        return made

    # -- databases ---------------------------------------------------------------------------------------------

    def _restore_all(self, conn: sa.Connection) -> None:
        c = resources.c
        gone = c.deleted_at.is_not(None) & c.purged_at.is_(None)
        conn.execute(sa.update(resources).where(gone).values(purged_at=self._wish.now, endpoint=None))
        named = sa.select(resources, projects.c.name.label("project"), environments.c.name.label("environment"))
        joined = named.join(projects, projects.c.id == c.project_id).join(
            environments, environments.c.id == c.environment_id
        )
        ours = joined.where(c.deleted_at.is_(None), sa.or_(c.host.is_(None), c.host != EXTERNAL))
        for row in conn.execute(ours.order_by(projects.c.name, environments.c.name, c.name)).all():
            coming = Coming(row.id, row.name, row.engine, row.project, row.environment)
            self.outlook.databases.append(self._restore(conn, databases.resource_from(row), coming))

    def _restore(self, conn: sa.Connection, resource: Resource, coming: Coming) -> Coming:
        if self._wish.only and not {resource.id, resource.name} & set(self._wish.only):
            return self._left(conn, resource, coming, "not_recovered", "it was not among those to bring back")
        best = self._best(conn, resource)
        if best is None:
            return self._left(conn, resource, coming, "no_snapshot", "no good snapshot of it can be reached")
        taken_at = best.taken_at or best.created_at
        restore = self._row(resource, best)
        backups.insert(conn, restore)
        run = self._jobs.submit(
            conn,
            kind="snapshot.restore",
            actor=ACTOR,
            project_id=resource.project_id,
            environment_id=resource.environment_id,
            resource_id=resource.id,
            input={"restore_id": restore.id, "snapshot_id": best.id, "mode": "new"},
            trigger="recovery",
            node=self._node,
        )
        backups.change(conn, Restore, restore.id, run_id=run.id)
        values: dict[str, Any] = {
            "state": "restoring",
            "state_reason": None,
            "endpoint": None,
            "host": None,
            "bump_generation": True,
        }
        databases.change(conn, resource.id, now=self._wish.now, **values)
        databases.claim(conn, resource.id, run.id)
        return replace(
            coming,
            snapshot_id=best.id,
            taken_at=taken_at,
            age=max(0.0, (self._wish.now - taken_at).total_seconds()),
            bytes=best.source_bytes,
            repository=self._staged.opened[best.repository_id].row.name,
            run_id=run.id,
        )

    def _best(self, conn: sa.Connection, resource: Resource) -> Snapshot | None:
        """The newest by when it was taken that nobody found wrong, in a repository that is there."""
        open_ones = [each for each, found in self._staged.opened.items() if found.repository is not None]
        c = snapshots.c
        there = (c.resource_id == resource.id, c.state == "ready", c.restic_id.is_not(None))
        good = (*there, c.verification != "red", c.trigger != IMPORTED)
        query = sa.select(snapshots).where(*good, c.repository_id.in_(open_ones))
        found = conn.execute(query.order_by(sa.func.coalesce(c.taken_at, c.created_at).desc(), c.id.desc()).limit(1))
        row = found.mappings().first()
        return Snapshot(**row) if row else None

    def _left(self, conn: sa.Connection, resource: Resource, coming: Coming, code: str, why: str) -> Coming:
        """Never empty and ready: it says that its data did not come back."""
        reason = {**_LOST, "code": code, "message": f"after the recovery: {why}"}
        reason["hint"] = "Restore one of its snapshots into a new database: holdfast snapshot restore."
        values = {"state": "failed", "state_reason": reason, "endpoint": None, "run_id": None}
        conn.execute(sa.update(resources).where(resources.c.id == resource.id).values(**values))
        return replace(coming, why=why)

    def _row(self, resource: Resource, snapshot: Snapshot) -> Restore:
        none: Any = None
        return Restore(
            id=new_id("rst"),
            project_id=resource.project_id,
            environment_id=resource.environment_id,
            snapshot_id=snapshot.id,
            resource_id=resource.id,
            mode="new",
            actor=ACTOR,
            run_id=none,
            select=[],
            safety_snapshot_id=none,
            state="running",
            candidate=none,
            kept=none,
            kept_until=none,
            masking=none,
            receipt=none,
            verdict=none,
            error=none,
            at=self._wish.now,
            finished_at=none,
        )

    def _workers(self, conn: sa.Connection) -> None:
        """Their code is laid down beside; packages are installed again, the same ones, by runs."""
        error = {**_LOST, "code": "code_lost", "message": "after the recovery: its code is not in the snapshot"}
        error["hint"] = "Deploy it again."
        building, lost = after_loss(conn, self._staged.code, error)
        for version in building:
            run = self._jobs.submit(
                conn,
                kind=BUILD,
                actor=ACTOR,
                project_id=version.project_id,
                environment_id=version.environment_id,
                input={"version_id": version.id},
                trigger="recovery",
                node=self._node,
            )
            begin_build(conn, version.id, run.id)
        self.outlook.workers = _count(conn, workers)
        if lost:
            words = f"the code of {lost} versions of workers is not in this snapshot: deploy them again"
            self.outlook.warnings.append(words)

    def _record(self, conn: sa.Connection) -> None:
        found = self.outlook
        audit.record(
            conn,
            actor=ACTOR,
            action="server.recover",
            details={
                "from": self._wish.started_from,
                "metadata_snapshot": found.snapshot,
                "taken_at": found.taken_at.isoformat(),
                "epoch": found.epoch,
                "audit_known_to": self._head,
                "databases": len(found.databases),
                "coming": sum(each.snapshot_id is not None for each in found.databases),
            },
        )


def _count(conn: sa.Connection, table: sa.Table) -> int:
    return int(conn.execute(sa.select(sa.func.count()).select_from(table)).scalar_one())
