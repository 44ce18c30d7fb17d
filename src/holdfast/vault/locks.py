"""Locks as restic keeps them: small sealed files in `locks/`, so that a stock restic honours ours and we honour its.

Protocol (restic `internal/restic/lock.go`): look, write, wait, look again; refresh by a new file before the old goes.
The wait is for stores that show late what was put; on a disk of this machine it is left out.
"""

from __future__ import annotations

import hashlib
import os
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol

from holdfast.formats.restic import documents
from holdfast.formats.restic.sealing import Key
from holdfast.kernel.clock import Clock, parse_timestamp, timestamp
from holdfast.kernel.errors import (
    Cancelled,
    Conflict,
    Corrupt,
    DiskFull,
    HoldfastError,
    NeedsOperator,
    NotFound,
    Retryable,
)
from holdfast.kernel.stop import Stop
from holdfast.vault.stores.base import Store, pieces
from holdfast.vault.stores.order import lists_in_order

STALE_AFTER = timedelta(minutes=30)
REFRESH_SECONDS = 300.0
LOST_AFTER_SECONDS = 22 * 60.0
RETRY_SECONDS = 20.0
LOCK_LOST = "the repository's lock could not be refreshed"
_SETTLE_SECONDS = 0.2
_POLL_SECONDS = 1.0


@dataclass(frozen=True)
class Holder:
    """Who holds a lock."""

    name: str
    exclusive: bool
    hostname: str
    pid: int
    time: str

    def describe(self) -> str:
        kind = "exclusively " if self.exclusive else ""
        return f"{kind}by process {self.pid} on {self.hostname} since {self.time}"


class Held(Protocol):
    """A lock that someone holds."""

    def require(self) -> None:
        """Raises Retryable (code "repository_lock_lost") unless the lock's file is there and was refreshed in time.

        Who was stopped for long (SIGSTOP, a laptop's lid) hears of it here before anything else."""
        ...


