"""First run, signing in and out, and who a browser session belongs to.

Signing in with a second factor keeps no state of half a sign-in: the client repeats the call, password included, with a
code or a passkey. So there is no token of half an identity to steal, guess against or forget to expire, and each try
costs whoever guesses a full one. Only a passkey's challenge is a row (`factors/challenges`): it must be ours and used
once, which nothing without state can promise.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from holdfast.features.access import lockout, store
from holdfast.features.access.accounts import passwords
from holdfast.features.access.actor import Actor
from holdfast.features.access.factors import passkeys, policy
from holdfast.features.access.factors.challenges import Challenge
from holdfast.features.access.factors.model import Assertion, Second, Site
from holdfast.features.access.factors.proof import Factors
from holdfast.features.access.grants import Grant
from holdfast.features.access.hashing import QUEUE
from holdfast.features.access.model import Session, User
from holdfast.features.access.roles import grants_of
from holdfast.kernel import audit, crypto, log
from holdfast.kernel.clock import Clock
from holdfast.kernel.db import Database, Remembered
from holdfast.kernel.errors import Conflict, Invalid, Unauthenticated
from holdfast.kernel.ids import new_id

LINK_LIFE = timedelta(minutes=15)
SESSION_LIFE = timedelta(days=7)
SESSION_IDLE = timedelta(hours=12)
STEP_UP_LIFE = timedelta(minutes=10)
SEEN_EVERY = timedelta(minutes=1)
MAX_PASSWORD = passwords.MAX
_EMAIL = re.compile(r"^[^\s@\x00-\x1f\x7f]{1,64}@[^\s@\x00-\x1f\x7f]{1,189}$")
TRUSTED = "sso"  # a session's factor when the provider it came from vouches for one
PASSWORD_ONLY = Second()


@dataclass(frozen=True)
class SignedIn:
    """A fresh session; `token` goes into the cookie and nowhere else."""

    token: str
    user: User


@dataclass(frozen=True)
class SteppedUp:
    """The session's new token, and until when it counts as stepped up."""

    token: str
    valid_until: datetime


@dataclass(frozen=True)
class _Held:
    """A session with what its user may do."""

    session: Session
    user: User
    grants: tuple[Grant, ...]
    lacking: bool

    def has_ended(self, now: datetime) -> bool:
        return now - self.session.created_at > SESSION_LIFE or now - self.session.seen_at > SESSION_IDLE

    def actor(self, now: datetime) -> Actor:
        stepped_up_at = self.session.stepped_up_at
        fresh = stepped_up_at is not None and now - stepped_up_at <= STEP_UP_LIFE
        grants = () if self.lacking else self.grants
        return Actor(
            self.user.id, "user", self.user.email, grants, None, fresh, self.session.id, must_enrol=self.lacking
        )


