"""What people ask of the metadata's snapshots."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import sqlalchemy as sa

from holdfast.features.access.actor import Actor, no_such
from holdfast.features.backups import store as backups
from holdfast.features.backups.format_registry import require
from holdfast.features.backups.keys import Keys
from holdfast.features.backups.model import RepositoryRow
from holdfast.features.recovery import store
from holdfast.features.recovery.model import Home, MetadataSnapshot
from holdfast.features.recovery.sweep import ensure_home, submit
from holdfast.jobs import Jobs
from holdfast.kernel import audit
from holdfast.kernel.clock import Clock
from holdfast.kernel.db import Database
from holdfast.kernel.errors import Conflict


@dataclass(frozen=True)
class HomeLook:
    """A home with its newest good snapshot and where it lies."""

    repository: RepositoryRow
    path: str
    newest: MetadataSnapshot | None


@dataclass(frozen=True)
class RecoveryState:
    """Whether a lost server could come back. `why`: what is lacking, empty = nothing."""

    homes: Sequence[HomeLook] = field(default_factory=tuple)
    why: Sequence[str] = field(default_factory=tuple)


class RecoveryService:
    """Every verb takes the actor first and raises Denied before it reads or writes anything else."""

    def __init__(self, db: Database, jobs: Jobs, keys: Keys, clock: Clock) -> None:
        self._db = db
        self._jobs = jobs
        self._keys = keys
        self._clock = clock

    def state(self, actor: Actor) -> RecoveryState:
        """Where the metadata's snapshots go, the newest in each, and what is lacking."""
        actor.require_everywhere("system.read")
        with self._db.read() as conn:
            there = store.homes(conn)
            looks = [HomeLook(home, self._keys.where(home), store.newest(conn, home.id, "ready")) for home in there]
        return RecoveryState(looks, _lacks(looks))

    def list(self, actor: Actor, *, after: str | None = None, limit: int = 50) -> Sequence[MetadataSnapshot]:
        """Newest first."""
        actor.require_everywhere("system.read")
        with self._db.read() as conn:
            return store.page(conn, after=after, limit=limit)

    def take(self, actor: Actor) -> Sequence[MetadataSnapshot]:
        """One in every home, now. A home that is at it already keeps the one under way."""
        actor.require_everywhere("system.admin")
        with self._db.write() as conn:
            ensure_home(conn, self._keys, self._clock)
            rows = [self._taken(conn, actor, home) for home in store.homes(conn)]
            audit.record(conn, actor=actor.id, action="metadata.snapshot", details={"snapshots": [r.id for r in rows]})
            return rows

    def _taken(self, conn: sa.Connection, actor: Actor, home: RepositoryRow) -> MetadataSnapshot:
        last = store.newest(conn, home.id)
        if last is not None and last.state == "creating":
            return last
        return submit(conn, self._jobs, home, self._clock, actor=actor.id, trigger="manual")

    def add_home(self, actor: Actor, repository_id: str) -> RecoveryState:
        """From now on it gets every snapshot of the metadata, beside the others. Whoever can read the repository's
        password can then read what Holdfast knows of every project, but for secrets: hence step-up."""
        actor.require_everywhere("system.admin")
        actor.require_step_up()
        with self._db.write() as conn:
            row = backups.get(conn, RepositoryRow, repository_id)
            if row is None or row.state == "detached":
                raise no_such("repository")
            require(row, "records")
            if store.add_home(conn, Home(row.id, actor.id, self._clock.now())):
                audit.record(conn, actor=actor.id, action="metadata_home.add", details={"repository_id": row.id})
        return self.state(actor)

    def remove_home(self, actor: Actor, repository_id: str) -> RecoveryState:
        """It gets no more of them; those it has stay. The last home is not removed."""
        actor.require_everywhere("system.admin")
        actor.require_step_up()
        with self._db.write() as conn:
            there = {home.id for home in store.homes(conn)}
            if repository_id not in there:
                raise no_such("repository")
            if len(there) == 1:
                raise Conflict(
                    "this is the only repository that gets the metadata's snapshots",
                    code="last_home",
                    hint="Add another one first: holdfast metadata keep-in REPOSITORY.",
                )
            store.remove_home(conn, repository_id)
            audit.record(conn, actor=actor.id, action="metadata_home.remove", details={"repository_id": repository_id})
        return self.state(actor)


def _lacks(looks: Sequence[HomeLook]) -> list[str]:
    found = []
    if not looks:
        found.append("there is no snapshot of the metadata yet")
    elif not any(look.newest for look in looks):
        found.append("no snapshot of the metadata has succeeded yet")
    if looks and all(look.repository.on_disk and not look.repository.lies for look in looks):
        found.append("the metadata's snapshots lie on this server's own disk only")
    return found
