"""Where workers stand: what takes their requests, where they are reached, and how their last day went."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from holdfast.features.access.actor import Actor
from holdfast.features.workers import store
from holdfast.features.workers.guard import AT, found
from holdfast.features.workers.model import Worker, worker_deployments, worker_hosts
from holdfast.hosts.keeper import KeeperClient
from holdfast.kernel.clock import Clock
from holdfast.kernel.db import Database
from holdfast.kernel.errors import Retryable
from holdfast.kernel.settings import Settings
from holdfast.runtime.telemetry import TelemetryReader, Use

DAY = timedelta(days=1)
_UNUSED = Use(0, 0, {}, {}, None)


@dataclass(frozen=True)
class Standing:
    """`deployed`: {version_id, number, tag, weight} each, none before the first deployment. `errors`: of `requests`,
    those that did not end well, answers of 500 and above among them. `outcomes` and `statuses` ({"2xx": count}): of the
    same requests. `last_at`: the newest call that is still kept, however old."""

    worker_id: str
    addresses: Sequence[str]
    deployed: Sequence[Mapping[str, Any]]
    requests: int
    errors: int
    outcomes: Mapping[str, int]
    statuses: Mapping[str, int]
    last_at: datetime | None


class StandingService:
    """Takes `worker.read`: counts and moments say nothing of what the code was asked or logged."""

    def __init__(self, db: Database, telemetry: TelemetryReader, settings: Settings, clock: Clock) -> None:
        self._db = db
        self._telemetry = telemetry
        self._settings = settings
        self._clock = clock

    def one(self, actor: Actor, worker_id: str) -> Standing:
        with self._db.read() as conn:
            worker = found(conn, actor, worker_id, "worker.read", deleted=True)
            return self._standings(conn, [worker])[0]

    def list(
        self, actor: Actor, *, project_id: str | None = None, after: str | None = None, limit: int = 50, **filters: Any
    ) -> Sequence[Standing]:
        """Of the same workers, in the same order, as the list of workers with these filters."""
        actor.require_within("worker.read", project_id)
        visible = actor.visible("worker.read", AT)
        with self._db.read() as conn:
            rows = store.page(conn, visible, project_id=project_id, after=after, limit=limit, **filters)
            return self._standings(conn, rows)

    def _standings(self, conn: sa.Connection, rows: Sequence[Worker]) -> Sequence[Standing]:
        ids = [each.id for each in rows]
        deployed, hosts = _deployed(conn, ids), _hosts(conn, ids)
        since = int((self._clock.now() - DAY).timestamp() * 1000)
        uses, end = self._telemetry.uses(ids, since), self._end()
        made = []
        for each in rows:
            use = uses.get(each.id, _UNUSED)
            at = None if use.last_at is None else datetime.fromtimestamp(use.last_at / 1000, UTC)
            counts = (use.count, use.errors, use.outcomes, use.statuses)
            names = (*hosts.get(each.id, ()), *(f"{each.slug}.{domain}" for domain in self._settings.apps_domains))
            addresses = [] if end is None else [f"{end[0]}{name}{end[1]}" for name in names]
            made.append(Standing(each.id, addresses, deployed.get(each.id, ()), *counts, at))
        return made

    def _end(self) -> tuple[str, str] | None:
        """What stands before and after a host as a browser reaches it: through the Caddy in front where one is kept
        configured, else the edge itself. None while the kernel has not chosen the edge's port."""
        if self._settings.caddy:
            return "https://", ""
        port = self._settings.apps_port or self._chosen_port()
        return ("http://", f":{port}") if port else None

    def _chosen_port(self) -> int | None:
        try:
            return KeeperClient.of(self._settings).info().apps_port
        except Retryable:
            return None


def _deployed(conn: sa.Connection, ids: Sequence[str]) -> Mapping[str, Sequence[Mapping[str, Any]]]:
    """What each one's newest deployment shares the requests out to."""
    d = worker_deployments.c
    newest = (
        sa.select(d.worker_id, sa.func.max(d.number).label("number"))
        .where(d.worker_id.in_(list(ids)))
        .group_by(d.worker_id)
        .subquery()
    )
    query = sa.select(d.worker_id, d.versions).join(
        newest, sa.and_(d.worker_id == newest.c.worker_id, d.number == newest.c.number)
    )
    return {row.worker_id: row.versions for row in conn.execute(query)}


def _hosts(conn: sa.Connection, ids: Sequence[str]) -> Mapping[str, Sequence[str]]:
    """Own hosts that were proven."""
    h = worker_hosts.c
    query = sa.select(h.worker_id, h.host).where(h.worker_id.in_(list(ids)), h.verified_at.is_not(None))
    found: dict[str, list[str]] = {}
    for row in conn.execute(query.order_by(h.host)):
        found.setdefault(row.worker_id, []).append(row.host)
    return found
