"""Calls on real sockets: what is refused never connects, and no credential is taken along."""

from __future__ import annotations

import asyncio
import gzip
import itertools
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from http.server import BaseHTTPRequestHandler
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from outbound_servers import Asked, Served, certified, connects, plain, redirect, serving

from holdfast.kernel.outbound import OutboundPolicy, Refused, allowance, guarded_async_client, guarded_client
from holdfast.kernel.outbound_addresses import is_local, kind_of

Call = Callable[..., httpx.Response]
ANY = "0.0.0" + ".0"
PUBLIC = "93.184.215.14"


def sync_call(
    policy: OutboundPolicy, method: str, url: str, *, options: dict[str, Any] | None = None, **request: Any
) -> httpx.Response:
    with guarded_client(policy, **(options or {})) as client:
        return client.request(method, url, **request)


def async_call(
    policy: OutboundPolicy, method: str, url: str, *, options: dict[str, Any] | None = None, **request: Any
) -> httpx.Response:
    async def ask() -> httpx.Response:
        async with guarded_async_client(policy, **(options or {})) as client:
            return await client.request(method, url, **request)

    return asyncio.run(ask())


@pytest.fixture(params=[sync_call, async_call], ids=["sync", "async"])
def call(request: pytest.FixtureRequest) -> Call:
    found: Call = request.param
    return found


@pytest.fixture
def inner() -> Iterator[Served]:
    """What must never be reached."""
    with serving() as made:
        yield made


def opened(*servers: Served, **more: Any) -> OutboundPolicy:
    return OutboundPolicy(frozenset(("127.0.0.1", server.port) for server in servers), **more)


def named(*addresses: str) -> Callable[[str, int], Sequence[str]]:
    return lambda _host, _port: addresses


def hosts_of(seen: list[Any]) -> list[str]:
    return [str(where[0]) for where in seen if isinstance(where, tuple)]


INSIDE = [
    "127.0.0.1",
    "localhost",
    "127.1",
    "2130706433",
    "0x7f.1",
    "0",
    ANY,
    "[::1]",
    "[::]",
    "[::ffff:127.0.0.1]",
]


@pytest.mark.parametrize("host", INSIDE)
def test_listeners_of_this_machine_see_no_connection(call: Call, inner: Served, host: str) -> None:
    with serving(host="::1", port=inner.port) as six, connects() as seen:
        with pytest.raises(Refused):
            call(OutboundPolicy(), "GET", inner.at(host=host))
        assert (inner.connections, six.connections, hosts_of(seen)) == (0, 0, [])


def test_the_watch_would_have_seen_it(call: Call, inner: Served) -> None:
    """The tests above could fail: what is allowed is connected to, by both clients."""
    with connects() as seen:
        assert call(opened(inner), "GET", inner.at()).text == "inside"
    assert (inner.connections, hosts_of(seen)) == (1, ["127.0.0.1"])


def addresses() -> st.SearchStrategy[str]:
    return st.one_of(
        st.integers(0, 2**32 - 1).map(lambda n: str(ip_address(n))),
        st.integers(0, 2**128 - 1).map(lambda n: str(type(ip_address("::"))(n))),
        st.sampled_from([PUBLIC, "127.0.0.1", "::1", "10.0.0.1", "169.254.169.254", "fe80::1%lo", "::ffff:127.0.0.1"]),
    )


@settings(max_examples=150, deadline=None)
@given(
    answer=st.lists(addresses(), max_size=6),
    at=st.integers(0, 6),
    forbidden=st.sampled_from(
        [
            "127.0.0.1",
            "127.9.9.9",
            "::1",
            "10.9.8.7",
            "192.168.1.1",
            "169.254.169.254",
            "fd00::1",
            "fe80::1%lo",
            "::ffff:127.0.0.1",
            "64:ff9b::7f00:1",
            ANY,
            "100.64.0.1",
            "224.0.0.1",
        ]
    ),
)
@pytest.mark.parametrize("call", [sync_call, async_call], ids=["sync", "async"])
def test_one_forbidden_address_among_any_is_enough(call: Call, answer: list[str], at: int, forbidden: str) -> None:
    """Wherever it stands in the answer, nothing is connected to: not even the public ones."""
    found = [*answer[:at], forbidden, *answer[at:]]
    with connects() as seen, pytest.raises(Refused):
        call(OutboundPolicy(resolver=named(*found)), "GET", "http://rebind.example/")
    assert hosts_of(seen) == []


