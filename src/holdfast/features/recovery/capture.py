"""The metadata as a capture: one SQLite file of one moment, and what else a new server has to know."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa

import holdfast
from holdfast.contract.catalog import JSON, Catalog
from holdfast.contract.snapshot import Entry, Manifest, TableFacts
from holdfast.features.recovery import code
from holdfast.features.workers.model import Version
from holdfast.features.workers.shelf import Shelf
from holdfast.kernel.audit_chain import Head, head
from holdfast.kernel.crashpoints import crash_point
from holdfast.kernel.db import Database
from holdfast.kernel.db.moment import row_counts, write_moment

ENGINE = "holdfast-metadata"
DATABASE = "metadata.db"
ABOUT = "installation.json"
_PAGE = 64 << 10
_Answer = TypeVar("_Answer")


class _File:
    """`Pages` over a whole file: every cell, in order."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb")

    def cells(self) -> Iterator[tuple[int, memoryview]]:
        number = 0
        while cell := self._file.read(_PAGE):
            yield number, memoryview(cell)
            number += 1

    def close(self) -> None:
        self._file.close()


class _Bytes:
    """`Stream` over bytes."""

    def __init__(self, data: bytes) -> None:
        self._rest = memoryview(data)

    def readinto(self, buffer: memoryview) -> int:
        taken = min(len(buffer), len(self._rest))
        buffer[:taken] = self._rest[:taken]
        self._rest = self._rest[taken:]
        return taken

    def close(self) -> None:
        self._rest = memoryview(b"")


class MetadataCapture:
    """See `contract.snapshot.Capture`. The file is written below `scratch` on entering, so that it is of one moment
    however long storing takes, and removed on leaving. `about`: for whoever rebuilds, no secrets. The code of workers
    that these records name is stored with them; `without_code` are versions whose code is not on this node."""

    def __init__(self, db: Database, scratch: Path, about: Mapping[str, JSON], shelf: Shelf) -> None:
        self._db = db
        self._shelf = shelf
        self.without_code: list[str] = []
        self._file = scratch / DATABASE
        self._about = dict(about)
        self.position: Mapping[str, JSON] = {}
        self.head: Head | None = None
        self.rows: Mapping[str, int] = {}

    def __enter__(self) -> MetadataCapture:
        self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_moment(self._db, self._file)
        crash_point("metadata.written")
        self.rows = row_counts(self._file)
        self.head = _head_of(self._file)
        self.position = self.head.as_dict() if self.head else {}
        return self

    def __exit__(self, *_failure: object) -> None:
        self._file.unlink(missing_ok=True)

    def entries(self) -> Iterator[Entry]:
        size = self._file.stat().st_size
        yield Entry(DATABASE, lambda: _File(self._file), page=_PAGE, size=size)
        about = json.dumps(self._about, sort_keys=True, indent=2, ensure_ascii=False).encode()
        yield Entry(ABOUT, lambda: _Bytes(about), size=len(about))
        yield from self._code()

    def _code(self) -> Iterator[Entry]:
        """Read one by one as they are stored: a version that was let go meanwhile is one that nobody misses."""
        for version in _versions_of(self._file):
            content = code.packed(self._shelf, version)
            if content is None:
                self.without_code.append(version.id)
                continue
            yield Entry(code.name_of(version.id), partial(_Bytes, content), size=len(content))

    def finish(self) -> Manifest:
        size = self._file.stat().st_size
        version = holdfast.__version__
        tables = tuple(TableFacts("", name, rows) for name, rows in sorted(self.rows.items()))
        catalog = Catalog(ENGINE, version, "holdfast", bytes=size)
        facts = {**self._about, "versions_without_code": sorted(self.without_code)}
        return Manifest(ENGINE, version, "holdfast", self.position, catalog, tables, facts=facts)

    def companions(self) -> Mapping[str, bytes]:
        return {"RESTORE.md": _RESTORE_MD.encode(), "restore.sh": _restore_sh().encode()}


def _head_of(file: Path) -> Head | None:
    """Read from the file itself: what the log's end was at that very moment."""
    return _asked(file, head)


def _versions_of(file: Path) -> Sequence[Version]:
    return _asked(file, code.every)


def _asked(file: Path, question: Callable[[sa.Connection], _Answer]) -> _Answer:
    from holdfast.kernel.db.moment import settle

    db = Database(f"sqlite+apsw:///{file}")
    try:
        with db.read() as conn:
            return question(conn)
    finally:
        db.close()
        settle(file)


_RESTORE_MD = f"""# The records of a Holdfast

`{DATABASE}` is everything that a Holdfast knew at one moment: people, projects, databases, plans, snapshots, the audit
log. Secrets in it are sealed by the master key, which is in the recovery kit and not here. `{ABOUT}` says which
installation it was and how it was set up. `workers/` holds the code of workers, an archive for each version.

The usual way is to let Holdfast do it, on a new machine, with the recovery kit:

    holdfast recover --from REPOSITORY --kit kit.age --identity key.txt --data DIR

## With stock tools

`{DATABASE}` is an SQLite file; it can be read and checked without Holdfast:

    sqlite3 {DATABASE} 'PRAGMA integrity_check'
    sh restore.sh /srv/holdfast/meta/holdfast.db

A Holdfast of the same version or a newer one starts on the restored file when it has the master key
(HOLDFAST_MASTER_KEY_FILE). To put it into PostgreSQL: `holdfast metadata copy --from sqlite+apsw:////PATH --to URL`.
Databases whose data was lost with the server have to be restored from their own snapshots then.
"""


def _restore_sh() -> str:
    name = shlex.quote(DATABASE)
    return f"""#!/bin/sh
# Puts the metadata database of a Holdfast back: sh restore.sh TARGET
set -eu
target=${{1:?usage: sh restore.sh TARGET}}
here=$(dirname "$0")
for left in "$target" "$target-wal" "$target-shm" "$target-journal"; do
    if [ -e "$left" ]; then
        echo "$left is there already: nothing was restored" >&2
        exit 1
    fi
done
verdict=$(sqlite3 "$here/"{name} 'PRAGMA integrity_check')
if [ "$verdict" != ok ]; then
    echo "the file is damaged: $verdict" >&2
    exit 1
fi
umask 077
cp "$here/"{name} "$target.restoring"
mv "$target.restoring" "$target"
echo "restored $target"
"""


def about_installation(facts: Mapping[str, Any]) -> dict[str, JSON]:
    """`facts` as JSON knows them."""
    return dict(json.loads(json.dumps(facts, default=str)))
