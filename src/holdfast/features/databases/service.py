"""What people ask of databases. Each act is one transaction: row, audit and run, or nothing at all."""

from __future__ import annotations

import secrets as tokens
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from holdfast.contract.spec import Endpoint
from holdfast.features.access.actor import Actor
from holdfast.features.access.grants import Columns
from holdfast.features.databases import store
from holdfast.features.databases.guard import found
from holdfast.features.databases.model import BUSY, EXTERNAL, KIND, Resource, State, resources
from holdfast.features.databases.names import checked_name
from holdfast.features.databases.reach import Reach, checked_spec
from holdfast.features.projects.scope import Environment, environment_of
from holdfast.jobs import Jobs, Run, nodes
from holdfast.kernel import audit
from holdfast.kernel.clock import Clock
from holdfast.kernel.db import Database
from holdfast.kernel.errors import Conflict, Invalid
from holdfast.kernel.ids import new_id
from holdfast.kernel.secrets import Secrets
from holdfast.web.changed import changed_meanwhile
from holdfast.web.idempotency import NEVER, Once

MAX_LABELS = 50
_MASK = "HOLDFASTMASK"  # survives any URL quoting as it is


@dataclass(frozen=True)
class Wanted:
    """What a creation asks for."""

    environment_id: str
    engine: str
    name: str
    spec: Mapping[str, Any]
    labels: Mapping[str, str]
    colour: str | None = None
    notes: str = ""
    deletion_protection: bool = False
    node: str | None = None  # None = the one that is asked


