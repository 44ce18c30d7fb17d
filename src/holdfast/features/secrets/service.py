"""What people ask of their secrets. A value enters by `put` and leaves by `reveal`, and is nowhere else readable."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, NamedTuple

import sqlalchemy as sa

from holdfast.features.access.actor import Actor, denied, hidden, no_such
from holdfast.features.access.grants import Columns, Place
from holdfast.features.projects import store as projects
from holdfast.features.projects.model import Environment
from holdfast.features.projects.scope import environment_of
from holdfast.features.secrets import store
from holdfast.features.secrets.model import USER, Secret, Version, user_secret_versions, user_secrets
from holdfast.kernel import audit
from holdfast.kernel.clock import Clock
from holdfast.kernel.db import Database
from holdfast.kernel.errors import Conflict, Invalid, NotFound
from holdfast.kernel.ids import new_id
from holdfast.kernel.rotation import DataKeyRotated, DataKeyRotation
from holdfast.kernel.secrets import Secrets
from holdfast.web.changed import changed_meanwhile

KEPT_VERSIONS = 10
_PURGED_AT_ONCE = 100

Located = Callable[[sa.Connection, str], Place | None]


class Revealed(NamedTuple):
    value: str
    version: int


class SecretsService:
    """Every verb takes the actor first and raises Denied or NotFound before it reads or writes anything else.

    Values are not registered with the log, unlike Holdfast's own secrets: they are chosen by people, and whoever stored
    his own id or address as a secret would cut it out of every record of what he does.
    """

    def __init__(
        self,
        db: Database,
        clock: Clock,
        secrets: Secrets,
        rotation: DataKeyRotation,
        located: Located,
        *,
        grace_seconds: int = 7 * 24 * 3600,
    ) -> None:
        self._db = db
        self._clock = clock
        self._secrets = secrets
        self._rotation = rotation
        self._located = located
        self._grace = timedelta(seconds=grace_seconds)

    def list(
        self, actor: Actor, environment_id: str, *, deleted: bool = False, after: str | None = None, limit: int = 50
    ) -> Sequence[Secret]:
        """Names and versions, never values."""
        with self._db.read() as conn:
            self._environment(conn, actor, environment_id, "secret.read")
            visible = actor.visible("secret.read", Columns.of(user_secrets))
            return store.page(conn, environment_id, visible=visible, deleted=deleted, after=after, limit=limit)

    def get(self, actor: Actor, environment_id: str, name: str) -> Secret:
        with self._db.read() as conn:
            return self._living(conn, actor, environment_id, name, "secret.read")

    def versions(self, actor: Actor, environment_id: str, name: str) -> Sequence[Version]:
        """Newest first, at most ten."""
        with self._db.read() as conn:
            return store.versions(conn, self._living(conn, actor, environment_id, name, "secret.read").id)

    def put(
        self,
        actor: Actor,
        environment_id: str,
        name: str,
        value: str,
        *,
        resource_id: str | None = None,
        expected: int | None = None,
    ) -> Secret:
        """`value` as the newest version; the same value again is a version too, so that nobody can guess by writing.

        `resource_id` narrows a new secret to one resource and cannot be changed later. Raises PreconditionFailed when
        `expected` is not the newest version, Conflict("secret_elsewhere") for another resource.
        """
        with self._db.write() as conn:
            environment = self._environment(conn, actor, environment_id, "secret.write")
            found = store.secret(conn, environment_id, name)
            self._may(actor, environment, found, "secret.write", resource_id)
            if expected is not None and (found is None or found.version != expected or found.deleted_at):
                raise changed_meanwhile("secret")
            if found is None:
                made = self._first(conn, actor, environment, name, value, resource_id)
                self._record(conn, actor, made, "secret.create", version=1)
                return made
            if resource_id not in (None, found.resource_id):
                raise Conflict(
                    "this secret belongs to another resource, or to the whole environment",
                    code="secret_elsewhere",
                    hint="Delete it, or take another name.",
                )
            made = self._next(conn, actor, found, value)
            self._record(conn, actor, made, "secret.update", version=made.version)
            return made

    def reveal(self, actor: Actor, environment_id: str, name: str, version: int | None = None) -> Revealed:
        """The value, of the newest version or of an older one. Audited before it is answered; step-up."""
        with self._db.write() as conn:
            found = self._living(conn, actor, environment_id, name, "secret.reveal")
            actor.require_step_up()
            wanted = found.version if version is None else version
            value = self._value(conn, found, wanted)
            self._record(conn, actor, found, "secret.reveal", version=wanted)
            return Revealed(value, wanted)

    def restore(self, actor: Actor, environment_id: str, name: str, version: int) -> Secret:
        """An older version's value as the newest version; brings a deleted secret back."""
        with self._db.write() as conn:
            found = self._found(conn, actor, environment_id, name, "secret.write")
            value = self._value(conn, found, version)
            made = self._next(conn, actor, found, value, restored_from=version)
            self._record(conn, actor, made, "secret.restore", version=made.version, restored_from=version)
            return made

    def delete(self, actor: Actor, environment_id: str, name: str, confirm: str, *, destroy: bool = False) -> None:
        """It can be restored during the grace period; `destroy` leaves nothing. `confirm` is the name, typed."""
        with self._db.write() as conn:
            get = self._found if destroy else self._living
            found = get(conn, actor, environment_id, name, "secret.write")
            if confirm != name:
                raise Invalid(
                    "confirm must be the name, exactly",
                    code="confirm_mismatch",
                    details={"fields": [{"field": "confirm", "message": "is not the name"}]},
                )
            if destroy:
                store.destroy(conn, found.id)
            elif not store.change(conn, found, deleted_at=self._clock.now()):
                raise changed_meanwhile("secret")
            self._record(conn, actor, found, "secret.destroy" if destroy else "secret.delete", version=found.version)

    def rotate(self, actor: Actor, environment_id: str) -> DataKeyRotated:
        """A new data key for the environment; everything sealed with the old one is sealed anew, and it is destroyed.

        Everyone goes on working meanwhile. Cut off, it is taken up at the next start, or by calling this again.
        """
        with self._db.write() as conn:
            environment = environment_of(conn, actor, environment_id, "secret.rotate")
            version = self._rotation.begin(conn, environment_id)
            self._told(actor.id, environment)(conn, "started", {"version": version})
        return self._rotation.finish(environment_id, self._told(actor.id, environment))

    def resume(self) -> None:
        """Finish what a crash cut off. For the api's start."""
        for environment_id in self._rotation.unfinished():
            with self._db.read() as conn:
                environment = projects.environment(conn, environment_id)
            self._rotation.finish(environment_id, self._told("system", environment))

    def purge(self) -> int:
        """Destroy what was deleted longer ago than the grace period: how many."""
        with self._db.write() as conn:
            gone = store.expired(conn, self._clock.now() - self._grace, _PURGED_AT_ONCE)
            for found in gone:
                store.destroy(conn, found.id)
                self._record(conn, "system", found, "secret.destroy", version=found.version)
            return len(gone)

    def _environment(self, conn: sa.Connection, actor: Actor, environment_id: str, permission: str) -> Environment:
        """The environment, for whoever holds the permission on something in it."""
        found = projects.environment(conn, environment_id)
        actor.require(permission)
        if found is None:
            raise no_such("environment")
        if not actor.sees(found.place):
            raise hidden("environment")
        return found

    def _found(self, conn: sa.Connection, actor: Actor, environment_id: str, name: str, permission: str) -> Secret:
        """Deleted ones too."""
        environment = self._environment(conn, actor, environment_id, permission)
        found = store.secret(conn, environment_id, name)
        self._may(actor, environment, found, permission)
        if found is None:
            raise no_such("secret")
        return found

    def _living(self, conn: sa.Connection, actor: Actor, environment_id: str, name: str, permission: str) -> Secret:
        found = self._found(conn, actor, environment_id, name, permission)
        if found.deleted_at is not None:
            raise no_such("secret")
        return found

    @staticmethod
    def _may(
        actor: Actor, environment: Environment, found: Secret | None, permission: str, resource_id: str | None = None
    ) -> None:
        """The same refusal whether a name is taken elsewhere in the environment or free: names are not guessed."""
        wanted = Place(environment.project_id, environment.id, resource_id)
        if not actor.may(permission, found.place if found else wanted):
            raise denied(permission, hint="You hold it elsewhere, not here. Ask an owner.")

    def _first(
        self,
        conn: sa.Connection,
        actor: Actor,
        environment: Environment,
        name: str,
        value: str,
        resource_id: str | None,
    ) -> Secret:
        place = Place(environment.project_id, environment.id, resource_id)
        if resource_id is not None and self._located(conn, resource_id) != place:
            raise NotFound("there is no such resource in this environment", code="resource_not_found")
        now = self._clock.now()
        made = Secret(
            new_id("sec"), place.project_id, environment.id, resource_id, name, 1, actor.id, now, actor.id, now
        )
        try:
            store.insert(conn, made)
        except sa.exc.IntegrityError:  # on PostgreSQL someone else was faster
            raise changed_meanwhile("secret") from None
        self._insert_version(conn, actor, made, value, None)
        return made

    def _next(
        self, conn: sa.Connection, actor: Actor, found: Secret, value: str, restored_from: int | None = None
    ) -> Secret:
        made = replace(
            found, version=found.version + 1, updated_by=actor.id, updated_at=self._clock.now(), deleted_at=None
        )
        changes = {name: getattr(made, name) for name in ("version", "updated_by", "updated_at", "deleted_at")}
        if not store.change(conn, found, **changes):
            raise changed_meanwhile("secret")
        self._insert_version(conn, actor, made, value, restored_from)
        store.delete_versions(conn, made.id, up_to=made.version - KEPT_VERSIONS)
        return made

    def _insert_version(
        self, conn: sa.Connection, actor: Actor, made: Secret, value: str, restored_from: int | None
    ) -> None:
        row = {
            "environment_id": made.environment_id,
            "secret_id": made.id,
            "version": made.version,
            "name": made.name,
            "resource_id": made.resource_id or "",
            "restored_from": restored_from,
            "created_by": actor.id,
            "created_at": made.updated_at,
        }
        self._secrets.insert(conn, USER, row, value)

    def _value(self, conn: sa.Connection, found: Secret, version: int) -> str:
        c = user_secret_versions.c
        value = self._secrets.select(conn, USER, sa.and_(c.secret_id == found.id, c.version == version))
        if value is None:
            raise NotFound(
                f"version {version} is not kept",
                code="version_not_found",
                hint=f"The newest {KEPT_VERSIONS} are: holdfast secret versions NAME",
            )
        return value

    def _told(self, actor: str, environment: Environment | None) -> Callable[..., None]:
        def told(conn: sa.Connection, state: str, details: Mapping[str, Any]) -> None:
            audit.record(
                conn,
                actor=actor,
                action="secret.rotate",
                project_id=environment.project_id if environment else None,
                environment_id=environment.id if environment else None,
                details={"state": state, **details},
            )

        return told

    @staticmethod
    def _record(conn: sa.Connection, actor: Actor | str, found: Secret, action: str, **details: int) -> None:
        audit.record(
            conn,
            actor=actor if isinstance(actor, str) else actor.id,
            action=action,
            project_id=found.project_id,
            environment_id=found.environment_id,
            resource_id=found.resource_id,
            details={"name": found.name, "secret_id": found.id, **details},
        )
