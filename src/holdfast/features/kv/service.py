"""Namespaces: made with their database, found, deleted with it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from holdfast.features.access.actor import Actor, no_such
from holdfast.features.access.grants import Columns
from holdfast.features.databases import store as databases
from holdfast.features.databases.model import Resource
from holdfast.features.databases.service import DatabasesService, Wanted, wrong_state
from holdfast.features.kv import store
from holdfast.features.kv.model import LABEL, Namespace, database_name, kv_namespaces
from holdfast.features.projects.scope import Environment, environment_of
from holdfast.jobs import Run
from holdfast.kernel import audit
from holdfast.kernel.clock import Clock
from holdfast.kernel.db import Database
from holdfast.kernel.errors import Conflict, Invalid
from holdfast.kernel.ids import new_id
from holdfast.web.idempotency import NEVER, Once

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,55}")
_DELETABLE: Any = ("ready", "stopped", "failed")


class NamespacesService:
    """Every verb takes the actor first and raises Denied or NotFound before it reads or writes anything else."""

    def __init__(self, db: Database, databases: DatabasesService, clock: Clock, grace_seconds: int) -> None:
        self._db = db
        self._databases = databases
        self._clock = clock
        self._grace = grace_seconds

    def create(self, actor: Actor, environment_id: str, name: str, once: Once = NEVER) -> tuple[Namespace, Run]:
        """With its database, which the run makes. Raises Conflict("name_taken"), Invalid("name_invalid")."""
        with self._db.write() as conn:
            environment = environment_of(conn, actor, environment_id, "kv.create")
            once.check(conn)
            made = self.insert(conn, actor, environment, name)
            once.keep(conn, made)
            return made

    def insert(self, conn: sa.Connection, actor: Actor, environment: Environment, name: str) -> tuple[Namespace, Run]:
        """The same in the caller's transaction; the caller authorised."""
        if not _NAME.fullmatch(name):
            message = "letters, digits and _ . -, a letter or digit first, at most 56"
            raise Invalid(
                f"{name[:60]!r} cannot be a namespace's name: it has {message}",
                code="name_invalid",
                details={"fields": [{"field": "name", "message": message}]},
            )
        if store.named(conn, environment.id, name):
            raise Conflict(f"there is a namespace {name!r} already", code="name_taken", hint="Choose another name.")
        wanted = Wanted(
            environment.id,
            "sqlite",
            database_name(name),
            {},
            {LABEL: name},
            notes=f"Holds the entries of the key-value namespace {name}.",
        )
        resource = self._databases.insert(conn, actor, environment, wanted, state="creating")
        resource, run = self._databases.submit(conn, actor, resource, "database.create")
        made = Namespace(
            id=new_id("kvn"),
            project_id=environment.project_id,
            environment_id=environment.id,
            resource_id=resource.id,
            name=name,
            created_by=actor.id,
            created_at=self._clock.now(),
            state=resource.state,
            run_id=run.id,
            path=None,
        )
        columns = {column: getattr(made, column) for column in kv_namespaces.c.keys()}  # noqa: SIM118
        store.insert(conn, **columns)
        self._record(conn, actor, made, "kv.create")
        return made, run

    def list(
        self, actor: Actor, *, project_id: str | None = None, after: str | None = None, limit: int = 50, **filters: Any
    ) -> Sequence[Namespace]:
        actor.require_within("kv.read", project_id)
        c = kv_namespaces.c
        visible = actor.visible("kv.read", Columns(c.project_id, c.environment_id, c.resource_id))
        with self._db.read() as conn:
            return store.page(conn, visible, project_id=project_id, after=after, limit=limit, **filters)

    def get(self, actor: Actor, namespace_id: str, permission: str = "kv.read") -> Namespace:
        with self._db.read() as conn:
            return found(conn, actor, namespace_id, permission)

    def limit(self, actor: Actor, namespace_id: str, limits: Mapping[str, int | None]) -> Namespace:
        """Set `max_keys`, `max_bytes`: those that are named; None takes a limit away. What it holds already stays, and
        no write beyond the limit is taken until there is less."""
        with self._db.write() as conn:
            namespace = found(conn, actor, namespace_id, "kv.create")
            if limits:
                store.change(conn, namespace.id, **limits)
                self._record(conn, actor, namespace, "kv.limit", dict(limits))
            return found(conn, actor, namespace_id, "kv.create")

    def delete(self, actor: Actor, namespace_id: str, confirm: str) -> tuple[Namespace, Run]:
        """Its database is deleted: within the grace period `holdfast db undelete` brings both back."""
        with self._db.write() as conn:
            namespace = found(conn, actor, namespace_id, "kv.delete")
            if confirm != namespace.name:
                raise Invalid(
                    "confirm must be the namespace's name, exactly",
                    code="confirm_mismatch",
                    details={"fields": [{"field": "confirm", "message": "is not the name"}]},
                )
            resource = _resource(conn, namespace)
            if resource.deletion_protection:
                raise Conflict(f"{resource.name!r} is protected against deletion", code="deletion_protected")
            changed = databases.change(conn, resource.id, now=self._clock.now(), states=_DELETABLE, state="stopping")
            if changed is None:
                raise wrong_state(resource, "delete")
            _, run = self._databases.submit(conn, actor, changed, "database.delete", {"grace_seconds": self._grace})
            self._record(conn, actor, namespace, "kv.delete")
            return namespace, run

    @staticmethod
    def _record(
        conn: sa.Connection, actor: Actor, namespace: Namespace, action: str, more: Mapping[str, Any] | None = None
    ) -> None:
        audit.record(
            conn,
            actor=actor.id,
            action=action,
            project_id=namespace.project_id,
            environment_id=namespace.environment_id,
            resource_id=namespace.resource_id,
            details={"namespace_id": namespace.id, "name": namespace.name, **(more or {})},
        )


def found(conn: sa.Connection, actor: Actor, namespace_id: str, permission: str) -> Namespace:
    """The namespace, if `actor` may do `permission` with it: deleted ones are not there."""
    namespace = store.get(conn, namespace_id)
    if namespace is not None and namespace.state == "deleted":
        namespace = None
    actor.require(permission, namespace.place if namespace else None, noun="kv_namespace")
    if namespace is None:
        raise no_such("kv_namespace")
    return namespace


def _resource(conn: sa.Connection, namespace: Namespace) -> Resource:
    found_ = databases.get(conn, namespace.resource_id)
    if found_ is None:
        raise no_such("kv_namespace")
    return found_
