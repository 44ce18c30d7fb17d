"""Requests whose process ended under them: what the edge says and what the pool knows, in whichever order they come."""

from __future__ import annotations

import asyncio
import contextlib
import json
import stat
from collections.abc import Awaitable, Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import apsw
from faults_cluster import short_directory
from hypothesis import given
from hypothesis import strategies as st

from holdfast.runtime import losses
from holdfast.runtime.live import LiveVersion
from holdfast.runtime.losses import Loss, Teller
from holdfast.runtime.pool.lost import End, Lost
from holdfast.runtime.telemetry import Invocation, TelemetryReader, TelemetryWriter

VERSION = LiveVersion("v", 1, None, "w", "shop", "p", "e", Path("/app"), "entry.py", None, "token", 100, "")
BROKE = 1000.0
LOSS = Loss("token", "ray-1", "POST", "/die", 1_790_000_000_000, BROKE, 12.5, websocket=False, status=502)
SOON = 0.4


class Scene:
    def __init__(self, directory: Path) -> None:
        self.path = directory / "workers.db"
        self.telemetry = TelemetryWriter(self.path, clock=lambda: LOSS.at / 1000)
        self.lost = Lost(self.telemetry)

    def ended(
        self, failure: str | None, *, out_of_memory: bool = False, began: float = -60.0, at: float = 0.05
    ) -> None:
        """`began` and `at`: seconds after the connection of `LOSS` broke."""
        self.lost.ended(End(VERSION, failure, out_of_memory, BROKE + began, BROKE + at))

    def told(self) -> list[Invocation]:
        assert self.telemetry.flush()
        return TelemetryReader(self.path).invocations("w")


def played(story: Callable[[Scene], Awaitable[None]]) -> Callable[[], None]:
    """A test: the story on an event loop, with a scene of its own."""

    async def run() -> None:
        with short_directory() as directory:
            it = Scene(directory)
            try:
                await story(it)
            finally:
                it.lost.close()
                it.telemetry.close()

    def test() -> None:
        asyncio.run(run())

    test.__name__, test.__doc__, test.__module__ = story.__name__, story.__doc__, story.__module__
    return test


def _own(**more: Any) -> Invocation:
    return replace(Invocation("i", "w", "v", LOSS.at, "http", "timeout", 1.0, ray="ray-1"), **more)


@played
async def test_a_loss_before_the_end_and_one_behind_it(it: Scene) -> None:
    it.lost.lost(LOSS)
    it.lost.lost(replace(LOSS, token="of another", ray="ray-2"))
    await asyncio.sleep(SOON)
    assert it.told() == []
    it.ended("it used too much", out_of_memory=True)
    (one,) = it.told()
    assert (one.id, one.ray, one.version_id, one.outcome, one.status) == (
        "ray-1",
        "ray-1",
        "v",
        "exceededMemory",
        502,
    )
    assert (one.method, one.path, one.at, one.wall_ms, one.cpu_ms) == ("POST", "/die", LOSS.at, 12.5, None)
    assert one.error == {"type": "ProcessEnded", "message": "it used too much", "stack": ""}
    it.lost.lost(replace(LOSS, ray="ray-3"))
    await asyncio.sleep(SOON)
    assert [each.ray for each in it.told()] == ["ray-3", "ray-1"]


@played
async def test_what_ended_long_before_or_after_is_not_why(it: Scene) -> None:
    it.ended("long ago", at=-0.5)
    it.lost.lost(LOSS)
    await asyncio.sleep(SOON)
    it.ended("much later", at=10)
    it.ended("another, begun since", began=0.01)
    assert it.told() == []


@played
async def test_of_several_ends_its_own_is_why(it: Scene) -> None:
    """Not that of the process before it, nor of the next, which may end before the edge is heard."""
    loss = replace(LOSS, wall_ms=500.0)
    it.ended("the one before", at=-0.8)
    it.lost.lost(loss)
    it.ended("the next", began=0.01, at=0.02)
    await asyncio.sleep(SOON)
    assert it.told() == []
    it.ended(None, at=0.3)
    it.ended("a sibling", at=1.0)
    it.lost.lost(replace(loss, ray="ray-2"))
    await asyncio.sleep(SOON)
    assert [(each.ray, each.outcome) for each in it.told()] == [("ray-2", "cancelled"), ("ray-1", "cancelled")]


