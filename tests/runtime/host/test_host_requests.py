"""Requests and answers over real sockets."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import httpx

Start = Callable[..., Any]

ECHO = """
from workers import WorkerEntrypoint, Response

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        print("path", request.url)
        if request.url.endswith("/length"):
            return Response(str(len(await request.bytes())))
        if request.url.endswith("/ignore"):
            return Response("unread")
        if request.url.endswith("/back"):
            return Response(request.body, headers={"x-kind": request.headers["content-type"] or "none"})
        return Response.json({"method": request.method, "url": request.url, "x": request.headers.get("x-one")},
                             status=201, headers=[("set-cookie", "a=1"), ("set-cookie", "b=2")])
"""

BUSY = """
from workers import WorkerEntrypoint, Response

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        if request.url.endswith("/bad"):
            raise ValueError("bad")
        if request.url.endswith("/loud"):
            print("loud")
        return Response("hello")
"""


def test_a_request_is_answered_and_recorded(start: Start) -> None:
    host = start(ECHO)
    answer = host.get("/a?b=c", headers={"x-one": "1", "holdfast-request-id": "ray-1"})
    assert answer.status_code == 201
    assert answer.json() == {"method": "GET", "url": "http://shop.example/a?b=c", "x": "1"}
    assert answer.headers.get_list("set-cookie") == ["a=1", "b=2"]
    record = host.invocation(path="/a")
    assert (record["outcome"], record["status"], record["ray"], record["trigger"]) == ("ok", 201, "ray-1", "http")
    assert record["wall_ms"] > 0
    assert 0 < record["cpu_ms"] < 1000
    assert record["memory_bytes"] > 1_000_000
    assert host.logs(record["id"]) == [("info", "path http://shop.example/a?b=c")]


def test_forwarded_address_is_the_url(start: Start) -> None:
    host = start(ECHO)
    headers = {"x-forwarded-proto": "https", "x-forwarded-host": "api.example.org"}
    assert host.get("/", headers=headers).json()["url"] == "https://api.example.org/"


def test_keep_alive_and_pipelining(start: Start) -> None:
    host = start(ECHO)
    with host.raw() as connection:
        connection.sendall(b"GET /ignore HTTP/1.1\r\nhost: a\r\n\r\n" * 3)
        got = b""
        while got.count(b"unread") < 3:
            got += connection.recv(65536)
        assert got.count(b"HTTP/1.1 200 OK") == 3
        connection.sendall(b"GET /ignore HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
        got = b""
        while chunk := connection.recv(65536):
            got += chunk
        assert b"connection: close" in got


def test_bodies_stream_both_ways(start: Start) -> None:
    host = start(ECHO)
    with host.client() as client:
        big = b"x" * 5_000_000
        assert client.post("/length", content=big).text == str(len(big))
        back = client.post("/back", content=(b"y" * 5_000 for _ in range(20)), headers={"content-type": "a/b"})
        assert len(back.content) == 100_000
        assert back.headers["x-kind"] == "a/b"
        assert client.post("/ignore", content=big).text == "unread"
        assert client.get("/ignore").text == "unread"


def test_head_has_no_body_but_its_length(start: Start) -> None:
    host = start(ECHO)
    with host.client() as client:
        answer = client.head("/ignore")
        assert answer.headers["content-length"] == "6"
        assert client.get("/ignore").text == "unread"


def test_a_body_beyond_the_limit_is_refused(start: Start) -> None:
    host = start(ECHO, limits={"body_bytes": 1000})
    with host.client() as client:
        assert client.post("/length", content=b"x" * 1000).text == "1000"
        assert client.post("/length", content=b"x" * 1001).status_code == 413
        assert client.post("/length", content=(b"x" * 600 for _ in range(3))).status_code == 413
    assert host.invocation(status=413)["outcome"] == "ok"


def test_garbage_is_refused(start: Start) -> None:
    host = start(ECHO)
    with host.raw() as connection:
        connection.sendall(b"\x16\x03\x01 hello\r\n\r\n")
        assert connection.recv(65536).startswith(b"HTTP/1.1 400 ")
    assert host.get("/ignore").text == "unread"


def test_expect_continue(start: Start) -> None:
    host = start(ECHO)
    with host.raw() as connection:
        connection.sendall(b"POST /length HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\nexpect: 100-continue\r\n\r\n")
        assert connection.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b"abc")
        assert connection.recv(65536).endswith(b"\r\n\r\n3")


STREAM = """
import asyncio
from workers import WorkerEntrypoint, Response

