"""The state process's side of a database: one writer, two readers, each with a connection and a thread of its own."""

from __future__ import annotations

import asyncio
import re
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Final, TypeVar

from holdfast.kernel.errors import HoldfastError
from holdfast.runtime.bindings.d1_session import NeedsWriter, Result, Session, Statement, Ticket, identity
from holdfast.runtime.bindings.disk_reserve import DiskReserve
from holdfast.runtime.bindings.handling import Failure, Gate, entered
from holdfast.runtime.bindings.turns import Share, Turns
from holdfast.runtime.bindings.values import LONGEST, encode

SECONDS: Final = 30.0  # of one call
_READERS: Final = 2
_GATE_SECONDS: Final = 5.0  # how long a call waits for a restore to put its file in place
_READS = re.compile(r"(?:\s|--[^\n]*\n|/\*.*?\*/|;)*(?:SELECT|VALUES|WITH|EXPLAIN|PRAGMA)\b", re.IGNORECASE | re.DOTALL)

T = TypeVar("T")


class D1Turns:
    """One version's, with one database: what waits for the writer keeps no reader from beginning."""

    def __init__(self, share: Share) -> None:
        self.reading, self.writing = Turns(share, _READERS), Turns(share, 1)


class D1Database:
    """One file, open while it is used. Made and called on the loop."""

    def __init__(
        self,
        path: Path,
        gate: Gate = nullcontext,
        seconds: float = SECONDS,
        reserve: DiskReserve | None = None,
    ) -> None:
        self.path = path
        self.used = time.monotonic()
        self._seconds = seconds
        self._writer = _Line(path, True, 1, gate, reserve or DiskReserve())
        self._readers = _Line(path, False, _READERS, gate)
        self._commits = self._marked = 0
        self._marking = threading.Lock()

    async def query(self, statements: Sequence[Statement], turns: D1Turns) -> bytes:
        """The statements in one transaction: their results and the bookmark after them. Raises Failure."""
        self.used = time.monotonic()

        def act(session: Session, ticket: Ticket) -> bytes:
            return self._encoded(session.run(statements, ticket))

        if all(_READS.match(sql) for sql, _ in statements):
            try:
                return await self._readers.do(act, self._seconds, turns.reading)
            except NeedsWriter:
                pass  # WITH ... INSERT, for instance: the writer knows
        return await self._writer.do(act, self._seconds, turns.writing)

    async def exec(self, text: str, turns: D1Turns) -> bytes:
        """A script: how many statements it was, the milliseconds it took, the bookmark. Raises Failure."""
        self.used = started = time.monotonic()
        count = await self._writer.do(lambda session, ticket: session.exec(text, ticket), self._seconds, turns.writing)
        return encode([count, round((time.monotonic() - started) * 1000, 4), self._bookmark()])

    def rest(self) -> None:
        """Close what is open; the next call opens it again. Calls under way end first."""
        self._writer.rest()
        self._readers.rest()

    def _encoded(self, results: list[Result]) -> bytes:
        return encode([[result.wire() for result in results], self._bookmark()], LONGEST)

    def _bookmark(self) -> str:
        """Later ones sort behind earlier ones. Every call sees what was committed before it: there is one copy."""
        with self._marking:
            self._commits += 1
            self._marked = max(self._marked, time.time_ns() // 1_000_000)  # a clock may be set back
            return f"{self._marked:016x}-{self._commits & 0xFFFFFFFF:08x}"


class _Line:
    """Threads that each keep a session while there is work."""

    def __init__(self, path: Path, write: bool, threads: int, gate: Gate, reserve: DiskReserve | None = None) -> None:
        self._path, self._write, self._threads, self._gate = path, write, threads, gate
        self._reserve = reserve
        self._pool: ThreadPoolExecutor | None = None
        self._mine = threading.local()
        self._sessions: list[Session] = []
        self._lock = threading.Lock()

    async def do(self, act: Callable[[Session, Ticket], T], seconds: float, turns: Turns) -> T:
        """In the next free thread, in the caller's turn; interrupted when the caller is cancelled."""
        ticket = Ticket(seconds)

        def run() -> T:
            if ticket.ended():
                raise Failure("Error", "D1_ERROR: D1 DB is overloaded. Requests queued for too long.")
            if self._reserve is not None and (short := self._reserve.shortage(self._path)) is not None:
                raise Failure("Unavailable", f"D1_ERROR: {short}; only reads are answered: SQLITE_FULL")
            try:
                with entered(self._gate, _GATE_SECONDS):
                    return act(self._session(), ticket)
            except HoldfastError as error:
                raise Failure("Unavailable", "D1_ERROR: the database is being restored or moved; try again") from error

        try:
            return await turns.run(self._working, run)
        except asyncio.CancelledError:
            ticket.cancelled = True
            raise

    def _working(self) -> ThreadPoolExecutor:
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix=f"d1 {self._path.stem}")
            self._mine = threading.local()
        return self._pool

    def rest(self) -> None:
        if (pool := self._pool) is None:
            return
        self._pool = None
        sessions, self._sessions = self._sessions, []

        def close() -> None:
            pool.shutdown(wait=True)
            for session in sessions:
                session.close()

        threading.Thread(target=close, name="d1 closing", daemon=True).start()

    def _session(self) -> Session:
        kept: Any = getattr(self._mine, "session", None)
        if kept is not None and kept.identity == identity(self._path):
            return kept  # type: ignore[no-any-return]
        if kept is not None:
            with self._lock:
                if kept in self._sessions:
                    self._sessions.remove(kept)
            kept.close()
            self._mine.session = None
        session = Session(self._path, self._write)
        self._mine.session = session
        with self._lock:
            self._sessions.append(session)
        return session
