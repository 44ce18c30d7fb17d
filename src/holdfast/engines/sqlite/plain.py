"""The snapshot's one entry is the database file."""

from __future__ import annotations

from holdfast.contract.plain import PlainFile, Whole
from holdfast.contract.snapshot import Source
from holdfast.engines.sqlite.spec import ENTRY


def plain(source: Source) -> PlainFile:
    return PlainFile(
        form="sqlite",
        extension="sqlite",
        title="a SQLite database file",
        parts=(Whole(ENTRY, source.size(ENTRY)),),
        commands=('sqlite3 "$FILE" "PRAGMA integrity_check"', 'cp -- "$FILE" "$TARGET"'),
        notes=("Remove the old file's `-wal` and `-shm` neighbours first: a stale one would be replayed.",),
    )
