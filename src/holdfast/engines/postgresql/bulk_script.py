"""A dump as one transaction with the owner's rights: statements of SQL, and the blocks of COPY ... FROM stdin.

Commands of psql are not SQL and are refused, for `\\!` runs a program. Lexical rules: PostgreSQL 18, chapter 4.1.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import psycopg

from holdfast.contract.bulk import ScriptResult
from holdfast.contract.spec import Endpoint
from holdfast.engines.postgresql import faults, link
from holdfast.formats.delimited import MAX_RECORD_BYTES
from holdfast.kernel.errors import HoldfastError, Invalid
from holdfast.kernel.stop import Stop

_COPY = re.compile(r"COPY\s.*\sFROM\s+STDIN\b[^;]*;\s*\Z", re.I | re.S)
_FRAME = re.compile(r"(BEGIN|START\s+TRANSACTION|COMMIT|END)\b[^;]*;\s*\Z", re.I)
_CONTROL = re.compile(r"(ROLLBACK|ABORT|SAVEPOINT|RELEASE|PREPARE\s+TRANSACTION|COMMIT\s+PREPARED)\b", re.I)
_OWNERS = re.compile(
    r"(ALTER\s.*\sOWNER\s+TO\s|GRANT\s|REVOKE\s|ALTER\s+DEFAULT\s+PRIVILEGES|COMMENT\s+ON\s+EXTENSION|"
    r"SET\s+(SESSION\s+AUTHORIZATION|ROLE)\b|(CREATE\s+SCHEMA|DROP\s+SCHEMA(\s+IF\s+EXISTS)?)\s+\"?public\"?\s*;)",
    re.I | re.S,
)
_CLEANS = re.compile(
    r"(DROP\s|SELECT\s+pg_catalog\.lo_unlink\(|ALTER\s.*\s(DROP\s+(CONSTRAINT|DEFAULT)|ALTER\s+COLUMN\s.*DROP)\b)",
    re.I | re.S,
)
_ABSENT = frozenset({"42704", "42P01", "42883", "3F000", "42703"})  # undefined object, table, function, schema, column
_SETTINGS = re.compile(
    r"SET\s+(statement_timeout|lock_timeout|idle_in_transaction_session_timeout|transaction_timeout|"
    r"default_tablespace|default_table_access_method|client_encoding|row_security)\b",
    re.I,
)
_HARMLESS_COMMAND = re.compile(rb"\\(restrict|unrestrict) [A-Za-z0-9]+\s*")  # pg_dump writes them around its statements
_TOKEN = re.compile(
    r"""--[^\n]*|/\*|\$(?:[A-Za-z_\x80-\U0010ffff][\w\x80-\U0010ffff]*)?\$|[eE]?'|"|;|[\w\x80-\U0010ffff]+"""
)
_END_OF_ROWS = re.compile(rb"^\\\.\r?\n", re.M)


@dataclass
class _Statement:
    line: int
    text: str


def run(at: Endpoint, pieces: Iterator[bytes], before_commit: Callable[[str, ScriptResult], None], stop: Stop) -> None:
    """See `contract.bulk.CanBulk.script`."""
    script = _Script(pieces)
    pinned = {key: value for key, value in link.PINNED.items() if key != "search_path"}
    with link.connect(at, "owner", pinned, "holdfast import") as connection:
        stop.on_stop(lambda: _cancel(connection))
        try:
            connection.execute("BEGIN")
            done = _carry_out(connection, script, stop)
            row = connection.execute("SELECT pg_catalog.pg_current_xact_id()::text").fetchone()
            before_commit(str(row[0]) if row else "", done)
            connection.execute("COMMIT")
        except psycopg.Error as error:
            stop.check()
            raise _failure(error, script.line, script.last) from error


