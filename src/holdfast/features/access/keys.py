"""API keys: `hf_<prefix>_<secret>`, shown once, stored as a hash."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa

from holdfast.features.access import key_store as store
from holdfast.features.access.actor import Actor, denied, hidden, no_such
from holdfast.features.access.grants import Grant
from holdfast.features.access.key_limits import Maker, WantedKey, maker_of, reach_of, require_no_more
from holdfast.features.access.key_store import Presented, is_person
from holdfast.features.access.model import ApiKey, KeySecret
from holdfast.features.access.places import PROJECTS_ONLY, Whereabouts
from holdfast.features.access.roles import grants_of
from holdfast.kernel import audit, crypto, log
from holdfast.kernel.clock import Clock
from holdfast.kernel.db import Database, Remembered
from holdfast.kernel.errors import Conflict, Invalid, Unauthenticated
from holdfast.kernel.ids import new_id
from holdfast.web.idempotency import NEVER, Once

__all__ = ["KeyService", "WantedKey"]

USED_EVERY = timedelta(minutes=1)
OVERLAP, LONGEST_OVERLAP = timedelta(hours=24), timedelta(days=30)
MAX_SECRETS = 10
_KEY = re.compile(r"^hf_([0-9a-f]{12})_([A-Za-z0-9_-]{43})$")


class KeyService:
    """Nobody makes a key that may do more than they may themselves, and a person's key never does more than they may
    at that moment: taking a role from them takes it from their keys."""

    def __init__(self, db: Database, clock: Clock, where: Whereabouts = PROJECTS_ONLY) -> None:
        self._db = db
        self._clock = clock
        self._where = where
        self._held: Remembered[tuple[str, str], tuple[Presented, Actor]] = Remembered(db.mark)

    def create(self, actor: Actor, wanted: WantedKey, once: Once = NEVER) -> tuple[ApiKey, str]:
        """The record and the key, which is never seen again. Raises Denied naming a permission the maker lacks."""
        actor.require("key.create")
        actor.require_step_up()
        with self._db.write() as conn:
            maker = maker_of(conn, actor)
            reach = reach_of(conn, self._where, actor, maker, wanted)
            once.check(conn)
            now = self._clock.now()
            prefix, secret = _new_secret()
            made = ApiKey(
                id=new_id("key"),
                name=wanted.name,
                prefix=prefix,
                role=wanted.role,
                permissions=reach.permissions,
                places=reach.places,
                owner_id=maker.owner_id,
                created_by=actor.id,
                created_at=now,
                expires_at=_end(wanted, maker, now),
                last_used_at=None,
                revoked_at=None,
                secrets=(KeySecret(prefix, now, None, None),),
            )
            store.insert(conn, made, crypto.token_hash(secret))
            _record(conn, actor, "key.create", made, permissions=sorted(made.permissions), limited=_limited(made))
            once.keep(conn, made)
        return made, _shown(prefix, secret)

    def rotate(self, actor: Actor, key_id: str, overlap: timedelta = OVERLAP, once: Once = NEVER) -> tuple[ApiKey, str]:
        """A new secret for the same key; the one before it works until `overlap` has passed, at most 30 days.

        Raises Denied when the key may do more than the actor or is another person's, Conflict("key_ended") when it was
        revoked or has expired, Conflict("too_many_secrets") when ten earlier ones still work.
        """
        if not timedelta(0) <= overlap <= LONGEST_OVERLAP:
            raise Invalid("an overlap lasts from 0 to 30 days", code="overlap_invalid")
        with self._db.write() as conn:
            key = self._found(conn, actor, key_id, "key.rotate")
            actor.require_step_up()
            require_no_more(actor, key)
            once.check(conn)
            now = self._clock.now()
            _require_living(key, now)
            prefix, secret = _new_secret()
            until = now + overlap
            store.replace_secret(conn, key, prefix, crypto.token_hash(secret), now, until)
            _record(conn, actor, "key.rotate", key, overlap_seconds=int(overlap.total_seconds()))
            changed = self._living(conn, key_id)
            once.keep(conn, changed)
        return changed, _shown(prefix, secret)

    def list(self, actor: Actor, *, after: str | None = None, limit: int = 50) -> Sequence[ApiKey]:
        """In order of creation: one's own, and those limited to places where the actor may see keys."""
        actor.require("key.read")
        with self._db.read() as conn:
            return store.page(conn, store.manageable(conn, actor, "key.read"), after=after, limit=limit)

    def get(self, actor: Actor, key_id: str) -> ApiKey:
        with self._db.read() as conn:
            return self._found(conn, actor, key_id, "key.read")

    def revoke(self, actor: Actor, key_id: str, *, made: bool = False) -> ApiKey:
        """At once, with every secret it has; a key revoked before stays so.

        `made`: with the keys that were made with it, and with those: for one that leaked. They lie wholly inside it,
        so whoever may revoke it may revoke them.
        """
        with self._db.write() as conn:
            key = self._found(conn, actor, key_id, "key.revoke")
            now = self._clock.now()
            if key.revoked_at is None:
                store.end(conn, key_id, now)
                _record(conn, actor, "key.revoke", key)
            for child_id in store.end_made_with(conn, key_id, now) if made else ():
                _record(conn, actor, "key.revoke", self._living(conn, child_id), made_with=key_id)
            return self._living(conn, key_id)

    def actor_of(self, text: str) -> Actor:
        """Who a key is. Raises Unauthenticated: unknown, wrong, expired and revoked are not told apart.

        Two statements, and a write at most once a minute.
        """
        shown = _parts(text)
        working, actor = self._held.read(shown, lambda: self._read(*shown))
        self._remember(working, working.secret.last_used_at, by_secret=True)
        return actor

    def known(self, text: str) -> Actor | None:
        """What `actor_of` would say, where that is certain without asking the database: for the event loop. A key that
        was revoked a moment ago, by whatever process, is not known."""
        found, actor = self._held.get(_parts(text)) or (None, None)
        now = self._clock.now()
        if found is None or not _works(found, now) or _is_old(found.secret.last_used_at, now):
            return None
        return actor

    def _read(self, prefix: str, secret_hash: str) -> tuple[Presented, Actor]:
        with self._db.read() as conn:
            found = store.presented(conn, prefix)
            right = crypto.equal(found.secret_hash if found else "0" * 64, secret_hash)
            working = self._working(found if right else None)
            return working, _actor(working.key, _bounds(conn, working))

    def actor_of_id(self, key_id: str) -> Actor:
        """Who a key is now: for the tokens that were made with it. Raises Unauthenticated as `actor_of` does."""
        with self._db.read() as conn:
            working = self._working(store.presented_by_id(conn, key_id))
            bounds = _bounds(conn, working)
        self._remember(working, working.key.last_used_at, by_secret=False)
        return _actor(working.key, bounds)

    def _working(self, found: Presented | None) -> Presented:
        if found is None or not _works(found, self._clock.now()):
            raise Unauthenticated("this key is not valid", hint="Make another one with `holdfast key create`.")
        return found

    def _remember(self, found: Presented, used: datetime | None, *, by_secret: bool) -> None:
        now = self._clock.now()
        if _is_old(used, now):
            with self._db.write() as conn:
                store.touch(conn, found, now, by_secret=by_secret)

    def _found(self, conn: sa.Connection, actor: Actor, key_id: str, permission: str) -> ApiKey:
        """People need no permission for what is their own. A key partly elsewhere is as an absent one."""
        key = store.get(conn, key_id)
        if key is not None and is_person(actor) and key.owner_id == actor.id:
            return key
        actor.require(permission)
        if key is None:
            raise no_such("key")
        if not _holds_at(actor, permission, key):
            if permission != "key.read" and _holds_at(actor, "key.read", key):
                raise denied(permission, hint="You hold it elsewhere, not in all of this key's places.")
            raise hidden("key")
        return key

    @staticmethod
    def _living(conn: sa.Connection, key_id: str) -> ApiKey:
        key = store.get(conn, key_id)
        if key is None:
            raise no_such("key")
        return key


