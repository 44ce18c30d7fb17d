"""Retries and the breaker around a store that fails on purpose, on a clock moved by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from holdfast.kernel.clock import ManualClock
from holdfast.kernel.errors import Conflict, Denied, DiskFull, NotFound, Retryable
from holdfast.vault.stores.base import Store
from holdfast.vault.stores.breaker import MOST_REST_SECONDS, Breaker, BreakerView, BreakingStore
from holdfast.vault.stores.conformance import CASES, Case
from holdfast.vault.stores.faulty import FaultyStore, NthCall
from holdfast.vault.stores.local import LocalStore
from holdfast.vault.stores.retrying import MOST_SECONDS, RetryingStore


class Faults:
    """Every call raises `error` while there is one."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.calls = 0

    def __call__(self, verb: str, name: str) -> Exception | None:
        self.calls += 1
        return self.error


class Bench:
    def __init__(self, root: Path, *, patience: float = 60.0) -> None:
        self.clock, self.faults, self.waits = ManualClock(), Faults(), list[float]()
        self.seen = list[BreakerView]()
        self.inner = FaultyStore(LocalStore(root), self.faults)
        self.breaker = Breaker(self.clock, self.seen.append, failures=3, rest=10.0)
        self.breaking = BreakingStore(self.inner, self.breaker)
        self.patience = patience

    def retrying(self, inner: Store | None = None) -> RetryingStore:
        return RetryingStore(inner or self.inner, self.clock, self.patience, self.sleep)

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.clock.advance(seconds)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "s")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_wrapped_stores_keep_the_promises(case: Case, bench: Bench) -> None:
    case(bench.retrying(bench.breaking))


def test_a_passing_fault_is_not_seen(bench: Bench, tmp_path: Path) -> None:
    fault = NthCall("put", 1, Retryable("busy"))
    bench.retrying(FaultyStore(LocalStore(tmp_path / "t"), fault)).put("config", [b"x"])
    assert fault.calls == 2
    assert len(bench.waits) == 1
    assert 0.25 <= bench.waits[0] <= 0.5


def test_waits_grow_by_chance_and_end_with_the_patience(bench: Bench) -> None:
    bench.faults.error = Retryable("busy", details={"a": 1})
    with pytest.raises(Retryable) as raised:
        bench.retrying().get("config")
    assert raised.value.details == {"a": 1, "tries": bench.faults.calls}
    assert sum(bench.waits) <= 60
    for number, wait in enumerate(bench.waits):
        full = min(MOST_SECONDS, 0.5 * 2**number)
        assert full / 2 <= wait <= full
    assert len(set(bench.waits)) == len(bench.waits)


@pytest.mark.parametrize("error", [Denied("no"), NotFound("none"), DiskFull("no room")], ids=lambda e: e.code)
def test_what_waiting_does_not_mend_is_raised_at_once(bench: Bench, error: Exception) -> None:
    bench.faults.error = error
    with pytest.raises(type(error)):
        bench.retrying().put("config", [b"x"])
    assert bench.faults.calls == 1
    assert bench.waits == []


def test_retry_after_is_honoured_and_bounded(bench: Bench) -> None:
    bench.faults.error = Retryable("busy", details={"retry_after": 29})
    with pytest.raises(Retryable):
        bench.retrying().exists("config")
    assert [wait >= 29 for wait in bench.waits] == [True, True]


def test_a_creation_whose_answer_was_lost_is_ours(bench: Bench, tmp_path: Path) -> None:
    local = LocalStore(tmp_path / "t")
    lost = FaultyStore(local, NthCall("create", 1, Retryable("cut off")), after=True)
    bench.retrying(lost).create("config", [b"mi", b"ne"])
    assert local.get("config") == b"mine"
    for store, data in ((bench.retrying(local), b"mine"), (bench.retrying(lost), b"other")):
        with pytest.raises(Conflict):
            store.create("config", [data])
    lost = FaultyStore(local, NthCall("create", 1, Retryable("cut off")))
    with pytest.raises(Conflict):
        bench.retrying(lost).create("config", [b"other"])
    assert local.get("config") == b"mine"


def fail(bench: Bench, times: int) -> None:
    bench.faults.error = Retryable("gone", hint="look at the network")
    for _ in range(times):
        with pytest.raises(Retryable):
            bench.breaking.exists("config")
    bench.faults.error = None


def test_the_breaker_opens_after_failures_in_a_row(bench: Bench) -> None:
    fail(bench, 2)
    assert not bench.breaking.exists("config")
    fail(bench, 2)
    assert bench.breaker.view().state == "closed"
    fail(bench, 1)
    assert bench.breaker.view().state == "open"
    calls = bench.faults.calls
    with pytest.raises(Retryable) as raised:
        bench.breaking.put("config", [b"x"])
    error = raised.value
    assert (error.code, error.hint) == ("store_resting", "look at the network")
    assert error.details == {"retry_after": 10.0, "last": "gone"}
    assert bench.faults.calls == calls
    assert [view.state for view in bench.seen] == ["open"]


def test_one_call_asks_for_all_when_the_rest_is_over(bench: Bench) -> None:
    fail(bench, 3)
    bench.clock.advance(10)
    bench.breaker.enter()  # the one that asks
    with pytest.raises(Retryable) as raised:
        bench.breaking.exists("config")
    assert raised.value.code == "store_resting"
    bench.breaker.answered()
    assert not bench.breaking.exists("config")
    assert [view.state for view in bench.seen] == ["open", "closed"]
    assert bench.seen[-1].error is None


def test_the_rest_doubles_while_it_stays_bad(bench: Bench) -> None:
    fail(bench, 3)
    rests = []
    for _ in range(7):
        waited = 0
        while bench.breaker.view().state == "open":
            waited += 1
            bench.clock.advance(1)
            try:
                bench.breaker.enter()
            except Retryable:
                continue
        rests.append(waited)
        bench.breaker.failed(Retryable("still"))
    assert rests == [10, 20, 40, 80, 160, MOST_REST_SECONDS, MOST_REST_SECONDS]
    since = {view.since for view in bench.seen}
    assert len(since) == 1  # how long it has been bad, not when it was asked last


def test_an_answer_that_refuses_is_an_answer(bench: Bench) -> None:
    fail(bench, 2)
    for error in (Denied("no"), DiskFull("full"), NotFound("none")):
        bench.faults.error = error
        with pytest.raises(type(error)):
            bench.breaking.get("config")
    fail(bench, 2)
    assert bench.breaker.view().state == "closed"


def test_a_call_that_is_torn_away_does_not_keep_the_breaker_half_open(bench: Bench) -> None:
    fail(bench, 3)
    bench.clock.advance(10)
    bench.faults.error = KeyboardInterrupt()  # type: ignore[assignment]
    with pytest.raises(KeyboardInterrupt):
        bench.breaking.exists("config")
    bench.faults.error = None
    assert not bench.breaking.exists("config")


def test_an_outage_shorter_than_the_patience_is_only_slow(bench: Bench) -> None:
    """Retries outside, breaker inside: the wait for the breaker's next look is one of the waits."""
    store = bench.retrying(bench.breaking)
    bench.faults.error = Retryable("gone")
    over = bench.clock.monotonic() + 14

    def sleep(seconds: float) -> None:
        bench.sleep(seconds)
        if bench.clock.monotonic() >= over:
            bench.faults.error = None

    RetryingStore(bench.breaking, bench.clock, 60.0, sleep).put("config", [b"x"])
    assert store.get("config") == b"x"
    assert [view.state for view in bench.seen][:1] == ["open"]
    assert bench.breaker.view().state == "closed"
