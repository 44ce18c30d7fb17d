"""The pings of this installation's own parts. None of them is needed to answer requests: without one it is degraded."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import sqlalchemy as sa

from holdfast.features.backups.model import repositories
from holdfast.features.health.ping import Ping
from holdfast.hosts.keeper import KeeperClient
from holdfast.jobs import nodes
from holdfast.jobs.lease import LEASE_SECONDS, machine_id, process_start
from holdfast.jobs.schema import runners
from holdfast.kernel.clock import Clock
from holdfast.kernel.db import Database
from holdfast.kernel.errors import NeedsOperator, Retryable


class RunnerWatch:
    """Whether any runner lives, by the rule of `jobs.lease`: beats rise, and no wall clock takes part."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock
        self._seen: dict[str, tuple[int, float]] = {}
        self._lock = threading.Lock()

    def check(self) -> str:
        with self._db.read() as conn:
            rows = conn.execute(sa.select(runners)).all()
        with self._lock:
            alive = sorted(row.name for row in rows if self._lives(row))
            self._seen = {row.id: self._seen[row.id] for row in rows if row.id in self._seen}
        if not alive:
            raise Retryable("no runner is at work: runs wait in the queue")
        return ", ".join(alive)

    def _lives(self, row: sa.Row[tuple[object, ...]]) -> bool:
        if row.machine == machine_id() and process_start(row.pid) != row.pid_started:
            return False
        moment = self._clock.monotonic()
        beat, since = self._seen.get(row.id, (None, moment))
        if beat != row.beat:
            self._seen[row.id] = (row.beat, moment)
            return True
        return moment - since <= LEASE_SECONDS


def runner_ping(db: Database, clock: Clock) -> Ping:
    return Ping("runner", RunnerWatch(db, clock).check, needed=False)


def keeper_ping(keeper: KeeperClient) -> Ping:
    """Down also while a part the keeper supervises is: it says which."""

    def check() -> str:
        info = keeper.info()
        bad = {name: part["state"] for name, part in info.parts.items() if part["state"] == "failed"}
        if bad:
            raise Retryable(f"{', '.join(sorted(bad))} does not stay up")
        return f"pid {info.pid}"

    return Ping("keeper", check, needed=False)


def nodes_ping(db: Database, clock: Clock, here: str) -> Ping:
    """Down while another node's heartbeat is too old: what lives there is out of reach."""

    def check() -> str:
        with db.read() as conn:
            found = nodes.known(conn, clock)
        silent = [row for row in found if not row.alive and row.name != here]
        if silent:
            told = ", ".join(f"{row.name} for {row.age:.0f} s" for row in silent[:5])
            raise NeedsOperator(
                f"{len(silent)} of {len(found)} nodes are silent: {told}",
                hint="Start them again. One that will not come back: `holdfast node remove`.",
            )
        return f"{here}, {len(found)} in all"

    return Ping("nodes", check, needed=False)


def repositories_ping(root: Path, db: Database, node: str) -> Ping:
    """Down when a repository that holds snapshots is not where it was, or its disk takes no writes."""

    def check() -> str:
        with db.read() as conn:
            c = repositories.c
            here = sa.or_(c.node.is_(None), c.node == node)
            used = conn.execute(sa.select(c.id).where(c.state != "new", here)).scalars().all()
        lost = [name for name in used if not (root / name / "config").is_file()]
        if lost:
            raise NeedsOperator(
                f"{lost[0]} is not below {root}" + (f", nor are {len(lost) - 1} more" if len(lost) > 1 else ""),
                hint="Mount the disk it lies on, or put the directory back.",
            )
        if root.exists() and (os.statvfs(root).f_flag & os.ST_RDONLY or not os.access(root, os.W_OK | os.X_OK)):
            raise NeedsOperator(f"{root} takes no writes", hint="Mount it read-write, and see that it is ours.")
        return f"{len(used)} in use"

    return Ping("repositories", check, needed=False)
