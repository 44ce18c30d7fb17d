"""Dumps: a database file, or the SQL text of `.dump`. File format: sqlite.org/fileformat2.html, 1.3."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Iterator
from pathlib import Path

from holdfast.contract.bulk import ScriptResult
from holdfast.contract.dumps import Dump, drained, is_text, newer, unreadable
from holdfast.contract.snapshot import Receipt
from holdfast.contract.spec import Endpoint, Spec
from holdfast.contract.tools import Tools
from holdfast.engines.sqlite.connections import database, path_of
from holdfast.engines.sqlite.restore import quick_check, remove, sound_shape
from holdfast.engines.sqlite.session import SqliteSession
from holdfast.engines.sqlite.spec import MAGIC
from holdfast.kernel.errors import Corrupt, HoldfastError
from holdfast.kernel.stop import Stop

_FILE, _TEXT = "a SQLite database file", "SQL text of sqlite3's .dump"
_HEADER = 100
_BEGINS = re.compile(rb"(PRAGMA|BEGIN|CREATE|INSERT|DROP|REPLACE)\s|\.[a-z]", re.I)
_COMMENTS = re.compile(rb"(?:\s|--[^\n]*\n|/\*.*?\*/)*", re.S)
_ANOTHERS = re.compile(rb"^(--|/\*)[^\n]{0,40}\b(PostgreSQL|MySQL|MariaDB|pg_dump)\b", re.I | re.M)


class TakesIn:
    """Implements `contract.dumps.CanTakeIn`."""

    def recognised(self, head: bytes, spec: Spec | None) -> Dump | None:
        if head.startswith(MAGIC):
            dump = Dump("sqlite", _FILE)
            return dump if spec is None else _fitting(dump, head)
        if not is_text(head) or _ANOTHERS.search(head[:4096]):
            return None
        comments = _COMMENTS.match(head)
        return Dump("sql", _TEXT) if _BEGINS.match(head, comments.end() if comments else 0) else None

    def take_in(self, at: Endpoint, tools: Tools, dump: Dump, pieces: Iterator[bytes], stop: Stop) -> Receipt:
        if dump.form == "sqlite":
            return _file(path_of(at), pieces, stop)
        return _script(at, tools, pieces, stop)


def _fitting(dump: Dump, head: bytes) -> Dump:
    """Raises Invalid for a file that this SQLite would only read, or not at all."""
    header = head[:_HEADER]
    if len(header) < _HEADER:
        raise unreadable(_FILE, "its header is cut off")
    write, read, schema = header[18], header[19], int.from_bytes(header[44:48], "big")
    if max(write, read) > 2 or schema > 4:
        raise newer(_FILE, f"{max(write, read)}/{schema}", "2/4")
    return dump


def _file(path: Path, pieces: Iterator[bytes], stop: Stop) -> Receipt:
    """Written beside, proven sound, moved over the empty database. Its schema is never trusted."""
    beside = path.with_name(path.name + ".incoming")
    remove(beside)
    size = 0
    try:
        with beside.open("wb") as file:
            for piece in pieces:
                stop.check()
                size += file.write(piece)
        try:
            sound_shape(beside, size)
            quick_check(beside, stop)
        except Corrupt as error:
            raise unreadable(_FILE, error.message.removeprefix("the restored file ")) from error
        remove(path)
        os.replace(beside, path)
    finally:
        remove(beside)
    with database(path, "write", stop) as connection:
        connection.execute("PRAGMA journal_mode = WAL").fetchall()
    return Receipt(facts={"bytes": size})


def _script(at: Endpoint, tools: Tools, pieces: Iterator[bytes], stop: Stop) -> Receipt:
    session, done = SqliteSession(at, tools, "owner"), dict[str, ScriptResult]()
    try:
        session.bulk_script(pieces, done.__setitem__, stop)
        drained(pieces, stop)
        for token in done:
            session.bulk_forget(token)
    except HoldfastError as error:
        if "sqlite_schema" in error.message or "sqlite_master" in error.message:
            error.hint = "A .dump writes virtual tables into the schema itself: import the database file instead."
        raise
    finally:
        asyncio.run(session.close())
    return Receipt(tuple(note for result in done.values() for note in result.notes))
