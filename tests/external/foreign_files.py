"""SQLite files that belong to another program: its own uid, its own connection, no word of Holdfast."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw

from holdfast.contract.conformance import Place
from holdfast.contract.engine import Engine
from holdfast.contract.spec import Endpoint
from holdfast.contract.tools import Tools
from holdfast.engines.sqlite.engine import SqliteEngine
from holdfast.engines.sqlite.spec import SqliteSpec
from holdfast.engines.sqlite.trial import DIALECT

NOBODY = 65534


def make_file(path: Path, *statements: str, mode: str = "wal") -> Path:
    """As a program of another user would have left it."""
    connection = apsw.Connection(str(path))
    connection.execute(f"PRAGMA journal_mode = {mode}").fetchall()
    for statement in statements or ("PRAGMA user_version = 0",):
        connection.execute(statement)
    connection.close()
    if os.geteuid() == 0:
        os.chown(path, NOBODY, NOBODY)
    return path


class FileSubject:
    """Implements Subject."""

    def __init__(self, root: Path, tools: Tools) -> None:
        self._root, self._tools = root, tools
        self.engine: Engine = SqliteEngine()
        self.spec = SqliteSpec()
        self.dialect = DIALECT

    @contextmanager
    def fresh(self, name: str = "app") -> Iterator[Place]:
        with tempfile.TemporaryDirectory(dir=self._root) as directory:
            path = make_file(Path(directory) / 'it\'s; a "file".db')
            before = path.stat().st_uid
            yield Place(name, Endpoint(path=path, database=name, hosted=False), self._tools)
            assert path.stat().st_uid == before, "the file is still its owner's"
