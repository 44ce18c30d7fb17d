"""Keys that callers of a worker show: made, shown once, kept as digests, revoked."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from holdfast.features.access.actor import Actor, no_such
from holdfast.features.projects.names import checked_name
from holdfast.features.workers.guard import found, record
from holdfast.features.workers.model import WorkerKey, worker_keys
from holdfast.kernel import log
from holdfast.kernel.clock import Clock
from holdfast.kernel.crypto import random_token
from holdfast.kernel.db import Database
from holdfast.kernel.db.database import after_commit
from holdfast.kernel.errors import Conflict, Invalid, LimitExceeded
from holdfast.kernel.ids import new_id

MOST_KEYS = 100
_ROTATED = ("hash", "shown", "expires_at", "rotated_at", "previous_hash", "previous_until")
_c = worker_keys.c


class CallerKeysService:
    """They let nobody into the API; a worker whose settings say `protected` answers nobody without one."""

    def __init__(
        self, db: Database, clock: Clock, told: Callable[[], None], uses: Callable[[], Mapping[str, int]]
    ) -> None:
        """`uses`: when the edge saw which digest last, in seconds since 1970."""
        self._db = db
        self._clock = clock
        self._told = told
        self._uses = uses
        self._kept: Mapping[str, int] = {}

    def create(
        self, actor: Actor, worker_id: str, name: str, expires_at: datetime | None = None
    ) -> tuple[WorkerKey, str]:
        """The key and its text, which is told here and never again. Raises Conflict("name_taken"), Invalid."""
        text = _new_text()
        now = self._clock.now()
        if expires_at is not None and expires_at <= now:
            raise Invalid("expires_at is in the past", code="expiry_invalid")
        with self._db.write() as conn:
            worker = found(conn, actor, worker_id, "worker.key.manage")
            count = conn.execute(
                sa.select(sa.func.count()).select_from(worker_keys).where(_c.worker_id == worker.id)
            ).scalar_one()
            if count >= MOST_KEYS:
                raise LimitExceeded(f"at most {MOST_KEYS} keys", code="too_many_keys", hint="Revoke some.")
            made = WorkerKey(
                id=new_id("wkey"),
                project_id=worker.project_id,
                environment_id=worker.environment_id,
                worker_id=worker.id,
                name=checked_name(name),
                shown=text[:10],
                hash=_digest(text),
                expires_at=expires_at,
                created_by=actor.id,
                created_at=now,
            )
            try:
                conn.execute(worker_keys.insert().values(**asdict(made)))
            except sa.exc.IntegrityError:
                raise Conflict(f"there is a key {made.name!r} already", code="name_taken") from None
            record(conn, actor, made, "worker.key.create", {"name": made.name, "key_id": made.id})
            after_commit(conn, self._told)
        return made, text

    def list(self, actor: Actor, worker_id: str, *, after: str | None = None, limit: int = 50) -> Sequence[WorkerKey]:
        """Never the keys themselves."""
        with self._db.read() as conn:
            worker = found(conn, actor, worker_id, "worker.read")
            query = sa.select(worker_keys).where(_c.worker_id == worker.id)
            if after is not None:
                query = query.where(_c.id > after)
            rows = [WorkerKey(**row._mapping) for row in conn.execute(query.order_by(_c.id).limit(limit))]
        return [used(each, self._uses()) for each in rows]

    def rotate(
        self, actor: Actor, key_id: str, overlap_seconds: int, expires_at: datetime | None = None
    ) -> tuple[WorkerKey, str]:
        """Another text for the same key; the one before counts for `overlap_seconds` more, and one before that no
        longer. `expires_at` None: as it was. Raises Invalid("expiry_invalid") where that is in the past."""
        text, now = _new_text(), self._clock.now()
        with self._db.write() as conn:
            key = self._found(conn, actor, key_id)
            ends = key.expires_at if expires_at is None else expires_at
            if ends is not None and ends <= now:
                raise Invalid("the key has expired: say a new expires_at", code="expiry_invalid")
            made = replace(
                key,
                hash=_digest(text),
                shown=text[:10],
                expires_at=ends,
                rotated_at=now,
                previous_hash=key.hash if overlap_seconds else None,
                previous_until=now + timedelta(seconds=overlap_seconds) if overlap_seconds else None,
            )
            changes = {name: getattr(made, name) for name in _ROTATED}
            conn.execute(worker_keys.update().where(_c.id == key_id).values(**changes))
            told = {"name": key.name, "key_id": key.id, "overlap_seconds": overlap_seconds}
            record(conn, actor, key, "worker.key.rotate", told)
            after_commit(conn, self._told)
        return used(made, self._uses()), text

    def keep_uses(self) -> None:
        """What the edge has seen, into the rows: it outlives the file, and other nodes see it. Never back in time."""
        seen = self._uses()
        fresh = {digest: at for digest, at in seen.items() if self._kept.get(digest) != at}
        if not fresh:
            return
        with self._db.write() as conn:
            for digest, at in fresh.items():
                moment = datetime.fromtimestamp(at, UTC)
                mine = sa.or_(_c.hash == digest, _c.previous_hash == digest)
                older = sa.or_(_c.last_used_at.is_(None), _c.last_used_at < moment)
                conn.execute(worker_keys.update().where(mine, older).values(last_used_at=moment))
        self._kept = seen

    def revoke(self, actor: Actor, key_id: str) -> None:
        """Refused from the next request on."""
        with self._db.write() as conn:
            key = self._found(conn, actor, key_id)
            conn.execute(worker_keys.delete().where(_c.id == key_id))
            record(conn, actor, key, "worker.key.revoke", {"name": key.name, "key_id": key.id})
            after_commit(conn, self._told)

    def _found(self, conn: sa.Connection, actor: Actor, key_id: str) -> WorkerKey:
        row = conn.execute(sa.select(worker_keys).where(_c.id == key_id)).first()
        key = None if row is None else WorkerKey(**row._mapping)
        actor.require("worker.key.manage", key.place if key else None, noun="worker_key")
        if key is None:
            raise no_such("worker_key")
        return key


def used(key: WorkerKey, uses: Mapping[str, int]) -> WorkerKey:
    """With the latest use there is word of: the edge's file is some seconds old, the row some more."""
    seen = [datetime.fromtimestamp(uses[each], UTC) for each in (key.hash, key.previous_hash) if each and each in uses]
    return replace(key, last_used_at=max(filter(None, (*seen, key.last_used_at)), default=None))


def _new_text() -> str:
    text = f"hfw_{random_token(32)}"
    log.register_secret(text)
    return text


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
