"""What may be chosen for a snapshot: compression, bandwidth, threads and their priority."""

from __future__ import annotations

import os
import random
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kit import BytesCapture, new_repository, packs, page_entry, read, restic, snapshot

from holdfast.kernel.errors import Cancelled, Invalid
from holdfast.kernel.stop import Stop
from holdfast.vault.limiting import Bandwidth
from holdfast.vault.options import LEVELS, SnapshotOptions
from holdfast.vault.repository import Repository

_BOOK = [bytes(random.Random(n).choices(b"abcdefghijklmnopqrstuvwxyz", k=3 + n % 9)) for n in range(2000)]
WORDS = b" ".join(random.Random(2).choices(_BOOK, k=250_000))


class Clock:
    """Time that passes only by waiting."""

    def __init__(self) -> None:
        self.now = 0.0
        self.waits: list[float] = []

    def wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds


def bandwidth(rate: int | None, clock: Clock, stop: Stop | None = None) -> Bandwidth:
    return Bandwidth(rate, stop or Stop(), lambda: clock.now, clock.wait)


@given(
    rate=st.integers(1, 10**9),
    pieces=st.lists(st.tuples(st.integers(1, 10**8), st.floats(0, 100)), min_size=1, max_size=30),
)
def test_the_rate_is_kept_and_only_one_piece_is_ever_ahead(rate: int, pieces: list[tuple[int, float]]) -> None:
    clock = Clock()
    limit, sent = bandwidth(rate, clock), 0
    for size, pause in pieces:
        limit.take(size)
        assert sent <= rate * clock.now * (1 + 1e-9) + 1e-3, "what went before has had its time"
        sent += size
        clock.now += pause  # nothing to send: not made up for later


@given(rate=st.integers(1000, 10**9), sizes=st.lists(st.integers(1, 10**7), min_size=2, max_size=30))
def test_a_busy_line_is_used_fully(rate: int, sizes: list[int]) -> None:
    clock = Clock()
    limit = bandwidth(rate, clock)
    for size in sizes:
        limit.take(size)
    assert clock.now == pytest.approx(sum(sizes[:-1]) / rate)


def test_without_a_limit_nobody_waits() -> None:
    clock = Clock()
    limit = bandwidth(None, clock)
    limit.take(10**12)
    assert clock.waits == []
    assert limit.piece is None


def test_a_stop_ends_the_wait_of_everyone() -> None:
    stop, ended = Stop(), []
    limit = Bandwidth(1, stop)
    limit.take(1_000_000)

    def wait() -> None:
        with pytest.raises(Cancelled):
            limit.take(1)
        ended.append(True)

    threads = [threading.Thread(target=wait) for _ in range(3)]
    for thread in threads:
        thread.start()
    stop.stop()
    for thread in threads:
        thread.join(10)
    assert ended == [True] * 3
    with pytest.raises(Cancelled):
        limit.take(1)


@pytest.mark.parametrize("level", LEVELS)
def test_every_level_is_read_back_by_stock_restic(tmp_path: Path, level: str) -> None:
    path = tmp_path / "r"
    repo = new_repository(path)
    options = SnapshotOptions.of({"level": level})
    written = snapshot(repo, BytesCapture({"x": WORDS, "y": random.Random(3).randbytes(300_000)}), options=options)
    assert read(repo, written.id, "x") == WORDS
    restic(path, "check", "--read-data")
    stored = sum(pack.stat().st_size for pack in packs(path))
    assert (stored > len(WORDS)) == (level == "off")


def test_harder_levels_store_less(tmp_path: Path) -> None:
    sizes = []
    for level in LEVELS:
        repo = new_repository(tmp_path / level)
        options = SnapshotOptions.of({"level": level})
        sizes.append(snapshot(repo, BytesCapture({"x": WORDS}), options=options).stats.bytes_stored)
    off, fast, default, hardest = sizes
    assert off > 2 * fast
    assert abs(fast - default) < 100  # the same work; documents differ by the length of a moment
    assert default > hardest + 10_000


