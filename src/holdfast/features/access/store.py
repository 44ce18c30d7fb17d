"""One statement each: users, sessions, the first-run token."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from holdfast.features.access.model import Session, User, first_run, sessions, users

_SESSION = (
    sessions.c.id,
    sessions.c.user_id,
    sessions.c.created_at,
    sessions.c.seen_at,
    sessions.c.stepped_up_at,
    sessions.c.factor,
)


def owner_exists(conn: sa.Connection) -> bool:
    return conn.execute(sa.select(users.c.id).where(users.c.role == "owner").limit(1)).first() is not None


def user_by_email(conn: sa.Connection, email: str) -> User | None:
    row = conn.execute(sa.select(users).where(users.c.email == email)).first()
    return None if row is None else User(**row._mapping)


def user(conn: sa.Connection, user_id: str) -> User | None:
    row = conn.execute(sa.select(users).where(users.c.id == user_id)).first()
    return None if row is None else User(**row._mapping)


def unchanged(conn: sa.Connection, user: User) -> bool:
    """Whether the password that was proven is still the account's, which is not shut. The row is held until the commit,
    so that whoever resets or disables it ends the session made beside it too."""
    same = sa.and_(users.c.id == user.id, users.c.password_hash == user.password_hash, users.c.disabled_at.is_(None))
    return conn.execute(sa.select(users.c.id).where(same).with_for_update()).first() is not None


def insert_user(conn: sa.Connection, made: User) -> None:
    conn.execute(users.insert().values(**vars(made)))


def set_password_hash(conn: sa.Connection, user_id: str, password_hash: str) -> None:
    conn.execute(users.update().where(users.c.id == user_id).values(password_hash=password_hash))


def insert_session(conn: sa.Connection, **values: Any) -> None:
    conn.execute(sessions.insert().values(**values))


def session_by_hash(conn: sa.Connection, token_hash: str) -> tuple[Session, User] | None:
    """The session and who it belongs to, in one statement; revoked sessions and disabled users are not found."""
    row = conn.execute(
        sa.select(*_SESSION, *(column.label(f"user__{column.name}") for column in users.c))
        .join(users, users.c.id == sessions.c.user_id)
        .where(sessions.c.token_hash == token_hash, sessions.c.revoked_at.is_(None), users.c.disabled_at.is_(None))
    ).first()
    if row is None:
        return None
    found = row._mapping
    owner = User(**{column.name: found[f"user__{column.name}"] for column in users.c})
    return Session(**{column.name: found[column.name] for column in _SESSION}), owner


def touch_session(conn: sa.Connection, session_id: str, now: datetime) -> None:
    conn.execute(sessions.update().where(sessions.c.id == session_id).values(seen_at=now))


def step_up(conn: sa.Connection, session_id: str, now: datetime, token_hash: str | None = None) -> bool:
    """Under a new token when one is given. False when the session has ended."""
    values = {"stepped_up_at": now} | ({"token_hash": token_hash} if token_hash else {})
    living = sa.and_(sessions.c.id == session_id, sessions.c.revoked_at.is_(None))
    return conn.execute(sessions.update().where(living).values(**values)).rowcount == 1


def revoke_session(conn: sa.Connection, session_id: str, now: datetime) -> None:
    conn.execute(sessions.update().where(sessions.c.id == session_id).values(revoked_at=now))


def replace_first_run(conn: sa.Connection, token_hash: str, expires_at: datetime) -> None:
    """Only the newest link works."""
    conn.execute(first_run.delete())
    conn.execute(first_run.insert().values(id=1, token_hash=token_hash, expires_at=expires_at))


def link_works(conn: sa.Connection, token_hash: str, now: datetime) -> bool:
    """For now: only `spend_first_run` decides."""
    table = first_run
    found = sa.select(table.c.id).where(table.c.token_hash == token_hash, table.c.expires_at > now)
    return conn.execute(found).first() is not None


def spend_first_run(conn: sa.Connection, token_hash: str, now: datetime) -> bool:
    """One guarded statement: of two that come at once, one gets it."""
    table = first_run
    return (
        conn.execute(
            table.delete().where(table.c.token_hash == token_hash, table.c.expires_at > now).returning(table.c.id)
        ).first()
        is not None
    )
