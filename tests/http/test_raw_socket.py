"""Bytes as an attacker sends them, on a real socket: what is no request, hides a second one, or never ends."""

from __future__ import annotations

import socket
import time

import pytest
from served import Api

from holdfast.web import protocol

pytestmark = pytest.mark.xdist_group("http-raw")

SMUGGLED = "GET /health/live?smuggled HTTP/1.1\r\nHost: {host}\r\n\r\n"
AMBIGUOUS = {
    "both lengths": "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "both, the other way": "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
    "two lengths": "Content-Length: 4\r\nContent-Length: 6\r\n\r\n{{}}  ",
    "one length twice": "Content-Length: 4\r\nContent-Length: 4\r\n\r\n{{}}  ",
    "a list of lengths": "Content-Length: 4, 4\r\n\r\n{{}}  ",
    "a signed length": "Content-Length: +4\r\n\r\n{{}}  ",
    "another coding": "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "chunked, but not last": "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "a space before the colon": "Content-Length : 4\r\n\r\n{{}}  ",
    "a folded line": "X: a\r\n Content-Length: 4\r\n\r\n",
    "a nul": "X: a\0b\r\n\r\n",
    "a bare line feed": "X: a\nContent-Length: 4\r\n\r\n{{}}  ",
    "a bare carriage return": "X: a\rContent-Length: 4\r\n\r\n{{}}  ",
    "a chunk of less than nothing": "Transfer-Encoding: chunked\r\n\r\n-2\r\n{{}}\r\n0\r\n\r\n",
    "a line feed in a chunk's extension": "Transfer-Encoding: chunked\r\n\r\n2;\n{{}}\r\n0\r\n\r\n",
}


def say(api: Api, text: str | bytes, *, wait: float = 10) -> bytes:
    """Everything that comes back until the other side ends the connection; b"" when it only did that."""
    host = api.url.removeprefix("http://")
    name, _, port = host.partition(":")
    raw = text.format(host=host).encode("latin-1") if isinstance(text, str) else text
    with socket.create_connection((name, int(port)), timeout=wait) as line:
        heard = b""
        try:
            line.sendall(raw)
            while found := line.recv(65536):
                heard += found
        except ConnectionError:
            pass  # it had said enough and closed while we were still sending
        return heard


@pytest.mark.parametrize("head", AMBIGUOUS.values(), ids=AMBIGUOUS)
def test_what_two_readers_could_cut_in_two_ways_is_refused(api, head) -> None:
    """400 and the end of the connection: nothing that was hidden behind it is ever taken for a request."""
    heard = say(api, "POST /api/v1/session HTTP/1.1\r\nHost: {host}\r\n" + head + SMUGGLED)
    assert heard.count(b"HTTP/1.1 ") == 1, heard
    assert heard.startswith(b"HTTP/1.1 400 ")
    assert b"nosniff" in heard
    assert "smuggled" not in api.log.read_text()


def test_two_requests_of_one_connection_get_two_answers(api) -> None:
    """What is not ambiguous still works: the tests above could have passed with everything refused."""
    plain = "GET /health/live HTTP/1.1\r\nHost: {host}\r\n"
    heard = say(api, plain + "\r\n" + plain + "Connection: close\r\n\r\n")
    assert heard.count(b"HTTP/1.1 200 ") == 2


@pytest.mark.parametrize(
    ("request_line", "status"),
    [
        ("TRACE /health/live HTTP/1.1", 405),
        ("CONNECT evil.example:443 HTTP/1.1", 400),
        ("OPTIONS * HTTP/1.1", 404),
        ("PRI * HTTP/2.0", 400),
        ("GET /health/live HTTP/1.1\r\nHost: evil.example", 421),
        ("GET /health/live\\..\\..\\x HTTP/1.1", 404),
        ("GET /assets/%2e%2e%2f%2e%2e%2fetc%2fpasswd HTTP/1.1", 404),
        ("GET /%ff%00%zz HTTP/1.1", 404),
        ("GET /.git/config HTTP/1.1", 404),
        ("GET /assets/ HTTP/1.1", 404),
    ],
)
def test_methods_and_targets_that_are_not_ours(api, request_line, status) -> None:
    heard = say(api, request_line + "\r\nHost: {host}\r\nX-Canary: echo-me\r\nConnection: close\r\n\r\n")
    assert heard.split()[1] == str(status).encode(), heard
    assert b"echo-me" not in heard
    assert b"root:" not in heard


@pytest.mark.parametrize(("upgrade", "status"), [("websocket", b"403"), ("h2c", b"401")])
def test_no_connection_becomes_another_protocol(api, upgrade, status) -> None:
    """Answered as what it is, with its guards, or the connection ends. No other origin opens a socket."""
    lines = f"Upgrade: {upgrade}\r\nConnection: Upgrade, close\r\nSec-WebSocket-Version: 13\r\n"
    lines += "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    heard = say(api, "GET /api/v1/session HTTP/1.1\r\nHost: {host}\r\nOrigin: http://evil.example\r\n" + lines)
    assert heard.split()[1] == status
    assert b" 101 " not in heard
    assert say(api, "GET /api/v1/session HTTP/1.1\r\nHost: evil.example\r\n" + lines).split()[1] == b"421"


@pytest.mark.parametrize(
    "head",
    [
        "GET /health/live?" + "a" * protocol.HEAD_LIMIT + " HTTP/1.1\r\nHost: {host}\r\n\r\n",
        "GET /health/live HTTP/1.1\r\nHost: {host}\r\nX: " + "a" * protocol.HEAD_LIMIT + "\r\n\r\n",
        "GET /health/live HTTP/1.1\r\nHost: {host}\r\n" + "X: a\r\n" * protocol.HEAD_LINES + "\r\n",
        "GET /health/live HTTP/1.1\r\nHost: {host}\r\nX: " + "a" * 16 * protocol.HEAD_LIMIT,
    ],
    ids=["a target", "a line", "many lines", "one that never ends"],
)
def test_a_head_has_an_end(api, head) -> None:
    """64 KiB and 200 lines; one line more or an endless one is cut off, not gathered."""
    heard = say(api, head)
    assert heard == b"" or heard.startswith(b"HTTP/1.1 431 "), heard[:200]


@pytest.mark.slow
def test_who_says_nothing_more_is_let_go(api) -> None:
    """A silent connection, half a head, a head without its body: each ends after 20 seconds, not never."""
    host = api.url.removeprefix("http://")
    name, _, port = host.partition(":")
    said = [
        b"",
        b"GET /health",
        f"POST /api/v1/session HTTP/1.1\r\nHost: {host}\r\nContent-Length: 9\r\n\r\n{{".encode(),
    ]
    lines = [socket.create_connection((name, int(port)), timeout=protocol.WAIT_SECONDS + 15) for _ in said]
    started = time.monotonic()
    try:
        for line, text in zip(lines, said, strict=True):
            line.sendall(text)
        assert [line.recv(1024) for line in lines] == [b""] * len(lines)
        assert time.monotonic() - started < protocol.WAIT_SECONDS + 10
        assert time.monotonic() - started > protocol.WAIT_SECONDS - 2
    finally:
        for line in lines:
            line.close()
