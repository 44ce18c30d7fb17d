"""The same head again on a connection is judged as if it had been read anew."""

from __future__ import annotations

import contextlib
import hashlib
import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from edge_kit import Line, Running, running, saying, table, telling, worker
from hypothesis import given, settings
from hypothesis import strategies as st

ASK = b"GET /a?b=c HTTP/1.1\r\nHost: app.localhost\r\nX-One: 1\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n"


@pytest.fixture
def it(tmp_path: Path) -> Iterator[Running]:
    with running(tmp_path / "r") as made:
        yield made


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("e") / "r") as made:
        yield made


@pytest.fixture
def line(it: Running) -> Iterator[Line]:
    with contextlib.closing(it.line()) as made:
        yield made


def test_each_has_an_id_of_its_own_and_all_else_alike(it: Running, line: Line) -> None:
    it.serve("app", telling)
    found = []
    for _ in range(5):
        line.send(ASK)
        answer = line.answer()
        heard = answer.heard
        assert heard.pop("holdfast-request-id") == answer["holdfast-request-id"]
        found.append((answer.json["start"], heard, answer["holdfast-request-id"]))
    assert all(each[:2] == found[0][:2] for each in found)
    assert found[0][1]["x-one"] == "1"
    assert len({each[2] for each in found}) == 5


def test_one_behind_the_other_in_one_piece(it: Running, line: Line) -> None:
    it.serve("app", telling)
    line.send(ASK * 20)
    assert len({line.answer()["holdfast-request-id"] for _ in range(20)}) == 20


def test_another_head_between_is_another_request(it: Running, line: Line) -> None:
    it.serve("app", telling)
    other = ASK.replace(b"X-One: 1", b"X-One: 2")
    post = b"POST /p HTTP/1.1\r\nHost: app.localhost\r\nContent-Length: 3\r\n\r\nabc"
    for raw, start, one in [(ASK, "GET", "1"), (ASK, "GET", "1"), (other, "GET", "2"), (ASK, "GET", "1")] * 2:
        line.send(raw)
        answer = line.answer()
        assert (answer.json["start"].split()[0], answer.heard["x-one"]) == (start, one)
    for body in (b"abc", b"xyz"):
        line.send(post.replace(b"abc", body))
        assert line.answer().json["body"] == body.decode()


def test_a_new_table_is_obeyed(it: Running, line: Line) -> None:
    it.serve("app", saying(OK + b"v1"))
    it.serve("two", saying(OK + b"v2"))
    for _ in range(3):
        line.send(ASK)
        assert line.answer().body == b"v1"
    it.routes(table(worker(versions=[{"id": "v2", "token": "two", "weight": 100, "tag": None}]), revision=2))
    line.send(ASK)
    assert line.answer().body == b"v2"
    it.routes(table(worker(enabled=False), revision=3))
    line.send(ASK)
    assert line.answer().status == 503
    it.routes(table(revision=4))
    line.send(ASK)
    assert line.answer().status == 404


def test_a_rate_counts_each(it: Running, line: Line) -> None:
    it.serve("app", saying(OK + b"ok"))
    it.routes(table(worker(rate={"requests": 3, "seconds": 60, "by": "client"}), revision=2))
    found = []
    for _ in range(5):
        line.send(ASK)
        found.append(line.answer().status)
    assert found == [200, 200, 200, 429, 429]


def test_a_key_ends_in_time(it: Running, line: Line) -> None:
    it.serve("app", saying(OK + b"ok"))
    key = hashlib.sha256(b"short").hexdigest()
    it.routes(table(worker(keys=[f"{key}:{int(time.time()) + 4}"]), revision=2))
    raw = ASK.replace(b"X-One", b"X-Api-Key").replace(b": 1", b": short")
    found: list[int] = []
    until = time.monotonic() + 30
    while (not found or found[-1] == 200) and time.monotonic() < until:
        line.send(raw)
        found.append(line.answer().status)
        time.sleep(0.05)
    assert (found[0], found[-1]) == (200, 401)
    assert found.count(200) > 2


@given(st.lists(st.sampled_from([b"a: 1", b"a: 2", b"set-cookie: holdfast_x=1", b"b: 1"]), max_size=3))
@settings(max_examples=25, deadline=None)
def test_answers_with_the_same_head_are_passed_on_alike(shared: Running, lines: list[bytes]) -> None:
    raw = b"HTTP/1.1 200 OK\r\n" + b"".join(each + b"\r\n" for each in lines) + b"content-length: 2\r\n\r\nok"
    shared.serve("app", saying(raw))
    with contextlib.closing(shared.line()) as line:
        found = []
        for _ in range(3):
            line.send(b"GET /run/app/ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            fields = dict(line.answer().fields)
            fields.pop("holdfast-request-id")
            found.append(json.dumps(fields))
    assert len(set(found)) == 1
    assert "holdfast_x" not in found[0]


def test_long_heads_are_not_kept_for_whoever_opens_many_connections(it: Running, line: Line) -> None:
    it.serve("app", saying(b"HTTP/1.1 200 OK\r\nx-long: %b\r\ncontent-length: 2\r\n\r\nok" % (b"x" * 5000)))
    for _ in range(3):
        line.send(ASK.replace(b"X-One: 1", b"X-One: " + b"1" * 5000))
        assert line.answer().body == b"ok"
    (client,) = it.edge.clients
    assert client._last is None
    assert [each._known for waiting in it.edge.pool._idle.values() for each in waiting] == [None]
