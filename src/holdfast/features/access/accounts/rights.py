"""Nobody gives what they do not hold, acts on someone above them, or removes the last owner."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import sqlalchemy as sa

from holdfast.features.access.accounts.model import RoleGrant
from holdfast.features.access.accounts.store import OWNER
from holdfast.features.access.actor import Actor, no_such
from holdfast.features.access.grants import Grant, Place
from holdfast.features.access.model import User, roles, users
from holdfast.features.access.permissions import ROLES
from holdfast.features.access.roles import grants_of, permissions_of
from holdfast.kernel.errors import Conflict, Invalid

# Of the slice above, by name: only whether they are there.
_projects = sa.table("projects", sa.column("id"))
_environments = sa.table("environments", sa.column("id"), sa.column("project_id"))


def require_role(conn: sa.Connection, name: str, *, since: datetime | None = None) -> None:
    """Raises `Invalid("role_unknown")`: a role that does not exist would be given silently and mean nothing.

    `since`: one that was made later by the same name is another role.
    """
    made = sa.select(roles.c.id).where(roles.c.name == name)
    if since is not None:
        made = made.where(roles.c.created_at <= since)
    if name not in ROLES and conn.execute(made).first() is None:
        raise Invalid(f"there is no role {name!r}", code="role_unknown", hint="GET /api/v1/roles lists them.")


def require_place(conn: sa.Connection, grant: RoleGrant) -> None:
    """Raises NotFound for a project that is not there, or an environment that is not in it."""
    statement = sa.select(_projects.c.id).where(_projects.c.id == grant.project_id)
    if conn.execute(statement).first() is None:
        raise no_such("project")
    if grant.environment_id is None:
        return
    inside = sa.and_(_environments.c.id == grant.environment_id, _environments.c.project_id == grant.project_id)
    if conn.execute(sa.select(_environments.c.id).where(inside)).first() is None:
        raise no_such("environment")


def meaning(conn: sa.Connection, role: str, given: Iterable[RoleGrant]) -> tuple[Grant, ...]:
    """What an installation role and roles in projects allow today."""
    given = tuple(given)
    held = permissions_of(conn, {role, *(grant.role for grant in given)})
    return (Grant(held[role]), *(Grant(held[each.role], each.project_id, each.environment_id) for each in given))


def require_covering(actor: Actor, grants: Iterable[Grant], why: str) -> None:
    """Raises Denied naming the first permission of `grants` that the actor lacks at its place."""
    for grant in grants:
        place = None
        if grant.project_id is not None:
            place = Place(grant.project_id, grant.environment_id, grant.resource_id)
        actor.require_holding(grant.permissions, place, why)


def require_above(conn: sa.Connection, actor: Actor, user: User) -> None:
    """Raises Denied when the person may do anything, anywhere, that the actor may not: otherwise whoever may reset
    accounts could become any of them."""
    if actor.id != user.id:
        require_covering(actor, grants_of(conn, user), "This person may do more than you. Ask an owner.")


def require_another_owner(conn: sa.Connection, user: User) -> None:
    """Raises `Conflict("last_owner")`. `store.hold` came first: otherwise two could leave at once."""
    if user.role != OWNER or user.disabled_at is not None:
        return
    others = sa.and_(users.c.role == OWNER, users.c.disabled_at.is_(None), users.c.id != user.id)
    if conn.execute(sa.select(users.c.id).where(others).limit(1)).first() is None:
        raise Conflict(
            "this is the last active owner",
            code="last_owner",
            hint="Make someone else an owner first: holdfast user role E-MAIL owner",
        )
