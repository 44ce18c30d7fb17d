"""Opening database files. Nothing else in this engine opens a live file: a plain open() and close() of it anywhere in
the process would drop every lock SQLite holds on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Literal

import apsw

from holdfast.contract.names import encodable
from holdfast.contract.spec import Endpoint
from holdfast.engines.sqlite.errors import translate
from holdfast.kernel.errors import Invalid
from holdfast.kernel.stop import Stop

Mode = Literal["read", "write", "create"]

BUSY_MILLISECONDS = 5_000
PROGRESS_STEPS = 20_000  # virtual machine steps between looks at the stop: under 2 ms

# No symbolic link is followed: a path that was looked at must not lead elsewhere when it is opened.
_FLAGS = {
    "read": apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_NOFOLLOW,
    "write": apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_NOFOLLOW,
    "create": apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE | apsw.SQLITE_OPEN_NOFOLLOW,
}


def path_of(at: Endpoint) -> Path:
    """The database file of an endpoint. Raises Invalid for an endpoint of another kind."""
    if at.path is None:
        raise Invalid("a SQLite endpoint needs a path", code="endpoint_invalid")
    return at.path


def open_database(path: Path, mode: Mode) -> apsw.Connection:
    """A connection with the defensive settings; the schema is not trusted, extensions cannot be loaded."""
    try:
        connection = apsw.Connection(str(path), flags=_FLAGS[mode])
    except apsw.Error as error:
        raise translate(error) from error
    connection.set_busy_timeout(BUSY_MILLISECONDS)
    connection.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 1)
    connection.config(apsw.SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0)
    connection.config(apsw.SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0)
    return connection


@contextmanager
def database(path: Path, mode: Mode, stop: Stop | None = None) -> Iterator[apsw.Connection]:
    """An open connection, closed at the end; SQLite's errors leave as ours, a stop as Cancelled."""
    with closing(open_database(path, mode)) as connection, translated(stop):
        if stop is not None:
            watch(connection, lambda: stop.stopped)
        yield connection


@contextmanager
def translated(stop: Stop | None = None) -> Iterator[None]:
    """Turn SQLite's errors into ours; an interruption by `stop` becomes Cancelled."""
    try:
        if stop is not None:
            stop.check()
        yield
    except apsw.InterruptError as error:
        if stop is not None:
            stop.check()
        raise translate(error) from error
    except apsw.Error as error:
        raise translate(error) from error


def watch(connection: apsw.Connection, ended: Callable[[], bool]) -> None:
    """Interrupt whatever runs on `connection` soon after `ended` turns true."""
    connection.set_progress_handler(ended, PROGRESS_STEPS)


def scalar(connection: apsw.Connection, statement: str) -> Any:
    """The one value of a one-row statement."""
    return connection.execute(statement).fetchall()[0][0]


def rows(connection: apsw.Connection, statement: str, bindings: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    """All rows of a statement."""
    return connection.execute(statement, bindings).fetchall()


def quote(name: str) -> str:
    """An identifier for SQL text, whatever is in it. Raises Invalid (code "name_invalid") for what is no text."""
    if "\0" in name or not encodable(name):
        raise Invalid("a SQLite name cannot hold a zero byte or half a character", code="name_invalid")
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A string for SQL text where nothing can be bound."""
    return "'" + text.replace("'", "''") + "'"


def leftovers(path: Path) -> tuple[Path, ...]:
    """The files SQLite keeps next to a database."""
    return tuple(path.with_name(path.name + suffix) for suffix in ("-wal", "-shm", "-journal"))
