"""A new password: by whoever knows the old one, or by a link for whoever lost it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from holdfast.features.access import lockout
from holdfast.features.access import store as access_store
from holdfast.features.access.accounts import passwords, rights, store
from holdfast.features.access.accounts.hooks import UserHooks
from holdfast.features.access.accounts.users import NO_HOOKS, found, living
from holdfast.features.access.actor import Actor
from holdfast.features.access.service import AccessService, SignedIn
from holdfast.kernel import audit, crypto, log
from holdfast.kernel.clock import Clock
from holdfast.kernel.db import Database
from holdfast.kernel.errors import Conflict, Unauthenticated

RESET_LIFE = timedelta(hours=1)


class RecoveryService:
    """Passwords are hashed outside of transactions, and only for whoever has shown a session or a link that works."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        access: AccessService,
        hooks: UserHooks = NO_HOOKS,
        *,
        origin: str = "http://127.0.0.1:7700",
    ) -> None:
        self._db = db
        self._clock = clock
        self._access = access
        self._hooks = hooks
        self._origin = origin

    def change(self, actor: Actor, old: str, new: str, agent: str | None = None) -> SignedIn:
        """The person's new password and this browser's new session; all others end, and refresh tokens with them.

        The old one is proven as at sign-in: every failure counts. Raises Unauthenticated, TooManyAttempts, Invalid,
        Conflict("no_session") for a key or admin.sock.
        """
        if actor.session_id is None:
            raise Conflict("only a browser session changes its password", code="no_session", hint=_RESET_HINT)
        with self._db.read() as conn:
            user = found(conn, actor.id).user
        self._access.prove_password(user, old, "session.password")
        passwords.check(new, email=user.email, name=user.name)
        password_hash = self._access.hash(new)
        with self._db.write() as conn:
            now = self._clock.now()
            store.hold(conn, user.id)
            # Whoever ended this session while we hashed meant it: a new one would let the same browser in again.
            if not store.end_session(conn, actor.session_id, now):
                raise Unauthenticated("this session was ended", hint="Sign in again.")
            store.end_sessions(conn, user.id, now)
            self._hooks.sessions_ended(conn, user.id)
            store.drop_resets(conn, user.id)
            access_store.set_password_hash(conn, user.id, password_hash)
            audit.record(conn, actor=actor.id, action="session.password")
            return self._access.open(conn, replace(user, password_hash=password_hash), agent)

    def reset(self, actor: Actor, user_id: str, origin: str | None = None) -> str:
        """A link to choose a new password with, once, within the hour; it ends any earlier one.

        Until then the account has no password: whoever knows the old one may be the reason. Sessions, refresh tokens,
        second factors and the account's lock-out end. Raises Denied when the person may do more than the actor.
        """
        actor.require_everywhere("user.reset")
        token = crypto.random_token()
        with self._db.write() as conn:
            user = living(conn, user_id)
            actor.require_step_up()
            rights.require_above(conn, actor, user)
            now = self._clock.now()
            store.end_sessions(conn, user_id, now)
            self._hooks.sessions_ended(conn, user_id)
            self._hooks.user_reset(conn, user_id)
            access_store.set_password_hash(conn, user_id, "")
            lockout.forget(conn, user.email)
            store.replace_reset(
                conn,
                user_id=user_id,
                token_hash=crypto.token_hash(token),
                created_by=actor.id,
                created_at=now,
                expires_at=now + RESET_LIFE,
            )
            audit.record(conn, actor=actor.id, action="user.reset", resource_id=user_id)
        log.register_secret(token)
        return f"{origin or self._origin}/#reset={token}"

    def redeem(self, token: str, password: str) -> None:
        """Sets the password. It signs nobody in: the next sign-in does, with whatever that asks for.

        Raises Unauthenticated("link_invalid") for a link that is spent, old, unknown or of a disabled account; a
        password that is refused spends none.
        """
        token_hash = crypto.token_hash(token)
        with self._db.read() as conn:  # before hashing: a stranger must not make us work
            user = store.user_to_reset(conn, token_hash, self._clock.now())
        if user is None:
            raise link_invalid()
        passwords.check(password, email=user.email, name=user.name)
        password_hash = self._access.hash(password)
        with self._db.write() as conn:
            now = self._clock.now()
            if store.user_to_reset(conn, token_hash, now) is None or not store.spend_reset(conn, token_hash, now):
                raise link_invalid()
            access_store.set_password_hash(conn, user.id, password_hash)
            lockout.forget(conn, user.email)
            audit.record(conn, actor=user.id, action="session.reset")


_RESET_HINT = "Someone who lost it needs a link: holdfast user reset E-MAIL"


def link_invalid() -> Unauthenticated:
    """One answer for a link that is unknown, old, spent, revoked, or leads to an account that is not to be had."""
    return Unauthenticated(
        "this link is not valid", code="link_invalid", hint="Links work once and for a limited time: ask for a new one."
    )
