"""Rows that a server of ours writes straight into a named pipe: no client process, no protocol, no copy in between.

Only where the server runs on this machine and sees its sockets' directory as we do; elsewhere psql reads (`copier`).

A server that opens a pipe nobody reads waits for ever, deaf to signals; one whose pipe was deleted writes a file. So
a pipe has a reader before the statement is sent and until it has ended, and one whose owner was killed in between is
opened and deleted by the next capture (`sweep`).
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import stat
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGresult

from holdfast.engines.postgresql import faults, link
from holdfast.engines.postgresql.names import literal
from holdfast.engines.postgresql.pace import Pace, widen
from holdfast.kernel.errors import Corrupt, HoldfastError, Permanent
from holdfast.kernel.stop import Stop

PREFIX = ".copy-"
_LEAVE_SECONDS = 10.0
_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW


class Refused(Exception):
    """This server does not write into a pipe of ours; nothing was lost by asking."""


class PipedCopier:
    """One session on the snapshot with a pipe of its own. Used by one reader at a time; a failed read ends it.

    Raises Refused when the server cannot write into the pipe."""

    def __init__(
        self, directory: Path, connect: Callable[[], link.Connection], snapshot: str, locks: list[str], stop: Stop
    ) -> None:
        self._stop = stop
        self._closed = self._running = False
        self._rows = 0
        self.path, self._guard = _make(directory)
        try:
            self._connection = connect()
        except BaseException:
            self._remove()
            raise
        try:
            stop.on_stop(self._interrupt)
            self._connection.execute("BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            self._connection.execute(link.statement(f"SET TRANSACTION SNAPSHOT {literal(snapshot)}"))
            for lock in locks:
                self._connection.execute(link.statement(lock))
            self._try()
        except psycopg.Error as error:
            self.kill()
            stop.check()
            raise faults.from_psycopg(error, "reading the tables") from error
        except BaseException:
            self.kill()
            raise

    def _try(self) -> None:
        """One row through the pipe, before the first table depends on it."""
        answer = memoryview(bytearray(64))
        stream = PipedStream(self, f"COPY (SELECT 1) TO {self.target}", lambda _copier, _rows, _size: None)
        try:
            count = stream.readinto(answer)
            if bytes(answer[:count]) != b"1\n" or stream.readinto(answer):
                raise Refused("the server wrote something else into the pipe")
        except HoldfastError as error:
            self._stop.check()
            if error.retryable:
                raise
            raise Refused(error.message) from error
        finally:
            stream.close()

    @property
    def target(self) -> str:
        """Where COPY writes to, as SQL."""
        return literal(self.path)

    def open(self) -> int:
        """A reading end, for one statement."""
        reading = os.open(self.path, _FLAGS)
        if os.path.samestat(os.fstat(reading), os.fstat(self._guard)):
            return reading
        os.close(reading)
        raise Permanent("the pipe for the rows was replaced", code="pipe_replaced")

    def start(self, statement: str) -> None:
        connection = self._connection.pgconn
        try:
            connection.send_query(statement.encode())
            self._running, self._rows = True, 0
            while connection.flush():
                select.select([], [connection.socket], [], 1.0)
        except psycopg.Error as error:
            raise self.failure(error) from error

    @property
    def socket(self) -> int:
        return self._connection.pgconn.socket

    def ended(self) -> int | None:
        """Rows written when the statement has ended; None while it goes on. Raises what the server says of it."""
        self._stop.check()
        try:
            if self._running:
                self._hear()
        except psycopg.Error as error:
            raise self.failure(error) from error
        return None if self._running else self._rows

    def _hear(self) -> None:
        connection = self._connection.pgconn
        try:
            connection.consume_input()
        except psycopg.Error:
            self._running = False  # the backend has gone: it comes to no pipe any more
            raise
        while self._running and not connection.is_busy():
            self._take(connection.get_result())

    def _take(self, result: PGresult | None) -> None:
        if result is None or result.status != ExecStatus.COMMAND_OK:
            self._running = False
        if result is not None and result.status != ExecStatus.COMMAND_OK:
            raise psycopg.errors.error_from_result(result, encoding="utf-8")
        if result is not None:
            self._rows = result.command_tuples or 0

    def failure(self, error: psycopg.Error) -> HoldfastError:
        self._stop.check()
        return faults.from_psycopg(error, "reading the tables")

    def _interrupt(self) -> None:
        if not self._closed:
            self._connection.cancel()

    def kill(self) -> None:
        """Also in the middle of a statement: its rows are nobody's then."""
        if self._closed:
            return
        self._leave()
        self._closed = True
        self._connection.close()
        if self._running:  # its backend may still come to the pipe: left for `sweep`, without our claim on it
            os.close(self._guard)
        else:
            self._remove()

    def _leave(self) -> None:
        """End the statement, reading on until it has ended."""
        until, buffer = time.monotonic() + _LEAVE_SECONDS, memoryview(bytearray(1 << 16))
        with contextlib.suppress(psycopg.Error):
            if self._running:
                self._connection.cancel()
            while self._running and time.monotonic() < until:
                select.select([self.socket], [], [], 0.01)
                with contextlib.suppress(BlockingIOError):
                    while os.readv(self._guard, [buffer]):
                        pass
                self._hear()

    def _remove(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path)
        os.close(self._guard)