def test_a_name_that_changes_between_check_and_connect(call: Call) -> None:
    """The resolver answers in turn with an allowed address and a forbidden one; both have a server on that port."""
    with serving(host="127.0.0.2") as allowed, serving(host="127.0.0.1", port=allowed.port) as forbidden:
        for first in ("127.0.0.2", "127.0.0.1"):
            turn = itertools.cycle((first, "127.0.0.1" if first == "127.0.0.2" else "127.0.0.2"))
            asked: list[str] = []

            def resolve(host: str, _port: int, turn: Iterator[str] = turn, asked: list[str] = asked) -> list[str]:
                asked.append(host)
                return [next(turn)]

            policy = OutboundPolicy(frozenset({allowance("127.0.0.2/32")}), resolver=resolve)
            outcomes = []
            for _ in range(6):
                try:
                    outcomes.append(call(policy, "GET", allowed.at(host="rebind.example")).status_code)
                except Refused:
                    outcomes.append(0)
            assert sorted(outcomes) == [0, 0, 0, 200, 200, 200]
            assert len(asked) == 6  # once for each call: there is nothing to change its mind in between
    assert (allowed.connections, forbidden.connections) == (6, 0)
    assert all(each.headers["host"] == f"rebind.example:{allowed.port}" for each in allowed.asked)


def test_the_next_address_is_tried_when_one_does_not_answer(call: Call) -> None:
    with serving(host="127.0.0.3") as there:
        policy = OutboundPolicy(frozenset({allowance("127.0.0.0/30")}), resolver=named("127.0.0.2", "127.0.0.3"))
        assert call(policy, "GET", there.at(host="two.example")).text == "inside"
    policy = OutboundPolicy(frozenset({allowance("127.0.0.0/30")}), resolver=named("127.0.0.2", "127.0.0.3"))
    with pytest.raises(httpx.ConnectError):
        call(policy, "GET", there.at(host="two.example"))


def test_tls_is_for_the_name_and_the_connection_for_the_address(call: Call, tmp_path: Path) -> None:
    server, trust = certified(tmp_path, "idp.example")
    with serving(tls=server) as there:
        policy = OutboundPolicy(frozenset({allowance("127.0.0.1/32")}), resolver=named("127.0.0.1"))
        options = {"verify": trust}
        answer = call(policy, "GET", there.at(host="idp.example", scheme="https"), options=options)
        assert answer.text == "inside"
        assert there.names == ["idp.example"]
        assert there.asked[0].headers["host"] == f"idp.example:{there.port}"
        with pytest.raises(httpx.ConnectError):
            call(policy, "GET", there.at(host="other.example", scheme="https"), options=options)
        with pytest.raises(httpx.ConnectError):  # nobody has vouched for it
            call(policy, "GET", there.at(host="idp.example", scheme="https"))


FORBIDDEN = [
    "http://127.0.0.1:{inner}/", "http://localhost:{inner}/", "http://2130706433:{inner}/", "//127.0.0.1:{inner}/",
    "//localhost:{inner}", "http://[::1]:{inner}/", "http://[::ffff:127.0.0.1]:{inner}/", "http://0:{inner}/",
    "http://0x7f.1:{inner}/", "http://127.1:{inner}/", "http://private.example:{inner}/", "http://169.254.169.254/",
    "http://user@127.0.0.1:{outer}/", "//user:pw@127.0.0.1:{outer}/", "http://127.0.0.1:{outer}@127.0.0.1:{inner}/",
    "http://127.0.0.1\\@127.0.0.1:{inner}/", "file:///etc/passwd", "ftp://127.0.0.1:{inner}/", "gopher://127.0.0.1:{inner}/x",
    "unix:///run/admin.sock", "data:text/plain,x", "javascript:x", "http:///", "http://", "https://127.0.0.1:{inner}/",
    "http://127.0.0.1:{inner}\t/", "HTTP://LOCALHOST:{inner}/", "http://①②⑦.0.0.1:{inner}/",
]  # fmt: skip


@pytest.mark.parametrize("location", FORBIDDEN)
@pytest.mark.parametrize("status", [301, 307])
def test_a_redirect_leads_to_no_forbidden_place(call: Call, inner: Served, location: str, status: int) -> None:
    """By whatever form: the server behind the first hop sees one request, the one behind the second none."""
    answers: dict[str, Any] = {"/start": redirect("/middle")}
    with serving(answers) as outer, connects() as seen:
        where = location.format(inner=inner.port, outer=outer.port)
        answers["/middle"] = redirect(where.encode().decode("latin-1"), status)
        policy = opened(outer, resolver=named("127.0.0.1"))
        with pytest.raises((Refused, httpx.HTTPError)):
            call(policy, "GET", outer.at("/start"))
        assert [each.path for each in outer.asked] == ["/start", "/middle"]
        assert inner.connections == 0
        assert {port for _, port, *_ in seen} <= {outer.port}


