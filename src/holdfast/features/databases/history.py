"""The history of statements: written soon after they ran, off the path of the answer."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import sqlalchemy as sa

from holdfast.features.databases.model import Statement, statements
from holdfast.kernel.db import Database
from holdfast.kernel.errors import Retryable

_log = logging.getLogger("holdfast.databases")
_FLUSH_SECONDS = 0.5
_MOST = 10_000  # a database that cannot be written must not eat memory: the oldest lines go first


@dataclass(frozen=True)
class Wanted:
    """Which statements: None = any. `contains` is looked for in their shape, whatever the case."""

    actor: str | None = None
    status: str | None = None
    write: bool | None = None
    contains: str | None = None

    def conditions(self) -> list[sa.ColumnElement[bool]]:
        c = statements.c
        exact = ((c.actor, self.actor), (c.status, self.status), (c.write, self.write))
        found = [column == value for column, value in exact if value is not None]
        if self.contains:
            found.append(sa.func.lower(c.fingerprint).contains(self.contains.lower(), autoescape=True))
        return found


EVERY = Wanted()


class StatementHistory:
    """`add` never waits; a thread writes twice a second, `flush` writes now. A killed process loses at most half a
    second of history: this is telemetry, the audit is elsewhere."""

    def __init__(self, db: Database, heard: Callable[[Statement], None] = lambda _: None) -> None:
        """`heard` is told of every statement at once; it must not wait."""
        self._db = db
        self._heard = heard
        self._waiting: deque[Statement] = deque(maxlen=_MOST)
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._more = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="statement-history", daemon=True)
        self._thread.start()

    def add(self, statement: Statement) -> None:
        self._heard(statement)
        self._waiting.append(statement)
        self._more.set()

    def flush(self) -> None:
        """Everything added so far is stored, or still waiting when the database is busy."""
        with self._lock:
            batch: list[Statement] = []
            while self._waiting and len(batch) < _MOST:
                batch.append(self._waiting.popleft())
            if not batch:
                return
            try:
                with self._db.write() as conn:
                    conn.execute(sa.insert(statements), [asdict(item) for item in batch])
            except (Retryable, sa.exc.SQLAlchemyError):
                _log.exception("the history of statements could not be written; trying again")
                self._waiting.extendleft(reversed(batch))

    def page(self, resource_id: str, *, after: str | None, limit: int, wanted: Wanted = EVERY) -> Sequence[Statement]:
        """Newest first, those before the id `after`."""
        self.flush()
        query = sa.select(statements).where(statements.c.resource_id == resource_id)
        if after is not None:
            query = query.where(statements.c.id < after)
        query = query.where(*wanted.conditions())
        with self._db.read() as conn:
            rows = conn.execute(query.order_by(statements.c.id.desc()).limit(limit)).mappings()
            return [Statement(**row) for row in rows]

    def close(self) -> None:
        self._over.set()
        self._more.set()
        self._thread.join(5.0)
        self.flush()

    def _loop(self) -> None:
        while not self._over.is_set():
            self._more.wait()
            self._over.wait(_FLUSH_SECONDS)
            self._more.clear()
            self.flush()