def _parts(text: str) -> tuple[str, str]:
    """(prefix, hash of the secret) of a key as it was sent; of nothing, when that is no key."""
    match = _KEY.match(text)
    prefix, secret = match.groups() if match else ("", "")
    return prefix, crypto.token_hash(secret)


def _is_old(used: datetime | None, now: datetime) -> bool:
    """Whether a use is to be noted again."""
    return used is None or now - used > USED_EVERY


def _actor(key: ApiKey, bounds: tuple[Grant, ...] | None) -> Actor:
    return Actor(key.id, "key", key.name, _grants(key), bounds)


def _bounds(conn: sa.Connection, found: Presented) -> tuple[Grant, ...] | None:
    return None if found.owner is None else grants_of(conn, found.owner)


def _grants(key: ApiKey) -> tuple[Grant, ...]:
    if key.places is None:
        return (Grant(key.permissions),)
    return tuple(Grant(key.permissions, at.project_id, at.environment_id, at.resource_id) for at in key.places)


def _holds_at(actor: Actor, permission: str, key: ApiKey) -> bool:
    """`key_store.manageable`, for one key that is not the actor's own."""
    if actor.holds(permission, None):
        return True
    return bool(key.places) and all(actor.may(permission, place) for place in key.places or ())


def _works(found: Presented, now: datetime) -> bool:
    key, secret, owner = found.key, found.secret, found.owner
    ends = (key.expires_at, secret.valid_until)
    if key.revoked_at is not None or any(end is not None and end <= now for end in ends):
        return False
    return key.owner_id is None or (owner is not None and owner.disabled_at is None)


def _require_living(key: ApiKey, now: datetime) -> None:
    if key.revoked_at is not None or (key.expires_at is not None and key.expires_at <= now):
        raise Conflict("this key has ended", code="key_ended", hint="Make another one with `holdfast key create`.")
    if sum(each.valid_until is None or each.valid_until > now for each in key.secrets) > MAX_SECRETS:
        raise Conflict(
            f"{MAX_SECRETS} earlier secrets of this key still work",
            code="too_many_secrets",
            hint="Wait until one ends, or revoke the key.",
        )


def _end(wanted: WantedKey, maker: Maker, now: datetime) -> datetime | None:
    """No later than the key it is made with: otherwise whoever holds a key for a day holds it for good."""
    end = wanted.expires_at
    if end is not None and end <= now:
        raise Invalid("expires_at is in the past", code="expiry_invalid")
    if maker.expires_at is None or end is None:
        return end or maker.expires_at
    if end > maker.expires_at:
        raise Invalid(
            "a key ends no later than the key it is made with",
            code="expiry_invalid",
            details={"fields": [{"field": "expires_at", "message": f"at most {maker.expires_at.isoformat()}"}]},
        )
    return end


def _new_secret() -> tuple[str, str]:
    return crypto.token_hash(crypto.random_token())[:12], crypto.random_token()


def _shown(prefix: str, secret: str) -> str:
    text = f"hf_{prefix}_{secret}"
    log.register_secret(text)
    return text


def _limited(key: ApiKey) -> list[dict[str, str]] | None:
    if key.places is None:
        return None
    return [{name: value for name, value in vars(place).items() if value} for place in key.places]


def _record(conn: sa.Connection, actor: Actor, action: str, key: ApiKey, **details: object) -> None:
    audit.record(conn, actor=actor.id, action=action, resource_id=key.id, details={"name": key.name, **details})