closed = []

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        async def slow():
            try:
                for number in range(3):
                    yield f"{number}\\n"
                    await asyncio.sleep(0.15)
            finally:
                closed.append(1)
        async def large():
            sent = 0
            try:
                for _ in range(3000):
                    yield b"z" * 65536
                    sent += 1
            finally:
                print("closed after", sent)
        async def broken():
            yield "some"
            raise ValueError("in the middle")
        if request.url.endswith("/large"):
            return Response(large())
        if request.url.endswith("/broken"):
            return Response(broken())
        return Response(slow(), headers={"content-type": "text/event-stream"})
"""


def test_a_streamed_answer_arrives_piece_by_piece(start: Start) -> None:
    host = start(STREAM)
    with host.client() as client, client.stream("GET", "/") as answer:
        begun = time.monotonic()
        pieces = [(piece, time.monotonic() - begun) for piece in answer.iter_raw()]
    assert b"".join(piece for piece, _ in pieces) == b"0\n1\n2\n"
    assert pieces[-1][1] - pieces[0][1] > 0.2
    assert answer.headers["transfer-encoding"] == "chunked"


def test_a_stalled_client_stops_the_worker_and_leaving_closes_its_generator(start: Start) -> None:
    host = start(STREAM, limits={"timeout_seconds": 0.3})
    with host.raw() as connection:
        connection.sendall(b"GET /large HTTP/1.1\r\nhost: a\r\n\r\n")
        connection.recv(1000)
        time.sleep(0.8)  # longer than the timeout: the client's slowness is not the worker's time
        assert not [each for each in host.told if each["t"] == "invocation"]
    record = host.invocation(path="/large")
    assert record["outcome"] == "cancelled"
    line = host.logs(record["id"])[0][1]
    assert line.startswith("closed after")
    assert int(line.split()[-1]) < 200


def test_a_stream_that_breaks_cuts_the_connection(start: Start) -> None:
    host = start(STREAM)
    with host.client() as client:
        try:
            client.get("/broken")
        except httpx.RemoteProtocolError:
            pass
        else:
            raise AssertionError("a broken answer looked whole")
    record = host.invocation(path="/broken")
    assert record["outcome"] == "exception"
    assert "in the middle" in record["error"]["message"]


def test_header_injection_is_refused(start: Start) -> None:
    code = """
async def app(scope, receive, send):
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": [(b"x", b"a\\r\\nevil: 1")]})
        await send({"type": "http.response.body", "body": b"hi"})
"""
    host = start(code)
    answer = host.get("/")
    assert answer.status_code == 500
    assert "evil" not in answer.headers


def test_many_clients_at_once(start: Start) -> None:
    host = start(ECHO)
    wrong: list[str] = []

    def ask() -> None:
        with host.client() as client:
            for number in range(20):
                if client.post("/length", content=b"x" * number).text != str(number):
                    wrong.append(str(number))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_connections_wait_in_the_backlog_after_a_stop(start: Start) -> None:
    """The listeners are the pool's: after the process ends a new connection still finds someone listening."""
    host = start(ECHO)
    assert host.get("/ignore").text == "unread"
    assert host.stop() == 0
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(host.path)


