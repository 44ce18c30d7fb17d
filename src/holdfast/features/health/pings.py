"""The pings of this installation's own parts. None of them is needed to answer requests: without one it is degraded."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from holdfast.features.backups.format_registry import format_of
from holdfast.features.backups.model import RepositoryRow, repositories
from holdfast.features.databases import external_store
from holdfast.features.databases import store as databases
from holdfast.features.databases.model import DRIFTED
from holdfast.features.health.ping import Ping
from holdfast.hosts.keeper import KeeperClient
from holdfast.jobs import nodes
from holdfast.jobs.lease import LEASE_SECONDS, machine_id, process_start
from holdfast.jobs.schema import runners
from holdfast.kernel.clock import Clock
from holdfast.kernel.db import Database
from holdfast.kernel.errors import HoldfastError, NeedsOperator, Retryable
from holdfast.vault.stores.local import LocalStore

LOOK_SECONDS = 30.0


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
            dead = sorted(row.name for row in rows)
            raise Retryable(
                "no runner is at work: runs wait in the queue, no schedule is kept and nobody is alerted"
                + (f"; gone: {', '.join(dead[:5])}" if dead else ""),
                hint="Start it: `holdfast up`. When it does not stay up, the runner's log says why.",
            )
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
        bad = {name: part["error"] or "" for name, part in info.parts.items() if part["state"] == "failed"}
        if bad:
            said = next(each.partition("\n")[0] for _, each in sorted(bad.items()))
            raise Retryable(f"{', '.join(sorted(bad))} does not stay up" + (f": {said}" if said else ""))
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


def external_ping(db: Database) -> Ping:
    """Down when a registered database could not be reached at the runner's last look; nothing is dialled here."""

    def check() -> str:
        with db.read() as conn:
            total, lost = external_store.unreachable(conn, 20)
        if lost:
            raise Retryable(
                "; ".join(f"{name!r}: {reason}" for name, reason in lost)[:2000],
                hint="`holdfast db report NAME` looks again and says what to do.",
            )
        return f"{total} registered"

    return Ping("external_databases", check, needed=False)


def passwords_ping(db: Database) -> Ping:
    """Down while the server of a hosted database knows other passwords than Holdfast reveals, as last seen."""

    def check() -> str:
        with db.read() as conn:
            drifted = databases.with_reason(conn, DRIFTED, 20)
        if drifted:
            raise NeedsOperator(
                f"passwords were changed past Holdfast: {', '.join(map(repr, drifted))}"[:2000],
                hint="`holdfast db rotate NAME` gives it new ones and ends the sessions of whoever changed it.",
            )
        return "as revealed"

    return Ping("passwords", check, needed=False)


class RepositoriesWatch:
    """Those on disk are looked at each time; of those in buckets one each time, every one at most every 30 s."""

    def __init__(
        self, root: Path, db: Database, node: str, look: Callable[[RepositoryRow], None], clock: Clock
    ) -> None:
        self._root, self._db, self._node, self._look, self._clock = root, db, node, look, clock
        self._looked: dict[str, float] = {}

    def check(self) -> str:
        with self._db.read() as conn:
            c = repositories.c
            here = sa.or_(c.node.is_(None), c.node == self._node)
            query = sa.select(repositories).where(c.state.not_in(("new", "detached")), here).order_by(c.id)
            rows = [RepositoryRow(**row) for row in conn.execute(query).mappings()]
        self._check_disk([row for row in rows if row.on_disk])
        troubled = self._check_buckets([row for row in rows if not row.on_disk])
        if troubled:
            names = "; ".join(f"{name}: {error.message}" for name, error in troubled[:5])
            raise NeedsOperator(names, hint=troubled[0][1].hint or "`holdfast repo show` says more.")
        return f"{len(rows)} in use"

    def _check_disk(self, used: Sequence[RepositoryRow]) -> None:
        root = self._root
        places = [(row, Path(str(row.lies["path"])) if row.lies else root / row.id) for row in used]
        lost = [(row.id, place.parent) for row, place in places if not format_of(row).there(LocalStore(place))]
        if lost:
            raise NeedsOperator(
                f"{lost[0][0]} is not below {lost[0][1]}"
                + (f", nor are {len(lost) - 1} more" if len(lost) > 1 else ""),
                hint="Mount the disk it lies on, or put the directory back.",
            )
        if root.exists() and (os.statvfs(root).f_flag & os.ST_RDONLY or not os.access(root, os.W_OK | os.X_OK)):
            raise NeedsOperator(f"{root} takes no writes", hint="Mount it read-write, and see that it is ours.")

    def _check_buckets(self, rows: Sequence[RepositoryRow]) -> list[tuple[str, HoldfastError]]:
        """What is known to be wrong, by the repository's name; the one looked at longest ago is looked at anew."""
        found = {row.id: (row.name, _told(row.trouble)) for row in rows if row.trouble}
        now = self._clock.monotonic()
        due = [row for row in rows if now - self._looked.get(row.id, -LOOK_SECONDS) >= LOOK_SECONDS]
        for row in sorted(due, key=lambda row: self._looked.get(row.id, -LOOK_SECONDS))[:1]:
            self._looked[row.id] = now
            try:
                self._look(row)
                found.pop(row.id, None)
            except HoldfastError as error:
                found.setdefault(row.id, (row.name, error))  # what is known says since when
                self._looked[row.id] = now - LOOK_SECONDS  # bad news is not kept
        return list(found.values())


def _told(trouble: Mapping[str, Any]) -> HoldfastError:
    how = "left alone" if trouble.get("state") in ("open", "half_open") else "in trouble"
    text = f"{how} since {trouble['since']}: {trouble['message']}"
    return Retryable(text, code=str(trouble["code"]), hint=trouble.get("hint"))


def repositories_ping(root: Path, db: Database, node: str, look: Callable[[RepositoryRow], None], clock: Clock) -> Ping:
    """Down when a repository that holds snapshots is not where it was, takes no writes, or does not answer."""
    return Ping("repositories", RepositoriesWatch(root, db, node, look, clock).check, needed=False)
