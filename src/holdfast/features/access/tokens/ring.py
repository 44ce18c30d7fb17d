"""The keys that sign access tokens: one that signs, one that is already published and signs next, and those before.

Private keys live in the kernel's secrets and nowhere else; of a key that signs no more the private half is destroyed.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from joserfc.jwk import ECKey

from holdfast.features.access.tokens.access_token import ALGORITHM, LEEWAY, LIFE
from holdfast.features.access.tokens.model import SigningKey, token_keys
from holdfast.kernel.db import Database
from holdfast.kernel.errors import Retryable
from holdfast.kernel.ids import new_id
from holdfast.kernel.secrets import SYSTEM, Secrets

_NAME = "private_jwk"
_LOOKS = 50


class Ring:
    """Thread-safe: what is kept in memory is looked up by id, and a key's content never changes."""

    def __init__(self, db: Database, secrets: Secrets) -> None:
        self._db = db
        self._secrets = secrets
        self._public: dict[str, ECKey] = {}
        self._private: dict[str, ECKey] = {}
        self._prepared = False

    def prepare(self, now: datetime) -> None:
        """Make the first two keys when there are none. Before `current`, outside of transactions."""
        if self._prepared:
            return
        with suppress(sa.exc.IntegrityError):  # another process made them in the same moment
            with self._db.write() as conn:
                if self._in_slot(conn, "current") is None:
                    self._make(conn, "current", now)
                    self._make(conn, "next", now)
        self._prepared = True

    def current(self, conn: sa.Connection) -> tuple[str, ECKey]:
        """The id and the private key that sign now. Raises Retryable while one rotation follows the other."""
        signing = sa.select(token_keys.c.id).where(token_keys.c.slot == "current").with_for_update(read=True)
        # Held until the caller's commit: a rotation would destroy the key between two statements. Who waited for one
        # finds nothing in the row that was current, and looks again; by then there may have been another rotation.
        kid = next((found for _ in range(_LOOKS) if (found := conn.execute(signing).scalar())), None)
        if kid is None:
            raise Retryable("the keys that sign tokens are being rotated", code="keys_rotating")
        found = self._private.get(kid)
        if found is None:
            found = ECKey.import_key(json.loads(self._secrets.get(conn, SYSTEM, kid, _NAME)))
            self._private = {kid: found}
        return kid, found

    def public(self, kid: str) -> ECKey | None:
        """A key by its id; whether it still counts the caller asks with `alive`. One statement the first time."""
        found = self._public.get(kid)
        if found is None:
            with self._db.read() as conn:
                jwk = conn.execute(sa.select(token_keys.c.public_jwk).where(token_keys.c.id == kid)).scalar()
            if jwk is None:
                return None
            found = ECKey.import_key(jwk)
            self._public = {**dict(list(self._public.items())[-8:]), kid: found}
        return found

    def published(self, conn: sa.Connection, now: datetime) -> Sequence[SigningKey]:
        """What the JWKS shows, oldest first: every key whose signatures count, and the one that signs next."""
        rows = conn.execute(sa.select(token_keys).where(alive(now)).order_by(token_keys.c.id))
        return [SigningKey(**row._mapping) for row in rows]

    def rotate(self, conn: sa.Connection, now: datetime, *, at_once: bool) -> str:
        """The next key signs from now on; answers its id. The old one counts until its last token has expired.

        `at_once`: neither the old key nor the next one is trusted any more, as when someone may have read them.
        After `prepare`, like `current`.
        """
        held = sa.select(token_keys.c.id).where(token_keys.c.slot.is_not(None))
        conn.execute(held.with_for_update()).all()  # of two rotations at once the second begins where the first ended
        retired = ["current", "next"] if at_once else ["current"]
        rows = conn.execute(sa.select(token_keys.c.id).where(token_keys.c.slot.in_(retired))).scalars().all()
        until = now if at_once else now + LIFE + LEEWAY
        gone = {"slot": None, "retired_at": now, "expires_at": until}
        conn.execute(token_keys.update().where(token_keys.c.slot.in_(retired)).values(**gone))
        if at_once:
            conn.execute(token_keys.update().where(token_keys.c.expires_at > now).values(expires_at=now))
        for kid in rows:
            self._secrets.delete_resource(conn, SYSTEM, kid)
        conn.execute(token_keys.update().where(token_keys.c.slot == "next").values(slot="current"))
        if self._in_slot(conn, "current") is None:
            self._make(conn, "current", now)
        self._make(conn, "next", now)
        conn.execute(token_keys.delete().where(token_keys.c.expires_at < now - LIFE))
        return self._in_slot(conn, "current") or ""

    @staticmethod
    def _in_slot(conn: sa.Connection, slot: str) -> str | None:
        return conn.execute(sa.select(token_keys.c.id).where(token_keys.c.slot == slot)).scalar()

    def _make(self, conn: sa.Connection, slot: str, now: datetime) -> str:
        kid = new_id("jwk")
        key = ECKey.generate_key("P-256", {"use": "sig", "alg": ALGORITHM, "kid": kid})
        public: dict[str, Any] = dict(key.as_dict(private=False))
        values = {"id": kid, "slot": slot, "public_jwk": public, "created_at": now}
        conn.execute(token_keys.insert().values(**values))
        self._secrets.put(conn, SYSTEM, kid, _NAME, json.dumps(key.as_dict(private=True)))
        return kid


def alive(now: datetime) -> sa.ColumnElement[bool]:
    """Whether a key's signatures count."""
    return sa.or_(token_keys.c.expires_at.is_(None), token_keys.c.expires_at > now)
