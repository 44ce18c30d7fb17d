"""Where transferred files lie: below the data directory, for us alone, gone when their time is over."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import Literal

KEPT = timedelta(days=1)
Kind = Literal["uploads", "exports", "reports"]


class Shelf:
    """One directory per kind, one file per id. Ids are ours: no name of a user's ever becomes a path."""

    def __init__(self, data: Path) -> None:
        self._root = data / "transfers"

    def path(self, kind: Kind, thing_id: str) -> Path:
        directory = self._root / kind
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        return directory / thing_id

    def remove(self, kind: Kind, thing_id: str) -> None:
        self.path(kind, thing_id).unlink(missing_ok=True)

    def write_at(self, thing_id: str, offset: int, data: bytes) -> None:
        """On disk when this returns."""
        descriptor = os.open(self.path("uploads", thing_id), os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            view, at = memoryview(data), offset
            while view:
                count = os.pwrite(descriptor, view, at)
                view, at = view[count:], at + count
            os.fdatasync(descriptor)
        finally:
            os.close(descriptor)

    def names(self, kind: Kind) -> list[str]:
        """The ids whose file is here. A row is older than its file: ask for rows after this, never before."""
        with os.scandir(self.path(kind, "x").parent) as entries:
            return [entry.name for entry in entries]
