"""API keys and their secrets: rows to records, one statement each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import cache
from typing import Any

import sqlalchemy as sa

from holdfast.features.access.actor import Actor
from holdfast.features.access.grants import Columns, Place
from holdfast.features.access.model import ApiKey, KeySecret, User, api_keys, key_secrets, roles, users
from holdfast.features.access.permissions import ALL
from holdfast.features.access.roles import meaning
from holdfast.kernel.db import json_elements, json_field


@dataclass(frozen=True)
class Presented:
    """What a prefix leads to: the key, its owner (None: it has none), and the secret that has this prefix."""

    key: ApiKey
    owner: User | None
    secret: KeySecret
    secret_hash: str


def insert(conn: sa.Connection, made: ApiKey, secret_hash: str) -> None:
    conn.execute(api_keys.insert().values(**_row(made), secret_hash=secret_hash))


def get(conn: sa.Connection, key_id: str) -> ApiKey | None:
    """With its secrets. Two statements."""
    row = conn.execute(_keys().where(api_keys.c.id == key_id)).first()
    return None if row is None else _with_secrets(conn, [row])[0]


def page(conn: sa.Connection, visible: sa.ColumnElement[bool], *, after: str | None, limit: int) -> Sequence[ApiKey]:
    """In order of creation, with their secrets. Two statements."""
    statement = _keys().where(visible).order_by(api_keys.c.id).limit(limit)
    if after is not None:
        statement = statement.where(api_keys.c.id > after)
    return _with_secrets(conn, conn.execute(statement).all())


def presented(conn: sa.Connection, prefix: str) -> Presented | None:
    """The key whose newest or earlier secret has this prefix. One statement."""
    return _presented(conn.execute(_by_prefix(), {"shown": prefix}).first())


def presented_by_id(conn: sa.Connection, key_id: str) -> Presented | None:
    """The same with the key's newest secret, for what stands for the key itself."""
    return _presented(conn.execute(_by_id(), {"shown": key_id}).first())


def touch(conn: sa.Connection, found: Presented, now: datetime, *, by_secret: bool) -> None:
    """Remember the use: of the key, and of the secret that was shown."""
    mine = api_keys.update().where(api_keys.c.id == found.key.id)
    newest = found.secret.valid_until is None
    conn.execute(mine.values(last_used_at=now, **({"secret_used_at": now} if by_secret and newest else {})))
    if by_secret and not newest:
        earlier = key_secrets.update().where(key_secrets.c.prefix == found.secret.prefix)
        conn.execute(earlier.values(last_used_at=now))


def end(conn: sa.Connection, key_id: str, now: datetime) -> None:
    conn.execute(api_keys.update().where(api_keys.c.id == key_id).values(revoked_at=now))


def end_made_with(conn: sa.Connection, key_id: str, now: datetime) -> Sequence[str]:
    """End the keys that were made with this one, directly or not; one that has ended leads on to its own."""
    ended: list[str] = []
    makers = [key_id]
    while makers:
        mine = sa.select(api_keys.c.id, api_keys.c.revoked_at).where(api_keys.c.created_by.in_(makers))
        found = conn.execute(mine.order_by(api_keys.c.id)).all()
        makers = [row.id for row in found]
        ended += [row.id for row in found if row.revoked_at is None]
    conn.execute(api_keys.update().where(api_keys.c.id.in_(ended)).values(revoked_at=now))
    return ended


def replace_secret(
    conn: sa.Connection, key: ApiKey, prefix: str, secret_hash: str, now: datetime, valid_until: datetime
) -> None:
    """The newest secret becomes an earlier one that works until `valid_until`; those that ended long ago go."""
    row = conn.execute(sa.select(api_keys).where(api_keys.c.id == key.id).with_for_update()).one()
    conn.execute(key_secrets.delete().where(key_secrets.c.key_id == key.id, key_secrets.c.valid_until <= now))
    conn.execute(
        key_secrets.insert().values(
            prefix=row.prefix,
            key_id=key.id,
            secret_hash=row.secret_hash,
            created_at=row.rotated_at or row.created_at,
            valid_until=valid_until,
            last_used_at=row.secret_used_at,
        )
    )
    fresh = {"prefix": prefix, "secret_hash": secret_hash, "rotated_at": now, "secret_used_at": None}
    conn.execute(api_keys.update().where(api_keys.c.id == key.id).values(**fresh))


def manageable(conn: sa.Connection, actor: Actor, permission: str) -> sa.ColumnElement[bool]:
    """The keys that are the actor's own, or all of whose places are places where `permission` holds."""
    if actor.holds(permission, None):
        return sa.true()
    whole = json_elements(conn, api_keys.c.projects)
    part = json_elements(conn, api_keys.c.places)
    there = [
        (whole, Columns(whole.c.value)),
        (part, Columns(*(json_field(conn, part.c.value, name) for name in Place.__dataclass_fields__))),
    ]
    some = [sa.select(each.c.value).exists() for each, _ in there]
    foreign = [sa.select(each.c.value).where(sa.not_(actor.visible(permission, at))).exists() for each, at in there]
    limited = sa.and_(api_keys.c.projects.is_not(None), sa.or_(*some), *(sa.not_(each) for each in foreign))
    return sa.or_(limited, api_keys.c.owner_id == actor.id) if is_person(actor) else limited


