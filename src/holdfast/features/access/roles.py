"""What a role means now: the shipped ones and those made here."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

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


def _held() -> sa.Select[Any]:
    """The installation role and those given in places, each with what a custom role of that name allows."""
    own = sa.select(
        sa.literal("").label("id"),
        sa.bindparam("role", type_=sa.Text).label("role"),
        sa.null().label("project_id"),
        sa.null().label("environment_id"),
    )
    given = sa.select(
        role_grants.c.id, role_grants.c.role, role_grants.c.project_id, role_grants.c.environment_id
    ).where(role_grants.c.user_id == sa.bindparam("user_id"))
    held = own.union_all(given).subquery()
    return sa.select(held, roles.c.permissions).outerjoin(roles, roles.c.name == held.c.role).order_by(held.c.id)


_HELD = _held()  # once: putting it together costs more than running it, and every request runs it


def grants_of(conn: sa.Connection, user: User) -> tuple[Grant, ...]:
    """Everything a person may do where: the installation role and the roles given in projects. One statement."""
    rows = conn.execute(_HELD, {"role": user.role, "user_id": user.id}).all()
    found = (Grant(meaning(row[1], row[4]), row[2], row[3]) for row in rows)
    return tuple(grant for grant in found if grant.permissions)


def meaning(role: str, made: Collection[str] | None) -> frozenset[str]:
    """What `role` allows, given the permissions of the custom role of that name, if there is one."""
    return ROLES.get(role) or frozenset(made or ()) & ALL
