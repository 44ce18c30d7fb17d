"""Requests as they reach a worker, and answers as they come back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from edge_kit import Running, running, saying, table, telling, worker


@pytest.fixture
def it(tmp_path: Path) -> Iterator[Running]:
    with running(tmp_path / "r") as made:
        made.serve("app", telling)
        yield made


def test_a_request_reaches_its_worker_and_the_answer_comes_back(it: Running) -> None:
    answer = it.get("/a/b?c=d%20e", "app.localhost:7701", "X-Own: 1")
    assert answer.status == 200
    assert answer.json["start"] == "GET /a/b?c=d%20e HTTP/1.1"
    assert answer.heard["x-own"] == "1"
    assert answer.heard["host"] == "app.localhost:7701"
    assert answer.heard["holdfast-request-id"] == answer["holdfast-request-id"]
    assert len(answer["holdfast-request-id"]) == 16
    assert answer.heard["cf-connecting-ip"] == answer.heard["x-forwarded-for"] == "127.0.0.1"
    assert answer.heard["x-forwarded-proto"] == "http"
    assert answer.heard["x-forwarded-host"] == "app.localhost:7701"


def test_what_a_client_says_of_others_is_not_believed(it: Running) -> None:
    lies = [
        "X-Forwarded-For: 1.2.3.4",
        "X-Forwarded-Proto: https",
        "x_forwarded_for: 1.2.3.4",
        "Forwarded: for=1.2.3.4",
        "CF-Connecting-IP: 1.2.3.4",
        "CF_Connecting_IP: 1.2.3.4",
        "X-Real-IP: 1.2.3.4",
        "Holdfast-Service: Admin",
        "holdfast_service: Admin",
        "Holdfast-Request-Id: mine",
        "Holdfast-Url: http://x/",
        "Proxy-Authorization: Basic eA==",
        "TE: trailers",
        "Keep-Alive: 5",
        "Upgrade: h2c",
        "HTTP2-Settings: AAA",
        "Connection: keep-alive, X-Hop, Upgrade",
        "X-Hop: 1",
        "X_Own: kept",
    ]
    heard = it.get("/", "app.localhost", *lies).heard
    assert set(heard) == {
        *("host", "x_own", "cf-connecting-ip", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host"),
        "holdfast-request-id",
    }
    assert heard["x-forwarded-for"] == heard["cf-connecting-ip"] == "127.0.0.1"
    assert heard["holdfast-request-id"] != "mine"


def test_our_cookies_do_not_reach_a_worker(it: Running) -> None:
    cookies = "a=1; holdfast_session=SECRET; __Host-holdfast_session=SECRET; b=2; holdfast-version=x; HOLDFAST_X=SECRET"
    heard = it.get("/", "app.localhost", f"Cookie: {cookies}", "Cookie: holdfast_csrf=SECRET; c=3").heard
    assert heard["cookie"] == "a=1; b=2; c=3"
    assert "cookie" not in it.get("/", "app.localhost", "Cookie: holdfast_session=SECRET").heard


def test_a_worker_plants_no_cookie_of_ours(it: Running) -> None:
    lines = b"Set-Cookie: holdfast_session=x\r\nset-cookie: a=b\r\nSet-Cookie: =holdfast_session=x\r\n"
    lines += b"Set-Cookie:  __Host-HoldFast_session=x; Secure\r\nHoldfast-Secret: 1\r\nKeep-Alive: 3\r\n"
    it.serve("app", saying(b"HTTP/1.1 200 OK\r\n" + lines + b"content-length: 2\r\n\r\nok"))
    answer = it.get()
    assert answer["set-cookie"] == "a=b"
    assert {name for name, _ in answer.fields} == {"set-cookie", "content-length", "holdfast-request-id"}
    assert answer.body == b"ok"


def test_bodies_go_through_as_they_are(it: Running) -> None:
    data = bytes(range(256)) * 4000
    with_length = b"POST / HTTP/1.1\r\nHost: app.localhost\r\nContent-Length: %d\r\n\r\n" % len(data) + data
    assert it.ask(with_length).json["body"].encode("latin-1") == data
    chunks = b"".join(b"%X;a=b\r\n%b\r\n" % (len(part), part) for part in (data[:1], data[1:70000], data[70000:]))
    chunked = b"POST / HTTP/1.1\r\nHost: app.localhost\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks
    answer = it.ask(chunked + b"0\r\nX-Trailer: holdfast\r\n\r\n")
    assert answer.json["body"].encode("latin-1") == data
    assert "x-trailer" not in answer.heard


def test_a_connection_carries_many_requests_also_sent_at_once(it: Running) -> None:
    line = it.line()
    one = b"POST /%d HTTP/1.1\r\nHost: app.localhost\r\nContent-Length: 2\r\n\r\nhi"
    line.send(b"".join(one % number for number in range(20)))
    answers = [line.answer() for _ in range(20)]
    assert [answer.json["start"] for answer in answers] == [f"POST /{n} HTTP/1.1" for n in range(20)]
    line.send(b"GET /last HTTP/1.1\r\nHost: app.localhost\r\nConnection: close\r\n\r\n")
    last = line.answer()
    assert last["connection"] == "close"
    assert line.rest() == b""
    assert it.connections["app"] == 1, "the connection to the worker was not kept"
    line.close()


def test_head_has_no_body_and_the_line_goes_on(it: Running) -> None:
    line = it.line()
    line.send(b"HEAD / HTTP/1.1\r\nHost: app.localhost\r\n\r\nGET /2 HTTP/1.1\r\nHost: app.localhost\r\n\r\n")
    head = line.answer(head_only=True)
    assert head.status == 200
    assert int(head["content-length"]) > 0
    assert line.answer().json["start"] == "GET /2 HTTP/1.1"
    line.close()


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified"])
def test_answers_without_a_body(it: Running, status: bytes) -> None:
    it.serve("app", saying(b"HTTP/1.1 " + status + b"\r\netag: x\r\n\r\n"))
    line = it.line()
    for _ in range(3):
        line.send(b"GET / HTTP/1.1\r\nHost: app.localhost\r\n\r\n")
        answer = line.answer()
        assert answer.status == int(status[:3])
        assert answer["etag"] == "x"
        assert "transfer-encoding" not in dict(answer.fields)
    line.close()


def test_http_1_0_gets_an_answer_that_ends(it: Running) -> None:
    it.serve("app", saying(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"))
    answer = it.ask(b"GET / HTTP/1.0\r\nHost: app.localhost\r\nConnection: keep-alive\r\n\r\n")
    assert answer.body == b"abcde"
    assert "transfer-encoding" not in dict(answer.fields)
    assert answer["connection"] == "close"


def test_an_answer_that_ends_with_its_connection_is_framed(it: Running) -> None:
    it.serve("app", saying(b"HTTP/1.1 200 OK\r\n\r\nuntil the end", close=True))
    line = it.line()
    for _ in range(2):
        line.send(b"GET / HTTP/1.1\r\nHost: app.localhost\r\n\r\n")
        answer = line.answer()
        assert answer["transfer-encoding"] == "chunked"
        assert answer.body == b"until the end"
    line.close()


def test_expect_continue_is_answered_once_the_worker_is_there(it: Running) -> None:
    line = it.line()
    line.send(b"PUT / HTTP/1.1\r\nHost: app.localhost\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
    assert line.head()[0] == 100
    line.send(b"hello")
    answer = line.answer()
    assert answer.json["body"] == "hello"
    assert "expect" not in answer.heard
    line.send(b"PUT / HTTP/1.1\r\nHost: nobody.localhost\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
    assert line.answer().status == 404
    line.close()


def test_early_hints_and_continue_of_a_worker(it: Running) -> None:
    hints = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\nX-No: 1\r\n\r\n"
    it.serve("app", saying(hints + b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"))
    line = it.line()
    line.send(b"GET / HTTP/1.1\r\nHost: app.localhost\r\n\r\n")
    assert line.head() == (103, (("link", "</a.css>"),))
    assert line.answer().body == b"ok"
    line.close()


def test_by_path_on_the_shared_host_alone(it: Running) -> None:
    it.routes(table(worker(), worker("other", hosts=["api.example.org"]), revision=2))
    it.serve("other", telling)
    answer = it.get("/run/other/x?y=/run/app", "localhost:7701")
    assert answer.json["start"] == "GET /x?y=/run/app HTTP/1.1"
    assert answer.heard["x-forwarded-prefix"] == "/run/other"
    assert it.get("/run/other/x", "127.0.0.1:1").status == 200
    assert it.get("/run/other/x", "[::1]:1").status == 200
    moved = it.get("/run/other?a=b", "localhost")
    assert (moved.status, moved["location"]) == (308, "/run/other/?a=b")
    assert it.get("/run/other/x", "app.localhost").json["start"] == "GET /run/other/x HTTP/1.1"
    assert "x-forwarded-prefix" not in it.get("/", "API.Example.Org", "X-Forwarded-Prefix: /y").heard
    for path in ("/", "/run", "/run/", "/run/nobody/", "/run/%6fther/", "/api/v1/projects", "/health", "/run//other/"):
        assert it.get(path, "localhost").status == 404
    for host in ("nobody.localhost", "evil.example", "app.localhost.evil.example", "127.0.0.2", "xapp.localhost"):
        assert it.get("/run/other/x", host).status == 404


def test_what_holds_for_a_whole_host_is_not_said_on_a_shared_one(it: Running) -> None:
    lines = b'Clear-Site-Data: "cookies"\r\nService-Worker-Allowed: /\r\nStrict-Transport-Security: max-age=9\r\n'
    it.serve("app", saying(b"HTTP/1.1 200 OK\r\n" + lines + b"content-length: 2\r\n\r\nok"))
    shared = dict(it.get("/run/app/", "localhost").fields)
    assert set(shared) == {"content-length", "holdfast-request-id"}
    assert "clear-site-data" in dict(it.get().fields)


def test_nobody_answers_for_an_unknown_host_in_words_for_each(it: Running) -> None:
    told = it.get("/", "nobody.localhost")
    assert (told.status, told.json["error"]["code"]) == (404, "host_unknown")
    assert told.json["error"]["request_id"] == told["holdfast-request-id"]
    page = it.get("/", "nobody.localhost", "Accept: text/html,*/*")
    assert page["content-type"] == "text/html; charset=utf-8"
    assert b"<h1>" in page.body
    line = it.line()
    line.send(b"GET / HTTP/1.1\r\nHost: nobody\r\n\r\nGET / HTTP/1.1\r\nHost: app.localhost\r\n\r\n")
    assert [line.answer().status for _ in range(2)] == [404, 200]
    line.close()


def test_the_front_says_who_asks(it: Running) -> None:
    import socket

    made = socket.socket(socket.AF_UNIX)
    made.settimeout(5)
    made.connect(str(it.runtime / "front"))
    from edge_kit import Line

    line = Line(made)
    line.send(
        b"GET / HTTP/1.1\r\nHost: app.localhost\r\nX-Forwarded-For: 9.9.9.9, 203.0.113.7\r\n"
        b"X-Forwarded-Proto: https\r\nX-Forwarded-Host: other\r\nHoldfast-Service: x\r\n\r\n"
    )
    heard = line.answer().heard
    assert heard["cf-connecting-ip"] == heard["x-forwarded-for"] == "203.0.113.7"
    assert heard["x-forwarded-proto"] == "https"
    assert heard["x-forwarded-host"] == "app.localhost"
    assert "holdfast-service" not in heard
    line.close()
