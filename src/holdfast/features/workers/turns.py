"""Which node takes a turn of a cron, where several share one metadata database: the one that says so first.

There is no leader to lose: a node that is down takes none, and the next one that has the code does.
"""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from holdfast.features.workers.model import worker_turns, workers
from holdfast.kernel.db import Database

_t = worker_turns.c


class Turns:
    """Synchronous. `node` is written down for people who wonder where a turn ran."""

    def __init__(self, db: Database, node: str) -> None:
        self._db = db
        self._node = node

    def take(self, worker_id: str, cron: str, at: datetime) -> bool:
        """Whether the turn at that moment is this node's to run: true once for all nodes together, and never for a
        moment before one that was taken. Raises what a database that is away raises: then it is not taken."""
        with self._db.write() as conn:
            here = sa.and_(_t.worker_id == worker_id, _t.cron == cron)
            later = worker_turns.update().where(here, _t.at < at).values(at=at, node=self._node)
            if conn.execute(later).rowcount == 1:
                return True
            if conn.execute(sa.select(_t.at).where(here)).first() is not None:
                return False
            if conn.execute(sa.select(workers.c.id).where(workers.c.id == worker_id)).first() is None:
                return False  # purged meanwhile
            try:
                with conn.begin_nested():
                    conn.execute(worker_turns.insert().values(worker_id=worker_id, cron=cron, at=at, node=self._node))
            except sa.exc.IntegrityError:  # another node was first, with its first turn
                return conn.execute(later).rowcount == 1
            return True
