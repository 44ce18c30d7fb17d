"""Registering servers and files that are not ours, testing them, and changing the way to them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from holdfast.features.access.actor import Actor
from holdfast.features.databases import external_store, store
from holdfast.features.databases.external_look import Looker, Seen
from holdfast.features.databases.external_target import NAMES, Placed, Target, place, registering
from holdfast.features.databases.guard import found
from holdfast.features.databases.model import EXTERNAL, Look, Resource
from holdfast.features.databases.reach import Reach
from holdfast.features.databases.service import DatabasesService, Wanted, wrong_state
from holdfast.features.projects.scope import environment_of
from holdfast.hosts.external.files import checked_file
from holdfast.jobs import Run
from holdfast.kernel import audit
from holdfast.kernel.clock import Clock
from holdfast.kernel.db import Database
from holdfast.kernel.errors import Conflict, HoldfastError
from holdfast.kernel.secrets import Secrets
from holdfast.web.idempotency import NEVER, Once

PERMISSION = "database.register"


@dataclass(frozen=True)
class Registration:
    """A database of somebody else's, and what Holdfast notes beside it."""

    environment_id: str
    engine: str
    name: str
    target: Target
    labels: Mapping[str, str] = field(default_factory=dict)
    colour: str | None = None
    notes: str = ""
    deletion_protection: bool = False

    def wanted(self) -> Wanted:
        protected = self.deletion_protection
        return Wanted(self.environment_id, self.engine, self.name, {}, self.labels, self.colour, self.notes, protected)


@dataclass(frozen=True)
class Tried:
    """What a test of a target came to: a report, or the reason why not."""

    report: Mapping[str, Any] | None
    error: Mapping[str, Any] | None


