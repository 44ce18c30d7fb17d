"""API keys: `hf_<prefix>_<secret>`, shown once, stored as a hash."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from holdfast.features.access.actor import Actor, denied, hidden, no_such
from holdfast.features.access.grants import Grant, Place
from holdfast.features.access.model import ApiKey, api_keys
from holdfast.features.access.permissions import ALL, ROLES, checked
from holdfast.kernel import audit, crypto, log
from holdfast.kernel.clock import Clock
from holdfast.kernel.db import Database, json_elements
from holdfast.kernel.errors import Invalid, Unauthenticated
from holdfast.kernel.ids import new_id
from holdfast.web.idempotency import NEVER, Once

USED_EVERY = timedelta(minutes=1)
_KEY = re.compile(r"^hf_([0-9a-f]{12})_([A-Za-z0-9_-]{43})$")


@dataclass(frozen=True)
class WantedKey:
    """`role` or `permissions`, or neither: all the maker may do. `projects` None = wherever the maker may."""

    name: str
    role: str | None = None
    permissions: Collection[str] | None = None
    projects: Collection[str] | None = None
    expires_at: datetime | None = None


class KeyService:
    """Nobody makes a key that may do more than they may themselves."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    def create(self, actor: Actor, wanted: WantedKey, once: Once = NEVER) -> tuple[ApiKey, str]:
        """The record and the key, which is never seen again. Raises Denied naming a permission the maker lacks."""
        actor.require("key.create")
        actor.require_step_up()
        permissions = _granted(actor, wanted)
        projects = self._projects(actor, wanted)
        now = self._clock.now()
        if wanted.expires_at is not None and wanted.expires_at <= now:
            raise Invalid("expires_at is in the past", code="expiry_invalid")
        prefix, secret = crypto.token_hash(crypto.random_token())[:12], crypto.random_token()
        made = ApiKey(
            id=new_id("key"),
            name=wanted.name,
            prefix=prefix,
            role=wanted.role,
            permissions=permissions,
            projects=projects,
            created_by=actor.id,
            created_at=now,
            expires_at=wanted.expires_at,
            last_used_at=None,
            revoked_at=None,
        )
        with self._db.write() as conn:
            once.check(conn)
            conn.execute(api_keys.insert().values(**_row(made), secret_hash=crypto.token_hash(secret)))
            audit.record(
                conn,
                actor=actor.id,
                action="key.create",
                resource_id=made.id,
                details={"name": made.name, "permissions": sorted(permissions)},
            )
            once.keep(conn, made)
        text = f"hf_{prefix}_{secret}"
        log.register_secret(text)
        return made, text

    def list(self, actor: Actor, *, after: str | None = None, limit: int = 50) -> Sequence[ApiKey]:
        """In order of creation; a limited key sees the keys limited to projects it sees."""
        actor.require("key.read")
        statement = sa.select(api_keys).order_by(api_keys.c.id).limit(limit)
        if after is not None:
            statement = statement.where(api_keys.c.id > after)
        with self._db.read() as conn:
            if actor.projects is not None:
                statement = statement.where(_within(conn, actor.projects))
            return [_key(row) for row in conn.execute(statement)]

    def get(self, actor: Actor, key_id: str) -> ApiKey:
        actor.require("key.read")
        with self._db.read() as conn:
            return _found(conn, actor, key_id)

    def revoke(self, actor: Actor, key_id: str) -> ApiKey:
        """At once; a key revoked before stays so."""
        actor.require("key.revoke")
        with self._db.write() as conn:
            key = _found(conn, actor, key_id)
            if key.revoked_at is None:
                now = self._clock.now()
                conn.execute(api_keys.update().where(api_keys.c.id == key_id).values(revoked_at=now))
                audit.record(conn, actor=actor.id, action="key.revoke", resource_id=key_id, details={"name": key.name})
            return _found(conn, actor, key_id)

    def actor_of(self, text: str) -> Actor:
        """Who a key is. Raises Unauthenticated: unknown, wrong, expired and revoked are not told apart."""
        match = _KEY.match(text)
        prefix, secret = match.groups() if match else ("", "")
        with self._db.read() as conn:
            row = conn.execute(sa.select(api_keys).where(api_keys.c.prefix == prefix)).first()
        now = self._clock.now()
        right = crypto.equal(row.secret_hash if row else "0" * 64, crypto.token_hash(secret))
        if row is None or not right or row.revoked_at is not None or (row.expires_at and row.expires_at <= now):
            raise _key_invalid()
        return self._actor(row, now)

    def actor_of_id(self, key_id: str) -> Actor:
        """Who a key is now: for the tokens that were made with it. Raises Unauthenticated as `actor_of` does."""
        with self._db.read() as conn:
            row = conn.execute(sa.select(api_keys).where(api_keys.c.id == key_id)).first()
        now = self._clock.now()
        if row is None or row.revoked_at is not None or (row.expires_at and row.expires_at <= now):
            raise _key_invalid()
        return self._actor(row, now)

    def _actor(self, row: sa.Row[Any], now: datetime) -> Actor:
        if row.last_used_at is None or now - row.last_used_at > USED_EVERY:
            with self._db.write() as conn:
                conn.execute(api_keys.update().where(api_keys.c.id == row.id).values(last_used_at=now))
        key = _key(row)
        places = (None,) if key.projects is None else tuple(sorted(key.projects))
        return Actor(key.id, "key", key.name, tuple(Grant(key.permissions, place) for place in places))

    @staticmethod
    def _projects(actor: Actor, wanted: WantedKey) -> frozenset[str] | None:
        if wanted.projects is None:
            return actor.projects
        for project_id in wanted.projects:
            actor.require("key.create", Place(project_id), noun="project")
        return frozenset(wanted.projects)


