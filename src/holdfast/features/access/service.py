"""First run, signing in and out, and who a browser session belongs to."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import sqlalchemy as sa

from holdfast.features.access import lockout, store
from holdfast.features.access.accounts import passwords
from holdfast.features.access.actor import Actor
from holdfast.features.access.model import User
from holdfast.features.access.roles import grants_of
from holdfast.kernel import audit, crypto, log
from holdfast.kernel.clock import Clock
from holdfast.kernel.db import Database
from holdfast.kernel.errors import Conflict, Invalid, Unauthenticated
from holdfast.kernel.ids import new_id

LINK_LIFE = timedelta(minutes=15)
SESSION_LIFE = timedelta(days=7)
SESSION_IDLE = timedelta(hours=12)
STEP_UP_LIFE = timedelta(minutes=10)
SEEN_EVERY = timedelta(minutes=1)
MAX_PASSWORD = passwords.MAX
_EMAIL = re.compile(r"^[^\s@\x00-\x1f\x7f]{1,64}@[^\s@\x00-\x1f\x7f]{1,189}$")
# Each hash takes 64 MiB: without a bound a flood of sign-ins would take all memory and every request thread.
_hashing = threading.BoundedSemaphore(2)


@dataclass(frozen=True)
class SignedIn:
    """A fresh session; `token` goes into the cookie and nowhere else."""

    token: str
    user: User


class AccessService:
    """Thread-safe. Wrong credentials are always `Unauthenticated` with the same words."""

    def __init__(self, db: Database, clock: Clock, *, origin: str = "http://127.0.0.1:7700") -> None:
        self._db = db
        self._clock = clock
        self._origin = origin

    def first_run_link(self, origin: str | None = None) -> str | None:
        """A link that makes the owner, once, within 15 minutes. None when there is an owner. Ends any earlier link."""
        token = crypto.random_token()
        with self._db.write() as conn:
            if store.owner_exists(conn):
                return None
            store.replace_first_run(conn, crypto.token_hash(token), self._clock.now() + LINK_LIFE)
            audit.record(conn, actor="system", action="first_run.link")
        log.register_secret(token)
        return f"{origin or self._origin}/#token={token}"

    def exchange(self, token: str, email: str, password: str, agent: str | None = None) -> SignedIn:
        """Make the owner and sign in. Raises Unauthenticated (spent, old, unknown) or Conflict("owner_exists")."""
        email = checked_email(email)
        passwords.check(password, email=email)
        with self._db.read() as conn:  # before hashing: a stranger must not make us work
            if store.owner_exists(conn):
                raise _owner_exists()
            if not store.link_works(conn, crypto.token_hash(token), self._clock.now()):
                raise _link_invalid()
        password_hash = self._hash(password)
        now = self._clock.now()
        with self._db.write() as conn:
            if store.owner_exists(conn):
                raise _owner_exists()
            if not store.spend_first_run(conn, crypto.token_hash(token), now):
                raise _link_invalid()
            owner = User(new_id("usr"), email, password_hash, "owner", now, None)
            store.insert_user(conn, owner)
            audit.record(conn, actor=owner.id, action="user.create", details={"role": "owner", "first_run": True})
            return SignedIn(self._open(conn, owner, now, agent), owner)

    def sign_in(self, email: str, password: str, *, agent: str | None = None, old_token: str | None = None) -> SignedIn:
        """A new session; the one the browser came with is ended. Raises Unauthenticated or TooManyAttempts."""
        email = email.strip().lower()[:254]
        user = self._prove(email, password, "session.create")
        now = self._clock.now()
        with self._db.write() as conn:
            if old_token and (found := store.session_by_hash(conn, crypto.token_hash(old_token))):
                store.revoke_session(conn, found[0].id, now)
            return SignedIn(self._open(conn, user, now, agent), user)

    def sign_out(self, actor: Actor) -> None:
        """End the actor's session. Without one nothing happens."""
        if actor.session_id is None:
            return
        with self._db.write() as conn:
            store.revoke_session(conn, actor.session_id, self._clock.now())
            audit.record(conn, actor=actor.id, action="session.delete")

    def step_up(self, actor: Actor, password: str) -> datetime:
        """Until when the session may reveal, restore and make keys. Raises Unauthenticated or TooManyAttempts."""
        if actor.session_id is None:
            raise Conflict("only a browser session steps up", code="no_session", hint="Keys need the permission alone.")
        with self._db.read() as conn:
            user = store.user(conn, actor.id)
        if user is None:
            raise _unauthenticated()
        self._prove(user.email, password, "session.step_up")
        now = self._clock.now()
        with self._db.write() as conn:
            store.step_up(conn, actor.session_id, now)
            audit.record(conn, actor=actor.id, action="session.step_up")
        return now + STEP_UP_LIFE

    def actor_of(self, token: str) -> Actor:
        """Who a cookie belongs to. Raises Unauthenticated. Two statements; a write at most once a minute."""
        now = self._clock.now()
        with self._db.read() as conn:
            found = store.session_by_hash(conn, crypto.token_hash(token))
            held = () if found is None else grants_of(conn, found[1])
        if found is None:
            raise _unauthenticated()
        session, user = found
        if now - session.created_at > SESSION_LIFE or now - session.seen_at > SESSION_IDLE:
            raise _unauthenticated()
        if now - session.seen_at > SEEN_EVERY:
            with self._db.write() as conn:
                store.touch_session(conn, session.id, now)
        fresh = session.stepped_up_at is not None and now - session.stepped_up_at <= STEP_UP_LIFE
        return Actor(user.id, "user", user.email, held, None, fresh, session.id)

    def prove(self, user: User, password: str, action: str) -> None:
        """Passes when it is that person's password. Raises Unauthenticated or TooManyAttempts, as signing in does."""
        self._prove(user.email, password, action)

    def open(self, conn: sa.Connection, user: User, agent: str | None = None) -> SignedIn:
        """A session in the caller's transaction, for someone who has just proven who they are."""
        return SignedIn(self._open(conn, user, self._clock.now(), agent), user)

    @staticmethod
    def hash(password: str) -> str:
        """Bounded like every other hash: call it outside of transactions."""
        return AccessService._hash(password)

    def _prove(self, email: str, password: str, action: str) -> User:
        """The user, when the password is right; every failure is counted and recorded."""
        tried = lockout.subjects(email, log.current("address"))
        with self._db.read() as conn:
            lockout.check(conn, tried, self._clock.now())
            user = store.user_by_email(conn, email)
        with _hashing:
            right = crypto.verify_password(user.password_hash if user else None, password[:MAX_PASSWORD])
        with self._db.write() as conn:
            if user is None or user.disabled_at is not None or not right:
                lockout.failed(conn, tried, self._clock.now())
                audit.record(conn, actor=user.id if user else "anonymous", action=action, outcome="failed")
            else:
                lockout.cleared(conn, tried)
                if crypto.needs_rehash(user.password_hash):
                    user = replace(user, password_hash=self._hash(password))
                    store.set_password_hash(conn, user.id, user.password_hash)
                return user
        raise _unauthenticated()

    def _open(self, conn: sa.Connection, user: User, now: datetime, agent: str | None) -> str:
        """The first minutes count as stepped up: the password was typed a moment ago."""
        if not store.unchanged(conn, user):  # reset or shut out while we hashed: that meant this sign-in too
            raise _unauthenticated()
        token = crypto.random_token()
        store.insert_session(
            conn,
            id=new_id("ses"),
            user_id=user.id,
            token_hash=crypto.token_hash(token),
            address=log.current("address"),
            user_agent=(agent or "")[:200] or None,
            created_at=now,
            seen_at=now,
            stepped_up_at=now,
        )
        audit.record(conn, actor=user.id, action="session.create")
        return token

    @staticmethod
    def _hash(password: str) -> str:
        with _hashing:
            return crypto.hash_password(password)


def checked_email(email: str) -> str:
    email = email.strip().lower()
    if not _EMAIL.match(email):
        raise Invalid("this is not an e-mail address", code="email_invalid", details=_field("email", "NAME@DOMAIN"))
    return email


def _field(name: str, message: str) -> dict[str, object]:
    return {"fields": [{"field": name, "message": message}]}


def _owner_exists() -> Conflict:
    return Conflict("this installation has an owner", code="owner_exists", hint="Sign in instead.")


def _link_invalid() -> Unauthenticated:
    return Unauthenticated(
        "this link is not valid",
        code="link_invalid",
        hint="Links work once, for 15 minutes: restart for a new one.",
    )


def _unauthenticated() -> Unauthenticated:
    return Unauthenticated("sign in first", hint="POST /api/v1/session, or send an API key as Authorization: Bearer.")
