"""Projects and environments: one transaction per act, row and audit together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from holdfast.features.access.actor import Actor
from holdfast.features.access.granting.ending import end_environment, end_project
from holdfast.features.access.grants import Columns
from holdfast.features.projects import store
from holdfast.features.projects.model import (
    COLOURS,
    KINDS,
    Environment,
    EnvironmentKind,
    Project,
    environments,
    projects,
)
from holdfast.features.projects.names import checked_name
from holdfast.features.projects.scope import environment_of, project_of
from holdfast.kernel import audit
from holdfast.kernel.clock import Clock
from holdfast.kernel.db import Database
from holdfast.kernel.errors import Conflict, Invalid
from holdfast.kernel.ids import new_id
from holdfast.kernel.secrets import Secrets
from holdfast.web.changed import changed_meanwhile
from holdfast.web.idempotency import NEVER, Once

Occupied = Callable[[sa.Connection, str], str | None]


class ProjectsService:
    """`occupied` are questions of the slices above: given an environment's id, what still lives there, or None."""

    def __init__(self, db: Database, clock: Clock, secrets: Secrets, occupied: Sequence[Occupied] = ()) -> None:
        self._db = db
        self._clock = clock
        self._secrets = secrets
        self._occupied = tuple(occupied)

    def ensure_default(self) -> None:
        """At the first start: a project to begin with. Afterwards nothing."""
        with self._db.write() as conn:
            if not store.any_project(conn):
                self._insert(conn, "system", "default", "", KINDS)

    def create(self, actor: Actor, name: str, description: str = "", once: Once = NEVER) -> Project:
        """With its three environments. Raises Conflict("name_taken")."""
        actor.require_everywhere("project.create")
        with self._db.write() as conn:
            once.check(conn)
            made = self._insert(conn, actor.id, checked_name(name), description, KINDS)
            once.keep(conn, made)
            return made

    def list(self, actor: Actor, *, after: str | None = None, limit: int = 50) -> Sequence[Project]:
        """The actor's projects only."""
        actor.require("project.read")
        with self._db.read() as conn:
            visible = actor.visible("project.read", Columns(projects.c.id))
            return store.page_of_projects(conn, visible=visible, after=after, limit=limit)

    def get(self, actor: Actor, project_id: str) -> Project:
        with self._db.read() as conn:
            return project_of(conn, actor, project_id, "project.read")

    def update(self, actor: Actor, project_id: str, version: int, changes: Mapping[str, Any]) -> Project:
        """`name`, `description`. Raises PreconditionFailed when `version` is no longer current."""
        with self._db.write() as conn:
            before = project_of(conn, actor, project_id, "project.update")
            values = _changes(changes, ("name", "description"))
            try:
                changed = store.change_project(conn, project_id, version, self._clock.now(), values)
            except sa.exc.IntegrityError:
                raise _taken("project", str(values["name"])) from None
            if changed is None:
                raise changed_meanwhile("project")
            details = {key: [getattr(before, key), value] for key, value in values.items()}
            audit.record(conn, actor=actor.id, action="project.update", project_id=project_id, details=details)
            return changed

    def delete(self, actor: Actor, project_id: str, confirm: str) -> None:
        """An empty project and its environments. `confirm` is its name, typed."""
        with self._db.write() as conn:
            project = project_of(conn, actor, project_id, "project.delete")
            _check_confirm(project.name, confirm)
            for environment_id in store.environment_ids(conn, project_id):
                self._remove(conn, environment_id)
            store.delete_project(conn, project_id)
            details = {"name": project.name, **end_project(conn, project_id)}
            audit.record(conn, actor=actor.id, action="project.delete", project_id=project_id, details=details)

    def create_environment(
        self, actor: Actor, project_id: str, name: str, kind: EnvironmentKind, once: Once = NEVER
    ) -> Environment:
        """Raises Conflict("name_taken")."""
        with self._db.write() as conn:
            project_of(conn, actor, project_id, "environment.create")
            once.check(conn)
            made = self._insert_environment(conn, actor.id, project_id, checked_name(name), kind)
            once.keep(conn, made)
            return made

    def environments(
        self, actor: Actor, project_id: str, *, after: str | None = None, limit: int = 50
    ) -> Sequence[Environment]:
        with self._db.read() as conn:
            project_of(conn, actor, project_id, "environment.read")
            visible = actor.visible("environment.read", Columns(environments.c.project_id, environments.c.id))
            return store.page_of_environments(conn, project_id, visible=visible, after=after, limit=limit)

    def environment(self, actor: Actor, environment_id: str) -> Environment:
        with self._db.read() as conn:
            return environment_of(conn, actor, environment_id, "environment.read")

    def update_environment(
        self, actor: Actor, environment_id: str, version: int, changes: Mapping[str, Any]
    ) -> Environment:
        """`name`, `colour`; step-up: `restore_allowed`, `masking_required` (with masking.write). Never the kind:
        production must stay guarded as production."""
        with self._db.write() as conn:
            found = environment_of(conn, actor, environment_id, "environment.update")
            if changes.get("masking_required") is not None:
                actor.require("masking.write", found.place, noun="environment")
            if changes.get("restore_allowed") or changes.get("masking_required") is False:
                actor.require_step_up()
            values = _changes(changes, ("name", "colour", "restore_allowed", "masking_required"))
            try:
                changed = store.change_environment(conn, environment_id, version, self._clock.now(), values)
            except sa.exc.IntegrityError:
                raise _taken("environment", str(values["name"])) from None
            if changed is None:
                raise changed_meanwhile("environment")
            self._record(conn, actor.id, "environment.update", found, audit.difference(found, values))
            return changed

    def delete_environment(self, actor: Actor, environment_id: str, confirm: str) -> None:
        """Only when nothing lives in it. Raises Conflict("environment_not_empty")."""
        with self._db.write() as conn:
            found = environment_of(conn, actor, environment_id, "environment.delete")
            _check_confirm(found.name, confirm)
            self._remove(conn, environment_id)
            details = {"name": found.name, **end_environment(conn, environment_id)}
            self._record(conn, actor.id, "environment.delete", found, details)

    def _insert(
        self, conn: sa.Connection, actor: str, name: str, description: str, kinds: Sequence[EnvironmentKind]
    ) -> Project:
        now = self._clock.now()
        made = Project(new_id("prj"), name, description, 1, actor, now, now)
        try:
            store.insert_project(conn, made)
        except sa.exc.IntegrityError:
            raise _taken("project", name) from None
        audit.record(conn, actor=actor, action="project.create", project_id=made.id, details={"name": name})
        for kind in kinds:
            self._insert_environment(conn, actor, made.id, kind, kind)
        return made

    def _insert_environment(
        self, conn: sa.Connection, actor: str, project_id: str, name: str, kind: EnvironmentKind
    ) -> Environment:
        now = self._clock.now()
        made = Environment(new_id("env"), project_id, name, kind, COLOURS[kind], 1, actor, now, now)
        try:
            store.insert_environment(conn, made)
        except sa.exc.IntegrityError:
            raise _taken("environment", name) from None
        self._secrets.open_environment(conn, project_id, made.id)
        self._record(conn, actor, "environment.create", made, {"name": name, "kind": kind})
        return made

    def _remove(self, conn: sa.Connection, environment_id: str) -> None:
        for question in self._occupied:
            if there := question(conn, environment_id):
                raise Conflict(
                    f"{there} is still in this environment",
                    code="environment_not_empty",
                    hint="Delete what is in it first; deleted things count until they are purged.",
                )
        self._secrets.close_environment(conn, environment_id)
        store.delete_environment(conn, environment_id)

    @staticmethod
    def _record(
        conn: sa.Connection, actor: str, action: str, environment: Environment, details: Mapping[str, Any]
    ) -> None:
        audit.record(
            conn,
            actor=actor,
            action=action,
            project_id=environment.project_id,
            environment_id=environment.id,
            details=details,
        )


def _changes(changes: Mapping[str, Any], allowed: Sequence[str]) -> dict[str, Any]:
    values = {key: changes[key] for key in allowed if changes.get(key) is not None}
    if "name" in values:
        values["name"] = checked_name(values["name"])
    return values


def _taken(noun: str, name: str) -> Conflict:
    return Conflict(f"there is {noun} {name!r} already", code="name_taken", hint="Choose another name.")


def _check_confirm(name: str, confirm: str) -> None:
    if confirm != name:
        raise Invalid(
            "confirm must be the name, exactly",
            code="confirm_mismatch",
            details={"fields": [{"field": "confirm", "message": "is not the name"}]},
        )
