"""Which blobs need not be stored: those an index names, and those that are on their way."""

from __future__ import annotations

import threading

from holdfast.formats.restic.pack import BlobType
from holdfast.vault.packing import Finished
from holdfast.vault.repository import Repository


class Known:
    """Thread-safe. Right only while a lock is held: nobody may prune what it trusts in."""

    def __init__(self, repo: Repository) -> None:
        self.index = repo.index()
        self._lock = threading.Lock()
        self._claimed: set[bytes] = set()

    def claim(self, blob: bytes, kind: BlobType) -> bool:
        """Whether the caller has to store it. Who claims and cannot store ends everything that shares this."""
        if self.index.has(blob, kind):
            return False  # looked for without the others waiting; what is not there now may be a moment later
        key = blob + bytes((kind,))
        with self._lock:
            if key in self._claimed or self.index.has(blob, kind):
                return False
            self._claimed.add(key)
            return True

    def named(self, finished: Finished) -> None:
        """What an index names is found there from now on: only what waits for one stays claimed."""
        with self._lock:
            for pack, blobs in finished:
                self.index.add(pack, blobs)
                self._claimed.difference_update(b.id + bytes((b.type,)) for b in blobs)
