"""A worker's own hosts: claimed by anyone who may, counted once a TXT record proves them, one worker each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa

from holdfast.features.access.actor import Actor, no_such
from holdfast.features.workers.guard import found, record
from holdfast.features.workers.model import OwnHost, worker_hosts
from holdfast.features.workers.naming import checked_host
from holdfast.kernel.clock import Clock
from holdfast.kernel.crypto import equal, random_token
from holdfast.kernel.db import Database
from holdfast.kernel.db.database import after_commit
from holdfast.kernel.errors import Conflict, LimitExceeded
from holdfast.kernel.ids import new_id
from holdfast.web.idempotency import NEVER, Once

MOST_HOSTS = 50
_c = worker_hosts.c


class HostsService:
    """`texts` answers the TXT records of a name; `told` is called after what changes the routes."""

    def __init__(
        self, db: Database, clock: Clock, told: Callable[[], None], texts: Callable[[str], Sequence[str]]
    ) -> None:
        self._db = db
        self._clock = clock
        self._told = told
        self._texts = texts

    def add(self, actor: Actor, worker_id: str, host: str, once: Once = NEVER) -> OwnHost:
        """Claimed, with the proof to publish; it counts when `verify` finds it. Raises Conflict("host_taken")."""
        host = checked_host(host)
        with self._db.write() as conn:
            worker = found(conn, actor, worker_id, "worker.host.manage")
            once.check(conn)
            there = conn.execute(sa.select(worker_hosts).where(_c.worker_id == worker.id)).all()
            if any(row.host == host for row in there):
                raise Conflict(f"{host} is claimed already", code="host_taken", hint="Verify it.")
            if len(there) >= MOST_HOSTS:
                raise LimitExceeded(f"at most {MOST_HOSTS} hosts", code="too_many_hosts")
            made = OwnHost(
                id=new_id("whst"),
                project_id=worker.project_id,
                environment_id=worker.environment_id,
                worker_id=worker.id,
                host=host,
                proof=f"holdfast-{random_token(24)}",
                verified_at=None,
                checked_at=None,
                error=None,
                created_by=actor.id,
                created_at=self._clock.now(),
            )
            conn.execute(worker_hosts.insert().values(**asdict(made)))
            record(conn, actor, made, "worker.host.add", {"host": host})
            once.keep(conn, made)
            return made

    def list(self, actor: Actor, worker_id: str, *, after: str | None = None, limit: int = 50) -> Sequence[OwnHost]:
        with self._db.read() as conn:
            worker = found(conn, actor, worker_id, "worker.read")
            query = sa.select(worker_hosts).where(_c.worker_id == worker.id)
            if after is not None:
                query = query.where(_c.id > after)
            return [OwnHost(**row._mapping) for row in conn.execute(query.order_by(_c.id).limit(limit))]

    def verify(self, actor: Actor, host_id: str) -> OwnHost:
        """Asks the name servers. Found: it counts from now on. Raises Conflict("host_unproven", "host_taken"),
        Retryable when no server answers."""
        with self._db.read() as conn:
            claimed = self._found(conn, actor, host_id)
        if claimed.verified_at is not None:
            return claimed
        name = f"_holdfast.{claimed.host}"
        proven = any(equal(text.strip(), claimed.proof) for text in self._texts(name))
        now = self._clock.now()
        try:
            with self._db.write() as conn:
                self._found(conn, actor, host_id)
                values: dict[str, Any] = {"checked_at": now, "verified_at": now if proven else None}
                values |= {"error": None if proven else f"{name} has no TXT record with the proof"}
                changed = conn.execute(
                    worker_hosts.update().where(_c.id == host_id).values(**values).returning(*_c)
                ).one()
                if proven:
                    record(conn, actor, claimed, "worker.host.verify", {"host": claimed.host})
                    after_commit(conn, self._told)
        except sa.exc.IntegrityError:
            raise Conflict(
                f"{claimed.host} is another worker's", code="host_taken", hint="Remove it there first."
            ) from None
        if not proven:
            raise Conflict(
                f"{name} has no TXT record with the proof",
                code="host_unproven",
                hint=f"Publish it, wait until it is seen, and verify again: {name} TXT {claimed.proof}",
                details={"name": name, "proof": claimed.proof},
            )
        return OwnHost(**changed._mapping)

    def remove(self, actor: Actor, host_id: str) -> None:
        with self._db.write() as conn:
            gone = self._found(conn, actor, host_id)
            conn.execute(worker_hosts.delete().where(_c.id == host_id))
            record(conn, actor, gone, "worker.host.remove", {"host": gone.host})
            after_commit(conn, self._told)

    @staticmethod
    def _found(conn: sa.Connection, actor: Actor, host_id: str) -> OwnHost:
        row = conn.execute(sa.select(worker_hosts).where(_c.id == host_id)).first()
        claimed = None if row is None else OwnHost(**row._mapping)
        actor.require("worker.host.manage", claimed.place if claimed else None, noun="worker_host")
        if claimed is None:
            raise no_such("worker_host")
        return claimed
