"""What a role means now: the shipped ones and those made here."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import sqlalchemy as sa

from holdfast.features.access.grants import Grant
from holdfast.features.access.model import User, role_grants, roles
from holdfast.features.access.permissions import ALL, ROLES

NOTHING: frozenset[str] = frozenset()


def permissions_of(conn: sa.Connection, names: Collection[str]) -> Mapping[str, frozenset[str]]:
    """Role name -> its permissions today. A role that was deleted holds nothing."""
    made = {name for name in names if name not in ROLES}
    found = dict(ROLES)
    if made:
        rows = conn.execute(sa.select(roles.c.name, roles.c.permissions).where(roles.c.name.in_(sorted(made))))
        found |= {row.name: frozenset(row.permissions) & ALL for row in rows}
    return {name: found.get(name, NOTHING) for name in names}


def grants_of(conn: sa.Connection, user: User) -> tuple[Grant, ...]:
    """Everything a person may do where: the installation role and the roles given in projects. One statement."""
    own = sa.select(
        sa.literal("").label("id"),
        sa.literal(user.role).label("role"),
        sa.null().label("project_id"),
        sa.null().label("environment_id"),
    )
    given = sa.select(
        role_grants.c.id, role_grants.c.role, role_grants.c.project_id, role_grants.c.environment_id
    ).where(role_grants.c.user_id == user.id)
    held = own.union_all(given).subquery()
    rows = conn.execute(
        sa.select(held, roles.c.permissions).outerjoin(roles, roles.c.name == held.c.role).order_by(held.c.id)
    )
    found = (Grant(meaning(row.role, row.permissions), row.project_id, row.environment_id) for row in rows)
    return tuple(grant for grant in found if grant.permissions)


def meaning(role: str, made: Collection[str] | None) -> frozenset[str]:
    """What `role` allows, given the permissions of the custom role of that name, if there is one."""
    return ROLES.get(role) or frozenset(made or ()) & ALL