class DatabasesService:
    """Every verb takes the actor first and raises Denied or NotFound before it reads or writes anything else."""

    def __init__(self, db: Database, jobs: Jobs, reach: Reach, secrets: Secrets, clock: Clock) -> None:
        self._db = db
        self._jobs = jobs
        self._reach = reach
        self._secrets = secrets
        self._clock = clock

    def create(self, actor: Actor, wanted: Wanted, once: Once = NEVER) -> tuple[Resource, Run]:
        """Raises Invalid (with fields), Conflict (code "name_taken"), NotFound for a foreign environment."""
        with self._db.write() as conn:
            environment = environment_of(conn, actor, wanted.environment_id, "database.create")
            once.check(conn)
            resource = self.insert(conn, actor, environment, wanted, state="creating")
            made = self.submit(conn, actor, resource, "database.create")
            once.keep(conn, made)
            return made

    def insert(
        self,
        conn: sa.Connection,
        actor: Actor,
        environment: Environment,
        wanted: Wanted,
        *,
        state: State,
        host: str | None = None,
        endpoint: Mapping[str, Any] | None = None,
    ) -> Resource:
        """A row and its generated passwords, in the caller's transaction; the caller authorised and submits the run.
        What is not ours comes with its `endpoint`, and nothing is generated for it."""
        engine = self._reach.engines.get(wanted.engine)
        spec = checked_spec(engine, dict(wanted.spec))
        now = self._clock.now()
        resource = Resource(
            id=new_id("db"),
            project_id=environment.project_id,
            environment_id=environment.id,
            kind=KIND,
            engine=engine.name,
            name=checked_name(wanted.name),
            spec=spec.model_dump(mode="json"),
            labels=checked_labels(wanted.labels),
            colour=wanted.colour,
            notes=wanted.notes,
            state=state,
            state_reason=None,
            host=host,
            endpoint=endpoint,
            limits=None,
            deletion_protection=wanted.deletion_protection,
            run_id=None,
            generation=1,
            version=1,
            created_by=actor.id,
            created_at=now,
            updated_at=now,
            deleted_at=None,
            purge_after=None,
            purged_at=None,
            node=None if host == EXTERNAL and not (endpoint or {}).get("path") else self._node(conn, wanted.node),
        )
        store.insert(conn, resource)
        for name in engine.needs(spec)[1] if host != EXTERNAL else ():
            self._secrets.put(conn, environment.id, resource.id, name, tokens.token_urlsafe(24))
        return resource

    def _node(self, conn: sa.Connection, wanted: str | None) -> str:
        """Where it will live. Raises Invalid for a node that never joined."""
        if wanted is None or wanted == self._reach.node:
            return self._reach.node
        if nodes.one(conn, self._clock, wanted) is None:
            raise Invalid(
                f"there is no node {wanted!r}",
                code="node_unknown",
                hint="`holdfast node list` shows them.",
                details={"fields": [{"field": "node", "message": "is unknown"}]},
            )
        return wanted

    def list(
        self, actor: Actor, *, project_id: str | None = None, after: str | None = None, limit: int = 50, **filters: Any
    ) -> Sequence[Resource]:
        """The actor's projects only; one statement whatever the number of databases."""
        actor.require_within("database.read", project_id)
        at = Columns(resources.c.project_id, resources.c.environment_id, resources.c.id)
        visible = actor.visible("database.read", at)
        with self._db.read() as conn:
            return store.page(conn, visible=visible, project_id=project_id, after=after, limit=limit, **filters)

    def get(self, actor: Actor, resource_id: str, permission: str = "database.read") -> Resource:
        with self._db.read() as conn:
            return found(conn, actor, resource_id, permission)

    def update(
        self, actor: Actor, resource_id: str, changes: Mapping[str, Any], *, version: int | None = None
    ) -> Resource:
        """Labels, colour, notes, deletion protection. Raises PreconditionFailed when `version` is no longer current."""
        values = {key: changes[key] for key in ("labels", "colour", "notes", "deletion_protection") if key in changes}
        if "labels" in values:
            values["labels"] = checked_labels(values["labels"])
        with self._db.write() as conn:
            resource = found(conn, actor, resource_id, "database.update")
            changed = store.change(conn, resource.id, now=self._clock.now(), version=version, **values)
            if changed is None:
                raise changed_meanwhile("database")
            self.record(conn, actor, changed, "database.update", audit.difference(resource, values))
            return changed

    def start(self, actor: Actor, resource_id: str) -> tuple[Resource, Run]:
        return self._act(actor, resource_id, "start", "starting", ("stopped", "failed"))

    def stop(self, actor: Actor, resource_id: str) -> tuple[Resource, Run]:
        return self._act(actor, resource_id, "stop", "stopping", ("ready",))

    def delete(self, actor: Actor, resource_id: str, confirm: str) -> tuple[Resource, Run]:
        """`confirm` is the name, typed. The data stays for the grace period; the name is free when the run ends."""
        with self._db.write() as conn:
            resource = found(conn, actor, resource_id, "database.delete")
            check_confirm(resource, confirm)
            if resource.deletion_protection:
                raise Conflict(
                    f"{resource.name!r} is protected against deletion",
                    code="deletion_protected",
                    hint="Switch deletion_protection off first: holdfast db edit NAME --no-protect.",
                )
            grace = self._reach.settings.delete_grace_seconds
            return self._move(
                conn,
                actor,
                resource,
                "delete",
                "stopping",
                ("ready", "stopped", "failed"),
                {"grace_seconds": grace},
            )

    def undelete(self, actor: Actor, resource_id: str) -> tuple[Resource, Run]:
        """Raises Conflict (code "name_taken") when another database took the name meanwhile."""
        with self._db.write() as conn:
            resource = found(conn, actor, resource_id, "database.undelete")
            try:
                return self._move(
                    conn, actor, resource, "undelete", "starting", ("deleted",), deleted_at=None, purge_after=None
                )
            except sa.exc.IntegrityError:
                raise store.name_taken(resource.name) from None

    def purge(self, actor: Actor, resource_id: str, confirm: str) -> tuple[Resource, Run]:
        """Destroy a deleted database's data before its grace is over."""
        with self._db.write() as conn:
            resource = found(conn, actor, resource_id, "database.purge")
            check_confirm(resource, confirm)
            if resource.state != "deleted":
                raise wrong_state(resource, "purge")
            return self.submit(conn, actor, resource, "database.purge", {"now": True}, own=False)

    def reveal_url(self, actor: Actor, resource_id: str, access: str) -> str:
        """The connection URL, password included; the reveal is audited before it is answered."""
        with self._db.write() as conn:
            resource = found(conn, actor, resource_id, "database.url.reveal")
            actor.require_step_up()
            self.record(conn, actor, resource, "database.url.reveal", {"access": access})
        return self._url(resource, access, self._reach.recorded(resource))

    def masked_url(self, actor: Actor, resource_id: str, access: str) -> str:
        """The same URL with every password as ***."""
        resource = self.get(actor, resource_id)
        at = self._reach.recorded(resource)
        return self._url(resource, access, replace(at, secrets=dict.fromkeys(at.secrets, _MASK))).replace(_MASK, "***")

    def _url(self, resource: Resource, access: str, at: Endpoint) -> str:
        if access not in ("owner", "rw", "ro"):
            raise Invalid("access is owner, rw or ro", code="access_invalid")
        return self._reach.engine(resource).url(at, access)  # type: ignore[arg-type]

    def _act(
        self, actor: Actor, resource_id: str, verb: str, state: State, states: Sequence[State]
    ) -> tuple[Resource, Run]:
        with self._db.write() as conn:
            resource = found(conn, actor, resource_id, f"database.{verb}")
            require_hosted(resource, verb)
            return self._move(conn, actor, resource, verb, state, states)

    def _move(
        self,
        conn: sa.Connection,
        actor: Actor,
        resource: Resource,
        verb: str,
        state: State,
        states: Sequence[State],
        values: Mapping[str, Any] | None = None,
        **columns: Any,
    ) -> tuple[Resource, Run]:
        """Into the passing state, with the run that ends it; refused in any state but `states`."""
        changed = store.change(conn, resource.id, now=self._clock.now(), states=states, state=state, **columns)
        if changed is None:
            raise wrong_state(resource, verb)
        return self.submit(conn, actor, changed, f"database.{verb}", values or {})

    def submit(
        self,
        conn: sa.Connection,
        actor: Actor,
        resource: Resource,
        kind: str,
        values: Mapping[str, Any] | None = None,
        *,
        own: bool = True,
    ) -> tuple[Resource, Run]:
        """The run that ends the state the caller just wrote, owned and audited, in the caller's transaction; or, not
        `own`, one that enters such a state by itself when its turn comes."""
        run = self._jobs.submit(
            conn,
            kind=kind,
            actor=actor.id,
            project_id=resource.project_id,
            environment_id=resource.environment_id,
            resource_id=resource.id,
            input=dict(values or {}),
        )
        if own:
            resource = store.claim(conn, resource.id, run.id)
        self.record(conn, actor, resource, kind, {"run_id": run.id, "name": resource.name})
        return resource, run

    def record(
        self, conn: sa.Connection, actor: Actor, resource: Resource, action: str, details: Mapping[str, Any]
    ) -> None:
        audit.record(
            conn,
            actor=actor.id,
            action=action,
            project_id=resource.project_id,
            environment_id=resource.environment_id,
            resource_id=resource.id,
            details=details,
        )


