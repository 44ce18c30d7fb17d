"""What a collection does in a repository whose store locks pieces: no pack goes before its lock ends, and what is
needed is locked again in time.

One small note says when all was renewed last; after half of the time it is done again. Collections come once a week.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Container
from datetime import datetime, timedelta

from holdfast.kernel.clock import parse_timestamp, timestamp
from holdfast.kernel.errors import NotFound
from holdfast.kernel.stop import Stop
from holdfast.vault.repository import Repository
from holdfast.vault.stores.locking import CONFIG, LOCKED, locking

NOTE = "stream/gc/locks"
_SKEW = timedelta(minutes=20)  # a store's clock may be that far behind ours


class Locks:
    """Of one collection. `held` counts the packs it kept; `until`: when the last of them may go."""

    def __init__(self, repo: Repository, stop: Stop, progress: Callable[[str, int, int], None]) -> None:
        self._repo, self._stop, self._progress = repo, stop, progress
        self._store = locking(repo.store)
        self.held = 0
        self.until: datetime | None = None

    def holds(self, name: str) -> bool:
        """One question for each pack that may go. A piece that is gone is not held."""
        if self._store is None:
            return False
        self._stop.check()
        try:
            until = self._store.locked_until(name)
        except NotFound:
            return False
        if until is None:
            return False
        self.held += 1
        self.until = max(until, self.until or until)
        return True

    def renew(self, useless: Container[str]) -> int:
        """Lock everything but `useless` again when it is time; how many pieces. Cut off, it is all done next time. A
        pack with anything needed in it is locked again whole, so here it is never rewritten to be smaller."""
        if self._store is None or self._store.object_lock is None:
            return 0
        now = self._repo.clock.now()
        last = self._last()
        if last is not None and now - last < self._store.object_lock.lasts / 2 - _SKEW:
            return 0
        names = [name for kind in LOCKED for name, _ in self._repo.store.list(kind.rstrip("/")) if name not in useless]
        names.append(CONFIG)
        for done, name in enumerate(names):
            self._stop.check()
            self._store.lock_again(name)
            self._progress("locking again", done + 1, len(names))
        self._note(now)
        return len(names)

    def _last(self) -> datetime | None:
        """None: never yet, or nobody knows."""
        try:
            said = json.loads(self._repo.store.get(NOTE))
            return parse_timestamp(str(said["renewed_at"]))
        except (NotFound, KeyError, TypeError, ValueError):
            return None

    def _note(self, at: datetime) -> None:
        self._repo.store.put(NOTE, [json.dumps({"renewed_at": timestamp(at)}).encode()])
