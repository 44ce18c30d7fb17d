"""A new table under load loses no request; a socket becomes raw bytes both ways."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from edge_kit import QUICK, Running, head_of, running, saying, table, worker, write_routes

HOST = b"Host: app.localhost\r\n"
UPGRADE = (
    b"GET /ws HTTP/1.1\r\n" + HOST + b"Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nOrigin: http://app.localhost\r\n\r\n"
)


@pytest.fixture
def it(tmp_path: Path) -> Iterator[Running]:
    with running(tmp_path / "r") as made:
        yield made


def test_a_worker_is_found_by_a_request_that_is_heard_before_the_change_of_the_table(it: Running) -> None:
    it.loop.call_soon_threadsafe(it.loop.remove_reader, it.edge._watch.fileno())  # type: ignore[union-attr]
    it.serve("new", saying(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"))
    assert it.get(host="new.localhost").status == 404
    write_routes(it.runtime, table(worker(), worker("new"), revision=2))
    assert it.get(host="new.localhost").status == 200
    assert it.get(host="nobody.localhost").status == 404


def test_versions_change_under_load_and_no_request_is_lost(it: Running) -> None:
    def versions(number: int) -> list[dict[str, object]]:
        return [{"id": f"v{number}", "token": f"t{number}", "weight": 100, "tag": None}]

    it.serve("t0", saying(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nv0"))
    it.routes(table(worker(versions=versions(0)), revision=2))
    stop = threading.Event()
    bodies: list[set[bytes]] = [set() for _ in range(4)]
    counts, failures = [0] * 4, list[str]()

    def load(number: int) -> None:
        line = it.line()
        while not stop.is_set():
            line.send(b"GET / HTTP/1.1\r\n" + HOST + b"\r\n")
            answer = line.answer()
            if answer.status != 200:
                failures.append(f"{answer.status} {answer.body!r}")
            bodies[number].add(answer.body)
            counts[number] += 1
        line.close()

    threads = [threading.Thread(target=load, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for number in range(1, 8):
        it.serve(f"t{number}", saying(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nv%d" % number))
        before = sum(counts)
        it.routes(table(worker(versions=versions(number)), revision=2 + number))
        while sum(counts) < before + 40:
            stop.wait(0.005)
    stop.set()
    for thread in threads:
        thread.join()
    assert failures == []
    assert set.union(*bodies) == {b"v%d" % n for n in range(8)}


def test_a_socket_is_raw_bytes_both_ways(it: Running) -> None:
    heads: list[dict[str, str]] = []

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        start, fields = await head_of(reader)
        heads.append(dict(fields))
        assert start == "GET /ws HTTP/1.1"
        writer.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nHoldfast-X: y\r\n\r\nearly"
        )
        while chunk := await reader.read(65536):
            writer.write(chunk)
            await writer.drain()

    it.serve("app", echo)
    line = it.line()
    line.send(UPGRADE)
    status, fields = line.head()
    named = dict(fields)
    assert (status, named["upgrade"], named["connection"]) == (101, "websocket", "Upgrade")
    assert named["sec-websocket-accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
    assert "holdfast-x" not in named
    assert line.exactly(5) == b"early"
    assert (heads[0]["upgrade"], heads[0]["connection"]) == ("websocket", "Upgrade")
    assert heads[0]["sec-websocket-key"] == "dGhlIHNhbXBsZSBub25jZQ=="
    data = bytes(range(256)) * 2000
    sending = threading.Thread(target=line.send, args=(data + b"GET / HTTP/1.1\r\n\r\n",))
    sending.start()
    assert line.exactly(len(data)) == data
    assert line.exactly(18) == b"GET / HTTP/1.1\r\n\r\n"
    sending.join()
    line.close()


def test_a_socket_that_the_worker_refuses_is_an_ordinary_answer(it: Running) -> None:
    it.serve("app", saying(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\n\r\nno"))
    line = it.line()
    line.send(UPGRADE + b"GET / HTTP/1.1\r\n" + HOST + b"\r\n")
    assert [line.answer().status for _ in range(2)] == [403, 403]
    line.close()


def test_a_socket_ends_with_either_side_and_with_silence(tmp_path: Path) -> None:
    ended = threading.Event()

    async def half(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(EOFError):
            await head_of(reader)
            writer.write(b"HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
            if await reader.read(10) == b"bye":
                return
        ended.set()

    with running(tmp_path / "r", replace(QUICK, tunnel_seconds=0.5)) as it:
        it.serve("app", half)
        line = it.line()
        line.send(UPGRADE)
        assert line.head()[0] == 101
        line.send(b"bye")
        assert line.rest() == b""
        line.close()
        line = it.line()
        line.send(UPGRADE)
        assert line.head()[0] == 101
        line.close()
        assert ended.wait(5), "the worker does not know that the client has gone"
        line = it.line()
        line.send(UPGRADE)
        assert line.head()[0] == 101
        assert line.rest() == b"", "a silent socket was kept"
        line.close()


def test_a_socket_that_one_side_does_not_read_holds_the_other(it: Running) -> None:
    sent = [0]

    async def pouring(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await head_of(reader)
        writer.write(b"HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
        with contextlib.suppress(OSError):
            while sent[0] < 100_000_000:
                writer.write(bytes(65536))
                await writer.drain()
                sent[0] += 65536

    it.serve("app", pouring)
    line = it.line()
    line.send(UPGRADE)
    assert line.head()[0] == 101
    last = -1
    for _ in range(100):
        threading.Event().wait(0.1)
        if sent[0] == last:
            break
        last = sent[0]
    assert sent[0] < 16_000_000
    line.close()
