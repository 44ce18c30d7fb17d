"""Locks: stale ones go, live ones are refreshed, readers share one."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import pytest
from kit import new_repository

from holdfast.formats.restic import documents
from holdfast.kernel.clock import timestamp
from holdfast.kernel.errors import Cancelled, Conflict, Corrupt, NeedsOperator, Retryable
from holdfast.kernel.stop import Stop
from holdfast.vault import locks
from holdfast.vault.locks import LOCK_LOST, Locks
from holdfast.vault.repository import Repository
from holdfast.vault.stores.append_only import AppendOnlyStore
from holdfast.vault.stores.around import Around
from holdfast.vault.stores.base import Pieces, Store
from holdfast.vault.stores.faulty import FaultyStore, NthCall
from holdfast.vault.stores.local import LocalStore
from holdfast.vault.stores.order import lists_in_order, of_one_kernel
from holdfast.vault.stores.stopping import StoppableStore

T = TypeVar("T")


@pytest.fixture
def repo(tmp_path: Path) -> Repository:
    return new_repository(tmp_path / "r")


def files(repo: Repository) -> list[str]:
    return [name for name, _ in repo.store.list("locks")]


def foreign(repo: Repository, *, age: timedelta = timedelta(0), host: str = "elsewhere", pid: int = 1) -> str:
    """A lock another program wrote."""
    document = {"time": timestamp(repo.clock.now() - age), "exclusive": True, "hostname": host, "pid": pid}
    name = "locks/" + os.urandom(32).hex()
    repo.store.put(name, [documents.encode(document, repo.key)])
    return name


def test_an_exclusive_lock_keeps_everyone_out(repo: Repository) -> None:
    name = foreign(repo)
    for act in (repo.lock(), repo.lock(exclusive=True), repo.locks.reading()):
        with pytest.raises(Conflict) as caught, act:
            pass
        assert caught.value.code == "repository_locked"
        assert "elsewhere" in caught.value.message
    assert files(repo) == [name]


def test_old_locks_and_those_of_dead_processes_are_removed(repo: Repository) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    foreign(repo, age=timedelta(minutes=31))
    foreign(repo, host=socket.gethostname(), pid=gone.pid)
    with repo.lock(exclusive=True):
        assert len(files(repo)) == 1
    assert files(repo) == []


def test_a_lock_nobody_can_read_is_corrupt(repo: Repository) -> None:
    repo.store.put("locks/" + "ab" * 32, [b"rubbish" * 20])
    with pytest.raises(Corrupt), repo.lock():
        pass


def test_writers_share_and_one_may_prune(repo: Repository) -> None:
    with repo.lock(), repo.lock():
        with pytest.raises(Conflict), repo.lock(exclusive=True):
            pass
    with repo.lock(exclusive=True):
        assert len(files(repo)) == 1


def test_two_that_want_it_alone_never_both_get_it(repo: Repository) -> None:
    inside, most, turn = [0], [0], threading.Lock()

    def one() -> None:
        mine = Locks(repo.store, repo.key, repo.clock)
        for _ in range(3):
            try:
                with mine.hold(exclusive=True):
                    with turn:
                        inside[0] += 1
                        most[0] = max(most[0], inside[0])
                    time.sleep(0.02)
                    with turn:
                        inside[0] -= 1
            except Conflict:
                time.sleep(0.05)

    threads = [threading.Thread(target=one) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most[0] <= 1
    assert files(repo) == []


def test_readers_share_one_lock_and_do_not_wait(repo: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "_SETTLE_SECONDS", 30.0)
    began = time.monotonic()
    with repo.locks.reading():
        (first,) = files(repo)
        with repo.locks.reading():
            assert files(repo) == [first]
        assert files(repo) == [first]
    assert files(repo) == []
    assert time.monotonic() - began < 20


def test_reading_goes_on_where_no_lock_can_be_written(repo: Repository) -> None:
    store = FaultyStore(repo.store, NthCall("put", 1, NeedsOperator("read-only", hint="remount"), forever=True))
    with Locks(store, repo.key, repo.clock).reading():
        assert files(repo) == []


def test_a_lock_is_refreshed_and_survives_faults(repo: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "REFRESH_SECONDS", 0.05)
    monkeypatch.setattr(locks, "RETRY_SECONDS", 0.05)
    died: list[threading.ExceptHookArgs] = []
    monkeypatch.setattr(threading, "excepthook", died.append)
    store = FaultyStore(repo.store, NthCall("delete", 1, Retryable("busy")))
    store = FaultyStore(store, NthCall("put", 3, Retryable("busy")))
    with Locks(store, repo.key, repo.clock).hold() as lost:
        names: set[str] = set()
        deadline = time.monotonic() + 30
        while len(names) <= 3 and time.monotonic() < deadline:
            now = files(repo)
            assert now, "there is a lock at every moment"
            names.update(now)
            time.sleep(0.01)
        assert len(names) > 3
        assert not lost.stopped
    assert files(repo) == []
    assert died == []


def test_a_lock_that_cannot_be_refreshed_stops_its_holder(repo: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("REFRESH_SECONDS", 0.05), ("RETRY_SECONDS", 0.05), ("LOST_AFTER_SECONDS", 0.2)):
        monkeypatch.setattr(locks, name, value)
    store = FaultyStore(repo.store, NthCall("put", 2, Retryable("gone"), forever=True))
    stop = Stop()
    with Locks(store, repo.key, repo.clock).hold(stop=stop):
        assert stop.wait(3)
        assert stop.reason == LOCK_LOST
        with pytest.raises(Cancelled):
            stop.check()
    assert isinstance(repo.store, LocalStore)


def test_what_the_loss_of_a_lock_cancelled_may_be_tried_again(
    repo: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("REFRESH_SECONDS", 0.05), ("RETRY_SECONDS", 0.05), ("LOST_AFTER_SECONDS", 0.2)):
        monkeypatch.setattr(locks, name, value)
    store = FaultyStore(repo.store, NthCall("put", 2, Retryable("gone"), forever=True))
    stop = Stop()
    with pytest.raises(Retryable) as caught:
        cancelled_under(Locks(store, repo.key, repo.clock), stop, lambda: stop.wait(3))
    assert caught.value.code == "repository_lock_lost"
    asked = Stop()
    with pytest.raises(Cancelled):
        cancelled_under(repo.locks, asked, asked.stop)


def cancelled_under(held: Locks, stop: Stop, until: Callable[[], object]) -> None:
    with held.held(stop=stop):
        until()
        stop.check()


class LateStore(Around):
    """Listings show what was put only a moment later, as some object stores' did."""

    lists_in_order = False

    def __init__(self, inner: Store) -> None:
        super().__init__(inner)
        self._put: dict[str, float] = {}

    def call(self, act: Callable[[], T]) -> T:
        return act()

    def put(self, name: str, pieces: Pieces) -> None:
        super().put(name, pieces)
        self._put[name] = time.monotonic()

    def list(self, prefix: str) -> Iterator[tuple[str, int]]:
        shown = time.monotonic() - 0.1
        return ((name, size) for name, size in super().list(prefix) if self._put.get(name, 0.0) <= shown)


def test_where_listings_come_late_the_second_look_does_too(repo: Repository) -> None:
    late, began, inside = LateStore(repo.store), threading.Barrier(2), list[int]()

    def one() -> None:
        began.wait()
        with suppress(Conflict), Locks(late, repo.key, repo.clock).hold(exclusive=True):
            inside.append(1)
            time.sleep(0.3)

    threads = [threading.Thread(target=one) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(inside) <= 1


def test_order_is_believed_only_of_a_disk_of_this_machine(repo: Repository, tmp_path: Path) -> None:
    assert of_one_kernel(tmp_path) == lists_in_order(repo.store)
    assert not of_one_kernel(Path("/proc/self"))
    assert not of_one_kernel(tmp_path / "absent")
    assert lists_in_order(StoppableStore(repo.store, Stop())) == lists_in_order(repo.store)
    assert not lists_in_order(LateStore(repo.store))
    assert not lists_in_order(AppendOnlyStore(repo.store, "no"))
