"""A SQLite database's size: the file, its write-ahead log and the log's index, without opening any of them."""

from __future__ import annotations

from pathlib import Path

from holdfast.contract.measure import Measures
from holdfast.kernel.errors import Retryable


def measure(path: Path) -> Measures:
    """Nothing is opened: a descriptor closed here would take the locks of this process's own connections with it."""
    try:
        size = path.stat().st_size
    except OSError as error:
        raise Retryable(f"the database's file cannot be seen: {error.strerror}", code="unreachable") from error
    for suffix in ("-wal", "-shm"):
        try:
            size += path.with_name(path.name + suffix).stat().st_size
        except FileNotFoundError:
            continue
    return Measures(size_bytes=size)
