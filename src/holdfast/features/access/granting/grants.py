"""Who holds which role where: given and taken, with no more than one's own permissions there."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from holdfast.features.access.actor import Actor, denied, hidden, no_such
from holdfast.features.access.granting import store
from holdfast.features.access.granting.model import Given, Member, ShownGrant, WantedGrant
from holdfast.features.access.grants import Columns, Place
from holdfast.features.access.model import role_grants
from holdfast.features.access.permissions import ROLES
from holdfast.features.access.places import PROJECTS_ONLY, Whereabouts
from holdfast.features.access.roles import permissions_of
from holdfast.kernel import audit
from holdfast.kernel.clock import Clock
from holdfast.kernel.db import Database
from holdfast.kernel.errors import Conflict, Invalid
from holdfast.kernel.ids import new_id
from holdfast.web.idempotency import NEVER, Once

_NO_MORE = "Nobody gives or takes a role that may do more than they may there."


class GrantsService:
    """`role.grant` is asked for at the place: who administers a project lets people into that one, and no further."""

    def __init__(self, db: Database, clock: Clock, where: Whereabouts = PROJECTS_ONLY) -> None:
        self._db = db
        self._clock = clock
        self._where = where

    def list(
        self,
        actor: Actor,
        *,
        project_id: str | None = None,
        after: str | None = None,
        limit: int = 50,
        **equal: str | None,
    ) -> Sequence[ShownGrant]:
        """In order of creation, where the actor may see roles. `equal`: user_id, environment_id, role."""
        actor.require_within("role.read", project_id)
        with self._db.read() as conn:
            visible = actor.visible("role.read", Columns(role_grants.c.project_id, role_grants.c.environment_id))
            return store.grants_after(conn, visible, after=after, limit=limit, project_id=project_id, **equal)

    def members(
        self, actor: Actor, project_id: str, *, after: tuple[str, str] | None = None, limit: int = 50
    ) -> Sequence[Member]:
        """Who may do something in a project, and by what; disabled people are left out. Raises NotFound, Denied."""
        actor.require_within("role.read", project_id)
        with self._db.read() as conn:
            if self._where.project(conn, project_id) is None:
                raise no_such("project")
            return store.members(conn, actor, project_id, after=after, limit=limit)

    def create(self, actor: Actor, wanted: WantedGrant, once: Once = NEVER) -> Given:
        """Raises NotFound (place, person), Denied naming what the actor lacks there, Conflict("grant_exists"), Invalid.

        A disabled person is as an absent one.
        """
        with self._db.write() as conn:
            place = self._place(conn, actor, wanted)
            actor.require_step_up()
            once.check(conn)
            self._check_role(conn, actor, wanted.role, place)
            user = store.active_user(conn, user_id=wanted.user_id, email=wanted.email)
            if user is None:
                raise no_such("user")
            made = Given(
                id=new_id("grt"),
                user_id=user.id,
                role=wanted.role,
                project_id=None if place is None else place.project_id,
                environment_id=None if place is None else place.environment_id,
                created_by=actor.id,
                created_at=self._clock.now(),
            )
            if store.same_grant(conn, made) is not None:
                raise Conflict("this person holds that role there already", code="grant_exists")
            store.insert_grant(conn, made)
            _record(conn, actor, "role.grant", made)
            once.keep(conn, made)
            return made

    def delete(self, actor: Actor, grant_id: str) -> None:
        """Raises NotFound, or Denied when the role may do more there than the actor."""
        with self._db.write() as conn:
            given = store.grant(conn, grant_id)
            actor.require("role.grant", given.place if given else None, noun="grant")
            if given is None:
                raise no_such("grant")
            if given.place is None and not actor.holds("role.grant", None):
                raise _unseen(actor)
            actor.require_step_up()
            held = permissions_of(conn, [given.role])[given.role]
            actor.require_holding(held, given.place, _NO_MORE)
            store.delete_grant(conn, grant_id)
            _record(conn, actor, "role.take", given)

    def _place(self, conn: sa.Connection, actor: Actor, wanted: WantedGrant) -> Place | None:
        """Where the role is to count, once the actor may give roles there."""
        if wanted.project_id is None and wanted.environment_id is None:
            actor.require_everywhere("role.grant")
            return None
        if wanted.environment_id is None:
            return self._where.place(conn, actor, "role.grant", "project", wanted.project_id or "")
        place = self._where.place(conn, actor, "role.grant", "environment", wanted.environment_id)
        if wanted.project_id not in (None, place.project_id):
            raise no_such("environment")
        return place

    @staticmethod
    def _check_role(conn: sa.Connection, actor: Actor, role: str, place: Place | None) -> None:
        if role not in ROLES and store.role_named(conn, role) is None:
            raise Invalid(f"there is no role {role!r}", code="role_unknown", hint="GET /api/v1/roles lists them.")
        held = permissions_of(conn, [role])[role]
        if not held:
            raise Invalid(f"the role {role!r} allows nothing", code="role_empty", hint="Choose another role.")
        actor.require_holding(held, place, _NO_MORE)


def _unseen(actor: Actor) -> Exception:
    """A grant in the whole installation is none of the business of those let into projects only."""
    if actor.projects is None:
        return denied("role.grant", hint="You hold it in some projects only.")
    return hidden("grant")


def _record(conn: sa.Connection, actor: Actor, action: str, given: Given) -> None:
    audit.record(
        conn,
        actor=actor.id,
        action=action,
        project_id=given.project_id,
        environment_id=given.environment_id,
        resource_id=given.id,
        details={"user_id": given.user_id, "role": given.role},
    )