def test_a_redirect_from_https_to_http_is_not_followed(call: Call, inner: Served, tmp_path: Path) -> None:
    server, trust = certified(tmp_path, "a.example")
    with serving({"/": redirect(inner.at())}, tls=server) as outer:
        policy = OutboundPolicy(frozenset({allowance("127.0.0.1/32")}), resolver=named("127.0.0.1"))
        with pytest.raises(Refused) as refused:
            call(policy, "GET", outer.at(host="a.example", scheme="https"), options={"verify": trust})
        assert refused.value.reason == "downgrade"
    assert inner.connections == 0


def test_five_redirects_and_no_more(call: Call) -> None:
    answers = {f"/{number}": redirect(f"/{number - 1}") for number in range(1, 8)}
    with serving({**answers, "/0": plain(b"end")}) as there:
        followed = call(opened(there), "GET", there.at("/5"))
        assert (followed.text, len(followed.history)) == ("end", 5)
        with pytest.raises(Refused):
            call(opened(there), "GET", there.at("/6"))
        assert call(opened(there), "GET", there.at("/1"), options={"max_redirects": 0}).status_code == 302
        assert call(opened(there), "GET", there.at("/1"), follow_redirects=False).status_code == 302


SECRETS = {
    "Authorization": "Bearer secret-1",
    "Cookie": "a=secret-2",
    "X-Api-Key": "secret-3",
    "X-Anything": "secret-4",
}


def test_credentials_stay_with_their_origin(call: Call) -> None:
    """Header, cookie, `auth=` and cookies that were set on the way: another port is another origin already."""
    with serving() as other:
        answers = {"/same": redirect("/last"), "/away": redirect(other.at("/"), set_cookie="s=secret-5; Path=/")}
        with serving({**answers, "/last": plain(b"")}) as own:
            policy = opened(own, other)
            call(policy, "GET", own.at("/same"), headers=SECRETS)
            kept = own.asked[1].headers
            assert kept["authorization"] == "Bearer secret-1"
            assert kept["x-api-key"] == "secret-3"
            call(policy, "GET", own.at("/away"), headers=SECRETS)
            call(policy, "GET", own.at("/away"), auth=("user", "secret-6"))
        assert len(other.asked) == 2
        for asked in other.asked:
            assert "secret" not in repr(asked)
            assert "authorization" not in asked.headers
        assert own.asked[-1].headers["authorization"].startswith("Basic ")


def test_what_was_sent_is_not_sent_elsewhere(call: Call, inner: Served) -> None:
    """307 and 308 repeat a body to the same origin only; the others become a GET without one."""
    answers: dict[str, Any] = {
        "/303": redirect("/last", 303), "/302": redirect("/last", 302),
        "/307": redirect("/last", 307), "/308": redirect("/last", 308),
        "/away": redirect(inner.at(), 307), "/away303": redirect(inner.at(), 303),
    }  # fmt: skip
    with serving(answers) as own:
        policy, body = opened(own, inner), {"client_secret": "secret"}
        for path, method, sent in (
            ("/303", "GET", b""),
            ("/302", "GET", b""),
            ("/307", "POST", b"client_secret=secret"),
            ("/308", "POST", b"client_secret=secret"),
        ):
            call(policy, "POST", own.at(path), data=body)
            last = own.asked[-1]
            assert (last.path, last.method, last.body) == ("/last", method, sent)
        with pytest.raises(Refused):
            call(policy, "POST", own.at("/away"), data=body)
        assert inner.connections == 0
        call(policy, "POST", own.at("/away303"), data=body)
    assert (inner.asked[0].method, inner.asked[0].body) == ("GET", b"")
    assert "content-type" not in inner.asked[0].headers


@pytest.mark.parametrize("host", ["127.0.0.1:1", "internal.example", ""])
def test_the_host_header_is_the_urls(call: Call, inner: Served, host: str) -> None:
    with pytest.raises(Refused):
        call(opened(inner), "GET", inner.at(), headers={"Host": host})
    assert inner.connections == 0