def is_person(actor: Actor) -> bool:
    """Someone with all of their own rights: neither a key of theirs nor a token with less."""
    return actor.kind == "user" and actor.bounds is None


def _keys() -> sa.Select[Any]:
    return sa.select(api_keys, roles.c.permissions.label("role_permissions")).outerjoin(
        roles, roles.c.name == api_keys.c.role
    )


def _secrets(newest: sa.ColumnElement[bool], earlier: sa.ColumnElement[bool]) -> sa.Subquery:
    """The secrets of keys of either kind, told alike."""
    a, s = api_keys.c, key_secrets.c
    first = sa.select(
        a.id.label("key_id"),
        a.prefix.label("prefix"),
        a.secret_hash.label("secret_hash"),
        sa.func.coalesce(a.rotated_at, a.created_at, type_=a.created_at.type).label("created_at"),
        sa.null().cast(s.valid_until.type).label("valid_until"),
        a.secret_used_at.label("last_used_at"),
    ).where(newest)
    others = sa.select(s.key_id, s.prefix, s.secret_hash, s.created_at, s.valid_until, s.last_used_at).where(earlier)
    return first.union_all(others).subquery("secret")


@cache
def _by_prefix() -> sa.Select[Any]:
    """Made once: every request with a key asks it."""
    shown = sa.bindparam("shown", type_=sa.String)
    return _with_owner(_secrets(api_keys.c.prefix == shown, key_secrets.c.prefix == shown))


@cache
def _by_id() -> sa.Select[Any]:
    return _with_owner(_secrets(api_keys.c.id == sa.bindparam("shown", type_=sa.String), sa.false()))


def _with_owner(secret: sa.Subquery) -> sa.Select[Any]:
    told = [column.label(f"secret__{column.name}") for column in secret.c]
    owner = [column.label(f"owner__{column.name}") for column in users.c]
    return (
        _keys()
        .add_columns(*told, *owner)
        .join(secret, secret.c.key_id == api_keys.c.id)
        .outerjoin(users, users.c.id == api_keys.c.owner_id)
    )


def _presented(row: sa.Row[Any] | None) -> Presented | None:
    if row is None:
        return None
    found = row._mapping
    person = {column.name: found[f"owner__{column.name}"] for column in users.c}
    shown = {name: found[f"secret__{name}"] for name in KeySecret.__dataclass_fields__}
    owned_by = User(**person) if person["id"] is not None else None
    return Presented(_key(found, ()), owned_by, KeySecret(**shown), found["secret__secret_hash"])


def _with_secrets(conn: sa.Connection, rows: Sequence[sa.Row[Any]]) -> list[ApiKey]:
    ids = [row.id for row in rows]
    earlier: dict[str, list[KeySecret]] = {}
    statement = sa.select(key_secrets).where(key_secrets.c.key_id.in_(ids)).order_by(key_secrets.c.created_at.desc())
    for each in conn.execute(statement):
        earlier.setdefault(each.key_id, []).append(
            KeySecret(each.prefix, each.created_at, each.valid_until, each.last_used_at)
        )
    return [_key(row._mapping, earlier.get(row.id, ())) for row in rows]


def _key(row: Mapping[Any, Any], earlier: Iterable[KeySecret]) -> ApiKey:
    """A role is read at each use, so that a role that loses a permission takes it from its keys."""
    held = {name: row[name] for name in ApiKey.__dataclass_fields__ if name != "secrets"}
    own = frozenset(row["permissions"] or ()) & ALL
    newest = KeySecret(row["prefix"], row["rotated_at"] or row["created_at"], None, row["secret_used_at"])
    return ApiKey(
        **{
            **held,
            "permissions": meaning(row["role"], row["role_permissions"]) if row["role"] else own,
            "places": places_of(row["projects"], row["places"]),
            "secrets": (newest, *earlier),
        }
    )


def places_of(projects: Sequence[str] | None, parts: Sequence[Mapping[str, str]] | None) -> tuple[Place, ...] | None:
    """Inverse of `stored`. `projects` NULL is what says "everywhere"; the parts stand beside the whole projects."""
    if projects is None:
        return None
    return (*(Place(each) for each in sorted(projects)), *(Place(**each) for each in parts or ()))


def _row(key: ApiKey) -> dict[str, Any]:
    row = {name: getattr(key, name) for name in ApiKey.__dataclass_fields__ if name != "secrets"}
    return {**row, "permissions": sorted(key.permissions), **stored(key.places)}


def stored(places: Sequence[Place] | None) -> dict[str, Any]:
    """The two columns that hold a key's places."""
    if places is None:
        return {"projects": None, "places": None}
    whole = [place.project_id for place in places if place.environment_id is None]
    return {"projects": sorted(whole), "places": [asdict(place) for place in places if place.environment_id]}
