"""Processes that stand by for versions that sleep: who has one, what it is told, and that it costs nothing."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pool_bench import QUICK, Bench, Open, alive, run, version

from holdfast.runtime.live import LiveVersion, Permits
from holdfast.runtime.pool import Used

POLICY = replace(QUICK, standby=2, standby_pause=0.05)


def sleeper(name: str = "v1", modules: Any = ("heavy", "heavy.part"), **fields: Any) -> LiveVersion:
    """With packages, asleep as soon as nobody asks."""
    told: dict[str, Any] = {"imports": list(modules)}
    return version(name, worker=f"{name}w", packages=Path("/nowhere"), idle_seconds=0.1, **{"vars": told, **fields})


def standing(bench: Bench, one: LiveVersion) -> int | None:
    """The process that stands by, once it is stopped: proc_pid_stat(5)."""
    pid = bench.pool.keeper(one.id).standby
    if pid is None or Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "T":
        return None
    return pid


async def slept(bench: Bench, one: LiveVersion) -> int:
    """Asked once and fallen asleep; the process that stands by."""
    await bench.json(one)
    found: int = await bench.until(lambda: standing(bench, one))
    return found


async def never(bench: Bench, *versions: LiveVersion) -> None:
    """None of them gets one, in several times the pause."""
    for one in versions:
        await bench.json(one)
    await bench.until(lambda: all(bench.state(one) == "cold" for one in versions))
    await asyncio.sleep(0.4)
    assert [bench.pool.keeper(one.id).standby for one in versions] == [None] * len(versions)


def test_a_sleeping_version_has_one_that_takes_the_next_request(bench: Open) -> None:
    async def work() -> None:
        async with bench(POLICY) as b:
            one = sleeper(vars={"imports": ["heavy", "heavy.part", 7, "no module", "x" * 300]})
            await b.show(one)
            pid = await slept(b, one)
            state = b.pool.keeper("v1").state()
            assert (b.state(one), state.processes, state.starts, b.pool.keeper("v1").pids) == ("cold", 0, 1, [])
            answer = await b.json(one)
            assert answer["pid"] == pid
            assert answer["payload"]["standby"] == ["heavy", "heavy.part"]
            assert len(b.spawner.spawned) == 2
            assert (b.pool.keeper("v1").state().starts, b.pool.keeper("v1").standby) == (2, None)
            again = await b.until(lambda: standing(b, one))
            assert again != pid
            assert b.lines(one) == []
        assert not alive(again)

    run(work())


def test_only_so_many_stand_by_and_the_last_ones_do(bench: Open) -> None:
    async def work() -> None:
        async with bench(POLICY) as b:
            names = [sleeper(f"v{number}") for number in (1, 2, 3)]
            await b.show(*names)
            pids = [await slept(b, one) for one in names]
            await b.until(lambda: not alive(pids[0]))
            assert b.pool.keeper("v1").standby is None
            assert [standing(b, one) for one in names[1:]] == pids[1:]
            await asyncio.sleep(0.3)
            assert len(b.spawner.spawned) == 6, "they take each other's place again and again"

    run(work())


def test_who_has_none(bench: Open) -> None:
    async def work() -> None:
        async with bench(POLICY) as b:
            able = sleeper("v1", permits=Permits(subprocess=True))  # what it starts nothing would stop
            bare, plain = replace(sleeper("v2"), packages=None), sleeper("v3", modules=())
            await b.show(able, bare, plain)
            await never(b, able, bare, plain)
        async with bench(replace(POLICY, standby=0)) as b:
            await b.show(sleeper("v4"))
            await never(b, sleeper("v4"))

    run(work())


def test_another_secret_ends_it(bench: Open) -> None:
    async def work() -> None:
        async with bench(POLICY, secrets=lambda each: {"KEY": each.secrets_revision}) as b:
            one = sleeper(secrets=("KEY",), secrets_revision="old")
            await b.show(one)
            pid = await slept(b, one)
            await b.show(replace(one, weight=50))
            assert standing(b, one) == pid
            new = replace(one, secrets_revision="new")
            await b.show(new)
            await b.until(lambda: not alive(pid))
            assert (await b.json(new))["payload"]["secrets"] == {"KEY": "new"}
            pid = await b.until(lambda: standing(b, new))
            await b.show()
            await b.until(lambda: not alive(pid))

    run(work())


@pytest.mark.parametrize("how", ["dies", "hangs", "is large", "is killed"])
def test_one_that_does_not_come_to_rest_is_ended_and_costs_nothing_else(bench: Open, how: str) -> None:
    class Full:
        """Groups in name alone."""

        def make(self, name: str, _: LiveVersion) -> tuple[str, ...]:
            return (name,)

        def used(self, directories: tuple[str, ...]) -> Used:
            return Used((1 << 30) if how == "is large" else 1000, 1.0)

        def remove(self, directories: tuple[str, ...]) -> None:
            del directories

    async def work() -> None:
        async with bench(replace(POLICY, start_seconds=2), groups=Full()) as b:
            one = sleeper(modules=["heavy", how] if how in ("dies", "hangs") else ["heavy"])
            await b.show(one)
            await b.json(one)
            await b.until(lambda: len(b.spawner.processes) == 2)
            by = b.spawner.processes[1]
            if how == "is killed":
                await b.until(lambda: standing(b, one))
                by.kill()
            await b.until(lambda: by.poll() is not None)
            await b.until(lambda: b.pool.keeper("v1").standby is None)
            await asyncio.sleep(0.2)
            assert len(b.spawner.processes) == 2, "another is tried although nothing has changed"
            state = b.pool.keeper("v1").state()
            assert (state.state, state.crashes, state.error) == ("cold", 0, None)
            assert (await b.json(one))["payload"]["standby"] is None

    run(work())


def test_somebody_comes_while_it_still_imports(bench: Open) -> None:
    async def work() -> None:
        async with bench(POLICY) as b:
            one = sleeper()
            await b.show(one)
            await b.json(one)
            b.spawner.delay = 0.5
            await b.until(lambda: b.spawner.at_once)
            answer = await b.json(one)
            assert answer["pid"] == b.spawner.processes[1].pid
            assert len(b.spawner.processes) == 2
            assert b.pool.keeper("v1").state().crashes == 0

    run(work())
