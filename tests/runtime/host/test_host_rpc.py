"""Sessions of calls between workers at the side that is called, by a caller that keeps no rule."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from holdfast.runtime.bindings.values import Parcel, decode, decode_error, encode, encode_call
from holdfast.runtime.python.rpc.frames import CALL, CANCEL, CHUNK, END, FAILED, GRANT, HEAD, RELEASE, RESULT
from holdfast.runtime.python.rpc.frames import frame as made

Start = Callable[..., Any]

WORKER = """
import asyncio
from workers import ReadableStream, Response, RpcTarget, WorkerEntrypoint

class Thing(RpcTarget):
    async def wait(self, seconds=60):
        await asyncio.sleep(seconds)
        return "waited"

    def fail(self):
        raise LookupError("no such thing")

    def big(self):
        Thing.made += 1
        return b"x" * 1_000_000

    made = 0

    def spin(self):
        while True:
            pass

    def dispose(self):
        print("disposed")

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        return Response(str(Thing.made) if "/made" in request.url else "still here")

    async def thing(self):
        return Thing()

    async def pair(self, first):
        return [Thing(), first]

    async def stream(self):
        async def body():
            try:
                for number in range(1000):
                    yield bytes([number % 256]) * 100_000
            finally:
                print("closed")
        return ReadableStream.of(body())

    async def read(self, stream):
        return len(await stream.read())