class Locks:
    """The locks of one repository."""

    def __init__(self, store: Store, key: Key, clock: Clock) -> None:
        self._store, self._key, self._clock = store, key, clock
        self._turn = threading.Lock()
        self._readers = 0
        self._shared: _Refresher | None = None

    def holders(self) -> list[Holder]:
        """Locks in force. Stale ones (30 minutes old, or a process of this machine that is gone) are removed."""
        found = []
        for name, _ in pieces(self._store, "locks"):
            try:
                document = documents.decode(self._store.get(name), self._key)
            except NotFound:
                continue  # released between the listing and the look
            holder = _holder(name, document)
            if self._is_stale(holder):
                self._store.delete(name)
            else:
                found.append(holder)
        return found

    def _is_stale(self, holder: Holder) -> bool:
        try:
            age = self._clock.now() - parse_timestamp(holder.time)
        except ValueError:
            raise Corrupt(f"the lock {holder.name} has no time") from None
        if age > STALE_AFTER:
            return True
        return holder.hostname == socket.gethostname() and not _is_alive(holder.pid)

    @contextmanager
    def hold(self, *, exclusive: bool = False, stop: Stop | None = None, wait: float = 0.0) -> Iterator[Stop]:
        """Hold a lock. The yielded Stop is set when the lock was lost: no refresh for 22 minutes; then nothing may be
        written any more. Raises Conflict (code "repository_locked") naming who is in the way after `wait` seconds.
        """
        lost = stop or Stop()
        with self.held(exclusive=exclusive, stop=lost, wait=wait):
            yield lost

    @contextmanager
    def held(self, *, exclusive: bool = False, stop: Stop | None = None, wait: float = 0.0) -> Iterator[Held]:
        """`hold`, for who must ask before an act that cannot be taken back whether the lock is still theirs.

        Cancelled by the loss of the lock leaves as Retryable (code "repository_lock_lost"): nobody asked to stop."""
        stop = stop or Stop()
        name = self._acquire_within(wait, exclusive, stop)
        keeper = _Refresher(self, name, exclusive, stop)
        keeper.start()
        try:
            yield keeper
        except Cancelled:
            if stop.reason == LOCK_LOST:
                raise _lost() from None
            raise
        finally:
            self._store.delete(keeper.finish())

    def _acquire_within(self, seconds: float, exclusive: bool, stop: Stop) -> str:
        until = time.monotonic() + seconds
        while True:
            try:
                return self._acquire(exclusive, 0.0 if lists_in_order(self._store) else _SETTLE_SECONDS)
            except Conflict:
                left = until - time.monotonic()
                if left <= 0:
                    raise
                if stop.wait(min(left, _POLL_SECONDS)):
                    stop.check()

    def doubtful(self) -> list[str]:
        """Names of locks that only their age makes stale: their owner is on another machine, or lives. When a clock
        jumped they may be in force all the same."""
        found = []
        for name, _ in pieces(self._store, "locks"):
            try:
                document = documents.decode(self._store.get(name), self._key)
            except NotFound:
                continue
            holder = _holder(name, document)
            gone = holder.hostname == socket.gethostname() and not _is_alive(holder.pid)
            if self._is_stale(holder) and not gone:
                found.append(name)
        return found

    def stands(self, name: str) -> bool:
        """Whether a lock file is still there: another may have thought it stale, or `restic unlock` took it."""
        return self._store.exists(name)

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Keep everyone from pruning while something is read. All readers of this object share one lock.

        Does not wait for other writers' locks to settle: they look again after their wait and see this one. Where no
        lock can be written (a full or read-only disk) reading goes on without: a restore matters more.
        Raises Conflict (code "repository_locked").
        """
        with self._turn:
            if self._readers == 0:
                try:
                    self._shared = _Refresher(self, self._acquire(False, 0.0), False, Stop())
                    self._shared.start()
                except (DiskFull, NeedsOperator):
                    self._shared = None
            self._readers += 1
        try:
            yield
        finally:
            with self._turn:
                self._readers -= 1
                if self._readers == 0 and self._shared is not None:
                    shared, self._shared = self._shared, None
                    self._store.delete(shared.finish())

    def _acquire(self, exclusive: bool, settle: float) -> str:
        self._refuse(self.holders(), exclusive, None)
        name = self.write(exclusive)
        try:
            if settle:
                time.sleep(settle)
            self._refuse(self.holders(), exclusive, name)
        except BaseException:
            self._store.delete(name)
            raise
        return name

    def _refuse(self, holders: list[Holder], exclusive: bool, own: str | None) -> None:
        for holder in holders:
            if holder.name != own and (exclusive or holder.exclusive):
                raise Conflict(
                    f"the repository is locked {holder.describe()}",
                    code="repository_locked",
                    hint="wait for it to end; a lock whose process is gone is removed by itself after 30 minutes",
                )

    def write(self, exclusive: bool) -> str:
        """A new lock file; its name."""
        document = {
            "time": timestamp(self._clock.now()),
            "exclusive": exclusive,
            "hostname": socket.gethostname(),
            "username": "holdfast",
            "pid": os.getpid(),
            "uid": os.getuid(),
            "gid": os.getgid(),
        }
        sealed = documents.encode(document, self._key)
        name = f"locks/{hashlib.sha256(sealed).hexdigest()}"
        self._store.put(name, [sealed])
        return name

    def remove(self, name: str) -> None:
        self._store.delete(name)


class _Refresher(threading.Thread):
    """Writes the lock anew every five minutes; says `lost` when it could not for too long."""

    def __init__(self, locks: Locks, name: str, exclusive: bool, lost: Stop) -> None:
        super().__init__(name="lock-refresh", daemon=True)
        self._locks, self._name, self._exclusive, self._lost = locks, name, exclusive, lost
        self._over = threading.Event()
        self._old: list[str] = []
        self._refreshed = _uptime()

    def require(self) -> None:
        """See `Held`."""
        name = self._name
        while _uptime() - self._refreshed <= LOST_AFTER_SECONDS:
            if self._locks.stands(name):
                return
            if name == self._name:
                break
            name = self._name  # it was just refreshed
        raise _lost()

    def run(self) -> None:
        wait = REFRESH_SECONDS
        while not self._over.wait(wait):
            if _uptime() - self._refreshed > LOST_AFTER_SECONDS:
                self._lost.stop(LOCK_LOST)
                return
            try:
                fresh = self._locks.write(self._exclusive)
            except HoldfastError:
                wait = RETRY_SECONDS  # often enough that the 22 minutes are not overrun
                continue
            self._old.append(self._name)
            self._name, self._refreshed, wait = fresh, _uptime(), REFRESH_SECONDS
            self._drop_old()

    def _drop_old(self) -> None:
        """What cannot be deleted now is tried again later; at worst it goes stale by itself."""
        while self._old:
            try:
                self._locks.remove(self._old[-1])
            except HoldfastError:
                return
            self._old.pop()

    def finish(self) -> str:
        self._over.set()
        self.join()
        self._drop_old()
        return self._name


def _lost() -> Retryable:
    return Retryable(LOCK_LOST, code="repository_lock_lost")


def _holder(name: str, document: Mapping[str, Any]) -> Holder:
    return Holder(
        name,
        bool(document.get("exclusive")),
        str(document.get("hostname", "")),
        int(document.get("pid", 0)),
        str(document.get("time", "")),
    )


def _uptime() -> float:
    """Seconds that also pass while the machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
