"""What stalls is waited for in bounded memory and for a bounded time, and what fails is told."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from edge_kit import QUICK, Line, Running, body_of, head_of, running, saying, table, telling, worker

from holdfast.runtime.live import Sockets

MB = 1 << 20
CLIENTS = 10
HOST = b"Host: app.localhost\r\n"


@pytest.fixture
def it(tmp_path: Path) -> Iterator[Running]:
    with running(tmp_path / "r") as made:
        yield made


async def until(condition, seconds: float = 5.0) -> None:  # type: ignore[no-untyped-def]
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come to that"
        await asyncio.sleep(0.01)


def wait(condition, seconds: float = 5.0) -> None:  # type: ignore[no-untyped-def]
    asyncio.run(until(condition, seconds))


def settled(read) -> int:  # type: ignore[no-untyped-def]
    """The value once it has not changed for a while."""
    last, since = read(), time.monotonic()
    end = since + 8
    while time.monotonic() - since < 0.4:
        assert time.monotonic() < end, "it goes on and on"
        time.sleep(0.02)
        if read() != last:
            last, since = read(), time.monotonic()
    return int(last)


def test_a_stalled_client_stops_the_worker_not_fills_the_edge(it: Running) -> None:
    sent = [0]

    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await head_of(reader)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % (200 * MB))
        block = bytes(64 * 1024)
        with contextlib.suppress(OSError):
            for _ in range(200 * MB // len(block)):
                writer.write(block)
                await writer.drain()
                sent[0] += len(block)

    it.serve("app", endless)
    lines = []
    for _ in range(CLIENTS):
        made = socket.socket()
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
        made.connect(("127.0.0.1", it.port))
        made.sendall(b"GET / HTTP/1.1\r\n" + HOST + b"\r\n")
        lines.append(made)
    taken = settled(lambda: sent[0])
    held = sum(client.transport.get_write_buffer_size() for client in it.edge.clients)
    assert held < CLIENTS * MB, "the edge holds what nobody takes"
    assert taken < CLIENTS * 8 * MB, "the worker was read on"
    for made in lines[1:]:
        made.close()
    line = Line(lines[0])
    lines[0].settimeout(30)
    status, fields = line.head()
    assert (status, dict(fields)["content-length"]) == (200, str(200 * MB))
    left = 200 * MB
    while left:
        left -= len(line.exactly(min(left, 4 * MB)))
    line.close()


def test_a_stalled_worker_stops_the_client_not_fills_the_edge(it: Running) -> None:
    go = threading.Event()

    async def stalled(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        _, fields = await head_of(reader)
        await asyncio.to_thread(go.wait)
        size = len(await body_of(reader, fields))
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%d" % (len(str(size)), size))

    it.serve("app", stalled)
    line, sent = it.line(), [0]
    size = 64 * MB

    def upload() -> None:
        line.send(b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: %d\r\n\r\n" % size)
        block = bytes(256 * 1024)
        for _ in range(size // len(block)):
            line.send(block)
            sent[0] += len(block)

    line.socket.settimeout(30)
    sending = threading.Thread(target=upload)
    sending.start()
    taken = settled(lambda: sent[0])
    assert taken < 24 * MB, "the edge took what the worker did not"
    go.set()
    sending.join(30)
    assert line.answer().body == str(size).encode()
    line.close()


def test_a_client_that_takes_nothing_is_given_up_and_the_worker_hears_it(tmp_path: Path) -> None:
    ended = threading.Event()

    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await head_of(reader)
        writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        try:
            while True:
                writer.write(b"10000\r\n" + bytes(65536) + b"\r\n")
                await writer.drain()
        except OSError:
            ended.set()

    with running(tmp_path / "r", replace(QUICK, send_seconds=0.3)) as it:
        it.serve("app", endless)
        line = it.line()
        line.send(b"GET / HTTP/1.1\r\n" + HOST + b"\r\n")
        assert ended.wait(5)
        line.close()
        wait(lambda: not it.edge.clients)


def test_a_client_that_leaves_ends_the_workers_work(it: Running) -> None:
    began, ended = threading.Event(), threading.Event()

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await head_of(reader)
        began.set()
        if await reader.read(1) == b"":
            ended.set()

    it.serve("app", slow)
    line = it.line()
    line.send(b"GET / HTTP/1.1\r\n" + HOST + b"\r\n")
    assert began.wait(5)
    line.close()
    assert ended.wait(5)


def test_a_head_that_does_not_come_is_not_waited_for(tmp_path: Path) -> None:
    with running(tmp_path / "r", replace(QUICK, head_seconds=0.4, idle_seconds=0.4)) as it:
        silent, slow = it.line(), it.line()
        began = time.monotonic()
        with contextlib.suppress(OSError):
            for byte in b"GET / HTTP/1.1\r\n" + HOST + b"X: " + b"a" * 1000:
                slow.send(bytes((byte,)))
                time.sleep(0.02)
        answer = slow.answer()
        assert answer.status == 408
        assert silent.rest() == b""
        assert time.monotonic() - began < 4
        silent.close()
        slow.close()


def test_a_body_that_trickles_is_not_waited_for(tmp_path: Path) -> None:
    """Each wait is short enough; together they are not."""
    with running(tmp_path / "r", replace(QUICK, body_seconds=0.4, body_rate=1000)) as it:
        it.serve("app", telling)
        line = it.line()
        line.send(b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 1000\r\n\r\n")
        began = time.monotonic()
        with contextlib.suppress(OSError):
            for _ in range(200):
                line.send(b"x")
                time.sleep(0.02)
        answer = line.answer()
        assert (answer.status, answer["connection"]) == (408, "close")
        assert time.monotonic() - began < 5
        line.close()


def test_a_worker_that_does_not_answer_is_not_waited_for(it: Running) -> None:
    it.routes(table(worker(timeout_seconds=0.2), revision=2))
    heard = threading.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await head_of(reader)
        await reader.read(1)
        heard.set()

    it.serve("app", silent)
    line = it.line()
    line.send(b"GET / HTTP/1.1\r\n" + HOST + b"\r\n")
    answer = line.answer()
    assert (answer.status, answer.json["error"]["code"]) == (504, "worker_timeout")
    assert heard.wait(5), "the worker was not told that nobody waits"
    it.serve("app", telling)
    line.send(b"GET / HTTP/1.1\r\n" + HOST + b"\r\n")
    assert line.answer().status == 200
    line.close()


def test_a_worker_that_is_not_there(it: Running) -> None:
    answer = it.get()
    assert (answer.status, answer.json["error"]["code"], answer["retry-after"]) == (503, "worker_away", "2")
    assert str(it.runtime) not in answer.body.decode()


def test_a_request_waits_for_a_worker_that_is_being_started(tmp_path: Path) -> None:
    with running(tmp_path / "r", replace(QUICK, connect_seconds=5)) as it:
        threading.Timer(0.3, lambda: it.serve("app", telling)).start()
        assert it.get().status == 200


def test_a_worker_that_dies_is_told_and_the_next_request_finds_the_next(it: Running) -> None:
    async def dying(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await head_of(reader)
        writer.transport.abort()

    it.serve("app", dying)
    line = it.line()
    line.send(b"GET / HTTP/1.1\r\n" + HOST + b"\r\n")
    answer = line.answer()
    assert (answer.status, answer.json["error"]["code"]) == (502, "worker_failed")
    it.serve("app", telling)
    line.send(b"GET / HTTP/1.1\r\n" + HOST + b"\r\n")
    assert line.answer().status == 200
    line.close()


def test_an_answer_that_breaks_off_does_not_look_whole(it: Running) -> None:
    it.serve("app", saying(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf", close=True))
    line = it.line()
    line.send(b"GET / HTTP/1.1\r\n" + HOST + b"\r\n")
    status, fields = line.head()
    assert (status, dict(fields)["content-length"]) == (200, "100")
    assert line.rest() == b"half"
    line.close()


def stale(seen: list[str]):  # type: ignore[no-untyped-def]
    """A worker that answers one request on each connection and ends it at the second."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        start, fields = await head_of(reader)
        body = await body_of(reader, fields)
        seen.append(f"{start.split(' ')[0]} {body.decode()}")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
        with contextlib.suppress(EOFError):
            await reader.readexactly(1)
        writer.transport.abort()

    return serve