class AccessService:
    """Thread-safe. Wrong credentials are always `Unauthenticated` with the same words."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        *,
        origin: str = "http://127.0.0.1:7700",
        factors: Factors | None = None,
    ) -> None:
        self._db = db
        self._clock = clock
        self._origin = origin
        self._factors = factors or Factors(None)
        self._held: Remembered[str, _Held] = Remembered(db.mark)

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

    def sign_in(
        self,
        email: str,
        password: str,
        second: Second = PASSWORD_ONLY,
        *,
        agent: str | None = None,
        old_token: str | None = None,
    ) -> SignedIn:
        """A new session; the one the browser came with is ended. Raises Unauthenticated or TooManyAttempts.

        `Unauthenticated("second_factor_required")` says that the password was right and which factors there are.
        """
        user, factor = self._prove(email, password, second, "session.create")
        return self._replace(user, agent, old_token, factor)

    def passkey_options(self, site: Site | None) -> tuple[Challenge, Any]:
        """For signing in with a passkey alone. Raises Conflict("passkeys_need_name")."""
        site = passkeys.require_name(site)
        with self._db.write() as conn:
            where = lockout.address_alone(log.current("address"))[0]
            made = self._factors.challenge(conn, "sign_in", where, self._clock.now())
        return made, passkeys.request_options(site, (), made)

    def sign_in_by_passkey(
        self, given: Assertion, *, agent: str | None = None, old_token: str | None = None
    ) -> SignedIn:
        """Like `sign_in`, by a passkey that verified its user. Failures count against the address."""
        tried, now = lockout.address_alone(log.current("address")), self._clock.now()
        with self._db.write() as conn:
            lockout.check(conn, tried, now, hold=True)
            user_id = self._factors.passkey(conn, given, "sign_in", None, now)
            user = store.user(conn, user_id) if user_id else None
            if user is None or user.disabled_at is not None:
                lockout.failed(conn, tried, now)
                audit.record(conn, actor=user_id or "anonymous", action="session.create", outcome="failed")
                user = None
        if user is None:
            raise _unauthenticated()
        return self._replace(user, agent, old_token, "passkey")

    def sign_out(self, actor: Actor) -> None:
        """End the actor's session. Without one nothing happens."""
        if actor.session_id is None:
            return
        with self._db.write() as conn:
            store.revoke_session(conn, actor.session_id, self._clock.now())
            audit.record(conn, actor=actor.id, action="session.delete")

    def step_up_options(self, actor: Actor, site: Site | None) -> tuple[Challenge, Any]:
        """For stepping up with a passkey alone. Raises Conflict for a site or an actor that cannot."""
        session_id, site = _session_of(actor), passkeys.require_name(site)
        with self._db.write() as conn:
            known = passkeys.usable(conn, actor.id, site)
            if not known:
                raise Conflict("you have no passkey for this site", code="no_passkey", hint="Use password and code.")
            made = self._factors.challenge(conn, "step_up", session_id, self._clock.now())
        return made, passkeys.request_options(site, known, made)

    def step_up(self, actor: Actor, password: str | None, second: Second = PASSWORD_ONLY) -> SteppedUp:
        """The session may reveal, restore and make keys for ten minutes, under a new token; the old one is dead.

        By password, with a code where there is a second factor, or by a passkey alone. Raises Unauthenticated or
        TooManyAttempts; Conflict("no_session") for keys.
        """
        session_id = _session_of(actor)
        with self._db.read() as conn:
            user = store.user(conn, actor.id)
        if user is None:
            raise _unauthenticated()
        if second.passkey is not None:
            factor: str | None = self._step_up_by_passkey(user, session_id, second.passkey)
        else:
            user, factor = self._prove(user.email, password or "", second, "session.step_up")
        now, token = self._clock.now(), crypto.random_token()
        with self._db.write() as conn:
            if not store.unchanged(conn, user) or not store.step_up(conn, session_id, now, crypto.token_hash(token)):
                raise _unauthenticated()
            audit.record(conn, actor=actor.id, action="session.step_up", details={"factor": factor})
        return SteppedUp(token, now + STEP_UP_LIFE)

    def actor_of(self, token: str) -> Actor:
        """Who a cookie belongs to. Raises Unauthenticated. Three statements; a write at most once a minute."""
        now, token_hash = self._clock.now(), crypto.token_hash(token)
        found = self._held.read(token_hash, lambda: self._read(token_hash))
        if found.has_ended(now):
            raise _unauthenticated()
        if now - found.session.seen_at > SEEN_EVERY:
            with self._db.write() as conn:
                store.touch_session(conn, found.session.id, now)
        return found.actor(now)

    def known(self, token: str) -> Actor | None:
        """What `actor_of` would say, where that is certain without asking the database: for the event loop. A session
        that was ended a moment ago, by whatever process, is not known."""
        now, found = self._clock.now(), self._held.get(crypto.token_hash(token))
        if found is None or found.has_ended(now) or now - found.session.seen_at > SEEN_EVERY:
            return None
        return found.actor(now)

    def _read(self, token_hash: str) -> _Held:
        with self._db.read() as conn:
            found = store.session_by_hash(conn, token_hash)
            if found is None:
                raise _unauthenticated()
            return _Held(*found, grants_of(conn, found[1]), _must_enrol(conn, *found))

    def prove(self, email: str, password: str, second: Second = PASSWORD_ONLY, *, action: str) -> User:
        """Whose credentials these are, second factor included; `action` names it in the record.

        Raises Unauthenticated ("second_factor_required" and "second_factor_wrong" after a right password only) or
        TooManyAttempts. Every failure is counted and recorded, as signing in does. Hashes: call it by `QUEUE.run`.
        """
        return self._prove(email, password, second, action)[0]

    def prove_password(self, user: User, password: str, action: str) -> None:
        """For someone who is signed in already: the password alone. Raises Unauthenticated or TooManyAttempts."""
        self._prove(user.email, password, None, action)

    def has_factor(self, conn: sa.Connection, user_id: str) -> bool:
        """Whether the account is asked for a second factor."""
        return bool(self._factors.methods(conn, user_id))

    def open(self, conn: sa.Connection, user: User, agent: str | None = None, factor: str | None = None) -> SignedIn:
        """A session in the caller's transaction, for someone who has just proven who they are."""
        return SignedIn(self._open(conn, user, self._clock.now(), agent, factor), user)

    @staticmethod
    def hash(password: str) -> str:
        """Bounded like every other hash: call it outside of transactions."""
        return AccessService._hash(password)

    def _prove(self, email: str, password: str, second: Second | None, action: str) -> tuple[User, str | None]:
        """The user and the factor used. `second` None: none is asked for. Every failure is counted and recorded."""
        email = email.strip().lower()[:254]
        tried = lockout.subjects(email, log.current("address"))
        with self._db.read() as conn:
            lockout.check(conn, tried, self._clock.now())
            user = store.user_by_email(conn, email)
        with QUEUE.turn():
            right = crypto.verify_password(user.password_hash if user else None, password[:MAX_PASSWORD])
        stale = user is not None and right and crypto.needs_rehash(user.password_hash)
        fresh_hash = self._hash(password) if stale else None
        with self._db.write() as conn:
            lockout.check(conn, tried, self._clock.now(), hold=True)
            if user is None or user.disabled_at is not None or not right:
                wrong, details = _unauthenticated(), {}
                lockout.failed(conn, tried, self._clock.now())
            else:
                factor = self._judge(conn, user, second, tried)
                if not isinstance(factor, Unauthenticated):
                    lockout.cleared(conn, tried)
                    if fresh_hash is not None:
                        user = replace(user, password_hash=fresh_hash)
                        store.set_password_hash(conn, user.id, fresh_hash)
                    return user, factor
                wrong, details = factor, {"code": factor.code}
            who = user.id if user else "anonymous"
            audit.record(conn, actor=who, action=action, outcome="failed", details=details)
        raise wrong

    def _judge(
        self, conn: sa.Connection, user: User, second: Second | None, tried: list[str]
    ) -> str | Unauthenticated | None:
        """After the right password: the factor used, None when none is asked for, or what to refuse with.

        A missing factor is no failure, but clears nothing either: whoever knows the password would otherwise win back
        all their guesses at the code.
        """
        if second is None or not self.has_factor(conn, user.id):
            return None
        now = self._clock.now()
        if not second.given:
            return self._factors.wanted(conn, user.id, second.site, now)
        if used := self._factors.accept(conn, user.id, second, now):
            return used
        lockout.failed(conn, tried, now)
        return _second_wrong()

    def _step_up_by_passkey(self, user: User, session_id: str, given: Assertion) -> str:
        tried, now = lockout.subjects(user.email, log.current("address")), self._clock.now()
        with self._db.write() as conn:
            lockout.check(conn, tried, now, hold=True)
            if self._factors.passkey(conn, given, "step_up", session_id, now, user.id):
                return "passkey"
            lockout.failed(conn, tried, now)
            audit.record(conn, actor=user.id, action="session.step_up", outcome="failed")
        raise _second_wrong()

    def _replace(self, user: User, agent: str | None, old_token: str | None, factor: str | None) -> SignedIn:
        now = self._clock.now()
        with self._db.write() as conn:
            if old_token and (found := store.session_by_hash(conn, crypto.token_hash(old_token))):
                store.revoke_session(conn, found[0].id, now)
            return SignedIn(self._open(conn, user, now, agent, factor), user)

    def _open(
        self, conn: sa.Connection, user: User, now: datetime, agent: str | None, factor: str | None = None
    ) -> str:
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
            factor=factor,
        )
        audit.record(conn, actor=user.id, action="session.create", details={"factor": factor})
        return token

    @staticmethod
    def _hash(password: str) -> str:
        with QUEUE.turn():
            return crypto.hash_password(password)


def checked_email(email: str) -> str:
    email = email.strip().lower()
    if not _EMAIL.match(email):
        raise Invalid("this is not an e-mail address", code="email_invalid", details=_field("email", "NAME@DOMAIN"))
    return email


def _must_enrol(conn: sa.Connection, session: Session, user: User) -> bool:
    return session.factor != TRUSTED and policy.missing(conn, user)


def _session_of(actor: Actor) -> str:
    if actor.session_id is None:
        raise Conflict("only a browser session steps up", code="no_session", hint="Keys need the permission alone.")
    return actor.session_id


def _second_wrong() -> Unauthenticated:
    return Unauthenticated(
        "the second factor is wrong, or was used before",
        code="second_factor_wrong",
        hint="Wait for the next code, or use a recovery code. Check that the phone's clock is right.",
    )


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
