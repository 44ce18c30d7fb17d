"""psql processes that stay on one snapshot and write table after table into a pipe; see `piped` for servers of ours.

The rows never pass through Python one by one: psycopg's row-wise COPY holds the interpreter's lock and costs more
than compressing. Each process took its locks at the start: one that came to a table later would queue behind a
waiting DROP, which itself waits for our snapshot, for ever.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Mapping
from typing import IO

from holdfast.contract.tools import Child, Tools
from holdfast.engines.postgresql import faults
from holdfast.engines.postgresql.names import literal
from holdfast.engines.postgresql.pace import Pace, widen
from holdfast.engines.postgresql.piped import PipedCopier
from holdfast.kernel.errors import HoldfastError, Permanent, Retryable
from holdfast.kernel.stop import Stop

# Ends each COPY. COPY writes a backslash as two, so this line cannot be data.
END = b"\\.\n"
_END_STATEMENT = "SELECT E'\\\\.';\n"
ARGV = ("psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-f", "-")

# As an option a server before 17 would refuse it; \g /dev/null keeps the answer out of the pipe.
_NO_TIME_LIMIT = (
    "SELECT pg_catalog.set_config(name, '0', false) AS transaction_timeout "
    "FROM pg_catalog.pg_settings WHERE name = 'transaction_timeout'\n\\g /dev/null\n"
)


class Copier:
    """One psql on the snapshot. Used by one reader at a time; a failed or abandoned read ends it."""

    def __init__(self, tools: Tools, env: Mapping[str, str], snapshot: str, locks: list[str], stop: Stop) -> None:
        self._child: Child = tools.run(ARGV, env=env, stdin=True, stdout=True, stop=stop)
        self._stop = stop
        try:
            self._out = self._pipe(self._child.stdout)
            self._send(_NO_TIME_LIMIT)
            self._send("BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY;\n")
            self._send(f"SET TRANSACTION SNAPSHOT {literal(snapshot)};\n")
            for lock in locks:
                self._send(lock + ";\n")
            self._send(_END_STATEMENT)
            ready = memoryview(bytearray(64))
            if bytes(ready[: self.read(ready)]) != END:
                raise Retryable("psql did not take hold of the snapshot", code="snapshot_lost")
        except BaseException:
            self.kill()
            raise

    def _pipe(self, stream: IO[bytes] | None) -> int:
        if stream is None:
            raise Permanent("the tools gave psql no pipe", code="tool_failed")
        number = stream.fileno()
        widen(number)
        self._pace = Pace(number)
        return number

    def start(self, statement: str) -> None:
        self._pace.fresh()
        self._send(statement + ";\n" + _END_STATEMENT)

    def _send(self, text: str) -> None:
        stdin = self._child.stdin
        try:
            if stdin is None:
                raise OSError("no pipe")
            stdin.write(text.encode())
            stdin.flush()
        except (OSError, ValueError) as error:
            raise self.failure() from error

    def read(self, buffer: memoryview) -> int:
        """Some bytes; raises when the process ended instead."""
        self._pace.before()
        count = os.readv(self._out, [buffer])
        if count == 0:
            raise self.failure()
        self._pace.took(count)
        return count

    def failure(self) -> HoldfastError:
        """Why it ended, from its own words."""
        self._stop.check()
        try:
            self._child.wait(10)
        except Permanent as error:
            return faults.from_tool(error, "reading the tables")
        except HoldfastError as error:
            return error
        return Retryable("psql ended before its output did", code="snapshot_lost")

    def kill(self) -> None:
        with contextlib.suppress(HoldfastError, OSError):
            self._child.kill()
        self._child.__exit__(None, None, None)


class CopyStream:
    """The text of one COPY. Counts its rows: inside a value COPY writes a line break as two characters."""

    def __init__(self, copier: Copier, statement: str, done: Callable[[Copier | None, int, int], None]) -> None:
        self._copier: Copier | None = copier
        self._done = done
        self._held = b""  # a tail that may be the beginning of the end mark
        self._line_start = True
        self._ended = False
        self.rows = self.size = 0
        try:
            copier.start(statement)
        except BaseException:
            self.close()
            raise

    def readinto(self, buffer: memoryview) -> int:
        if self._ended or len(buffer) == 0:
            return 0
        if self._copier is None:
            raise Permanent("this stream is closed", code="stream_closed")
        if len(buffer) <= len(END):
            raise ValueError(f"the buffer must be longer than {len(END)} bytes")
        copier = self._copier
        while True:
            held = len(self._held)
            buffer[:held] = self._held
            count, ended = self._split(buffer, held + copier.read(buffer[held:]))
            if ended:
                self._ended, self._copier = True, None
                self._done(copier, self.rows, self.size)
            if count or ended:
                return count

    def _split(self, buffer: memoryview, count: int) -> tuple[int, bool]:
        """(how many of these bytes are data, whether the end mark followed); what may begin a mark is held back."""
        tail = bytes(buffer[max(0, count - len(END) - 1) : count])
        if tail.endswith(b"\n" + END) or (count == len(END) and tail == END and self._line_start):
            ended, keep = True, count - len(END)
        else:
            ended, keep = False, count - self._partial(tail, count)
        self._held = b"" if ended else bytes(buffer[keep:count])
        self.size += keep
        if keep:
            self.rows += bytes(buffer[:keep]).count(b"\n")
            self._line_start = buffer[keep - 1] == 0x0A
        return keep, ended

    def _partial(self, tail: bytes, count: int) -> int:
        for length in (2, 1):
            if tail.endswith(END[:length]):
                at_start = count == length and self._line_start
                if at_start or tail[: len(tail) - length].endswith(b"\n"):
                    return length
        return 0

    def close(self) -> None:
        """Left before its end, the process is ended: its pipe still holds rows nobody wants."""
        copier, self._copier = self._copier, None
        if copier is not None:
            copier.kill()
            self._done(None, -1, -1)


AnyCopier = Copier | PipedCopier


class CopierPool:
    """Idle copiers of one moment, of either kind. `start` makes some; more come when more are read at a time."""

    def __init__(self, make: Callable[[], AnyCopier]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._idle: list[AnyCopier] = []
        self._busy: set[AnyCopier] = set()
        self._closed = False

    def start(self, count: int) -> None:
        for _ in range(count):
            copier = self._make()
            with self._lock:
                self._idle.append(copier)

    def take(self) -> AnyCopier:
        with self._lock:
            if self._closed:
                raise Permanent("this capture has been left", code="stream_closed")
            copier = self._idle.pop() if self._idle else None
            if copier is not None:
                self._busy.add(copier)
        if copier is None:
            copier = self._make()
            with self._lock:
                self._busy.add(copier)
        return copier

    def give(self, copier: AnyCopier) -> None:
        with self._lock:
            self._busy.discard(copier)
            if not self._closed:
                self._idle.append(copier)
                return
        copier.kill()

    def drop(self, copier: AnyCopier) -> None:
        with self._lock:
            self._busy.discard(copier)

    def close(self) -> int:
        """End them all; how many were in the middle of a read."""
        with self._lock:
            self._closed = True
            everyone, busy = [*self._idle, *self._busy], len(self._busy)
            self._idle, self._busy = [], set()
        for copier in everyone:
            copier.kill()
        return busy
