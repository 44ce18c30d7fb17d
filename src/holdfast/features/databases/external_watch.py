"""Looking at registered databases once a minute, so that health can say which cannot be reached and why."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta

from holdfast.features.databases import external_store, store
from holdfast.features.databases.external_look import Looker, Seen
from holdfast.features.databases.model import Resource
from holdfast.kernel.clock import Clock
from holdfast.kernel.db import Database
from holdfast.kernel.errors import HoldfastError

AT_ONCE = 4
EVERY = timedelta(seconds=60)
_log = logging.getLogger("holdfast.databases")


class ExternalWatch:
    """The runner calls `sweep` every few seconds; it never waits for a server. Roles are not changed here: a reader
    that lost its proof is refused by `report`, which somebody asks for."""

    def __init__(self, db: Database, looker: Looker, clock: Clock) -> None:
        self._db = db
        self._looker = looker
        self._clock = clock
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="external-watch")
        self._looking: dict[str, Future[None]] = {}

    def sweep(self) -> None:
        for resource_id in [key for key, future in self._looking.items() if future.done()]:
            del self._looking[resource_id]
        for resource in self._due():
            self._looking[resource.id] = self._pool.submit(self._look, resource)

    def _due(self) -> Iterator[Resource]:
        with self._db.read() as conn:
            due = external_store.due(conn, self._clock.now() - EVERY, limit=4 * AT_ONCE)
            found = store.by_ids(conn, [each for each in due if each not in self._looking])
        yield from found.values()

    def _look(self, resource: Resource) -> None:
        seen: Seen | HoldfastError
        try:
            seen = self._looker.look_at(resource)
        except HoldfastError as error:
            seen = error
        with self._db.write() as conn:
            current = store.get(conn, resource.id)
            if current is not None and current.generation == resource.generation and current.state == "ready":
                self._looker.keep(conn, resource.id, seen)

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)
