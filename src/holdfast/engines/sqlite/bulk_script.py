"""An SQL dump as one transaction, statement by statement behind the guard."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path

import apsw

from holdfast.contract.bulk import ScriptResult
from holdfast.engines.sqlite.bulk_in import MARK, open_writer
from holdfast.engines.sqlite.connections import translated
from holdfast.engines.sqlite.errors import translate
from holdfast.engines.sqlite.guard import Guard
from holdfast.formats.delimited import MAX_RECORD_BYTES
from holdfast.kernel.errors import HoldfastError, Invalid
from holdfast.kernel.stop import Stop

# What .dump and Cloudflare's export of a D1 database write around their statements: the import is a transaction itself.
_FRAME = re.compile(
    r"\s*(BEGIN(\s+(TRANSACTION|IMMEDIATE|EXCLUSIVE|DEFERRED))*|COMMIT(\s+TRANSACTION)?|END)\s*;\s*", re.I
)
_PRAGMA = re.compile(
    r"\s*PRAGMA\s+(foreign_keys|defer_foreign_keys|writable_schema|journal_mode|synchronous)\b.*", re.I | re.S
)
_UNWATCHED = re.compile(
    r"\s*PRAGMA\s+(foreign_keys\s*=\s*(OFF|0|FALSE|NO)|defer_foreign_keys\s*=\s*(ON|1|TRUE|YES))\s*;\s*", re.I
)
_COUNTER = re.compile(r"""\s*(DELETE\s+FROM|INSERT\s+INTO)\s+["']?sqlite_sequence\b.*""", re.I | re.S)
_COMMAND = re.compile(r"\s*\.\w")
_CONTROL = re.compile(r"\s*(ROLLBACK|SAVEPOINT|RELEASE|ATTACH|DETACH|VACUUM)\b", re.I)


def run(path: Path, pieces: Iterator[bytes], before_commit: Callable[[str, ScriptResult], None], stop: Stop) -> None:
    texts = split(pieces)
    first = next(texts, "")
    # Such a dump writes rows before the table they refer to: nothing is watched on the way, all is checked at the end.
    connection = open_writer(path, stop, references=_UNWATCHED.fullmatch(_without_comments(first)) is None)
    try:
        with translated(stop):
            connection.execute("PRAGMA defer_foreign_keys = ON")
            guard = Guard(write=True)
            guard.install(connection)
            done = _statements(connection, guard, chain([first], texts), stop)
            _check_references(connection)
            connection.set_authorizer(None)
            token = MARK + secrets.token_hex(8)
            connection.execute(f"CREATE TABLE main.{token} (done INTEGER)")
            before_commit(token, done)
            connection.execute("COMMIT")
    finally:
        connection.set_progress_handler(None)
        connection.close(True)


def _statements(connection: apsw.Connection, guard: Guard, texts: Iterator[str], stop: Stop) -> ScriptResult:
    count, passed, line = 0, 0, 1
    changes = connection.total_changes()
    for text in texts:
        stop.check()
        begins = line + len(text[: len(text) - len(text.lstrip())].splitlines())
        line += text.count("\n")
        bare = _without_comments(text)
        if not bare.strip(" \t\r\n;"):
            continue
        if _COMMAND.match(bare):
            raise _refused("commands of the sqlite3 program are not run", "client_command", begins, bare)
        if _FRAME.fullmatch(bare) or _PRAGMA.fullmatch(bare):
            passed += 1
            continue
        if _CONTROL.match(bare):
            raise _refused("this statement has no place in an import", "script_invalid", begins, bare)
        try:
            connection.execute(text, can_cache=False)
        except (apsw.Error, UnicodeError) as error:
            stop.check()
            reason = f"not allowed here: {guard.refused}" if guard.refused else str(error)
            if isinstance(error, apsw.Error) and (known := translate(error)).status >= 500:
                raise known from error
            raise _refused(reason, "script_invalid", begins, bare) from error
        count += 1
    notes = (f"{passed} statements that only frame a dump were passed over",) if passed else ()
    return ScriptResult(count, connection.total_changes() - changes, notes)


def split(pieces: Iterator[bytes]) -> Iterator[str]:
    """Statements, each with its semicolon; `sqlite3_complete` knows triggers. Raises Invalid for an endless one."""
    held = ""
    tail = b""
    for piece in pieces:
        *lines, tail = (tail + piece).split(b"\n")
        for raw in lines:
            held += raw.decode("utf-8", "surrogateescape") + "\n"
            if len(held) > MAX_RECORD_BYTES:
                raise Invalid("a statement is longer than an import takes", code="script_invalid")
            if _ends(held):
                yield held
                held = ""
    if rest := held + tail.decode("utf-8", "surrogateescape"):
        yield rest


def _ends(held: str) -> bool:
    line = held.rstrip()
    return (line.endswith(";") and apsw.complete(line)) or _COMMAND.match(held) is not None


def _without_comments(text: str) -> str:
    return re.sub(r"\A(?:\s|--[^\n]*\n?|/\*.*?\*/)+", "", text, flags=re.S)


def _check_references(connection: apsw.Connection) -> None:
    found = connection.execute("PRAGMA foreign_key_check").fetchall()
    if found:
        table, row, parent, _ = found[0]
        raise Invalid(
            f"row {row} of {table!r} refers to a row of {parent!r} that is not there", code="constraint_failed"
        )


def _refused(reason: str, code: str, line: int, statement: str) -> HoldfastError:
    return Invalid(
        f"line {line}: {reason}", code=code, details={"line": line, "statement": " ".join(statement.split())[:200]}
    )
