"""Making, refreshing, checking and ending tokens (RFC 6749 section 1.5, RFC 9068, RFC 9700 section 4.14)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import sqlalchemy as sa

from holdfast.features.access.actor import Actor, no_such
from holdfast.features.access.factors import policy
from holdfast.features.access.keys import KeyService
from holdfast.features.access.model import User
from holdfast.features.access.roles import grants_of
from holdfast.features.access.tokens import store
from holdfast.features.access.tokens.access_token import LIFE, Form, invalid
from holdfast.features.access.tokens.model import Family, SigningKey, token_families
from holdfast.features.access.tokens.ring import Ring
from holdfast.kernel import audit, crypto, log
from holdfast.kernel.clock import Clock
from holdfast.kernel.db import Database
from holdfast.kernel.errors import Conflict, Denied, Unauthenticated
from holdfast.kernel.ids import new_id
from holdfast.kernel.secrets import Secrets

FAMILY_LIFE = timedelta(days=30)
IDLE = timedelta(days=7)
_PREFIX = "hr_"


@dataclass(frozen=True)
class Pair:
    """What is handed out, once: the access token counts until `expires_at`, the refresh token works one time."""

    access_token: str
    refresh_token: str
    family: Family
    expires_at: datetime


class TokenService:
    """Thread-safe. A token that does not count is `Unauthenticated`, and never says why."""

    def __init__(self, db: Database, clock: Clock, secrets: Secrets, keys: KeyService, *, issuer: str) -> None:
        self._db = db
        self._clock = clock
        self._keys = keys
        self._form = Form(issuer)
        self._ring = Ring(db, secrets)

    def create_for(self, user: User, name: str = "", agent: str | None = None) -> Pair:
        """A new family for someone who has just proven who they are, second factor included."""
        return self._create(user.id, user.id, None, name, agent)

    def create(self, actor: Actor, name: str = "", agent: str | None = None) -> Pair:
        """A new family for the actor: an API key, or a browser session that was stepped up.

        Raises Denied for a session that was not, and for an access token: stolen, it would live for 30 days instead of
        ten minutes. Raises Conflict("no_account") for admin.sock.
        """
        if actor.family_id is not None:
            raise Denied(
                "an access token makes no tokens",
                code="token_refused",
                hint="Use its refresh token, or sign in with the password.",
            )
        actor.require_step_up()
        if actor.kind == "user":
            return self._create(actor.id, actor.id, None, name, agent)
        if actor.kind == "key":
            return self._create(actor.id, None, actor.id, name, agent)
        raise Conflict(
            f"{actor.display} has no account to make tokens for",
            code="no_account",
            hint="Give the e-mail and password of an account, or use an API key.",
        )

    def refresh(self, refresh_token: str) -> Pair:
        """A new pair; the token given is spent. Raises Unauthenticated.

        A token that was spent before ends its whole family: two hold it, and one of them is a thief. There is no grace
        for two refreshes at once: one wins, the other ends the family. A client refreshes in one place.
        """
        spent = crypto.token_hash(refresh_token)
        now = self._clock.now()
        with self._db.write() as conn:
            won = store.spend(conn, spent, now)
            if won is None:
                self._reused(conn, spent, now)
            elif won[1] > now and (found := store.living(conn, won[0], None, now)):
                store.refreshed(conn, won[0], now)
                return self._pair(conn, replace(found[0], refreshed_at=now), now)
        raise invalid()

    def actor_of(self, access_token: str) -> Actor:
        """Who a token speaks for, with the rights of this moment. Raises Unauthenticated. Four statements at most."""
        now = self._clock.now()
        said = self._form.read(access_token, self._ring.public, now)
        with self._db.read() as conn:
            found = store.living(conn, said.family_id, said.kid, now)
            lacking = bool(found and found[1] and policy.missing(conn, found[1]))
            held = grants_of(conn, found[1]) if found and found[1] and not lacking else ()
        if found is None:
            raise invalid()
        family, user = found
        if said.subject != (family.user_id or family.key_id):
            raise invalid()
        if user is not None:
            return Actor(
                user.id, "user", user.email, held, None, stepped_up=False, family_id=family.id, must_enrol=lacking
            )
        return self._key_actor(family)

    def list(
        self, actor: Actor, user_id: str | None = None, *, after: str | None = None, limit: int = 50
    ) -> Sequence[Family]:
        """The actor's own families, or those of `user_id` for who may read users; ended ones included."""
        whose = _own(actor)
        if user_id is not None and user_id != actor.id:
            actor.require_everywhere("user.read")
            whose = token_families.c.user_id == user_id
        with self._db.read() as conn:
            return store.page(conn, whose, after=after, limit=limit)

    def revoke(self, actor: Actor, family_id: str) -> Family:
        """End a family and its access tokens at once: one's own, or anybody's with token.revoke."""
        now = self._clock.now()
        with self._db.write() as conn:
            found = store.family(conn, family_id)
            if found is None or actor.id not in (found.user_id, found.key_id):
                actor.require_everywhere("token.revoke")
            if found is None:
                raise no_such("token")
            if store.revoke(conn, family_id, now, "revoked"):
                whose = {"of": found.user_id or found.key_id, "name": found.name}
                audit.record(conn, actor=actor.id, action="token.revoke", resource_id=family_id, details=whose)
            return store.family(conn, family_id) or found

    def end_of(self, conn: sa.Connection, user_id: str) -> None:
        """With someone's sessions end their tokens, in that transaction: a hook for whoever ends sessions."""
        store.end_all(conn, user_id, self._clock.now())

    def published(self) -> Sequence[SigningKey]:
        """The public keys whose signatures count, and the one that signs next."""
        with self._db.read() as conn:
            return self._ring.published(conn, self._clock.now())

    def rotate_keys(self, actor: Actor, *, at_once: bool = False) -> Sequence[SigningKey]:
        """Sign with the next key. `at_once`: every access token out there ends now; refresh tokens go on."""
        actor.require_everywhere("system.key.rotate")
        actor.require_step_up()
        now = self._clock.now()
        self._ring.prepare(now)
        with self._db.write() as conn:
            kid = self._ring.rotate(conn, now, at_once=at_once)
            details = {"key": kid, "at_once": at_once}
            audit.record(conn, actor=actor.id, action="token.rotate_keys", details=details)
            return self._ring.published(conn, now)

    def _create(self, by: str, user_id: str | None, key_id: str | None, name: str, agent: str | None) -> Pair:
        now = self._clock.now()
        made = Family(
            id=new_id("fam"),
            user_id=user_id,
            key_id=key_id,
            name=name,
            address=log.current("address"),
            user_agent=(agent or "")[:200] or None,
            created_at=now,
            refreshed_at=now,
            expires_at=now + FAMILY_LIFE,
            revoked_at=None,
            revoked_why=None,
        )
        self._ring.prepare(now)
        with self._db.write() as conn:
            store.forget(conn, now - FAMILY_LIFE)
            store.insert_family(conn, made)
            audit.record(conn, actor=by, action="token.create", resource_id=made.id, details={"name": name})
            return self._pair(conn, made, now)

    def _pair(self, conn: sa.Connection, family: Family, now: datetime) -> Pair:
        refresh = _PREFIX + crypto.random_token()
        store.insert_refresh(conn, crypto.token_hash(refresh), family.id, now, min(now + IDLE, family.expires_at))
        kid, private = self._ring.current(conn)
        subject = family.user_id or family.key_id or ""
        access = self._form.sign(private, kid, subject, family.id, now)
        log.register_secret(refresh)
        return Pair(access, refresh, family, now + LIFE)

    @staticmethod
    def _reused(conn: sa.Connection, token_hash: str, now: datetime) -> None:
        """Ends the family a spent token is of; one that was never ours changes nothing."""
        family_id = store.family_of(conn, token_hash)
        if family_id is None or not store.revoke(conn, family_id, now, "reuse"):
            return
        family = store.family(conn, family_id)
        whose = (family.user_id or family.key_id) if family else None
        audit.record(
            conn,
            actor=whose or "anonymous",
            action="token.reuse",
            resource_id=family_id,
            outcome="denied",
            details={"ended": family_id},
        )

    def _key_actor(self, family: Family) -> Actor:
        try:
            actor = self._keys.actor_of_id(family.key_id or "")
        except Unauthenticated:
            raise invalid() from None
        return replace(actor, family_id=family.id)


def _own(actor: Actor) -> sa.ColumnElement[bool]:
    return sa.or_(token_families.c.user_id == actor.id, token_families.c.key_id == actor.id)
