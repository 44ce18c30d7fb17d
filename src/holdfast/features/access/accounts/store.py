"""One statement each: people, their sessions, invites, resets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from holdfast.features.access.accounts.model import Invite, RoleGrant, invites, password_resets
from holdfast.features.access.model import User, api_keys, role_grants, sessions, users
from holdfast.features.access.places_by_name import ENVIRONMENT, PROJECT, named
from holdfast.features.access.service import SESSION_IDLE, SESSION_LIFE

OWNER = "owner"
# Of the part beside this one, by name: only whether someone has a factor.
_totp = sa.table("totp_factors", sa.column("user_id"), sa.column("confirmed_at"))
_passkeys = sa.table("passkeys", sa.column("user_id"))
_INVITE = tuple(column for column in invites.c if column.name != "token_hash")


@dataclass(frozen=True)
class Person:
    """An account as others see it; `last_seen_at` None = no session, or none that is kept."""

    user: User
    last_seen_at: datetime | None
    second_factor: bool = False


@dataclass(frozen=True)
class Role:
    """A role someone holds in a place, by the names it goes by now."""

    role: str
    project_id: str | None
    project: str | None
    environment_id: str | None
    environment: str | None


@dataclass(frozen=True)
class LiveSession:
    """A browser that is signed in now."""

    id: str
    user_id: str
    created_at: datetime
    seen_at: datetime
    address: str | None
    user_agent: str | None


def person(conn: sa.Connection, user_id: str) -> Person | None:
    row = conn.execute(_people().where(users.c.id == user_id)).first()
    return None if row is None else _person(row)


def hold(conn: sa.Connection, user_id: str) -> None:
    """The person's row and the owners' until the commit, always in the same order: nobody signs in beside a change, and
    of two owners who leave at once the second sees that the first has gone."""
    which = sa.or_(users.c.id == user_id, users.c.role == OWNER)
    conn.execute(sa.select(users.c.id).where(which).order_by(users.c.id).with_for_update()).all()


def people(conn: sa.Connection, *, email: str | None, deleted: bool, after: str | None, limit: int) -> Sequence[Person]:
    """In order of creation; `deleted` shows what is left of deleted accounts instead of the others."""
    statement = _people().order_by(users.c.id).limit(limit)
    statement = statement.where(users.c.deleted_at.is_not(None) if deleted else users.c.deleted_at.is_(None))
    if email is not None:
        statement = statement.where(users.c.email == email.strip().lower())
    if after is not None:
        statement = statement.where(users.c.id > after)
    return [_person(row) for row in conn.execute(statement)]


def _people() -> sa.Select[Any]:
    seen = sa.select(sa.func.max(sessions.c.seen_at)).where(sessions.c.user_id == users.c.id)
    factors = sa.or_(
        sa.exists().where(_totp.c.user_id == users.c.id, _totp.c.confirmed_at.is_not(None)),
        sa.exists().where(_passkeys.c.user_id == users.c.id),
    )
    return sa.select(*users.c, seen.scalar_subquery().label("last_seen_at"), factors.label("second_factor"))


def _person(row: sa.Row[Any]) -> Person:
    values = dict(row._mapping)
    seen, factor = values.pop("last_seen_at"), bool(values.pop("second_factor"))
    return Person(User(**values), seen, factor)


def roles_of(conn: sa.Connection, user_id: str) -> Sequence[Role]:
    """What someone was given in places, in order of creation."""
    c = role_grants.c
    columns = (c.role, c.project_id, PROJECT, c.environment_id, ENVIRONMENT)
    statement = sa.select(*columns).select_from(named()).where(c.user_id == user_id).order_by(c.id)
    return [Role(**row._mapping) for row in conn.execute(statement)]


def change_user(conn: sa.Connection, user: User, values: Mapping[str, Any]) -> bool:
    """False when the version is no longer the one that was decided on."""
    mine = sa.and_(users.c.id == user.id, users.c.version == user.version)
    return conn.execute(users.update().where(mine).values(**values, version=user.version + 1)).rowcount == 1


def erase_user(conn: sa.Connection, user: User, now: datetime) -> None:
    """The row stays as a tombstone; what names the person is taken out of it and of everything beside it."""
    gone = f"deleted:{user.id}"
    ended = user.disabled_at or now
    values = {"email": gone, "name": "", "password_hash": "", "role": "member", "disabled_at": ended, "deleted_at": now}
    conn.execute(users.update().where(users.c.id == user.id).values(**values, version=users.c.version + 1))
    conn.execute(sessions.update().where(sessions.c.user_id == user.id).values(address=None, user_agent=None))
    conn.execute(invites.update().where(invites.c.email == user.email).values(email=gone))
    conn.execute(password_resets.delete().where(password_resets.c.user_id == user.id))


def revoke_grants(conn: sa.Connection, user_id: str) -> int:
    return conn.execute(role_grants.delete().where(role_grants.c.user_id == user_id)).rowcount


def revoke_keys(conn: sa.Connection, user_id: str, now: datetime) -> int:
    """The keys someone made, those made with their keys included: they are the same person's."""
    mine = sa.or_(api_keys.c.owner_id == user_id, api_keys.c.created_by == user_id)
    return conn.execute(api_keys.update().where(mine, api_keys.c.revoked_at.is_(None)).values(revoked_at=now)).rowcount