def test_the_environment_chooses_no_proxy(
    call: Call, inner: Served, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Nor credentials: a proxy would connect for us to whatever it is told."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login user password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    with serving() as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.at())
        call(opened(inner), "GET", inner.at())
        assert (proxy.connections, inner.connections) == (0, 1)
    assert "authorization" not in inner.asked[0].headers


def chunked(size: int, count: int) -> Any:
    def answer(_asked: Asked, handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("transfer-encoding", "chunked")
        handler.end_headers()
        for _ in range(count):
            handler.wfile.write(f"{size:x}\r\n".encode() + b"x" * size + b"\r\n")
        handler.wfile.write(b"0\r\n\r\n")

    return answer


def test_an_answer_is_bounded_whether_it_says_its_size_or_not(call: Call) -> None:
    bomb = gzip.compress(b"0" * 1_000_000)
    answers = {
        "/told": plain(b"x" * 1001), "/fits": plain(b"x" * 1000), "/untold": chunked(100, 11),
        "/untold-fits": chunked(100, 10), "/bomb": plain(bomb[:900], content_encoding="gzip"),
    }  # fmt: skip
    with serving(answers) as there:
        options = {"max_bytes": 1000}
        assert len(call(opened(there), "GET", there.at("/fits"), options=options).content) == 1000
        assert len(call(opened(there), "GET", there.at("/untold-fits"), options=options).content) == 1000
        assert call(opened(there), "HEAD", there.at("/told"), options=options).status_code == 200
        for path, reason in (("/told", "too_large"), ("/untold", "too_large"), ("/bomb", "encoding")):
            with pytest.raises(Refused) as refused:
                call(opened(there), "GET", there.at(path), options=options)
            assert refused.value.reason == reason
        assert {asked.headers["accept-encoding"] for asked in there.asked} == {"identity"}


def drip(head: bytes, *, forever: bytes) -> Any:
    """A byte now and then: no single wait is long."""

    def answer(_asked: Asked, handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(head)
        for _ in range(200):
            try:
                handler.wfile.write(forever)
                handler.wfile.flush()
            except OSError:
                return
            time.sleep(0.02)

    return answer


def test_a_call_ends_at_its_deadline_however_slowly_it_goes_on(call: Call) -> None:
    """In the head, in the body, in a circle of redirects, and in the name's resolution."""
    answers = {
        "/head": drip(b"HTTP/1.1 200 OK\r\n", forever=b"X: y\r\n"),
        "/body": drip(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", forever=b"x"),
        "/slow": lambda asked, handler: (time.sleep(0.25), redirect("/slow")(asked, handler)),
    }
    with serving(answers) as there:
        for path in answers:
            began = time.monotonic()
            with pytest.raises(httpx.TimeoutException):
                call(opened(there), "GET", there.at(path), options={"deadline": 0.4, "timeout": 0.4})
            assert time.monotonic() - began < 15
        slow = OutboundPolicy(resolver=lambda *_: time.sleep(8) or ["127.0.0.1"])  # type: ignore[func-returns-value]
        began = time.monotonic()
        with pytest.raises(httpx.ConnectTimeout):
            call(slow, "GET", "http://slow.example/", options={"deadline": 0.3})
        assert time.monotonic() - began < 6


def test_a_stream_is_guarded_as_well() -> None:
    with serving({"/": chunked(3, 2)}) as inner, guarded_client(opened(inner), max_bytes=3) as client:
        with client.stream("GET", inner.at()) as answer:
            assert answer.status_code == 200
            with pytest.raises(Refused):
                answer.read()
        with pytest.raises(Refused), client.stream("GET", "http://localhost/"):
            pass


def test_what_another_caller_does_wrong_leaves_the_client_usable(inner: Served) -> None:
    with guarded_client(opened(inner)) as client:
        for _ in range(20):
            with pytest.raises(Refused):
                client.get("http://10.0.0.1/")
            assert client.get(inner.at()).text == "inside"
    assert inner.connections == 1  # kept and used again


def test_a_name_nobody_knows_is_an_ordinary_failure(call: Call) -> None:
    def unknown(_host: str, _port: int) -> list[str]:
        raise socket.gaierror(-2, "Name or service not known")

    for resolver in (unknown, named()):
        with pytest.raises(httpx.ConnectError):
            call(OutboundPolicy(resolver=resolver), "GET", "http://nobody.example/")


def test_a_public_address_of_this_machine_is_no_public_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its firewall guards it from outside only. Our interfaces' own addresses are told by the kernel."""
    mine = [
        a.address.partition("%")[0]
        for each in psutil.net_if_addrs().values()
        for a in each
        if a.family in (socket.AF_INET, socket.AF_INET6)
    ]
    assert mine
    assert all(is_local(ip_address(address)) for address in mine if not address.startswith("fe80"))
    assert not is_local(ip_address(PUBLIC))
    assert kind_of(ip_address(PUBLIC)) is None
    monkeypatch.setattr("holdfast.kernel.outbound_policy.is_local", lambda address: str(address) == PUBLIC)
    policy = OutboundPolicy(own_listeners=lambda: [(ANY, 7700)], resolver=named(PUBLIC))
    for url, reason in (
        (f"http://{PUBLIC}/", "own_machine"),
        (f"http://{PUBLIC}:7700/", "own_listener"),
        ("http://me.example:7700/", "own_listener"),
    ):
        with pytest.raises(Refused) as refused:
            sync_call(policy, "GET", url)
        assert refused.value.reason == reason