@played
async def test_what_the_process_told_itself_is_not_told_twice(it: Scene) -> None:
    """Whether its words or the edge's come first; another version's word on the same request counts for nothing."""
    it.lost.told(VERSION, _own())
    it.lost.lost(LOSS)
    it.lost.lost(replace(LOSS, ray="ray-2"))
    it.lost.told(VERSION, _own(ray="ray-2"))
    it.lost.lost(replace(LOSS, ray="ray-3"))
    it.lost.told(replace(VERSION, id="other", token="other"), _own(version_id="other", ray="ray-3"))
    it.ended("it ended")
    await asyncio.sleep(SOON)
    assert [each.ray for each in it.told()] == ["ray-3"]


@played
async def test_a_process_that_was_told_to_end(it: Scene) -> None:
    """Its requests were cancelled; its sockets were closed, which each side was told."""
    it.lost.lost(LOSS)
    it.lost.lost(replace(LOSS, ray="ray-2", websocket=True, status=101))
    it.ended(None)
    assert [(each.ray, each.outcome) for each in it.told()] == [("ray-1", "cancelled")]


@played
async def test_what_was_sent_once_more_died_too(it: Scene) -> None:
    """Where the first process had failed: one that stopped as it should had not heard of the request."""
    it.lost.lost(replace(LOSS, status=None, again=True))
    it.ended("it ended")
    it.lost.lost(replace(LOSS, broke=BROKE + 1))
    it.ended("it ended again", at=1.05)
    assert [(each.id, each.status) for each in it.told()] == [("ray-1", 502), ("ray-1-1", None)]
    (_, first) = it.told()
    assert first.error is not None
    assert first.error["message"] == "it ended; the request was sent once more"
    it.lost.lost(replace(LOSS, broke=BROKE + 2, ray="ray-2", status=None, again=True))
    it.ended(None, at=2.05)
    assert len(it.told()) == 2


@played
async def test_lines_and_record_have_one_name(it: Scene) -> None:
    it.lost.named(VERSION, "ray-1", "inv-7")
    it.lost.named(VERSION, None, "inv-8")
    it.lost.lost(LOSS)
    it.ended("it ended")
    assert [each.id for each in it.told()] == ["inv-7"]


@played
async def test_what_is_remembered_is_bounded(it: Scene) -> None:
    for number in range(10_000):
        it.lost.lost(replace(LOSS, ray=str(number)))
        it.lost.told(VERSION, _own(ray=f"t{number}"))
        it.lost.named(VERSION, f"n{number}", "i")
    it.ended("it ended")
    assert it.telemetry.flush()
    with contextlib.closing(apsw.Connection(str(it.path))) as database:
        ((count,),) = database.execute("SELECT count(*) FROM invocations").fetchall()
    assert 0 < count <= 4096


@played
async def test_the_edge_is_heard_and_never_waits(it: Scene) -> None:
    runtime = it.path.parent
    teller = Teller(runtime)
    teller.tell(LOSS)  # nobody listens yet
    it.lost.open(runtime)
    assert stat.S_IMODE(losses.socket_of(runtime).stat().st_mode) == 0o600
    it.ended("it ended")
    for number in range(2000):  # a storm: what is too many is left out, and nobody waits
        teller.tell(replace(LOSS, ray=f"r{number}", path="/" + "é" * 5000))
    await asyncio.sleep(1.1)
    heard = it.told()
    assert 1 <= len(heard) <= 1000
    assert {len(each.path or "") for each in heard} == {2048}
    teller.close()
    it.lost.close()
    assert not losses.socket_of(runtime).exists()


anything = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8)


@given(st.binary(max_size=64))
def test_what_is_no_loss_is_none(packet: bytes) -> None:
    assert losses.read(packet) is None


@given(st.dictionaries(st.sampled_from(sorted(asdict(LOSS))), anything))
def test_one_with_wrong_values_is_none_or_whole(lie: dict[str, Any]) -> None:
    found = losses.read(json.dumps(asdict(LOSS) | lie).encode())
    if found is None:
        wanted = asdict(LOSS)
        assert any(name == "status" or type(value) is not type(wanted[name]) for name, value in lie.items())
    else:
        assert asdict(found) == asdict(LOSS) | lie


def test_one_with_other_names_is_none() -> None:
    told = asdict(LOSS)
    assert losses.read(json.dumps(told | {"more": 1}).encode()) is None
    assert losses.read(json.dumps({name: told[name] for name in list(told)[1:]}).encode()) is None
    assert losses.read(json.dumps([told]).encode()) is None