def live(now: datetime) -> sa.ColumnElement[bool]:
    """The sessions that still let someone in."""
    return sa.and_(
        sessions.c.revoked_at.is_(None),
        sessions.c.created_at >= now - SESSION_LIFE,
        sessions.c.seen_at >= now - SESSION_IDLE,
    )


def live_sessions(
    conn: sa.Connection, user_id: str, now: datetime, *, after: str | None, limit: int
) -> Sequence[LiveSession]:
    """In order of creation."""
    columns = [sessions.c[name] for name in LiveSession.__dataclass_fields__]
    statement = sa.select(*columns).where(sessions.c.user_id == user_id, live(now)).order_by(sessions.c.id)
    if after is not None:
        statement = statement.where(sessions.c.id > after)
    return [LiveSession(**row._mapping) for row in conn.execute(statement.limit(limit))]


def owner_of_session(conn: sa.Connection, session_id: str, now: datetime) -> str | None:
    found = sa.select(sessions.c.user_id).where(sessions.c.id == session_id, live(now))
    return conn.execute(found).scalar_one_or_none()


def end_session(conn: sa.Connection, session_id: str, now: datetime) -> bool:
    """One guarded statement: False when it had ended already."""
    mine = sa.and_(sessions.c.id == session_id, sessions.c.revoked_at.is_(None))
    return conn.execute(sessions.update().where(mine).values(revoked_at=now)).rowcount == 1


def end_sessions(conn: sa.Connection, user_id: str, now: datetime, *, but: str | None = None) -> int:
    """How many live ones were ended."""
    mine = sa.and_(sessions.c.user_id == user_id, live(now))
    if but is not None:
        mine = sa.and_(mine, sessions.c.id != but)
    return conn.execute(sessions.update().where(mine).values(revoked_at=now)).rowcount


def insert_invite(conn: sa.Connection, made: Invite, token_hash: str) -> None:
    values = {**vars(made), "grants": [asdict(grant) for grant in made.grants], "token_hash": token_hash}
    conn.execute(invites.insert().values(**values))


def invite(conn: sa.Connection, invite_id: str) -> Invite | None:
    row = conn.execute(sa.select(*_INVITE).where(invites.c.id == invite_id)).first()
    return None if row is None else _invite(row)


def open_invite(conn: sa.Connection, token_hash: str, now: datetime) -> Invite | None:
    """For now: only `accept_invite` decides."""
    row = conn.execute(sa.select(*_INVITE).where(invites.c.token_hash == token_hash, open_now(now))).first()
    return None if row is None else _invite(row)


def invites_after(
    conn: sa.Connection, now: datetime, *, only_open: bool, after: str | None, limit: int
) -> Sequence[Invite]:
    """In order of creation."""
    statement = sa.select(*_INVITE).order_by(invites.c.id).limit(limit)
    if only_open:
        statement = statement.where(open_now(now))
    if after is not None:
        statement = statement.where(invites.c.id > after)
    return [_invite(row) for row in conn.execute(statement)]


def open_now(now: datetime) -> sa.ColumnElement[bool]:
    return sa.and_(invites.c.accepted_at.is_(None), invites.c.revoked_at.is_(None), invites.c.expires_at > now)


def accept_invite(conn: sa.Connection, token_hash: str, user_id: str, now: datetime) -> Invite | None:
    """One guarded statement: of two that come at once, one gets it."""
    mine = sa.and_(invites.c.token_hash == token_hash, open_now(now))
    taken = invites.update().where(mine).values(accepted_at=now, accepted_by=user_id).returning(*_INVITE)
    row = conn.execute(taken).first()
    return None if row is None else _invite(row)


def revoke_invites(conn: sa.Connection, which: sa.ColumnElement[bool], now: datetime) -> int:
    """Those of `which` that are still open."""
    return conn.execute(invites.update().where(which, open_now(now)).values(revoked_at=now)).rowcount


def replace_reset(conn: sa.Connection, **values: Any) -> None:
    """Only the newest link of a person works."""
    conn.execute(password_resets.delete().where(password_resets.c.user_id == values["user_id"]))
    conn.execute(password_resets.insert().values(**values))


def user_to_reset(conn: sa.Connection, token_hash: str, now: datetime) -> User | None:
    """Whose link it is, while it works and the account is not disabled."""
    row = conn.execute(
        sa.select(*users.c)
        .join(password_resets, password_resets.c.user_id == users.c.id)
        .where(
            password_resets.c.token_hash == token_hash,
            password_resets.c.expires_at > now,
            users.c.disabled_at.is_(None),
        )
    ).first()
    return None if row is None else User(**row._mapping)


def spend_reset(conn: sa.Connection, token_hash: str, now: datetime) -> bool:
    """One guarded statement."""
    mine = sa.and_(password_resets.c.token_hash == token_hash, password_resets.c.expires_at > now)
    return conn.execute(password_resets.delete().where(mine)).rowcount == 1


def drop_resets(conn: sa.Connection, user_id: str) -> None:
    conn.execute(password_resets.delete().where(password_resets.c.user_id == user_id))


def _invite(row: sa.Row[Any]) -> Invite:
    values = dict(row._mapping)
    return Invite(**{**values, "grants": tuple(RoleGrant(**each) for each in values["grants"])})
