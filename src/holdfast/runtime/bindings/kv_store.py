"""The state process's side of a namespace: reads on the loop, writes in groups.

All puts that wait are one transaction and one sync (`group commit`), made by a thread of the namespace; each is
answered after the sync. Long values and lists are read by other threads. Answers are kept in memory only as long as
SQLite says, once for each batch of calls, that no other connection has committed: what the API or another process has
written is seen by the next call.
"""

from __future__ import annotations

import asyncio
import logging
import os
import queue
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

import apsw

from holdfast.kernel.errors import HoldfastError
from holdfast.runtime.bindings.disk_reserve import DiskReserve
from holdfast.runtime.bindings.handling import Batch, Failure, Gate, entered
from holdfast.runtime.bindings.kv_file import Entry, KvFile, Put, Write
from holdfast.runtime.bindings.kv_rules import KvError
from holdfast.runtime.bindings.kv_usage import KvQuota
from holdfast.runtime.bindings.turns import Share, Turns
from holdfast.runtime.bindings.values import encode

_log = logging.getLogger(__name__)
SMALL: Final = 64 * 1024  # bytes of a value that the loop reads itself
_KEPT_BYTES, _OVERHEAD = 16 * 1024 * 1024, 200  # of answers in memory; what one costs besides its bytes
_GATE_SECONDS = 5.0  # how long a write waits for a restore to put its file in place
_GROUP, _GROUP_BYTES = 2000, 32 * 1024 * 1024  # of one transaction
_LOOK_SECONDS = 1.0  # how long a replaced file (a restore) may go unnoticed by reads; writes always look
NOTHING: Final = encode(None)

_NOTE_SECONDS: Final = 30.0
_noted: dict[Path, float] = {}

T = TypeVar("T")
Waiting = tuple[Write, asyncio.Future[bytes], Share]


