"""Sessions of service bindings: a call that became a connection of its own, for one caller, as fast as he reads."""

from __future__ import annotations

import asyncio

import pytest
import uvloop
from bindings_served import Place, client, served, version
from inner_worker import Asked, run, worker

from holdfast.runtime.bindings import frames
from holdfast.runtime.bindings.attributes import BindingError
from holdfast.runtime.bindings.client import depth
from holdfast.runtime.bindings.client_service import Service
from holdfast.runtime.bindings.handling import Limits
from holdfast.runtime.bindings.values import encode, encode_error
from holdfast.runtime.live import Binding, Sockets


def test_a_call_that_became_a_session_is_joined_once_by_the_one_who_made_it(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[dict[str, str]] = []
    ended = asyncio.Event()

    async def serve(request: Asked) -> None:
        asked.append(dict(request.headers))
        await request.body()
        request.head(101, {"connection": "Upgrade", "upgrade": "holdfast-rpc"})
        request.writer.write(b"hello")
        while data := await request.reader.read(100):
            request.writer.write(data.upper())
        ended.set()

    async def main() -> None:
        binding = Binding("SVC", "service", {"worker_id": "worker-b", "entrypoint": "Admin"})
        async with (
            served(place, version("a", [binding]), version("b"), version("c", [binding])),
            worker(Sockets.of(place.runtime, "b").inner, serve),
            client(place, "a") as ours,
            client(place, "c") as theirs,
        ):
            mine, other = Service(ours, "SVC"), Service(theirs, "SVC")
            answer = await mine.call("give", encode([[], {}]))
            assert answer[:1] == frames.TICKET
            assert len(answer) == 17
            with pytest.raises(BindingError, match="no such session"):
                await other.join(answer[1:])
            wire = await mine.join(answer[1:])
            with pytest.raises(BindingError, match="no such session"):
                await mine.join(answer[1:])
            wire.write(b"x" * 200_000)
            came = b""
            while len(came) < 200_005:
                came += await wire.read() or b""
            assert came == b"hello" + b"X" * 200_000
            wire.close()
            async with asyncio.timeout(5):
                await ended.wait()
            monkeypatch.setattr("holdfast.runtime.bindings.begun.SECONDS", 0.05)
            ended.clear()
            answer = await mine.call("give", encode([[], {}]))
            async with asyncio.timeout(5):
                await ended.wait()  # nobody came in time
            with pytest.raises(BindingError, match="no such session"):
                await mine.join(answer[1:])
            assert {each["holdfast-rpc"] for each in asked} == {"allowed"}

    uvloop.run(main())


def test_a_session_is_begun_with_a_method_of_the_bindings_entrypoint(place: Place) -> None:
    async def serve(asked: Asked) -> None:
        assert asked.target == "/rpc/give?entrypoint=Admin"
        assert asked.headers["holdfast-rpc"] == "session"
        assert asked.headers["holdfast-depth"] == "4"
        asked.answer(500, encode_error("Overloaded", "no room"))

    async def act(fetcher) -> None:
        service = Service(fetcher._client, "SVC")
        depth.set(3)
        with pytest.raises(BindingError, match="no room"):
            await service.session("give")
        for name in ("_give", "fetch", "x/../scheduled", "give?entrypoint=Other", ""):
            with pytest.raises(TypeError, match="not a method"):
                await service.session(name)
        depth.set(32)
        with pytest.raises(BindingError, match="depth limit"):
            await service.session("give")

    run(place, serve, act, entrypoint="Admin")


def test_a_session_waits_for_whoever_does_not_read(place: Place) -> None:
    sent = 0

    async def serve(asked: Asked) -> None:
        nonlocal sent
        asked.head(101, {"connection": "Upgrade", "upgrade": "holdfast-rpc"})
        for _ in range(400):
            asked.writer.write(b"x" * 65536)
            await asked.writer.drain()
            sent += 65536

    async def act(fetcher) -> None:
        wire = await Service(fetcher._client, "SVC").session("give")
        await asyncio.sleep(0.5)
        assert 0 < sent < 6 * 1024 * 1024, "nobody read, and it was taken all the same"
        came = 0
        while data := await wire.read():
            came += len(data)
        assert came == 400 * 65536

    run(place, serve, act)


def test_more_sessions_than_connections_are_told_so(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("holdfast.runtime.bindings.client._PATIENCE", 0.3)

    async def serve(asked: Asked) -> None:
        asked.head(101, {"connection": "Upgrade", "upgrade": "holdfast-rpc"})
        await asked.reader.read()

    async def act(fetcher) -> None:
        service = Service(fetcher._client, "SVC")
        wires = [await service.session("give") for _ in range(2)]  # and the client's own
        with pytest.raises(BindingError, match="too many connections") as caught:
            await service.session("give")
        assert caught.value.name == "Overloaded"
        wires.pop().close()
        wires.append(await service.session("give"))
        for wire in wires:
            wire.close()

    run(place, serve, act, limits=Limits(connections=3))
