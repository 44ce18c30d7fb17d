"""WebSockets through a service binding, as raw bytes: the handshake is ours, the ends meet, nobody's memory grows."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import uvloop
from bindings_served import Place, client, served, version
from inner_worker import Asked, worker

from holdfast.runtime.bindings.attributes import BindingError
from holdfast.runtime.bindings.client import Hooks
from holdfast.runtime.live import Binding, Sockets


def upgraded(place: Place, serve: Callable[[Asked], Awaitable[None]], act: Callable[[Any], Awaitable[None]]) -> None:
    """Worker `serve` behind the binding that `act` is given: a fetch answered by 101 gives its headers and its wire."""

    async def main() -> None:
        binding = Binding("SVC", "service", {"worker_id": "worker-b", "entrypoint": None})
        hooks = Hooks(upgraded=lambda headers, wire: (headers, wire))
        async with (
            served(place, version("a", [binding]), version("b")),
            worker(Sockets.of(place.runtime, "b").inner, serve),
            client(place, "a", hooks) as made,
        ):
            async with asyncio.timeout(20):
                await act(made.env([{"name": "SVC", "kind": "service"}])["SVC"])

    uvloop.run(main())


def test_an_upgrade_carries_raw_bytes_both_ways_until_one_side_ends(place: Place) -> None:
    ended = asyncio.Event()

    async def serve(asked: Asked) -> None:
        assert (asked.headers["upgrade"], asked.headers["connection"]) == ("websocket", "Upgrade")
        assert asked.headers["sec-websocket-version"] == "13"
        assert len(asked.headers["sec-websocket-key"]) == 24
        assert "sec-websocket-extensions" not in asked.headers, "frames are ours: nobody would inflate them"
        assert asked.headers["sec-websocket-protocol"] == "chat"
        asked.head(101, {"upgrade": "websocket", "connection": "Upgrade", "sec-websocket-accept": "x", "x-own": "1"})
        asked.writer.write(b"at once")  # in the same packet as the head
        while data := await asked.reader.read(65536):
            asked.writer.write(data)
            await asked.writer.drain()
        ended.set()

    async def act(service: Any) -> None:
        theirs = {"Sec-WebSocket-Key": "bogus", "Sec-WebSocket-Extensions": "permessage-deflate"}
        headers, wire = await service.fetch(
            "http://b/", headers={"Upgrade": "websocket", "Sec-WebSocket-Protocol": "chat", **theirs}
        )
        assert headers == [("x-own", "1")]
        assert await wire.read() == b"at once"
        sent, got = bytes(range(256)) * 4000, bytearray()
        wire.write(sent)
        while len(got) < len(sent):
            got += await wire.read() or b""
        assert bytes(got) == sent
        wire.close()
        await ended.wait()
        assert wire.is_closing()

    upgraded(place, serve, act)


def test_a_worker_that_ends_ends_the_socket(place: Place) -> None:
    async def serve(asked: Asked) -> None:
        asked.head(101, {"upgrade": "websocket", "connection": "Upgrade"})
        await asked.reader.read(1)

    async def act(service: Any) -> None:
        _, wire = await service.fetch("http://b/", headers={"Upgrade": "websocket"})
        wire.write(b"x")
        assert await wire.read() is None
        assert [(await service.fetch("http://b/", headers={"Upgrade": "websocket"}))[0] for _ in range(3)] == [[]] * 3

    upgraded(place, serve, act)


def test_upgrades_that_were_not_asked_for_or_are_none_are_refused(place: Place) -> None:
    calls: list[str] = []

    async def serve(asked: Asked) -> None:
        calls.append(asked.method)
        if asked.headers.get("upgrade"):
            asked.answer(403, b"no sockets here")
        else:
            asked.head(101, {"upgrade": "websocket", "connection": "Upgrade"})

    async def act(service: Any) -> None:
        with pytest.raises(BindingError, match="that was not to be upgraded"):
            await service.fetch("http://b/")
        answer = await service.fetch("http://b/", headers={"Upgrade": "websocket"})
        assert (answer.status, await answer.text()) == (403, "no sockets here")
        for wanted in ({"method": "POST"}, {"body": "x"}):
            with pytest.raises(TypeError, match="begins with a GET"):
                await service.fetch("http://b/", headers={"Upgrade": "websocket"}, **wanted)
        assert calls == ["GET", "GET"]

    upgraded(place, serve, act)


def test_who_does_not_read_a_socket_is_waited_for(place: Place) -> None:
    """The worker's bytes stay in its own buffers: the state process keeps none beyond its bounds."""
    sent = [0]

    async def serve(asked: Asked) -> None:
        asked.head(101, {"upgrade": "websocket", "connection": "Upgrade"})
        for _ in range(2000):
            asked.writer.write(b"x" * 65536)
            sent[0] += 65536
            await asked.writer.drain()

    async def act(service: Any) -> None:
        _, wire = await service.fetch("http://b/", headers={"Upgrade": "websocket"})
        await asyncio.sleep(0.5)
        held = sent[0]
        assert held < 16 * 1024 * 1024
        got = 0
        while (part := await wire.read()) is not None:
            got += len(part)
        assert got == sent[0] == 2000 * 65536

    upgraded(place, serve, act)
