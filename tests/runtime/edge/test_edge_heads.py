"""Heads, whatever is in them: read in one way or refused, and passed on as one head."""

from __future__ import annotations

import httptools
from hypothesis import example, given, settings
from hypothesis import strategies as st

from holdfast.runtime.edge import forward
from holdfast.runtime.edge.admission import sets_ours, without_ours
from holdfast.runtime.edge.heads import BadHead, Request, read_request, read_response
from holdfast.runtime.edge.limits import Limits

LIMITS = Limits()
NAMES = st.sampled_from(
    [
        *(
            "Host",
            "Content-Length",
            "Transfer-Encoding",
            "Connection",
            "Upgrade",
            "Cookie",
            "Expect",
            "X-Own",
            "Accept",
        ),
        *("X-Forwarded-For", "holdfast-service", "Holdfast_Service", "CF-Connecting-IP", "x_forwarded_proto", "TE"),
        *("Origin", "Authorization", "Set-Cookie", "x-hop"),
    ]
)
VALUES = st.one_of(
    st.sampled_from(["app.localhost", "3", "chunked", "keep-alive, x-hop", "close", "websocket", "", " x ", "a=b; c"]),
    st.text(st.characters(min_codepoint=0, max_codepoint=255), max_size=12),
)
LINES = st.lists(st.tuples(NAMES, VALUES), max_size=8)
TARGETS = st.one_of(st.just("/"), st.text(st.characters(min_codepoint=0, max_codepoint=255), max_size=15))


class Heard:
    def __init__(self) -> None:
        self.fields: list[tuple[bytes, bytes]] = []
        self.urls: list[bytes] = []
        self.heads = 0

    def on_url(self, url: bytes) -> None:
        self.urls.append(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self.fields.append((name, value))

    def on_headers_complete(self) -> None:
        self.heads += 1


def passed_on(request: Request) -> bytes:
    head = forward.request_head(request, request.target, client=b"203.0.113.7", proto=b"http", cookie=b"", prefix=b"")
    return head + forward.ending("id")


@given(TARGETS, LINES)
@example("/", [("Host", "app.localhost"), ("Connection", "cf-connecting-ip, holdfast-request-id")])
@settings(max_examples=150, deadline=None)
def test_what_goes_on_is_one_head_and_ours_is_said_by_us_alone(target: str, lines: list[tuple[str, str]]) -> None:
    text = "".join(f"{name}: {value}\r\n" for name, value in lines)
    raw = f"GET {target} HTTP/1.1\r\nHost: app.localhost\r\n{text}\r\n".encode("latin-1")
    try:
        request = read_request(raw, LIMITS)
    except BadHead:
        return
    heard = Heard()
    parser = httptools.HttpRequestParser(heard)
    try:
        parser.feed_data(passed_on(request))
    except httptools.HttpParserUpgrade:
        assert request.upgrade
    assert (heard.heads, heard.urls) == (1, [request.target])
    named = [name.lower().replace(b"_", b"-") for name, _ in heard.fields]
    for name in (b"holdfast-request-id", b"cf-connecting-ip", b"x-forwarded-for", b"x-forwarded-proto", b"host"):
        assert named.count(name) == 1
    assert named.count(b"content-length") + named.count(b"transfer-encoding") <= 1
    assert not {b"holdfast-service", b"te", b"x-forwarded-x"} & set(named)


@given(st.integers(0, 999), LINES)
@settings(max_examples=150, deadline=None)
def test_an_answer_goes_on_as_one_head(status: int, lines: list[tuple[str, str]]) -> None:
    text = "".join(f"{name}: {value}\r\n" for name, value in lines)
    try:
        head = read_response(f"HTTP/1.1 {status:03} X\r\n{text}\r\n".encode("latin-1"), LIMITS)
    except BadHead:
        return
    heard = Heard()
    raw = forward.response_head(head, cors=(), bare=True, framing=b"content-length: 0\r\n") + forward.ending("id")
    parser = httptools.HttpResponseParser(heard)
    try:
        parser.feed_data(raw)
    except httptools.HttpParserUpgrade:
        assert status == 101
    named = [name.lower() for name, _ in heard.fields]
    assert heard.heads == 1
    assert named.count(b"content-length") == 1
    assert b"transfer-encoding" not in named
    assert [name for name in named if name.startswith(b"holdfast-")] == [b"holdfast-request-id"]


COOKIE_NAMES = st.sampled_from(["a", "holdfast_session", "__Host-holdfast_x", " HOLDFAST_x", "holdfast-version", "x"])


@given(
    st.lists(st.tuples(COOKIE_NAMES, st.text("ab=\" ,'", max_size=5)), max_size=6), st.sampled_from(["; ", ";", " ;"])
)
def test_no_cookie_of_ours_is_left_whatever_stands_between(pairs: list[tuple[str, str]], between: str) -> None:
    cookies = between.join(f"{name}={value}" for name, value in pairs).encode()
    kept, _ = without_ours(cookies)
    assert b"holdfast" not in kept.lower()
    assert kept.count(b"a=") >= sum(1 for name, _ in pairs if name == "a")


def test_a_cookie_without_a_name_is_read_by_its_value() -> None:
    assert all(
        map(sets_ours, (b"holdfast_session=x", b" =holdfast_session=x", b"==HOLDFAST_x", b"\t__Host-holdfast=1"))
    )
    assert not any(map(sets_ours, (b"a=holdfast_session", b"xholdfast_a=1", b"")))