"""


class Caller:
    """The other end of a session, frame by frame."""

    def __init__(self, connection: socket.socket, rest: bytes) -> None:
        self.connection, self._rest = connection, bytearray(rest)

    def send(self, kind: int, number: int, payload: bytes = b"") -> None:
        self.connection.sendall(made(kind, number, payload))

    def call(self, number: int, target: int, method: str | None, *args: Any, deep: int = 1) -> None:
        self.send(CALL, number, encode([target, method, False, deep, list(args), {}]))

    def read(self) -> tuple[int, int, Any] | None:
        """A frame; None at the end."""
        while len(self._rest) < HEAD.size or len(self._rest) < HEAD.size + HEAD.unpack_from(self._rest)[0]:
            try:
                data = self.connection.recv(1 << 20)
            except ConnectionError:
                return None
            if not data:
                return None
            self._rest += data
        length, number, kind = HEAD.unpack_from(self._rest)
        payload = bytes(self._rest[HEAD.size : HEAD.size + length])
        del self._rest[: HEAD.size + length]
        return kind, number, decode(payload) if kind in (RESULT, FAILED) else payload

    def ended(self) -> bool:
        """Whether it ends, after whatever else comes."""
        while self.read() is not None:
            pass
        return True


def asked(host: Any, method: str, mode: str | None, body: bytes = b"") -> tuple[socket.socket, bytes, bytes]:
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(30)
    connection.connect(str(host.directory / "inner"))
    extra = "" if mode is None else f"holdfast-rpc: {mode}\r\n"
    head = f"POST /rpc/{method} HTTP/1.1\r\nhost: x\r\n{extra}content-length: {len(body)}\r\n\r\n"
    connection.sendall(head.encode() + body)
    got = b""
    while b"\r\n\r\n" not in got:
        got += connection.recv(65536)
    top, _, rest = got.partition(b"\r\n\r\n")
    return connection, top, rest


@contextmanager
def session(host: Any, method: str = "thing") -> Iterator[Caller]:
    connection, top, rest = asked(host, method, "session")
    assert top.startswith(b"HTTP/1.1 101 "), top + rest
    with connection:
        yield Caller(connection, rest)


@contextmanager
def thing(host: Any) -> Iterator[Caller]:
    """A session in which this side has got a Thing, number 1."""
    with session(host) as caller:
        caller.call(1, 0, None)
        assert caller.read() == (RESULT, 1, Parcel("stub", {"id": 1}))
        yield caller


def test_a_session_is_one_invocation_and_waits_as_long_as_its_caller(start: Start) -> None:
    host = start(WORKER, limits={"timeout_seconds": 0.6, "concurrency": 1})
    with thing(host) as caller:
        time.sleep(1)
        assert host.get("/").text == "still here", "what only waits takes no place"
        caller.call(2, 1, "wait", 0.01)
        assert caller.read() == (RESULT, 2, "waited")
        caller.call(3, 1, "fail")
        assert caller.read() == (FAILED, 3, ["LookupError", "no such thing"])
        caller.send(RELEASE, 1)
        caller.call(4, 1, "wait", 0)
        assert caller.read()[0] == FAILED
    told = host.invocation(trigger="rpc", path="thing", status=200, outcome="exception")
    assert told["error"]["type"] == "LookupError"
    assert "raise LookupError" in told["error"]["stack"]
    assert ("info", "disposed") in host.logs(told["id"])


def test_a_call_that_takes_too_long_ends_its_session(start: Start) -> None:
    host = start(WORKER, limits={"timeout_seconds": 0.5})
    for method in ("wait", "spin"):
        with thing(host) as caller:
            caller.call(2, 1, method)
            kind, number, (_, words) = caller.read()
            assert (kind, number) == (FAILED, 2)
            assert "took longer than it may" in words or "ended by timeout" in words
            assert caller.ended()
    assert host.invocation(trigger="rpc", outcome="timeout")
    assert host.get("/").text == "still here"


def test_a_call_with_plain_values_may_become_a_session(start: Start) -> None:
    host = start(WORKER)
    connection, top, rest = asked(host, "pair", "allowed", encode_call(["one"], {}))
    with connection:
        assert top.startswith(b"HTTP/1.1 101 ")
        caller = Caller(connection, rest)
        assert caller.read() == (RESULT, 1, [Parcel("stub", {"id": 1}), "one"])
        caller.call(7, 0, None, "again")
        assert caller.read()[0] == FAILED, "the method was called twice"
        caller.call(8, 1, "wait", 0)
        assert caller.read() == (RESULT, 8, "waited")
    for mode, body in ((None, encode_call([1], {})), ("allowed", encode_call([Parcel("stub", {"id": 1})], {}))):
        connection, top, rest = asked(host, "pair", mode, body)
        with connection:
            assert top.startswith(b"HTTP/1.1 500 ")
            assert "can only be given" in decode_error(rest)[1] or "parcel" in decode_error(rest)[1]


def test_a_flood_of_calls_is_refused_and_holds_up_nobody(start: Start) -> None:
    host = start(WORKER)
    with thing(host) as caller:
        for number in range(2, 1002):
            caller.call(number, 1, "wait")
        refused = [caller.read() for _ in range(1000 - 256)]
        assert {(kind, answer[0]) for kind, _, answer in refused} == {(FAILED, "Overloaded")}
        assert host.get("/").text == "still here"
        for number in range(2, 258):
            caller.send(CANCEL, number)
        assert {caller.read()[2][1] for _ in range(256)} == {"the call was cancelled"}
        caller.call(2000, 1, "wait", 0)
        assert caller.read() == (RESULT, 2000, "waited")
        caller.call(2001, 1, "wait", 0, deep=33)
        assert "in a row" in caller.read()[2][1]


def test_answers_that_nobody_takes_are_bounded(start: Start) -> None:
    host = start(WORKER)
    with thing(host) as caller:
        for number in range(2, 500):
            caller.call(number, 1, "big")
        made = [""]
        while len(made) < 6 or set(made[-6:]) != {made[-1]}:  # until no more are made for one who reads nothing
            made.append(host.get("/made").text)
            time.sleep(0.1)
        answers = [caller.read() for _ in range(2, 500)]
        taken = [number for kind, number, _ in answers if kind == RESULT]
        assert 60 <= len(taken) <= 80, "64 MiB wait for a caller that does not read"
        assert {answer[0] for kind, _, answer in answers if kind == FAILED} == {"Overloaded"}
        assert host.get("/").text == "still here"


def test_a_stream_goes_as_far_as_it_is_granted(start: Start) -> None:
    host = start(WORKER)
    with session(host, "stream") as caller:
        caller.call(1, 0, None)
        assert caller.read() == (RESULT, 1, Parcel("stream", {"id": 1}))
        caller.send(GRANT, 1, (0xFFFFFFFF).to_bytes(4, "little"))
        caller.connection.settimeout(0.3)
        came = 0
        with suppress(TimeoutError):
            while frame := caller.read():
                assert frame[:2] == (CHUNK, 1)
                came += len(frame[2])
        assert 0 < came <= 256 * 1024, "more than a window, whatever was granted"
        caller.send(RELEASE, 1)
        host.wait(lambda told: told["t"] == "log" and told["text"] == "closed")


def test_a_stream_that_sends_unasked_ends_the_session(start: Start) -> None:
    host = start(WORKER)
    with session(host, "read") as caller:
        caller.call(1, 0, None, Parcel("stream", {"id": 9}))
        assert caller.read() == (GRANT, 9, (256 * 1024).to_bytes(4, "little"))
        caller.send(CHUNK, 9, b"x" * 300_000)
        assert caller.ended()
    with session(host, "read") as caller:
        caller.call(1, 0, None, Parcel("stream", {"id": 9}))
        caller.send(CHUNK, 9, b"before it was asked for: not taken")
        caller.read()
        caller.send(CHUNK, 9, b"")
        assert caller.ended()
    with session(host, "read") as caller:
        caller.call(1, 0, None, Parcel("stream", {"id": 9}))
        caller.read()
        caller.send(CHUNK, 9, b"four")
        caller.send(END, 9)
        assert (RESULT, 1, 4) in [caller.read(), caller.read()]
    assert host.get("/").text == "still here"


@pytest.mark.parametrize(
    "parcels",
    [
        [Parcel("stub", {"id": 5}), Parcel("stub", {"id": 5})],
        [Parcel("stub", {"id": each + 1}) for each in range(1001)],
        Parcel("stub", {"id": -1}),
        Parcel("stub", {"id": "1"}),
        Parcel("stub", {}),
        Parcel("session", {"id": 1}),
    ],
    ids=["twice", "too many", "negative", "text", "none", "unknown"],
)
def test_what_is_no_reference_is_refused(start: Start, parcels: Any) -> None:
    host = start(WORKER)
    with session(host, "pair") as caller:
        caller.call(1, 0, None, parcels)
        frames = []
        while not frames or frames[-1][0] != FAILED:
            frames.append(caller.read())
        assert frames[-1][2][0].endswith("Malformed")


def test_sessions_are_counted_and_end_with_the_process(start: Start) -> None:
    host = start(WORKER)
    opened = [asked(host, "thing", "session") for _ in range(128)]
    assert all(top.startswith(b"HTTP/1.1 101 ") for _, top, _ in opened)
    connection, top, rest = asked(host, "thing", "session")
    with connection:
        assert top.startswith(b"HTTP/1.1 500 ")
        assert decode_error(rest)[0] == "Overloaded"
        assert "128 calls" in decode_error(rest)[1]
    assert host.get("/").text == "still here"
    for connection, _, _ in opened[1:]:
        connection.close()
    caller = Caller(opened[0][0], opened[0][2])
    caller.call(1, 0, None)
    assert caller.read() == (RESULT, 1, Parcel("stub", {"id": 1}))
    caller.call(2, 1, "wait")
    assert host.stop(grace=0.2) == 0
    assert "is being stopped" in caller.read()[2][1]
    assert caller.ended()
    caller.connection.close()