def _carry_out(connection: link.Connection, script: _Script, stop: Stop) -> ScriptResult:
    count, rows, passed, absent = 0, 0, 0, 0
    while (statement := script.next()) is not None:
        stop.check()
        text = statement.text
        if _CONTROL.match(text):
            raise refused("this statement has no place in an import", "script_invalid", statement.line, text)
        if _FRAME.match(text) or _OWNERS.match(text) or _SETTINGS.match(text):
            passed += 1
            continue
        if _COPY.match(text):
            rows += _copy(connection, text, script, stop)
        elif _CLEANS.match(text):
            if not _cleaned(connection, text):
                absent += 1
                continue
        else:
            _execute(connection, text)
        count += 1
    notes = [f"{passed} statements on owners, grants, settings and transactions were passed over"] if passed else []
    if absent:
        notes.append(f"{absent} statements that drop what is not there were passed over")
    return ScriptResult(count, rows, tuple(notes))


def _cleaned(connection: link.Connection, text: str) -> bool:
    """What `pg_dump --clean` writes before everything else: in an empty database there is nothing to drop."""
    connection.execute("SAVEPOINT holdfast_clean")
    try:
        _execute(connection, text)
    except psycopg.Error as error:
        if error.sqlstate not in _ABSENT:
            raise
        connection.execute("ROLLBACK TO SAVEPOINT holdfast_clean")
        return False
    connection.execute("RELEASE SAVEPOINT holdfast_clean")
    return True


def _execute(connection: link.Connection, text: str) -> None:
    """By the extended protocol: a text that the server takes for two statements is refused, however it was cut."""
    result = connection.pgconn.exec_params(text.encode(), None)
    if result.status not in (psycopg.pq.ExecStatus.COMMAND_OK, psycopg.pq.ExecStatus.TUPLES_OK):
        if result.error_message:
            raise psycopg.errors.error_from_result(result, encoding="utf-8")
        raise psycopg.errors.FeatureNotSupported("this statement cannot be run in an import")


def _copy(connection: link.Connection, text: str, script: _Script, stop: Stop) -> int:
    cursor = connection.cursor()
    with cursor.copy(link.statement(text)) as copy:
        for piece in script.copy_data():
            stop.check()
            copy.write(piece)
    return cursor.rowcount


