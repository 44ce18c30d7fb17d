"""Clients that do not keep to the protocol, judged from outside: they are told, cut off, and nobody else notices."""

from __future__ import annotations

import asyncio
import os
import random
import stat
import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest
import uvloop
from bindings_served import Place, client, env, served, version

from holdfast.runtime.bindings import frames
from holdfast.runtime.bindings.attributes import BindingError
from holdfast.runtime.bindings.frames import HEAD, HEAD_BYTES, frame
from holdfast.runtime.bindings.handling import Limits
from holdfast.runtime.bindings.server import BindingServer
from holdfast.runtime.bindings.values import decode, encode
from holdfast.runtime.live import Binding


class Raw:
    """A client that sends whatever it likes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def to(cls, place: Place, name: str = "a") -> Raw:
        raw = cls(*await asyncio.open_unix_connection(place.socket(name)))
        assert (await raw.answer())[1] == frames.HELLO
        return raw

    async def answer(self) -> tuple[int, int, object]:
        length, call, kind, _ = HEAD.unpack(await self.reader.readexactly(HEAD_BYTES))
        return call, kind, decode(await self.reader.readexactly(length))

    async def ask(self, index: int, method: int, payload: bytes) -> tuple[int, int, object]:
        self.writer.write(frame(7, index, method, payload))
        return await self.answer()

    async def ended(self) -> bool:
        try:
            async with asyncio.timeout(5):
                while await self.reader.read(1 << 20):
                    pass
        except ConnectionError:
            pass
        return True


def run(place: Place, act, limits: Limits | None = None) -> None:
    async def main() -> None:
        async with served(place, version("a", [place.kv(), place.d1()]), limits=limits):
            await act()
            async with client(place, "a") as made:  # whatever happened, the next one is served
                kv = made.env([{"name": "KV", "kind": "kv"}])["KV"]
                await kv.put("after", "all")
                assert await kv.get("after") == "all"

    uvloop.run(main())


def test_bindings_and_methods_that_are_not_in_the_table_are_refused_and_told(place: Place) -> None:
    async def act() -> None:
        raw = await Raw.to(place)
        for index, method in ((2, 0), (200, 0), (0, 6), (0, 255), (1, 2), (1, 77)):
            call, kind, (name, words) = await raw.ask(index, method, encode("k"))  # type: ignore[misc]
            assert (call, kind, name) == (7, frames.ERROR, "NotBound"), words
        assert await raw.ask(0, 0, encode("absent")) == (7, frames.VALUE, None)
        raw.writer.close()

    run(place, act)


@pytest.mark.parametrize(
    ("index", "method", "arguments"),
    [
        (0, 0, 7),
        (0, 0, []),
        (0, 1, ["k"]),
        (0, 2, [["k"] * 101, False, None]),
        (0, 2, [[7], False, None]),
        (0, 3, ["k", 7, {}]),
        (0, 3, ["k", "v", {"expirationTtl": "60"}]),
        (0, 3, ["k", "v"]),
        (0, 4, [None]),
        (0, 5, [{"prefix": 7}]),
        (0, 5, [{"limit": "all"}]),
        (0, 5, "x"),
        (1, 0, [["SELECT 1"]]),
        (1, 0, [[["SELECT 1", "x"]]]),
        (1, 0, [[[7, []]]]),
        (1, 0, [[["SELECT ?", [[1]]]]]),
        (1, 0, [[["SELECT ?", [1 << 70]]]]),
        (1, 0, [[["SELECT 1", []]] * 1001]),
        (1, 1, [7]),
        (1, 1, ["x" * 5_000_000]),
    ],
)
def test_arguments_of_the_wrong_shape_are_an_error(place: Place, index: int, method: int, arguments: object) -> None:
    async def act() -> None:
        raw = await Raw.to(place)
        call, kind, (name, _) = await raw.ask(index, method, encode(arguments))  # type: ignore[misc]
        assert (call, kind) == (7, frames.ERROR)
        assert name in ("TypeError", "Error")
        raw.writer.close()

    run(place, act)


def test_an_endless_length_ends_the_connection_at_once(place: Place) -> None:
    async def act() -> None:
        for length in (frames.LONGEST_FRAME + 1, 0xFFFFFFFF):
            raw = await Raw.to(place)
            raw.writer.write(HEAD.pack(length, 9, 0, 0))
            call, kind, (name, words) = await raw.answer()  # type: ignore[misc]
            assert (call, kind, name) == (9, frames.FAULT, "ProtocolError")
            assert "longer than" in words
            assert await raw.ended()

    run(place, act)


def test_garbage_does_no_more_than_end_its_own_connection(place: Place) -> None:
    async def act() -> None:
        dice = random.Random(7)
        for _ in range(60):
            raw = await Raw.to(place)
            raw.writer.write(dice.randbytes(dice.randint(1, 4000)))
            raw.writer.write(frame(1, dice.randint(0, 3), dice.randint(0, 8), dice.randbytes(dice.randint(0, 200))))
            raw.writer.write_eof()
            assert await raw.ended()

    run(place, act)


def test_frames_arrive_byte_by_byte_as_well(place: Place) -> None:
    async def act() -> None:
        raw = await Raw.to(place)
        for byte in frame(7, 0, 3, encode(["slow", "v", {}])) + frame(8, 0, 0, encode("slow")):
            raw.writer.write(bytes([byte]))
            await raw.writer.drain()
            await asyncio.sleep(0)
        answers = {(await raw.answer())[0] for _ in range(2)}
        assert answers == {7, 8}
        raw.writer.close()

    run(place, act)


def test_one_who_never_reads_is_held_back_and_then_cut_off(place: Place) -> None:
    """60 KB answers to 20,000 calls would be 1.2 GB: what is read of the calls stops long before that."""

    async def act() -> None:
        async with client(place, "a") as made:
            kv = made.env([{"name": "KV", "kind": "kv"}])["KV"]
            await kv.put("wide", "x" * 60_000)
        raw = await Raw.to(place)
        before = _resident()
        raw.writer.write(frame(1, 0, 0, encode("wide")) * 20_000)
        await asyncio.sleep(0.3)
        assert _resident() - before < 64 << 20
        async with client(place, "a") as other:
            kv = other.env([{"name": "KV", "kind": "kv"}])["KV"]
            started = time.monotonic()
            assert await kv.get("wide") is not None
            assert time.monotonic() - started < 3
        await asyncio.sleep(0.8)
        raw.writer.transport.abort()
        assert await raw.ended()

    run(place, act, Limits(stall_seconds=0.5))


def test_a_long_frame_that_never_comes_gives_its_room_back(place: Place) -> None:
    async def act() -> None:
        idle = [await Raw.to(place) for _ in range(3)]
        for raw in idle:  # each claims 600 KB of a room of 1 MB, and sends nothing of it
            raw.writer.write(HEAD.pack(600_000, 1, 0, 3))
        async with client(place, "a") as made:
            kv = made.env([{"name": "KV", "kind": "kv"}])["KV"]
            assert await kv.get("small calls need no room") is None
            async with asyncio.timeout(10):
                await kv.put("large", "x" * 300_000)
            assert len(await kv.get("large")) == 300_000
        for raw in idle:
            assert await raw.ended()

    run(place, act, Limits(room=1_000_000, stall_seconds=0.4))


def test_more_calls_than_allowed_wait_and_are_all_answered(place: Place) -> None:
    async def act() -> None:
        async with client(place, "a") as made:
            kv = made.env([{"name": "KV", "kind": "kv"}])["KV"]
            await asyncio.gather(*(kv.put(f"k{n}", "v") for n in range(300)))
            values = await asyncio.gather(*(kv.get(f"k{n}") for n in range(300)))
            assert values == ["v"] * 300

    run(place, act, Limits(calls=8))


def test_connections_that_share_a_limit_all_go_on(place: Place) -> None:
    async def act() -> None:
        raws = [await Raw.to(place) for _ in range(12)]
        for round_ in range(3):
            for number, raw in enumerate(raws):
                raw.writer.write(frame(round_, 0, 3, encode([f"{number}:{round_}", "v", {}])) * 2)
        async with asyncio.timeout(10):
            for raw in raws:
                assert {(await raw.answer())[1] for _ in range(6)} == {frames.VALUE}
        for raw in raws:
            raw.writer.close()

    run(place, act, Limits(calls=2))


def test_parts_of_streams_that_nobody_began_change_nothing(place: Place) -> None:
    async def act() -> None:
        raw = await Raw.to(place)
        raw.writer.write(
            frame(1, frames.STREAM, frames.BODY, b"x" * 1000) * 50 + frame(1, frames.STREAM, frames.END, b"")
        )
        assert await raw.ask(0, 0, encode("absent")) == (7, frames.VALUE, None)
        raw.writer.close()

    run(place, act)


def test_too_many_connections_are_told(place: Place) -> None:
    async def act() -> None:
        held = [await Raw.to(place) for _ in range(4)]
        reader, writer = await asyncio.open_unix_connection(place.socket("a"))
        _, kind, (name, _) = await Raw(reader, writer).answer()  # type: ignore[misc]
        assert (kind, name) == (frames.FAULT, "Overloaded")
        for raw in held:
            raw.writer.close()
        await asyncio.sleep(0.05)

    run(place, act, Limits(connections=4))


def test_two_versions_cannot_reach_each_others_data(place: Place) -> None:
    async def main() -> None:
        async with (
            served(place, version("a", [place.kv("KV", "one")]), version("b", [place.kv("KV", "two"), place.d1()])),
            client(place, "a") as first,
            client(place, "b") as second,
        ):
            one = first.env([{"name": "KV", "kind": "kv"}])["KV"]
            two = second.env([{"name": "KV", "kind": "kv"}])["KV"]
            await one.put("k", "secret of one")
            assert await two.get("k") is None
            assert (await two.list())["keys"] == []
            for name, kind in (("DB", "d1"), ("KV", "d1"), ("OTHER", "kv")):
                with pytest.raises(BindingError, match="has no binding"):
                    first.env([{"name": name, "kind": kind}])
            raw = await Raw.to(place, "a")
            assert (await raw.ask(1, 0, encode([[["SELECT 1", []]]])))[1] == frames.ERROR
            raw.writer.close()

    uvloop.run(main())


def test_sockets_are_for_their_owner_and_go_with_their_version(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("holdfast.runtime.bindings.client._PATIENCE", 0.3)
    path = place.socket("a")
    Path(path).parent.mkdir(parents=True)
    Path(path).touch()  # what a killed process may have left

    async def main() -> None:
        kv = place.kv()
        async with served(place, version("a", [kv])) as server:
            facts = os.lstat(path)
            assert stat.S_ISSOCK(facts.st_mode)
            assert stat.S_IMODE(facts.st_mode) == 0o600
            async with client(place, "a") as made:
                found = made.env([{"name": "KV", "kind": "kv"}])["KV"]
                await found.put("k", "v")
                await server.follow([version("a", [kv]), version("b", [kv])])
                assert await found.get("k") == "v"
                assert os.lstat(path).st_ino == facts.st_ino
                other = place.kv(name="other")
                await server.follow([version("a", [Binding("KV", "kv", other.target)])])  # restored elsewhere
                await asyncio.sleep(0.01)
                assert await found.get("k") is None
                await server.follow([])
                await asyncio.sleep(0.01)
                assert os.listdir(Path(path).parent) == []
                with pytest.raises(BindingError, match="cannot be reached"):
                    await found.get("k")

    uvloop.run(main())


@pytest.mark.needs_root
def test_only_the_versions_own_user_may_connect(place: Place) -> None:
    place.runtime.chmod(0o711)
    code = (
        "import os, socket, sys; made = socket.socket(socket.AF_UNIX)\n"
        "os.setgroups([]); os.setgid(int(sys.argv[2])); os.setuid(int(sys.argv[2])); made.connect(sys.argv[1])"
    )

    async def connects(user: int) -> bool:
        argv = [sys.executable, "-I", "-S", "-c", code, place.socket("a"), str(user)]
        done = await asyncio.to_thread(subprocess.run, argv, capture_output=True, check=False)
        assert done.returncode == 0 or b"PermissionError" in done.stderr
        return done.returncode == 0

    async def main() -> None:
        server = BindingServer(place.runtime, owner=lambda token: {"a": 200_001, "b": 200_002}[token])
        await server.follow([version("a"), version("b")])
        assert await connects(200_001)
        assert not await connects(200_002)
        await server.close()

    uvloop.run(main())


def test_a_namespace_that_was_only_provisioned_is_made_ready(place: Place) -> None:
    """An empty database of the SQLite engine is a namespace from its first use on."""

    async def main() -> None:
        empty = place.d1(name="empty")
        async with env(place, Binding("KV", "kv", {"namespace_id": "n", "path": empty.target["path"]})) as found:
            assert await found["KV"].get("k") is None
            await found["KV"].put("k", "v")
            assert await found["KV"].get("k") == "v"

    uvloop.run(main())


def _resident() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")


assert struct.calcsize("<IIBB") == HEAD_BYTES