def test_fast_does_not_work_on_what_does_not_shrink(tmp_path: Path) -> None:
    """And still compresses what does, in the same snapshot."""
    noise = random.Random(8).randbytes(4_000_000)
    repo = new_repository(tmp_path / "r")
    written = snapshot(repo, BytesCapture({"n": noise, "w": WORDS}), options=SnapshotOptions(level="fast"))
    assert read(repo, written.id, "n") == noise
    assert written.stats.bytes_stored < len(noise) + len(WORDS) * 0.7
    plain = [b for _, blobs in repo.index().contents() for b in blobs if not b.raw_length]
    assert sum(b.length for b in plain) > len(noise)


def test_a_limited_snapshot_has_small_packs_and_waits(tmp_path: Path) -> None:
    """Of 4 MiB, not 16: otherwise a slow line would be taken whole for many seconds at a time."""
    path = tmp_path / "r"
    repo = new_repository(path)
    data = random.Random(4).randbytes(14_000_000)
    options = SnapshotOptions(bandwidth=100_000_000)
    snapshot(repo, BytesCapture({"x": data}), options=options)
    before = len(packs(path))
    slow = SnapshotOptions(bandwidth=64 << 10)
    stop = Stop()
    threading.Timer(1.0, stop.stop).start()
    with pytest.raises(Cancelled):
        snapshot(repo, BytesCapture({"x": data[::-1]}), options=slow, stop=stop)
    assert len(packs(path)) - before <= 2, "one pack went, the next waited"
    assert repo.check(read_data=True).errors == []
    assert list(repo.store.list("locks")) == []


def test_gentle_threads_yield_and_nobody_else_does(tmp_path: Path) -> None:
    seen: set[int] = set()
    repo = new_repository(tmp_path / "r")
    put = repo.store.put

    def watched(name: str, pieces: object) -> None:
        if name.startswith("data/"):
            seen.add(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))
        put(name, pieces)  # type: ignore[arg-type]

    repo.store.put = watched  # type: ignore[method-assign]
    own = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    data = random.Random(5).randbytes(40_000_000)
    snapshot(repo, BytesCapture({"x": data}), options=SnapshotOptions(nice=11, workers=1))
    assert 11 in seen
    assert os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) == own


@pytest.mark.parametrize(
    "wrong",
    [
        {"level": "best"},
        {"level": 3},
        {"bandwidth": 0},
        {"bandwidth": "20MB/s"},
        {"bandwidth": True},
        {"workers": 0},
        {"workers": 65},
        {"nice": -1},
        {"nice": 20},
    ],
)
def test_what_cannot_be_is_refused_by_name(wrong: dict[str, object]) -> None:
    with pytest.raises(Invalid) as caught:
        SnapshotOptions.of(wrong)  # type: ignore[arg-type]
    (name,) = wrong
    assert caught.value.details["fields"][0]["field"] == f"options.{name}"


options_strategy = st.fixed_dictionaries(
    {},
    optional={
        "level": st.sampled_from(LEVELS),
        "bandwidth": st.none() | st.integers(1 << 16, 1 << 40),
        "workers": st.integers(1, 64),
        "nice": st.integers(0, 19),
        "of a later version": st.text(),
    },
)


@given(options_strategy)
def test_options_survive_being_kept(chosen: dict[str, object]) -> None:
    options = SnapshotOptions.of(chosen)  # type: ignore[arg-type]
    assert SnapshotOptions.of(options.as_json()) == options
    assert all(options.as_json()[name] == chosen[name] for name in chosen if name in options.as_json())


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    return new_repository(tmp_path_factory.mktemp("shared") / "r")


@settings(max_examples=10, deadline=None)
@given(order=st.permutations(range(6)), holes=st.sets(st.integers(0, 5)), page=st.sampled_from([1 << 16, 1 << 18]))
def test_cells_in_any_order_with_any_holes_are_the_same_bytes(
    shared: Repository, order: list[int], holes: set[int], page: int
) -> None:
    data = bytearray(random.Random(6).randbytes(6 * page - 77))
    for hole in holes:
        data[hole * page : (hole + 1) * page] = bytes(len(data[hole * page : (hole + 1) * page]))
    cells = {n: bytes(data[n * page : (n + 1) * page]) for n in order if n not in holes}
    written = snapshot(shared, BytesCapture({}, (page_entry("db", cells, len(data), page),)))
    assert read(shared, written.id, "db") == data
