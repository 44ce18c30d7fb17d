"""What a namespace holds, counted in its file by triggers: who writes with stock tools is counted too.

`bytes` are those of values, keys and metadata. An expired row counts until it is swept.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import apsw

from holdfast.runtime.bindings.kv_rules import KvError

_SIZE: Final = (
    "{0}.size + length(CAST({0}.key AS BLOB)) + coalesce(length(CAST({0}.metadata AS BLOB)), 0)"  # of one row
)
_NEW, _OLD = _SIZE.format("NEW"), _SIZE.format("OLD")
SCHEMA: Final = f"""
CREATE TABLE IF NOT EXISTS kv_usage (
    id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    keys INTEGER NOT NULL,
    bytes INTEGER NOT NULL
) STRICT;
INSERT OR REPLACE INTO kv_usage (id, keys, bytes) SELECT 1, count(*), coalesce(sum({_SIZE.format("kv")}), 0) FROM kv;
CREATE TRIGGER IF NOT EXISTS kv_put AFTER INSERT ON kv BEGIN
    UPDATE kv_usage SET keys = keys + 1, bytes = bytes + {_NEW};
END;
CREATE TRIGGER IF NOT EXISTS kv_put_again AFTER UPDATE ON kv BEGIN
    UPDATE kv_usage SET bytes = bytes + {_NEW} - ({_OLD});
END;
CREATE TRIGGER IF NOT EXISTS kv_deleted AFTER DELETE ON kv BEGIN
    UPDATE kv_usage SET keys = keys - 1, bytes = bytes - ({_OLD});
END;
"""
_USAGE: Final = "SELECT keys, bytes FROM kv_usage"
_COUNT: Final = f"SELECT count(*), coalesce(sum({_SIZE.format('kv')}), 0) FROM kv"
_ROW: Final = f"SELECT {_SIZE.format('kv')} FROM kv WHERE key = ?"


@dataclass(frozen=True, slots=True)
class Usage:
    """Keys, and bytes of values, keys and metadata."""

    keys: int
    bytes: int


@dataclass(frozen=True, slots=True)
class KvQuota:
    """The most a namespace may hold. None: no limit."""

    max_keys: int | None = None
    max_bytes: int | None = None

    def refusal(self, usage: Usage, keys: int, size: int) -> KvError | None:
        """Why a put that adds so many keys and bytes is refused. One that makes it smaller never is."""
        if self.max_keys is not None and keys > 0 and usage.keys + keys > self.max_keys:
            return KvError(507, f"The namespace is full: it holds {usage.keys} of the {self.max_keys} keys allowed.")
        if self.max_bytes is not None and size > 0 and usage.bytes + size > self.max_bytes:
            return KvError(
                507,
                f"The namespace is full: it holds {usage.bytes} of the {self.max_bytes} bytes allowed, "
                f"and this write needs {size} more.",
            )
        return None


def usage_of(connection: apsw.Connection) -> Usage:
    """What is counted; in a file of an earlier format everything is read."""
    try:
        rows: Any = connection.execute(_USAGE).fetchall()
    except apsw.SQLError:
        rows = connection.execute(_COUNT).fetchall()
    return Usage(int(rows[0][0]), int(rows[0][1]))


def growth(connection: apsw.Connection, key: str, size: int, metadata: str | None) -> tuple[int, int]:
    """Keys and bytes that a put of `size` bytes adds."""
    own = size + len(key.encode()) + (len(metadata.encode()) if metadata else 0)
    rows: Any = connection.execute(_ROW, (key,)).fetchall()
    return (0, own - int(rows[0][0])) if rows else (1, own)
