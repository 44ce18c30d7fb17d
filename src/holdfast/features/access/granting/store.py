"""One statement each: custom roles, grants, members."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from holdfast.features.access.accounts.model import invites
from holdfast.features.access.actor import Actor
from holdfast.features.access.granting.model import Given, Member, Role, ShownGrant
from holdfast.features.access.grants import Columns, Place
from holdfast.features.access.model import User, api_keys, role_grants, roles, users
from holdfast.features.access.permissions import ALL
from holdfast.features.access.places_by_name import ENVIRONMENT, PROJECT, named
from holdfast.kernel.db import json_elements, json_field

NOBODY = "member"


def role(conn: sa.Connection, role_id: str) -> Role | None:
    """A custom role."""
    row = conn.execute(sa.select(roles).where(roles.c.id == role_id)).first()
    return None if row is None else _role(row)


def role_named(conn: sa.Connection, name: str) -> Role | None:
    row = conn.execute(sa.select(roles).where(roles.c.name == name)).first()
    return None if row is None else _role(row)


def roles_after(conn: sa.Connection, after: str | None, limit: int) -> Sequence[Role]:
    """Custom ones, in order of creation."""
    statement = sa.select(roles).order_by(roles.c.id).limit(limit)
    if after is not None:
        statement = statement.where(roles.c.id > after)
    return [_role(row) for row in conn.execute(statement)]


def insert_role(conn: sa.Connection, made: Role) -> None:
    values = {name: value for name, value in vars(made).items() if name != "built_in"}
    conn.execute(roles.insert().values(**{**values, "permissions": sorted(made.permissions)}))


def change_role(
    conn: sa.Connection, role_id: str, version: int, now: datetime, values: Mapping[str, Any]
) -> Role | None:
    """None when `version` is no longer current."""
    row = conn.execute(
        roles.update()
        .where(roles.c.id == role_id, roles.c.version == version)
        .values(**values, version=version + 1, updated_at=now)
        .returning(*roles.c)
    ).first()
    return None if row is None else _role(row)


def delete_role(conn: sa.Connection, role_id: str) -> None:
    conn.execute(roles.delete().where(roles.c.id == role_id))


def holders(conn: sa.Connection, name: str, now: datetime) -> dict[str, int]:
    """How many grants, installation roles, living keys and open invites name the role. Four statements."""
    invited = sa.or_(invites.c.role == name, _invited(conn, name))
    waiting = sa.and_(invites.c.accepted_at.is_(None), invites.c.revoked_at.is_(None), invites.c.expires_at > now)
    counted = {
        "grants": sa.select(sa.func.count()).select_from(role_grants).where(role_grants.c.role == name),
        "users": sa.select(sa.func.count()).select_from(users).where(users.c.role == name),
        "keys": sa.select(sa.func.count())
        .select_from(api_keys)
        .where(api_keys.c.role == name, api_keys.c.revoked_at.is_(None)),
        "invites": sa.select(sa.func.count()).select_from(invites).where(invited, waiting),
    }
    return {what: conn.execute(statement).scalar_one() for what, statement in counted.items()}


def take_from_all(conn: sa.Connection, name: str, now: datetime) -> None:
    """Nobody and nothing names the role afterwards: a role made later by the same name must not come to them."""
    conn.execute(role_grants.delete().where(role_grants.c.role == name))
    conn.execute(users.update().where(users.c.role == name).values(role=NOBODY, version=users.c.version + 1))
    conn.execute(api_keys.update().where(api_keys.c.role == name).values(role=None, permissions=[]))
    invited = sa.or_(invites.c.role == name, _invited(conn, name))
    conn.execute(invites.update().where(invited, invites.c.revoked_at.is_(None)).values(revoked_at=now))


def _invited(conn: sa.Connection, name: str) -> sa.ColumnElement[bool]:
    each = json_elements(conn, invites.c.grants)
    return sa.select(each.c.value).where(json_field(conn, each.c.value, "role") == name).exists()


def grant(conn: sa.Connection, grant_id: str) -> Given | None:
    row = conn.execute(sa.select(role_grants).where(role_grants.c.id == grant_id)).first()
    return None if row is None else Given(**row._mapping)


def grants_after(
    conn: sa.Connection, visible: sa.ColumnElement[bool], *, after: str | None, limit: int, **equal: str | None
) -> Sequence[ShownGrant]:
    """In order of creation."""
    people = named().join(users, users.c.id == role_grants.c.user_id)
    shown = sa.select(*role_grants.c, users.c.email, users.c.name, PROJECT, ENVIRONMENT).select_from(people)
    statement = shown.where(visible).order_by(role_grants.c.id).limit(limit)
    if after is not None:
        statement = statement.where(role_grants.c.id > after)
    for name, value in equal.items():
        if value is not None:
            statement = statement.where(role_grants.c[name] == value)
    return [ShownGrant(**row._mapping) for row in conn.execute(statement)]


def same_grant(conn: sa.Connection, wanted: Given) -> Given | None:
    """The grant that says the same. The unique constraint does not see it when a place is NULL."""
    c = role_grants.c
    row = conn.execute(
        sa.select(role_grants).where(
            c.user_id == wanted.user_id,
            c.role == wanted.role,
            c.project_id.is_not_distinct_from(wanted.project_id),
            c.environment_id.is_not_distinct_from(wanted.environment_id),
        )
    ).first()
    return None if row is None else Given(**row._mapping)


def insert_grant(conn: sa.Connection, made: Given) -> None:
    conn.execute(role_grants.insert().values(**vars(made)))


def delete_grant(conn: sa.Connection, grant_id: str) -> None:
    conn.execute(role_grants.delete().where(role_grants.c.id == grant_id))


def active_user(conn: sa.Connection, *, user_id: str | None, email: str | None) -> User | None:
    """Locked until the transaction ends: of two who give the same person the same role, one is told of the other."""
    mine = users.c.id == user_id if user_id is not None else users.c.email == (email or "").strip().lower()
    statement = sa.select(users).where(mine, users.c.disabled_at.is_(None)).with_for_update()
    row = conn.execute(statement).first()
    return None if row is None else User(**row._mapping)


def members(
    conn: sa.Connection, actor: Actor, project_id: str, *, after: tuple[str, str] | None, limit: int
) -> Sequence[Member]:
    """Who may do something in the project, by person. Only those in it wholly who see it wholly are told of people
    let into the installation."""
    whole = actor.may("role.read", Place(project_id))
    g = role_grants.c
    here = sa.and_(g.project_id == project_id, actor.visible("role.read", Columns(g.project_id, g.environment_id)))
    told = sa.select(g.user_id, g.role, g.project_id, g.environment_id, g.id.label("grant_id")).where(
        sa.or_(here, sa.and_(sa.true() if whole else sa.false(), g.project_id.is_(None)))
    )
    if whole:
        null = sa.null()
        columns = [null.label("project_id"), null.label("environment_id"), sa.literal("").label("grant_id")]
        told_by_role = sa.select(users.c.id.label("user_id"), users.c.role, *columns)
        found = told.union_all(told_by_role.where(users.c.role != NOBODY)).subquery()
    else:
        found = told.subquery()
    statement = (
        sa.select(found, users.c.email, users.c.name)
        .join(users, users.c.id == found.c.user_id)
        .where(users.c.disabled_at.is_(None))
        .order_by(found.c.user_id, found.c.grant_id)
        .limit(limit)
    )
    if after is not None:
        user_id, grant_id = after
        later = sa.and_(found.c.user_id == user_id, found.c.grant_id > grant_id)
        statement = statement.where(sa.or_(found.c.user_id > user_id, later))
    return [Member(**{**row._mapping, "grant_id": row.grant_id or None}) for row in conn.execute(statement)]


def _role(row: sa.Row[Any]) -> Role:
    return Role(**{**row._mapping, "permissions": frozenset(row.permissions) & ALL})
