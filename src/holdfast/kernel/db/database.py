"""The metadata database: one file on this machine, or PostgreSQL, behind the same few verbs."""

from __future__ import annotations

import fcntl
import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import apsw
import psycopg
import sqlalchemy as sa

from holdfast.kernel.db import dialect
from holdfast.kernel.db.faults import explained
from holdfast.kernel.db.migrate import SCRIPTS, bring_up_to_date
from holdfast.kernel.db.remembered import CommitMark
from holdfast.kernel.db.tables import metadata
from holdfast.kernel.errors import NeedsOperator

_HOOKS = "holdfast_after_commit"
_IDLE_SECONDS = 5.0
# For a process that asks now and then: a server's connections are few, and every node has several such processes.
FEW = 2
# A server that vanished without a word is noticed after half a minute, not after the kernel's two hours.
_PATIENCE: dict[str, Any] = {
    "application_name": "holdfast",
    "connect_timeout": 10,
    "keepalives_idle": 15,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
# A process that is stopped or cut off in the middle of a write would otherwise keep its row locks, and with them the
# other nodes, for as long as it sleeps. Longer than any write of ours is idle.
_BEGIN_WRITE = "SET LOCAL idle_in_transaction_session_timeout = '12s'; SET LOCAL lock_timeout = '30s'"
_log = logging.getLogger("holdfast.db")


def _prepare_writer(connection: Any, _record: Any) -> None:
    """FULL in WAL mode (`_settle`): a commit that was acknowledged survives a power cut."""
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA foreign_keys=ON")


def _prepare_reader(connection: Any, record: Any) -> None:
    _prepare_writer(connection, record)
    connection.execute("PRAGMA query_only=ON")


def _note_use(_connection: Any, record: Any) -> None:
    record.info["used_at"] = time.monotonic()


def _look_first(connection: Any, record: Any, _proxy: Any) -> None:
    """A connection that lay idle may be dead since the server was restarted: then the pool makes new ones, and nobody
    sees an error. One that was just used is not asked: that would cost every call a round trip."""
    if time.monotonic() - record.info.get("used_at", time.monotonic()) < _IDLE_SECONDS:
        return
    try:
        connection.execute("SELECT 1")
        connection.rollback()
    except psycopg.Error as error:
        raise sa.exc.InvalidatePoolError from error


def _make_private(file: Path) -> None:
    """An empty file only its owner may read; SQLite gives its companions (-wal, -shm) the same mode."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise NeedsOperator(
            f"the metadata database {file} cannot be written: {error.strerror}",
            code="metadata_unwritable",
            hint=f"Check that {file.parent} exists on a disk that is mounted read-write and belongs to this user.",
        ) from error


@contextmanager
def _alone(file: Path) -> Iterator[None]:
    """Only one process makes or migrates the file at a time; the others wait here and find it done."""
    descriptor = os.open(f"{file}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _settle(file: Path) -> None:
    """Make the file ours and switch it to WAL. Two processes that switched at once would get "busy" without waiting."""
    _make_private(file)
    with _alone(file):
        connection = apsw.Connection(str(file))
        try:
            connection.set_busy_timeout(30_000)
            connection.execute("PRAGMA journal_mode=WAL").fetchall()
        finally:
            connection.close()


def after_commit(conn: sa.Connection, hook: Callable[[], None], *, once: bool = False) -> None:
    """See `Database.after_commit`; `once`: not again when the transaction has this hook already."""
    hooks = conn.get_execution_options().get(_HOOKS)
    if hooks is None:
        raise ValueError("after_commit needs a connection from Database.write()")
    if not once or hook not in hooks:
        hooks.append(hook)


class Database:
    """Transactions on the metadata database. Threads may share it; a process that forks must not have one open.

    `engine` is for libraries that bring their own tables; our code uses `write` and `read`.
    `embedded`: it is the file on this machine, with one writer at a time. `mark` is for `Remembered`.
    `pool_size` connections stay open, three times as many can be in use; who finds none free waits 30 s for one.
    Both raise `DiskFull`, `Retryable` ("database_busy", "database_away") and `Invalid("value_invalid")`; other errors
    pass as SQLAlchemy's.
    """

    def __init__(self, url: str, *, pool_size: int = 16) -> None:
        dialect.register()
        self.url = sa.make_url(url)
        self.embedded = self.url.get_backend_name() == "sqlite"
        options: dict[str, Any] = {"pool_size": pool_size, "max_overflow": 2 * pool_size, "pool_timeout": 30}
        if self.embedded:
            _settle(self._file())
        else:
            given = self.url.query
            options["connect_args"] = {key: value for key, value in _PATIENCE.items() if key not in given}
        self.engine = sa.create_engine(self.url, **options)
        self._readers = self.engine
        self.mark = CommitMark(self._file()) if self.embedded else None
        if self.embedded:
            self._readers = sa.create_engine(self.url, **options)
            sa.event.listen(self.engine, "connect", _prepare_writer)
            sa.event.listen(self._readers, "connect", _prepare_reader)
        else:
            sa.event.listen(self.engine, "checkin", _note_use)
            sa.event.listen(self.engine, "checkout", _look_first)

    def _file(self) -> Path:
        if not self.url.database or self.url.database == ":memory:":
            raise ValueError("the metadata database must be a file: readers and the runner open it too")
        return Path(self.url.database)

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """One transaction, committed on success and rolled back on any error.

        On SQLite writers take turns and the write lock is held from the start, so what was read stays true until the
        commit. Functions given to `after_commit` run once the commit is durable. Do not nest.
        """
        hooks: list[Callable[[], None]] = []
        with explained():
            with self.engine.connect() as conn:
                conn.execution_options(**{_HOOKS: hooks})
                with conn.begin():
                    if self.embedded:
                        conn.exec_driver_sql("BEGIN IMMEDIATE")
                    else:
                        conn.exec_driver_sql(_BEGIN_WRITE)
                    yield conn
        for hook in hooks:
            try:
                hook()
            except Exception:  # noqa: BLE001 - the commit stands; a hook is only ever a hint
                _log.exception("a hook after commit failed")

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """A read-only view of one moment. Never waits for writers; a write through it is refused."""
        with explained():
            with self._readers.connect() as conn:
                if self.embedded:
                    with conn.begin():
                        conn.exec_driver_sql("BEGIN")
                        yield conn
                else:
                    conn.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
                    with conn.begin():
                        yield conn

    def after_commit(self, conn: sa.Connection, hook: Callable[[], None]) -> None:
        """Run `hook` once the transaction of `conn` (from `write`) is committed; never when it is rolled back."""
        after_commit(conn, hook)

    def migrate(self, scripts: Path = SCRIPTS) -> Path | None:
        """Bring the schema up to date; see `migrate.bring_up_to_date`. Each process calls it first; one does the work.

        Raises NeedsOperator("schema_too_new"), DiskFull, Retryable.
        """
        with explained(), _alone(self._file()) if self.embedded else nullcontext():
            return bring_up_to_date(self.engine, scripts)

    def create_all(self) -> None:
        """Create every table known to `metadata`, for tests. Installations use `migrate`."""
        with self.write() as conn:
            metadata.create_all(conn)

    def close(self) -> None:
        """Close every pooled connection."""
        if self.mark is not None:
            self.mark.close()
        self._readers.dispose()
        self.engine.dispose()
