"""Keys that callers of a worker show: made, shown once, kept as digests, revoked."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import datetime

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
_c = worker_keys.c


class CallerKeysService:
    """They let nobody into the API; a worker whose settings say `protected` answers nobody without one."""

    def __init__(self, db: Database, clock: Clock, told: Callable[[], None]) -> None:
        self._db = db
        self._clock = clock
        self._told = told

    def create(
        self, actor: Actor, worker_id: str, name: str, expires_at: datetime | None = None
    ) -> tuple[WorkerKey, str]:
        """The key and its text, which is told here and never again. Raises Conflict("name_taken"), Invalid."""
        text = f"hfw_{random_token(32)}"
        log.register_secret(text)
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
                hash=hashlib.sha256(text.encode()).hexdigest(),
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
            return [WorkerKey(**row._mapping) for row in conn.execute(query.order_by(_c.id).limit(limit))]

    def revoke(self, actor: Actor, key_id: str) -> None:
        """Refused from the next request on."""
        with self._db.write() as conn:
            row = conn.execute(sa.select(worker_keys).where(_c.id == key_id)).first()
            key = None if row is None else WorkerKey(**row._mapping)
            actor.require("worker.key.manage", key.place if key else None, noun="worker_key")
            if key is None:
                raise no_such("worker_key")
            conn.execute(worker_keys.delete().where(_c.id == key_id))
            record(conn, actor, key, "worker.key.revoke", {"name": key.name, "key_id": key.id})
            after_commit(conn, self._told)