class _Script:
    """The text as statements. `line` is where the one last given begins."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = iter(pieces)
        self._held, self._at = b"", 0  # from `_at` on it is still to be read
        self._over = False
        self._at_line = 1
        self.line, self.last = 1, ""

    def next(self) -> _Statement | None:
        parts: list[str] = []
        size = 0
        state = _Lexer()
        begun = 0
        while (raw := self._read_line()) is not None:
            line = self._at_line - 1
            if not parts and raw.lstrip().startswith(b"\\"):
                self._command(raw, line)
                continue
            try:
                text = raw.decode()
            except UnicodeDecodeError:
                raise refused("the dump is not UTF-8", "script_invalid", line, "") from None
            if not parts and (not text.strip() or text.lstrip().startswith("--")):
                continue
            begun = begun or line
            rest = text
            size += len(raw)
            if size > MAX_RECORD_BYTES:
                raise refused("a statement is longer than an import takes", "script_invalid", begun, parts[0])
            end = state.feed(rest)
            if end is None:
                if state.command:
                    raise refused(_WORDS, "client_command", line, rest)
                parts.append(rest)
                continue
            parts.append(rest[:end])
            remains = rest[end:]
            if remains.strip():
                self._at -= len(remains.encode())
                self._at_line -= 1
            self.line, self.last = begun, "".join(parts).strip()
            return _Statement(self.line, self.last)
        tail = "".join(parts).strip()
        if tail and not tail.startswith("--"):
            self.line, self.last = begun, tail
            if state.open:
                raise refused("a quote or comment is never closed", "script_invalid", begun, tail)
            return _Statement(begun, tail)
        return None

    def copy_data(self) -> Iterator[bytes]:
        """The lines up to `\\.`, in pieces."""
        while True:
            end = self._held.rfind(b"\n", self._at) + 1
            if end:
                lines = self._held[self._at : end]
                last = _END_OF_ROWS.search(lines)
                rows = lines if last is None else lines[: last.start()]
                done = len(lines) if last is None else last.end()
                self._at += done
                self._at_line += lines.count(b"\n", 0, done)
                yield rows
                if last is not None:
                    return
            if not self._more():
                break
        if self._held[self._at :].rstrip(b"\r") == b"\\.":
            self._at = len(self._held)
            return
        raise refused("the dump ends inside the rows of a table", "script_invalid", self.line, self.last)

    def _command(self, raw: bytes, line: int) -> None:
        if not _HARMLESS_COMMAND.fullmatch(raw.strip()):
            raise refused(_WORDS, "client_command", line, raw[:200].decode("utf-8", "replace"))

    def _read_line(self) -> bytes | None:
        while (end := self._held.find(b"\n", self._at)) < 0 and self._more():
            pass
        if end < 0 and self._at == len(self._held):
            return None
        start, self._at = self._at, len(self._held) if end < 0 else end + 1
        self._at_line += 1
        return self._held[start : self._at]

    def _more(self) -> bool:
        """Whether another piece came; what was read already is let go."""
        if self._over:
            return False
        piece = next(self._pieces, None)
        self._over = piece is None
        self._held, self._at = self._held[self._at :] + (piece or b""), 0
        if len(self._held) > MAX_RECORD_BYTES + (2 << 20):
            raise refused("a line is longer than an import takes", "script_invalid", self._at_line, "")
        return not self._over


_WORDS = "commands of psql are not run: make the dump without them"


class _Lexer:
    """Finds the semicolon that ends a statement, line by line."""

    def __init__(self) -> None:
        self._quote: str | None = None  # what closes the quote that is open
        self._escapes = False
        self._comment = 0
        self._brackets = 0
        self._begins = 0  # BEGIN ATOMIC ... END of functions in SQL
        self._last_word = ""
        self.command = False

    @property
    def open(self) -> bool:
        return self._quote is not None or self._comment > 0

    def feed(self, text: str) -> int | None:
        """Just after the semicolon; None when the statement goes on. A backslash outside quotes sets `command`."""
        at = 0
        while at < len(text):
            if self._comment:
                at = self._in_comment(text, at)
                continue
            if self._quote is not None:
                at = self._in_quote(text, at)
                continue
            char = text[at]
            if char == "\\":
                self.command = True
                return None
            match = _TOKEN.match(text, at)
            if match is None:
                at += 1
                continue
            word, at = match[0], match.end()
            if word == ";" and not self._begins:
                return at
            self._see(word)
        return None

    def _see(self, piece: str) -> None:
        if piece == "/*":
            self._comment = 1
        elif piece in ("'", '"', "e'", "E'"):
            self._quote, self._escapes = piece[-1], len(piece) == 2
        elif piece.startswith("$"):
            self._quote, self._escapes = piece, False
        elif not piece.startswith("--"):
            self._count(piece.upper())

    def _count(self, word: str) -> None:
        """The semicolons inside BEGIN ATOMIC ... END belong to a function."""
        if word == "ATOMIC" and self._last_word == "BEGIN":
            self._begins += 1
        elif self._begins and word == "CASE":
            self._begins += 1
        elif self._begins and word == "END":
            self._begins -= 1
        self._last_word = word

    def _in_comment(self, text: str, at: int) -> int:
        """Comments nest."""
        match = re.compile(r"/\*|\*/").search(text, at)
        if match is None:
            return len(text)
        self._comment += 1 if match[0] == "/*" else -1
        return match.end()

    def _in_quote(self, text: str, at: int) -> int:
        quote = self._quote or ""
        while (found := text.find(quote, at)) >= 0:
            if self._escapes:
                slashes = len(text[at:found]) - len(text[at:found].rstrip("\\"))
                if slashes & 1:
                    at = found + 1
                    continue
            self._quote = None
            return found + len(quote)
        return len(text)


def refused(reason: str, code: str, line: int, statement: str) -> HoldfastError:
    return Invalid(
        f"line {line}: {reason}", code=code, details={"line": line, "statement": " ".join(statement.split())[:200]}
    )


def _failure(error: psycopg.Error, line: int, statement: str) -> HoldfastError:
    known = faults.from_statement(error, write=True)
    if known.retryable or known.status >= 500:
        return known
    made = refused(known.message, "script_invalid", line, statement)
    made.hint = known.hint
    made.details |= known.details
    return made


def _cancel(connection: link.Connection) -> None:
    with contextlib.suppress(psycopg.Error):
        connection.cancel_safe(timeout=2.0)
