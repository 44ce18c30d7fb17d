"""The table the edge routes by: written whole beside, synced and renamed, by whoever changed what it says."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from holdfast.features.workers import store
from holdfast.features.workers.model import Deployment, Worker, worker_hosts, worker_keys
from holdfast.features.workers.settings import settings_of
from holdfast.kernel.clock import Clock
from holdfast.kernel.db import Database

SUFFIXES = ("localhost",)


class RouteTable:
    """`write` may be called from any thread and process: one at a time reads the rows and writes, so that what was
    committed last is what is written last."""

    def __init__(
        self,
        db: Database,
        runtime: Path,
        clock: Clock,
        suffixes: Sequence[str] = SUFFIXES,
        here: Callable[[str, str], bool] = lambda *_: True,
    ) -> None:
        """`here(worker_id, version_id)`: whether this node has its code, and so runs it."""
        self._here = here
        self.path = runtime / "routes.json"
        self._db = db
        self._clock = clock
        self._suffixes = list(suffixes)

    def write(self) -> bool:
        """Whether it says anything else than before."""
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = os.open(self.path.with_name(".routes.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            before = self._before()
            table = {"suffixes": self._suffixes, "workers": self.workers()}
            if before is not None and {name: before.get(name) for name in table} == table:
                return False
            revision = before.get("revision") if before else 0
            self._put({"revision": 1 + (revision if isinstance(revision, int) else 0), **table})
            return True
        finally:
            os.close(lock)

    def workers(self) -> list[dict[str, Any]]:
        """In the order of their ids. Without a version that is ready and here it has none."""
        now = self._clock.now()
        with self._db.read() as conn:
            pairs = store.current(conn)
            versions = store.versions_by_id(conn, [each["version_id"] for _, one in pairs for each in one.versions])
            hosts, keys = _hosts(conn), _keys(conn, now)
        versions = {key: each for key, each in versions.items() if self._here(each.worker_id, each.id)}
        return [
            _entry(worker, deployed, versions, hosts.get(worker.id, []), keys.get(worker.id, []))
            for worker, deployed in pairs
        ]

    def _before(self) -> dict[str, Any] | None:
        try:
            found = json.loads(self.path.read_bytes())
        except (OSError, ValueError):
            return None
        return found if isinstance(found, dict) else None

    def _put(self, table: dict[str, Any]) -> None:
        beside = self.path.with_name(f".routes.{os.getpid()}.new")
        with suppress(FileNotFoundError):
            beside.unlink()
        number = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(number, "wb") as file:
            file.write(json.dumps(table, separators=(",", ":")).encode())
            file.flush()
            os.fsync(file.fileno())
        beside.rename(self.path)


def _entry(
    worker: Worker, deployed: Deployment, versions: dict[str, Any], hosts: list[str], keys: list[str]
) -> dict[str, Any]:
    settings = settings_of(worker.settings)
    shares = []
    config: dict[str, Any] = {}
    for share in sorted(deployed.versions, key=lambda each: each["number"]):  # of those with one tag the newest counts
        version = versions.get(share["version_id"])
        if version is None or version.state != "ready":
            continue
        config = config or dict(version.config)
        shares.append({"id": version.id, "token": version.token, "weight": share["weight"], "tag": version.tag})
    limits = settings.limits_for(config)
    return {
        "slug": worker.slug,
        "worker_id": worker.id,
        "hosts": hosts,
        "versions": shares,
        "cors": settings.cors.model_dump() if settings.cors else None,
        "keys": keys if settings.protected else None,
        "rate": settings.rate.model_dump() if settings.rate else None,
        "timeout_seconds": limits.timeout_seconds,
        "body_bytes": limits.body_bytes,
        "enabled": worker.enabled,
    }


def _hosts(conn: sa.Connection) -> dict[str, list[str]]:
    c = worker_hosts.c
    found: dict[str, list[str]] = {}
    for row in conn.execute(sa.select(c.worker_id, c.host).where(c.verified_at.is_not(None)).order_by(c.host)):
        found.setdefault(row.worker_id, []).append(row.host)
    return found


def _keys(conn: sa.Connection, now: datetime) -> dict[str, list[str]]:
    """Digests of the keys that count, each with the second at which it ends if it does: the edge looks at its clock,
    so that none is let in longer because nothing was written. Of a rotated one the text before too, in its overlap."""
    c = worker_keys.c
    columns = (c.worker_id, c.hash, c.expires_at, c.previous_hash, c.previous_until)
    found: dict[str, list[str]] = {}
    for row in conn.execute(sa.select(*columns).order_by(c.id)):
        pairs = [(row.hash, row.expires_at)]
        if row.previous_hash and row.previous_until:
            pairs.append((row.previous_hash, min(filter(None, (row.previous_until, row.expires_at)))))
        for digest, until in pairs:
            if until is None or until > now:
                text = digest if until is None else f"{digest}:{int(until.timestamp())}"
                found.setdefault(row.worker_id, []).append(text)
    return found
