"""Asking for a clone, and for where a database came from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from holdfast.features.access.actor import Actor
from holdfast.features.backups.copying import check_copy
from holdfast.features.copies import store
from holdfast.features.copies.model import Clone, Origin
from holdfast.features.databases import store as databases
from holdfast.features.databases.guard import found as found_database
from holdfast.features.databases.model import Resource
from holdfast.features.databases.service import DatabasesService, Wanted, wrong_state
from holdfast.features.projects.scope import environment_of
from holdfast.jobs import Jobs, Run
from holdfast.kernel import audit
from holdfast.kernel.clock import Clock
from holdfast.kernel.db import Database
from holdfast.kernel.errors import Conflict
from holdfast.kernel.ids import new_id
from holdfast.web.idempotency import NEVER, Once


@dataclass(frozen=True)
class CloneWish:
    """`environment_id` None = the source's own; `masking` is a profile's name or id."""

    name: str
    environment_id: str | None = None
    masking: str | None = None


class CopiesService:
    """Read on the source, create on the target, both checked; out of production as restores are."""

    def __init__(self, db: Database, jobs: Jobs, databases_service: DatabasesService, clock: Clock) -> None:
        self._db = db
        self._jobs = jobs
        self._databases = databases_service
        self._clock = clock

    def clone(self, actor: Actor, source_id: str, wish: CloneWish, once: Once = NEVER) -> tuple[Resource, Clone, Run]:
        """202: the new database, the clone and its run. Raises what a restore into a new database raises."""
        with self._db.write() as conn:
            source = found_database(conn, actor, source_id, "database.clone")
            wanted_id = wish.environment_id or source.environment_id
            environment = environment_of(conn, actor, wanted_id, "database.create")
            once.check(conn)
            actor.require_step_up()
            masking = check_copy(conn, actor, source, environment, wish.masking)
            if environment.project_id != source.project_id:
                raise Conflict("a database is cloned within its own project", code="other_project")
            if source.state != "ready":
                raise wrong_state(source, "clone")
            masked = f", masked with {masking['name']}." if masking else "."
            notes = f"Cloned from {source.name} ({source.id}){masked}"
            wanted = Wanted(environment.id, source.engine, wish.name, source.spec, {}, notes=notes)
            resource = self._databases.insert(conn, actor, environment, wanted, state="creating")
            clone = self._row(actor, source, resource, masking)
            store.insert(conn, clone)
            run = self._jobs.submit(
                conn,
                kind="database.clone",
                actor=actor.id,
                project_id=resource.project_id,
                environment_id=resource.environment_id,
                resource_id=resource.id,
                input={"clone_id": clone.id, "source_id": source.id},
            )
            clone = store.change(conn, clone.id, run_id=run.id) or clone
            audit.record(
                conn,
                actor=actor.id,
                action="database.clone",
                project_id=source.project_id,
                environment_id=source.environment_id,
                resource_id=source.id,
                details={
                    "run_id": run.id,
                    "name": source.name,
                    "target": resource.id,
                    "target_name": resource.name,
                    "masking": masking["name"] if masking else None,
                },
            )
            made = (databases.claim(conn, resource.id, run.id), clone, run)
            once.keep(conn, made)
            return made

    def origin(self, actor: Actor, resource_id: str) -> Origin:
        """Cloned from what, restored from which snapshot, as of when; or made empty."""
        with self._db.read() as conn:
            resource = found_database(conn, actor, resource_id, "database.read")
            clone = store.of(conn, resource.id)
            if clone is not None:
                named = clone.masking["name"] if clone.masking else None
                return Origin("cloned", clone.source_id, clone.source_name, None, clone.moment, named)
            row = store.restored(conn, resource.id)
        if row is None:
            return Origin("created")
        masking = row.masking["name"] if row.masking else None
        return Origin("restored", row.resource_id, row.resource_name, row.id, row.taken_at, masking)

    def _row(self, actor: Actor, source: Resource, target: Resource, masking: Any) -> Clone:
        return Clone(
            id=new_id("cln"),
            project_id=target.project_id,
            environment_id=target.environment_id,
            resource_id=target.id,
            source_id=source.id,
            source_name=source.name,
            actor=actor.id,
            run_id=None,
            state="running",
            masking=masking,
            receipt=None,
            verdict=None,
            error=None,
            moment=None,
            at=self._clock.now(),
            finished_at=None,
        )