class PipedStream:
    """The text of one COPY, ended by the pipe's end and the server's word that it wrote all."""

    def __init__(
        self, copier: PipedCopier, statement: str, done: Callable[[PipedCopier | None, int, int], None]
    ) -> None:
        self._copier: PipedCopier | None = copier
        self._done = done
        self._reading = -1
        self._ended = self._opened = False
        self._last = b"\n"
        self.size = 0
        try:
            self._reading = copier.open()
            widen(self._reading)
            self._pace = Pace(self._reading)
            copier.start(statement)
        except BaseException:
            self.close()
            raise

    def readinto(self, buffer: memoryview) -> int:
        if self._ended or len(buffer) == 0:
            return 0
        if self._copier is None:
            raise Permanent("this stream is closed", code="stream_closed")
        self._pace.before()
        while True:
            if not self._opened:
                self._wait(self._copier)
            try:
                count = os.readv(self._reading, [buffer])
            except BlockingIOError:
                self._wait(self._copier)
                continue
            self._pace.took(count)
            if count == 0:
                self._finish(self._copier)
            else:
                self._last = bytes(buffer[count - 1 : count])
            self.size += count
            return count

    def _wait(self, copier: PipedCopier) -> None:
        """Until there are bytes or the server has closed the pipe. Raises what the statement failed with."""
        poll = select.poll()
        poll.register(self._reading, select.POLLIN)
        poll.register(copier.socket, select.POLLIN)
        while True:
            ready = {descriptor for descriptor, _ in poll.poll(1000)}
            if self._reading in ready:
                self._opened = True
                return
            if copier.socket in ready and copier.ended() is not None and not self._closed_by_now():
                raise Permanent("the server wrote the rows somewhere else", code="pipe_replaced")

    def _closed_by_now(self) -> bool:
        """The server closes the pipe before it says that it wrote all: then this is certain."""
        poll = select.poll()
        poll.register(self._reading, select.POLLIN)
        return bool(poll.poll(0))

    def _finish(self, copier: PipedCopier) -> None:
        while (rows := copier.ended()) is None:
            select.select([copier.socket], [], [], 1.0)
        if self._last != b"\n" or (rows == 0) != (self.size == 0):
            raise Corrupt(f"the server wrote {rows} rows, and what came ends in the middle of one")
        self._ended, self._copier = True, None
        self._close_reading()
        self._done(copier, rows, self.size)

    def close(self) -> None:
        """Left before its end, the session is ended too."""
        copier, self._copier = self._copier, None
        if copier is not None:
            copier.kill()
            self._done(None, -1, -1)
        self._close_reading()

    def _close_reading(self) -> None:
        if self._reading >= 0:
            os.close(self._reading)
            self._reading = -1


def _make(directory: Path) -> tuple[str, int]:
    """(path of a new pipe that the directory's owner may write to, a descriptor that claims it). Raises Refused.

    The directory belongs to the server: whatever it puts in the place of ours is not given away."""
    path = str(directory / f"{PREFIX}{os.urandom(8).hex()}")
    try:
        os.mkfifo(path, 0o600)
        guard = os.open(path, _FLAGS)
    except OSError as error:
        raise Refused(str(error)) from error
    try:
        fcntl.flock(guard, fcntl.LOCK_EX | fcntl.LOCK_NB)
        found, owner = os.fstat(guard), directory.stat()
        if not stat.S_ISFIFO(found.st_mode) or found.st_uid != os.geteuid():
            raise Refused("the pipe was replaced")
        if owner.st_uid != found.st_uid:
            os.fchown(guard, owner.st_uid, owner.st_gid)
    except (OSError, Refused) as error:
        os.close(guard)
        raise Refused(str(error)) from error
    return path, guard


def sweep(directory: Path) -> None:
    """Delete the pipes of captures that were killed. Opening one frees a server that waits for its reader."""
    for path in directory.glob(f"{PREFIX}*"):
        try:
            found = os.open(path, _FLAGS)
        except OSError:
            continue  # gone meanwhile, or not ours to open
        try:
            if stat.S_ISFIFO(os.fstat(found).st_mode):
                fcntl.flock(found, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink(missing_ok=True)
        except BlockingIOError:
            continue  # its capture lives
        finally:
            os.close(found)
