"""One statement each: families and refresh tokens."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from holdfast.features.access.model import User, api_keys, users
from holdfast.features.access.tokens.model import Family, refresh_tokens, token_families, token_keys
from holdfast.features.access.tokens.ring import alive

_f = token_families


def insert_family(conn: sa.Connection, made: Family) -> None:
    conn.execute(_f.insert().values(**vars(made)))


def insert_refresh(
    conn: sa.Connection, token_hash: str, family_id: str, created_at: datetime, expires_at: datetime
) -> None:
    values = {"token_hash": token_hash, "family_id": family_id, "created_at": created_at, "expires_at": expires_at}
    conn.execute(refresh_tokens.insert().values(**values))


def spend(conn: sa.Connection, token_hash: str, now: datetime) -> tuple[str, datetime] | None:
    """The family and until when the token counted. One guarded statement: of two that come at once, one gets it."""
    row = conn.execute(
        refresh_tokens.update()
        .where(refresh_tokens.c.token_hash == token_hash, refresh_tokens.c.spent_at.is_(None))
        .values(spent_at=now)
        .returning(refresh_tokens.c.family_id, refresh_tokens.c.expires_at)
    ).first()
    return None if row is None else (row.family_id, row.expires_at)


def family_of(conn: sa.Connection, token_hash: str) -> str | None:
    """Whose refresh token this is or was."""
    found = sa.select(refresh_tokens.c.family_id).where(refresh_tokens.c.token_hash == token_hash)
    return conn.execute(found).scalar()


def family(conn: sa.Connection, family_id: str) -> Family | None:
    row = conn.execute(sa.select(_f).where(_f.c.id == family_id)).first()
    return None if row is None else Family(**row._mapping)


def living(conn: sa.Connection, family_id: str, kid: str | None, now: datetime) -> tuple[Family, User | None] | None:
    """A family that counts and its user, in one statement; not found: revoked, expired, its user disabled, its API key
    ended, or the signing key `kid` no longer trusted."""
    statement = (
        sa.select(_f, *(column.label(f"user__{column.name}") for column in users.c))
        .outerjoin(users, users.c.id == _f.c.user_id)
        .outerjoin(api_keys, api_keys.c.id == _f.c.key_id)
        .where(_f.c.id == family_id, _f.c.revoked_at.is_(None), _f.c.expires_at > now)
        .where(users.c.disabled_at.is_(None), api_keys.c.revoked_at.is_(None))
        .where(sa.or_(api_keys.c.expires_at.is_(None), api_keys.c.expires_at > now))
    )
    if kid is not None:
        statement = statement.where(sa.exists().where(token_keys.c.id == kid, alive(now)))
    row = conn.execute(statement).first()
    if row is None:
        return None
    found = row._mapping
    user = User(**{column.name: found[f"user__{column.name}"] for column in users.c}) if found["user_id"] else None
    return Family(**{column.name: found[column.name] for column in _f.c}), user


def refreshed(conn: sa.Connection, family_id: str, now: datetime) -> None:
    conn.execute(_f.update().where(_f.c.id == family_id).values(refreshed_at=now))


def revoke(conn: sa.Connection, family_id: str, now: datetime, why: str) -> bool:
    """False when it was revoked before."""
    ended = _f.update().where(_f.c.id == family_id, _f.c.revoked_at.is_(None))
    return conn.execute(ended.values(revoked_at=now, revoked_why=why)).rowcount > 0


def end_all(conn: sa.Connection, user_id: str, now: datetime) -> None:
    """End every family of a user. Access tokens stop counting at once."""
    ended = _f.update().where(_f.c.user_id == user_id, _f.c.revoked_at.is_(None))
    conn.execute(ended.values(revoked_at=now, revoked_why="reset"))


def page(conn: sa.Connection, whose: sa.ColumnElement[bool], *, after: str | None, limit: int) -> Sequence[Family]:
    """In order of creation."""
    statement = sa.select(_f).where(whose).order_by(_f.c.id).limit(limit)
    if after is not None:
        statement = statement.where(_f.c.id > after)
    return [Family(**row._mapping) for row in conn.execute(statement)]


def forget(conn: sa.Connection, before: datetime) -> None:
    """Drop families that expired before: nothing can be refreshed or reused in them any more."""
    old: Any = sa.select(_f.c.id).where(_f.c.expires_at < before)
    conn.execute(refresh_tokens.delete().where(refresh_tokens.c.family_id.in_(old)))
    conn.execute(_f.delete().where(_f.c.expires_at < before))