def test_the_rest_of_a_busy_second_is_counted_together(start: Start) -> None:
    """What fails or writes lines is told by itself all the same."""
    host = start(BUSY)
    with host.raw() as connection:
        asked = [b"/bad" if number % 100 == 99 else b"/loud" if number % 100 == 98 else b"/" for number in range(1000)]
        connection.sendall(b"".join(b"GET %b HTTP/1.1\r\nhost: a\r\n\r\n" % path for path in asked))
        got = b""
        while got.count(b"HTTP/1.1 ") < 1000:
            got += connection.recv(65536)
    records: list[dict[str, Any]] = []
    tallies: list[dict[str, Any]] = []
    end = time.monotonic() + 10
    while len(records) + sum(each["count"] for each in tallies) < 1000:
        assert time.monotonic() < end, (len(records), tallies)
        host.read()
        records = [each for each in host.told if each["t"] == "invocation"]
        tallies = [each for each in host.told if each["t"] == "tally"]
    assert sum(each["path"] == "/bad" and each["outcome"] == "exception" for each in records) == 10
    assert sum(each["path"] == "/loud" for each in records) == 10
    assert 200 <= len(records) < 900
    for each in tallies:
        assert sum(each["durations"]) == each["count"]
        assert each["wall_ms"] > 0 < each["cpu_ms"]
        assert each["status"] == 200


def test_the_same_head_again_but_for_its_id(start: Start) -> None:
    host = start(ECHO)
    head = b"GET /a HTTP/1.1\r\nhost: a\r\nx-one: %b\r\nholdfast-request-id: %b\r\n\r\n"
    rays = [b"%016x" % number for number in range(6)]
    with host.raw() as connection:

        def ask(raw: bytes, count: int = 1) -> bytes:
            connection.sendall(raw)
            got = b""
            while got.count(b'"x": ') < count or not got.endswith(b"}"):
                got += connection.recv(65536)
            return got

        for ray in rays[:3]:
            assert b'"x": "1"' in ask(head % (b"1", ray))
        assert b'"x": "2"' in ask(head % (b"2", rays[3]))
        both = ask(head % (b"2", rays[4]) + head % (b"3", rays[5]), count=2)
        assert both.index(b'"x": "2"') < both.index(b'"x": "3"')
        connection.sendall(head[:-4] % (b"2", rays[0]))  # not whole yet: no request
        connection.sendall(b"0\r\n\r\n")
        assert b'"x": "2"' in ask(b"")
    found = sorted(host.invocation(ray=ray.decode())["ray"].encode() for ray in rays)
    assert found == rays
    assert host.invocation(ray=rays[0].decode() + "0")["status"] == 201


MEDDLING = """
async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    seen = b",".join(name for name, _ in scope["headers"])
    ray = dict(scope["headers"])[b"holdfast-request-id"]
    scope["headers"].append((b"x-user", b"of this request"))
    scope["headers"].append((b"x-more", b"also"))
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": seen + b" " + ray + b"."})
"""


def test_what_an_application_does_to_its_headers_is_gone_with_the_request(start: Start) -> None:
    host = start(MEDDLING)
    head = b"GET / HTTP/1.1\r\nhost: a\r\nholdfast-request-id: %016x\r\n\r\n"
    with host.raw() as connection:
        for number in range(4):
            connection.sendall(head % number)
            got = b""
            while not got.endswith(b"."):
                got += connection.recv(65536)
            assert got.partition(b"\r\n\r\n")[2] == b"host,holdfast-request-id %016x." % number


def test_the_end_of_a_head_is_never_taken_for_a_head(start: Start) -> None:
    host = start(ECHO)
    end = b"x-one: %b\r\nholdfast-request-id: %b\r\n\r\n"
    with host.raw() as connection:
        for number, path in enumerate((b"/a", b"/b", b"/c", b"/c", b"/a")):
            connection.sendall(b"GET %b HTTP/1.1\r\nhost: a\r\n" % path)
            time.sleep(0.05)
            connection.sendall(end % (b"1", b"%016x" % number))
            got = b""
            while not got.endswith(b"}"):
                got += connection.recv(65536)
            assert b'"url": "http://a%b"' % path in got