class Namespace:
    """One file, open while it is used. Made and called on the loop; `pool` reads what is long; writes hold `gate`."""

    def __init__(
        self, path: Path, pool: ThreadPoolExecutor, gate: Gate = nullcontext, reserve: DiskReserve | None = None
    ) -> None:
        self.path = path
        self.quota: KvQuota | None = None
        self._reserve = reserve or DiskReserve()
        self._gate = gate
        self._pool = pool
        self._loop = asyncio.get_running_loop()
        self._reader: KvFile | None = None
        self._identity: tuple[int, int] | None = None
        self._looked = 0.0
        self._batch = self._version = -1
        self._answers: dict[bytes, tuple[bytes, int | None]] = {}
        self._kept = 0
        self.used = time.monotonic()
        self._writer: _Writer | None = None

    def answered(self, question: bytes) -> bytes | None:
        """The answer to the same question, while nothing has changed since; None when it has to be looked up."""
        if self._batch != Batch.number:
            self._refresh()
        kept = self._answers.get(question)
        if kept is None:
            return None
        answer, expiration = kept
        return answer if expiration is None or expiration > time.time() else NOTHING

    def keep(self, question: bytes, answer: bytes, expiration: int | None) -> None:
        """Remember an answer that was looked up in this batch."""
        self._kept += len(question) + len(answer) + _OVERHEAD
        while self._kept > _KEPT_BYTES:
            oldest = next(iter(self._answers))
            self._kept -= len(oldest) + len(self._answers.pop(oldest)[0]) + _OVERHEAD
        self._answers[question] = answer, expiration

    def small(self, key: str) -> Entry | int | None:
        """What is under the key; of a long value its size. Raises Failure."""
        if self._reader is None or self._batch != Batch.number:
            self._refresh()
        assert self._reader is not None  # noqa: S101
        try:
            return self._reader.small(key, SMALL)
        except apsw.Error as error:
            raise failure(error, self.path) from error

    async def read(self, act: Callable[[KvFile], T], turns: Turns) -> T:
        """What is long: read by a thread, in one of the caller's turns. Raises Failure, and what `act` raises."""
        self.used = time.monotonic()
        return await turns.run(lambda: self._pool, lambda: self._with_file(act))

    def write(self, write: Write, share: Share) -> asyncio.Future[bytes]:
        """Done (with no content) when it is on disk. Once given it is made, even when nobody waits any more."""
        done: asyncio.Future[bytes] = self._loop.create_future()
        self.used = time.monotonic()
        if self._writer is None:
            self._writer = _Writer(self)
        self._writer.give(write, done, share)
        return done

    async def sweep(self) -> None:
        """Take expired rows out of the file, with pauses in which writers come first."""
        left = True
        while left:
            self.used = time.monotonic()
            sweep = partial(self._with_file, lambda file: file.sweep(), write=True)
            left = await self._loop.run_in_executor(self._pool, sweep) > 0
            await asyncio.sleep(0.05)

    def rest(self) -> None:
        """Close what is open; the next call opens it again. Writes that were given are still made."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None
            self._forget()
        if self._writer is not None:
            self._writer.end()
            self._writer = None

    def _refresh(self) -> None:
        """Forget the answers when anybody has written, or when another file lies at the path."""
        now = self.used = time.monotonic()
        if self._reader is None or now - self._looked > _LOOK_SECONDS:
            self._look(now)
        assert self._reader is not None  # noqa: S101
        try:
            version = self._reader.changed()
        except apsw.Error as error:
            raise failure(error, self.path) from error
        if version != self._version:
            self._version = version
            self._forget()
        self._batch = Batch.number

    def _forget(self) -> None:
        self._answers.clear()
        self._kept = 0

    def _look(self, now: float) -> None:
        """Open the file, and open it again when another has taken its place."""
        identity = _identity(self.path)
        if self._reader is None or identity != self._identity:
            if self._reader is not None:
                self._reader.close()
            self._reader = None
            self._forget()
            self._reader = _opened(self.path, write=False)
            self._identity = identity
        self._looked = now

    def _with_file(self, act: Callable[[KvFile], T], write: bool = False) -> T:
        """In a thread."""
        try:
            with _opened(self.path, write=write) as file:
                return act(file)
        except apsw.Error as error:
            raise failure(error, self.path) from error


class _Writer:
    """The one thread that writes to a namespace."""

    def __init__(self, namespace: Namespace) -> None:
        self._of = namespace
        self._path, self._loop, self._gate = namespace.path, namespace._loop, namespace._gate
        self._queue: queue.SimpleQueue[Waiting | None] = queue.SimpleQueue()
        self._file: KvFile | None = None
        self._identity: tuple[int, int] | None = None
        threading.Thread(target=self._run, name=f"kv {self._path.stem}", daemon=True).start()

    def give(self, write: Write, done: asyncio.Future[bytes], share: Share) -> None:
        self._queue.put((write, done, share))

    def end(self) -> None:
        self._queue.put(None)

    def _run(self) -> None:
        try:
            while group := self._group():
                began = time.thread_time()
                outcomes = self._commit([write for write, _, _ in group])
                self._tell(group, outcomes, time.thread_time() - began)
        finally:
            if self._file is not None:
                self._file.close()

    def _group(self) -> list[Waiting]:
        """All that waits, as far as one transaction should hold; empty at the end."""
        first = self._queue.get()
        group: list[Waiting] = []
        size = 0
        while first is not None:
            group.append(first)
            size += first[0].size if isinstance(first[0], Put) else 0
            if len(group) >= _GROUP or size > _GROUP_BYTES:
                break
            try:
                first = self._queue.get_nowait()
            except queue.Empty:
                break
            if first is None:
                self._queue.put(None)  # after these
                break
        return group

    def _commit(self, writes: Sequence[Write]) -> list[Failure | None]:
        """What became of each: None when it is on disk."""
        sizes = [write.size for write in writes if isinstance(write, Put)]
        if sizes and (short := self._of._reserve.shortage(self._path, sum(sizes))) is not None:
            return self._only_deletes(writes, Failure("Unavailable", f"KV storage failed: {short}"))
        try:
            with entered(self._gate, _GATE_SECONDS):
                identity = _identity(self._path)
                if self._file is None or identity != self._identity:
                    if self._file is not None:
                        self._file.close()
                        self._file = None
                    self._file, self._identity = _opened(self._path, write=True), identity
                refused = self._file.apply_each(writes, self._of.quota)
        except HoldfastError:
            words = "KV storage failed: the namespace is being restored or moved; try again"
            return [Failure("Unavailable", words)] * len(writes)
        except apsw.Error as error:
            return [failure(error, self._path)] * len(writes)
        except Failure as error:
            return [error] * len(writes)
        return [None if one is None else Failure("Error", f"KV PUT failed: {one.status} {one}") for one in refused]

    def _only_deletes(self, writes: Sequence[Write], short: Failure) -> list[Failure | None]:
        """Deleting makes room, so it goes on."""
        deletes = [write for write in writes if not isinstance(write, Put)]
        done = iter(self._commit(deletes) if deletes else ())
        return [short if isinstance(write, Put) else next(done) for write in writes]

    def _tell(self, group: list[Waiting], outcomes: list[Failure | None], took: float) -> None:
        try:
            self._loop.call_soon_threadsafe(_resolve, group, outcomes, took)
        except RuntimeError:
            _log.warning("the process ended before %d writes could be answered", len(group))


def _resolve(group: list[Waiting], outcomes: list[Failure | None], took: float) -> None:
    now, each = time.perf_counter(), took / len(group)
    for share, writes in Counter(share for _, _, share in group).items():
        share.spend(each * writes, now)
    for (_, done, _), error in zip(group, outcomes, strict=True):
        if done.done():
            continue
        if error is None:
            done.set_result(NOTHING)
        else:
            done.set_exception(error)


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        facts = os.stat(path)
    except OSError:
        return None
    return facts.st_dev, facts.st_ino


def _opened(path: Path, *, write: bool) -> KvFile:
    try:
        try:
            return KvFile.open(path, write=write)
        except KvError:  # a database that was only just provisioned is empty
            KvFile.open(path, prepare=True).close()
            return KvFile.open(path, write=write)
    except (FileNotFoundError, KvError) as error:
        _note(path, "a worker's namespace cannot be opened: %s", error)
        words = "the KV namespace is not there now: it is being made or restored, or was deleted"
        raise Failure("Unavailable", words) from error
    except apsw.Error as error:
        raise failure(error, path) from error


def _note(path: Path, words: str, error: Exception) -> None:
    """Once in a while for each file: a worker that calls in a loop must not fill the log."""
    now = time.monotonic()
    if now - _noted.get(path, -_NOTE_SECONDS) >= _NOTE_SECONDS:
        _noted[path] = now
        _log.error(words, error)


def failure(error: apsw.Error, path: Path) -> Failure:
    """What the worker reads; the server's log has the rest."""
    _note(path, f"a worker's namespace {path.name} failed: %s", error)
    if isinstance(error, apsw.FullError):
        return Failure("Unavailable", "KV storage failed: the disk is full")
    if isinstance(error, apsw.BusyError):
        return Failure("Unavailable", "KV storage failed: the namespace is busy; try again")
    return Failure("Unavailable", "KV storage failed; the server's log says why")