def test_a_connection_that_had_ended_is_replaced_where_that_cannot_hurt(it: Running) -> None:
    seen: list[str] = []
    it.serve("app", stale(seen))
    line = it.line()
    get = b"GET / HTTP/1.1\r\n" + HOST + b"\r\n"
    put = b"PUT / HTTP/1.1\r\n" + HOST + b"Content-Length: 2\r\n\r\nhi"
    waits = b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 2\r\nExpect: 100-continue\r\n\r\n"
    post = b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 2\r\n\r\nhi"
    for raw in (get, get, put):
        line.send(raw)
        assert line.answer().status == 200
    line.send(waits)
    assert line.head()[0] == 100
    wait(lambda: it.connections["app"] == 4)  # the worker ended it before it had the body: asked again
    line.send(b"hi")
    answer = line.answer()
    while answer.status == 100:
        answer = line.answer()
    assert answer.status == 200
    assert seen == ["GET ", "GET ", "PUT hi", "POST hi"]
    line.send(post)
    assert line.answer().status == 502, "it was perhaps carried out: nobody may repeat it but its sender"
    assert len(seen) == 4
    line.close()


def test_an_early_answer_reaches_a_client_that_still_sends(it: Running) -> None:
    async def refusing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await head_of(reader)
        writer.write(b"HTTP/1.1 413 Too Large\r\ncontent-length: 3\r\n\r\nno!")
        await writer.drain()
        await asyncio.sleep(0.2)

    it.serve("app", refusing)
    line = it.line()
    line.send(b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 9000000\r\n\r\n" + bytes(100_000))
    time.sleep(0.1)
    with contextlib.suppress(OSError):
        line.send(bytes(500_000))
    answer = line.answer()
    assert (answer.status, answer.body) == (413, b"no!")
    line.close()


def test_a_body_beyond_the_workers_limit_does_not_reach_it(it: Running) -> None:
    it.routes(table(worker(body_bytes=1000), revision=2))
    it.serve("app", telling)
    declared = it.ask(b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 1001\r\n\r\n" + bytes(1001))
    assert (declared.status, declared["connection"]) == (413, "close")
    assert it.connections.get("app", 0) == 0
    chunk = b"3e8\r\n" + bytes(1000) + b"\r\n"
    chunked = b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n"
    assert it.ask(chunked + chunk + chunk + b"0\r\n\r\n").status == 413
    line = it.line()
    line.send(chunked + chunk)
    time.sleep(0.05)
    line.send(b"1\r\nx\r\n")
    assert line.answer().status == 413
    line.close()
    assert it.ask(chunked + chunk + b"0\r\n\r\n").status == 200


def test_more_connections_than_there_is_room_for_are_ended(tmp_path: Path) -> None:
    with running(tmp_path / "r", replace(QUICK, connections=3)) as it:
        it.serve("app", telling)
        lines = [it.line() for _ in range(3)]
        wait(lambda: len(it.edge.clients) == 3)
        extra = it.line()
        assert extra.rest() == b""
        lines[0].close()
        wait(lambda: len(it.edge.clients) == 2)
        assert it.get().status == 200
        for line in [*lines[1:], extra]:
            line.close()


def test_a_version_has_so_many_connections_and_no_more(tmp_path: Path) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    with running(tmp_path / "r", replace(QUICK, upstreams=2, connect_seconds=0.2)) as it:
        it.serve("app", silent)
        lines = [it.line() for _ in range(3)]
        for line in lines:
            line.send(b"GET / HTTP/1.1\r\n" + HOST + b"\r\n")
            time.sleep(0.05)
        assert lines[2].answer().json["error"]["code"] == "worker_busy"
        assert it.connections["app"] == 2
        for line in lines:
            line.close()


def test_requests_beyond_that_wait_for_a_connection_to_become_free(tmp_path: Path) -> None:
    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(EOFError):
            while True:
                await head_of(reader)
                await asyncio.sleep(0.1)
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")

    with running(tmp_path / "r", replace(QUICK, upstreams=2, connect_seconds=5)) as it:
        it.serve("app", slow)
        lines = [it.line() for _ in range(6)]
        for line in lines:
            line.send(b"GET / HTTP/1.1\r\n" + HOST + b"\r\n")
        assert [line.answer().status for line in lines] == [200] * 6
        assert it.connections["app"] == 2
        for line in lines:
            line.close()


def test_a_worker_whose_queue_is_full_is_asked_again(tmp_path: Path) -> None:
    """As while its sandbox starts: the kernel refuses at once (EAGAIN), and nobody may be told that it failed."""
    with running(tmp_path / "r", replace(QUICK, connect_seconds=5)) as it:
        path = Sockets.of(it.runtime, "app").http
        path.parent.mkdir(parents=True)
        lines = [it.line() for _ in range(6)]
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(path))
            listener.listen(1)
            for line in lines:
                line.send(b"GET / HTTP/1.1\r\n" + HOST + b"\r\n")
            time.sleep(0.3)
            for _ in lines:
                made, _ = listener.accept()
                with made:
                    made.settimeout(5)
                    assert made.recv(65536).startswith(b"GET / ")
                    made.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok")
        assert [line.answer().body for line in lines] == [b"ok"] * 6
        for line in lines:
            line.close()


def test_the_end_lets_answers_end(tmp_path: Path) -> None:
    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await head_of(reader)
        await asyncio.sleep(0.3)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")

    with running(tmp_path / "r") as it:
        it.serve("app", slow)
        line, idle, new = it.line(), it.line(), it.line()
        idle.send(b"GET / HTTP/1.1\r\nHost: nobody\r\n\r\n")
        assert idle.answer().status == 404
        line.send(b"GET / HTTP/1.1\r\n" + HOST + b"\r\n")
        wait(lambda: it.connections.get("app") == 1 and len(it.edge.clients) == 3)
        closing = threading.Thread(target=lambda: it.call(it.edge.close(5)))
        closing.start()
        wait(lambda: it.edge.closing)
        new.send(b"GET / HTTP/1.1\r\nHost: nobody\r\n\r\n")
        assert new.answer()["connection"] == "close"
        new.close()
        answer = line.answer()
        assert (answer.body, answer["connection"]) == (b"ok", "close")
        assert idle.rest() == b""
        closing.join(10)
        line.close()
        idle.close()
