"""A version alone has the whole process; beside others it rests."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
import uvloop

from holdfast.runtime.bindings.turns import TURN_SECONDS, Neighbours, Share, Turns


@pytest.fixture
def pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(4)


def spent(share: Share, seconds: float) -> None:
    share.spend(seconds, time.perf_counter())


async def turned() -> None:
    for _ in range(3):
        await asyncio.sleep(0)


def test_a_version_alone_never_rests() -> None:
    async def main() -> None:
        share, begun = Share(Neighbours()), list[str]()
        spent(share, 10.0)
        assert share.tired
        share.rest(lambda: begun.append("the next turn"))
        await turned()
        assert (share.tired, begun) == (False, ["the next turn"])

    uvloop.run(main())


def test_beside_another_who_took_too_much_rests_and_who_took_little_does_not() -> None:
    async def main() -> None:
        together = Neighbours()
        greedy, modest, begun = Share(together), Share(together), asyncio.Event()
        spent(modest, 0.03)
        spent(greedy, 5.0)
        greedy.rest(begun.set)
        since = time.perf_counter()
        await turned()
        assert (modest.tired, greedy.tired, begun.is_set()) == (False, True, False)
        await asyncio.wait_for(begun.wait(), 10)
        assert not greedy.tired
        assert 0.04 <= time.perf_counter() - since < 3, "a long query is not made good"

    uvloop.run(main())


def test_beside_another_it_has_a_quarter_in_the_long_run() -> None:
    async def main() -> None:
        together = Neighbours()
        greedy, other = Share(together), Share(together)
        since, took, turns = time.perf_counter(), 0.0, 0
        while time.perf_counter() - since < 1:
            spent(other, 1e-6)
            if not greedy.tired:
                spent(greedy, 0.002)
                took, turns = took + 0.002, turns + 1
            await asyncio.sleep(0)
        assert turns > 10
        assert took <= 0.05 + (time.perf_counter() - since) * 0.25 + 0.01

    uvloop.run(main())


def test_who_was_beside_another_is_alone_a_moment_later() -> None:
    async def main() -> None:
        together = Neighbours()
        one, other = Share(together), Share(together)
        spent(other, TURN_SECONDS / 2)
        spent(one, TURN_SECONDS / 2)
        await asyncio.sleep(0.25)
        spent(one, 10.0)
        await turned()
        assert not one.tired

    uvloop.run(main())


def test_threads_begin_in_order_so_many_at_once_and_none_while_it_rests(pool: ThreadPoolExecutor) -> None:
    async def main() -> None:
        together = Neighbours()
        share, other = Share(together), Share(together)
        turns, running, most, begun = Turns(share, 2), 0, 0, list[int]()
        lock = threading.Lock()

        def work(number: int) -> int:
            nonlocal running, most
            with lock:
                running, most = running + 1, max(most, running + 1)
                begun.append(number)
            time.sleep(0.01)
            with lock:
                running -= 1
            return number

        asked = [turns.run(lambda: pool, lambda number=number: work(number)) for number in range(20)]  # type: ignore[misc]
        assert await asyncio.gather(*asked) == list(range(20))
        assert most == 2
        assert sorted(begun[:4]) == list(range(4))
        spent(other, TURN_SECONDS / 2)
        spent(share, 5.0)
        since = time.perf_counter()
        assert await turns.run(lambda: pool, lambda: "rested") == "rested"
        assert time.perf_counter() - since >= 0.04

    uvloop.run(main())


def test_what_a_thread_computes_is_spent_and_what_it_raises_arrives(pool: ThreadPoolExecutor) -> None:
    def burn() -> None:
        until = time.thread_time() + 0.1
        while time.thread_time() < until:
            pass
        raise LookupError("no such thing")

    async def main() -> None:
        together = Neighbours()
        share, other = Share(together), Share(together)
        spent(other, TURN_SECONDS / 2)
        with pytest.raises(LookupError):
            await Turns(share, 1).run(lambda: pool, burn)
        assert share.tired
        await turned()
        assert share.tired, "it was beside another, and rests"

    uvloop.run(main())


def test_what_a_thread_does_for_one_who_went_counts_and_keeps_its_place(pool: ThreadPoolExecutor) -> None:
    def burn() -> None:
        until = time.thread_time() + 0.2
        while time.thread_time() < until:
            pass

    async def main() -> None:
        together = Neighbours()
        share, other = Share(together), Share(together)
        turns = Turns(share, 1)
        gone = asyncio.ensure_future(turns.run(lambda: pool, burn))
        await asyncio.sleep(0.05)
        gone.cancel()
        with suppress(asyncio.CancelledError):
            await gone
        spent(other, TURN_SECONDS / 2)
        since = time.perf_counter()
        assert await turns.run(lambda: pool, lambda: True)
        assert time.perf_counter() - since >= 0.15, "after the thread of the one before, and a rest"

    uvloop.run(main())


def test_who_goes_while_waiting_takes_nobodys_turn(pool: ThreadPoolExecutor) -> None:
    async def main() -> None:
        turns, go = Turns(Share(), 1), threading.Event()
        first = asyncio.ensure_future(turns.run(lambda: pool, lambda: go.wait(10)))
        await turned()
        gone = [asyncio.ensure_future(turns.run(lambda: pool, lambda: True)) for _ in range(3)]
        last = asyncio.ensure_future(turns.run(lambda: pool, lambda: True))
        await turned()
        gone[0].cancel()
        go.set()
        await first
        for each in gone[1:]:
            each.cancel()  # one of them has its turn by now
        assert await asyncio.wait_for(last, 5)
        for each in gone:
            with suppress(asyncio.CancelledError):
                await each

    uvloop.run(main())