class ExternalService:
    """Passwords, keys and certificates go into `kernel.secrets` and nowhere else: no row, audit or answer holds one."""

    def __init__(
        self,
        db: Database,
        databases: DatabasesService,
        reach: Reach,
        secrets: Secrets,
        looker: Looker,
        clock: Clock,
    ) -> None:
        self._db = db
        self._databases = databases
        self._reach = reach
        self._secrets = secrets
        self._looker = looker
        self._clock = clock

    def register(self, actor: Actor, wish: Registration, once: Once = NEVER) -> tuple[Resource, Run]:
        """The run looks at it: ready when it can be reached, failed with the reason when not.

        Raises Invalid (with fields), Conflict (codes "name_taken", "ssh_host_key_unconfirmed"), NeedsOperator.
        """
        with self._db.write() as conn:
            environment = environment_of(conn, actor, wish.environment_id, PERMISSION)
            once.check(conn)
            placed = self._placed(wish.engine, wish.target)
            resource = self._databases.insert(
                conn, actor, environment, wish.wanted(), state="creating", host=EXTERNAL, endpoint=placed.record
            )
            self._store(conn, resource, placed)
            made = self._databases.submit(conn, actor, resource, "database.register")
            once.keep(conn, made)
            return made

    def reconnect(self, actor: Actor, resource_id: str, target: Target) -> tuple[Resource, Run]:
        """Another way to the same database: everything about the target is given anew. Looked at by a run."""
        with self._db.write() as conn:
            resource = self._external(conn, actor, resource_id)
            placed = self._placed(resource.engine, target)
            changed = store.change(
                conn,
                resource.id,
                now=self._clock.now(),
                states=("ready", "failed"),
                state="starting",
                endpoint=placed.record,
                bump_generation=True,
            )
            if changed is None:
                raise wrong_state(resource, "reconnect")
            self._secrets.delete_resource(conn, resource.environment_id, resource.id)
            self._store(conn, changed, placed)
            return self._databases.submit(conn, actor, changed, "database.register")

    def test(self, actor: Actor, environment_id: str, engine: str, target: Target) -> Tried:
        """Reach it and say what was found; nothing is kept but the audit's word that it was tried."""
        with self._db.write() as conn:
            environment = environment_of(conn, actor, environment_id, PERMISSION)
            placed = self._placed(engine, target)
            where = {key: placed.record.get(key) for key in ("host", "port", "path")}
            audit.record(
                conn,
                actor=actor.id,
                action="database.test",
                project_id=environment.project_id,
                environment_id=environment.id,
                details={"engine": engine, **{key: value for key, value in where.items() if value}},
            )
        try:
            seen = self._looker.look(self._reach.engines.get(engine), placed.record, placed.secrets)
        except HoldfastError as error:
            return Tried(None, error.as_dict())
        return Tried(seen.report_json(), None)

    def host_key(self, actor: Actor, environment_id: str, host: str, port: int) -> tuple[str, str]:
        """The key an SSH server shows now and its fingerprint, for a person to compare."""
        with self._db.write() as conn:
            environment = environment_of(conn, actor, environment_id, PERMISSION)
            audit.record(
                conn,
                actor=actor.id,
                action="database.host_key",
                project_id=environment.project_id,
                environment_id=environment.id,
                details={"host": host, "port": port},
            )
        return self._reach.hosts.lines.host_key(host, port)

    def latest(self, actor: Actor, resource_id: str) -> tuple[Resource, Look | None]:
        """The latest look; None before the first."""
        with self._db.read() as conn:
            resource = found(conn, actor, resource_id, "database.read")
            require_external(resource)
            return resource, external_store.of(conn, resource.id)

    def report(self, actor: Actor, resource_id: str) -> tuple[Resource, Look]:
        """Look now. A reader that has proven itself meanwhile may be used from here on; one that has lost its proof no
        longer. A database that could not be reached before is ready again."""
        with self._db.read() as conn:
            resource = self._external(conn, actor, resource_id)
        if resource.state not in ("ready", "failed"):
            raise wrong_state(resource, "look at")
        seen: Seen | HoldfastError
        try:
            seen = self._looker.look_at(resource)
        except HoldfastError as error:
            seen = error
        with self._db.write() as conn:
            look = self._looker.keep(conn, resource.id, seen)
            if isinstance(seen, Seen):
                resource = self._adopt(conn, resource, seen)
            details = {"name": resource.name, "ok": look.ok, **({"code": seen.code} if not look.ok else {})}  # type: ignore[union-attr]
            self._databases.record(conn, actor, resource, "database.report", details)
        return resource, look

    def _adopt(self, conn: sa.Connection, resource: Resource, seen: Seen) -> Resource:
        same = resource.state == "ready" and dict(seen.record) == dict(resource.endpoint or {})
        if same:
            return resource
        changed = store.change(
            conn,
            resource.id,
            now=self._clock.now(),
            version=resource.version,
            states=("ready", "failed"),
            state="ready",
            state_reason=None,
            endpoint=seen.record,
            spec=seen.spec(self._reach.engine(resource)),
            bump_generation=True,
        )
        if changed is None:
            raise Conflict(f"{resource.name!r} changed meanwhile", code="state_changed", hint="Look again.")
        return changed

    def _placed(self, engine_name: str, target: Target) -> Placed:
        placed = place(registering(self._reach.engines.get(engine_name)), target)
        path = placed.record.get("path")
        if path is not None:
            checked_file(self._reach.settings, Path(path))
        return placed

    def _store(self, conn: sa.Connection, resource: Resource, placed: Placed) -> None:
        for name in NAMES:
            if placed.secrets.get(name):
                self._secrets.put(conn, resource.environment_id, resource.id, name, placed.secrets[name])

    @staticmethod
    def _external(conn: sa.Connection, actor: Actor, resource_id: str) -> Resource:
        resource = found(conn, actor, resource_id, PERMISSION)
        require_external(resource)
        return resource


def require_external(resource: Resource) -> None:
    if resource.host != EXTERNAL:
        raise Conflict(
            f"{resource.name!r} is hosted here: there is nothing to register about it", code="database_hosted"
        )