def _key_invalid() -> Unauthenticated:
    return Unauthenticated("this key is not valid", hint="Make another one with `holdfast key create`.")


def _granted(actor: Actor, wanted: WantedKey) -> frozenset[str]:
    if wanted.role is not None and wanted.permissions is not None:
        raise Invalid("give a role or permissions, not both", code="role_and_permissions")
    if wanted.role is not None:
        if wanted.role not in ROLES:
            raise Invalid(f"roles are {', '.join(ROLES)}", code="role_unknown")
        asked = ROLES[wanted.role]
    elif wanted.permissions is not None:
        asked = checked(wanted.permissions)
    else:
        return actor.permissions
    for permission in sorted(asked - actor.permissions):
        raise denied(permission, hint="A key may do no more than whoever makes it.")
    return asked


def _row(key: ApiKey) -> dict[str, Any]:
    lists = {"permissions": sorted(key.permissions), "projects": None if key.projects is None else sorted(key.projects)}
    return {**vars(key), **lists}


def _key(row: sa.Row[Any]) -> ApiKey:
    """A role is read at each use, so that a role that loses a permission takes it from its keys."""
    held = {name: value for name, value in row._mapping.items() if name != "secret_hash"}
    permissions = ROLES.get(row.role, frozenset()) if row.role else frozenset(row.permissions or ()) & ALL
    projects = None if row.projects is None else frozenset(row.projects)
    return ApiKey(**{**held, "permissions": permissions, "projects": projects})


def _sees(actor: Actor, key: ApiKey) -> bool:
    return actor.projects is None or (key.projects is not None and key.projects <= actor.projects)


def _within(conn: sa.Connection, projects: Collection[str]) -> sa.ColumnElement[bool]:
    """`_sees` in SQL: limited, and to none but these."""
    project = json_elements(conn, api_keys.c.projects)
    other = sa.select(project.c.value).where(project.c.value.not_in(sorted(projects)))
    return sa.and_(api_keys.c.projects.is_not(None), ~other.exists())


def _found(conn: sa.Connection, actor: Actor, key_id: str) -> ApiKey:
    row = conn.execute(sa.select(api_keys).where(api_keys.c.id == key_id)).first()
    if row is None:
        raise no_such("key")
    key = _key(row)
    if not _sees(actor, key):
        raise hidden("key")
    return key
