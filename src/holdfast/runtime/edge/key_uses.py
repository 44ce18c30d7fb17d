"""When each key of callers was shown last, kept in a file beside the route table for whoever lists keys."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Collection
from pathlib import Path

FILE = "key-uses.json"


class KeyUses:
    """Digest -> seconds since 1970. Belongs to the edge's loop; `save` may run in a thread."""

    def __init__(self, runtime: Path) -> None:
        self._path = runtime / FILE
        self._seen = read(runtime)
        self._changed = False

    def note(self, digest: str) -> None:
        self._seen[digest] = int(time.time())
        self._changed = True

    def taken(self, known: Collection[str]) -> dict[str, int] | None:
        """What is to be saved, of keys that still count; None: nothing is new."""
        if not self._changed:
            return None
        self._changed = False
        self._seen = {digest: at for digest, at in self._seen.items() if digest in known}
        return dict(self._seen)

    def save(self, seen: dict[str, int]) -> None:
        """Whole, and renamed into place. Raises OSError."""
        beside = self._path.with_name(f".{FILE}.{os.getpid()}")
        number = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(number, "w") as file:
            json.dump(seen, file)
        beside.rename(self._path)


def read(runtime: Path) -> dict[str, int]:
    """Empty when there is no such file, or one that cannot be read: it is a convenience."""
    try:
        found = json.loads((runtime / FILE).read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(found, dict):
        return {}
    return {digest: at for digest, at in found.items() if type(at) is int}