def wrong_state(resource: Resource, verb: str) -> Conflict:
    busy = resource.state in BUSY
    return Conflict(
        f"{resource.name!r} is {resource.state}: cannot {verb} it now",
        code="database_busy" if busy else "wrong_state",
        hint=f"Wait for {resource.run_id} to end, or cancel it." if busy and resource.run_id else None,
        details={"state": resource.state},
    )


def require_hosted(resource: Resource, verb: str) -> None:
    """Raises Conflict (code "not_ours"): somebody else runs that server."""
    if resource.host == EXTERNAL:
        raise Conflict(
            f"{resource.name!r} is not ours: cannot {verb} it",
            code="not_ours",
            hint="Its server belongs to somebody else. Look at it: holdfast db report; forget it: holdfast db delete.",
        )


def check_confirm(resource: Resource, confirm: str) -> None:
    """Raises Invalid (code "confirm_mismatch") unless the name was typed exactly."""
    if confirm != resource.name:
        raise Invalid(
            "confirm must be the database's name, exactly",
            code="confirm_mismatch",
            details={"fields": [{"field": "confirm", "message": "is not the name"}]},
        )


def checked_labels(labels: Mapping[str, str]) -> dict[str, str]:
    """At most 50, keys of 1-63 letters, digits, `_ . / -`, values of at most 255 characters. Raises Invalid."""
    if len(labels) > MAX_LABELS:
        raise Invalid(f"at most {MAX_LABELS} labels", code="labels_invalid")
    for key, value in labels.items():
        if not (1 <= len(key) <= 63 and all(c.isalnum() or c in "_./-" for c in key)) or len(value) > 255:
            message = "keys: 1-63 letters, digits, _ . / -; values: at most 255 characters"
            raise Invalid(
                f"label {key[:63]!r}: {message}",
                code="labels_invalid",
                details={"fields": [{"field": f"labels.{key[:63]}", "message": message}]},
            )
    return dict(labels)
