"""A version follows another, or comes back: whoever is being answered is answered to the end."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from pool_bench import QUICK, Open, alive, run, version

from holdfast.runtime.live import Sockets


def test_a_new_version_is_there_before_the_old_one_leaves(bench: Open) -> None:
    async def work() -> None:
        async with bench(replace(QUICK, grace_seconds=2.0)) as b:
            old, new = version("v1"), version("v2", number=2)
            await b.show(old)
            pid = (await b.json(old))["pid"]
            slow = asyncio.create_task(b.json(old, "/sleep/2.5"))
            await asyncio.sleep(0.05)
            await b.show(new)
            await b.until(lambda: b.state(new) == "running")  # nobody asked for it yet
            assert (await b.json(old))["pid"] == pid  # whoever still comes within the grace
            await b.until(lambda: old.id not in b.pool._keepers)
            await b.pool.refresh()
            assert not slow.done()
            assert Sockets.of(b.runtime, old.token).http.exists()  # others know by it that a request is still answered
            assert (await slow)["pid"] == pid
            await b.until(lambda: not alive(pid))
            await b.until(lambda: not Sockets.of(b.runtime, old.token).http.exists())

    run(work())


def test_a_version_that_comes_back_within_its_grace_goes_on(bench: Open) -> None:
    async def work() -> None:
        async with bench() as b:
            old, new = version("v1"), version("v2")
            await b.show(old)
            pid = (await b.json(old))["pid"]
            await b.show(new)
            await b.show(old)
            await asyncio.sleep(0.5)
            assert (await b.json(old))["pid"] == pid

    run(work())


def test_a_version_that_comes_back_while_it_ends_has_new_doors(bench: Open) -> None:
    async def work() -> None:
        async with bench(replace(QUICK, grace_seconds=1.0)) as b:
            one = version("v1")
            await b.show(one)
            first = (await b.json(one))["pid"]
            slow = asyncio.create_task(b.json(one, "/sleep/1.6"))
            await asyncio.sleep(0.1)
            await b.show()
            await b.until(lambda: "v1" not in b.pool._keepers)  # its grace is over, one request is still answered
            await b.show(one)
            second = (await b.json(one))["pid"]
            assert (await slow)["pid"] == first != second
            await b.until(lambda: not alive(first))
            assert (await b.json(one))["pid"] == second  # the end of the old one has not closed the new doors

    run(work())


def test_other_vars_mean_new_processes_without_a_lost_request(bench: Open) -> None:
    async def work() -> None:
        async with bench() as b:
            one = version(vars={"A": 1})
            await b.show(one)
            pid = (await b.json(one))["pid"]
            slow = asyncio.create_task(b.json(one, "/sleep/0.4"))
            await asyncio.sleep(0.05)
            await b.show(version(vars={"A": 2}))
            await b.until(lambda: not alive(pid))
            assert (await slow)["payload"]["vars"] == {"A": 1}
            assert (await b.json(one))["payload"]["vars"] == {"A": 2}
            before = len(b.spawner.spawned)
            await b.show(version(vars={"A": 2}, weight=5))
            await asyncio.sleep(0.1)
            assert len(b.spawner.spawned) == before  # another weight is nothing to start for
            await b.show(version(vars={"A": 2, "fatal": "broken"}))
            await b.until(lambda: b.pool.keeper("v1").error)
            assert (await b.json(one))["payload"]["vars"] == {"A": 2}  # the one that works stays

    run(work())
