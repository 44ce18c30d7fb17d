"""The only way out: the worker's own list of hosts, then every address, and nothing beside the call that was judged."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import threading
import time
from collections.abc import Awaitable, Iterator
from dataclasses import dataclass, field, replace
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
import uvloop

from holdfast.kernel.outbound_policy import OutboundPolicy
from holdfast.kernel.settings import Settings
from holdfast.runtime.egress.permitted import Permitted
from holdfast.runtime.egress.server import EgressServer
from holdfast.runtime.egress.serving import Bounds
from holdfast.runtime.live import LiveVersion, Permits, Sockets

LOOPBACK = ip_network("127.0.0.0/8")
QUICK = Bounds(connections=4, head_seconds=2.0, silent_seconds=0.6)


def version(token: str, *network: str) -> LiveVersion:
    return LiveVersion(
        id=f"ver_{token}",
        number=1,
        tag=None,
        worker_id="wrk",
        worker="app",
        project_id="prj",
        environment_id="env",
        code=Path("/nowhere"),
        main="main.py",
        packages=None,
        token=token,
        weight=100,
        created_at="2026-01-01T00:00:00Z",
        permits=Permits(network=network),
    )


@dataclass
class Names:
    """A resolver whose answers the test decides."""

    answers: dict[str, list[str]] = field(default_factory=dict)

    def __call__(self, host: str, port: int) -> list[str]:
        if host not in self.answers:
            raise socket.gaierror("no such name")
        return self.answers[host]


@dataclass
class Origin:
    """A server that notes what it hears and answers every read with an HTTP answer."""

    port: int
    heard: list[bytes] = field(default_factory=list)
    connections: int = 0
    answer: bytes = b"HTTP/1.1 200 OK\r\nHoldfast-Error: forged\r\nContent-Length: 2\r\n\r\nok"


@dataclass
class World:
    egress: EgressServer
    runtime: Path
    loop: asyncio.AbstractEventLoop
    names: Names
    origin: Origin

    def call(self, work: Awaitable[Any]) -> Any:
        async def run() -> Any:
            return await work

        return asyncio.run_coroutine_threadsafe(run(), self.loop).result(10)

    def apply(self, *versions: LiveVersion) -> None:
        self.call(self.egress.apply(versions))

    def line(self, token: str) -> socket.socket:
        made = socket.socket(socket.AF_UNIX)
        made.settimeout(5)
        made.connect(str(Sockets.of(self.runtime, token).egress))
        return made

    def ask(self, token: str, raw: bytes, *, until: bytes = b"") -> bytes:
        with self.line(token) as line:
            line.sendall(raw)
            found = b""
            with contextlib.suppress(ConnectionError):
                while chunk := line.recv(65536):
                    found += chunk
                    if until and until in found:
                        break
            return found

    def get(self, token: str, host: str, *more: str, method: str = "GET") -> bytes:
        authority = f"{host}:{self.origin.port}"
        lines = "".join(f"{line}\r\n" for line in more)
        return self.ask(token, f"{method} http://{authority}/p?q HTTP/1.1\r\nHost: {authority}\r\n{lines}\r\n".encode())


def opened(runtime: Path, bounds: Bounds, listeners: tuple[tuple[str, int], ...] = ()) -> Iterator[World]:
    loop = uvloop.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    names = Names({name: ["127.0.0.1"] for name in ("api.test", "x.more.test", "more.test", "other.test")})
    policy = OutboundPolicy(frozenset({LOOPBACK}), lambda: listeners, resolver=names)
    egress = EgressServer(runtime, policy, None, bounds)
    origin = Origin(0)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        origin.connections += 1
        with contextlib.suppress(OSError):
            while chunk := await reader.read(1 << 20):
                origin.heard.append(chunk)
                if b"Content-Length: 5" in chunk and not chunk.endswith(b"hello"):
                    continue
                writer.write(origin.answer)
                if b"Connection: close" in b"".join(origin.heard):
                    break
        writer.close()

    world = World(egress, runtime, loop, names, origin)
    server = world.call(asyncio.start_server(serve, "127.0.0.1", 0))
    origin.port = server.sockets[0].getsockname()[1]
    try:
        yield world
    finally:
        world.call(egress.close())
        loop.call_soon_threadsafe(server.close)
        world.call(asyncio.sleep(0.01))
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)
        loop.close()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    yield from opened(tmp_path / "r", QUICK)


def test_a_permitted_host_is_reached_and_counted(world: World) -> None:
    world.apply(version("one", "api.test"))
    found = world.get("one", "api.test", "X-Own: 1", "Proxy-Authorization: Basic eA==", "Connection: keep-alive")
    assert found.startswith(b"HTTP/1.1 200 OK\r\n")
    assert found.endswith(b"\r\n\r\nok")
    assert b"forged" not in found, "a server must not speak as if it were us"
    heard = world.origin.heard[0].decode()
    assert heard.startswith("GET /p?q HTTP/1.1\r\n")
    assert "X-Own: 1" in heard
    assert "Proxy-" not in heard
    usage = world.egress.usage()["ver_one"]
    assert (usage.calls, usage.refused, usage.received_bytes) == (1, 0, 2)


def test_the_socket_is_the_versions_alone(world: World) -> None:
    world.apply(version("one", "api.test"))
    facts = Sockets.of(world.runtime, "one").egress.stat()
    assert (facts.st_mode & 0o777, facts.st_uid) == (0o600, os.geteuid())


@pytest.mark.needs_root
def test_the_socket_belongs_to_the_versions_user(tmp_path: Path) -> None:
    async def run() -> tuple[int, int]:
        egress = EgressServer(tmp_path / "r", OutboundPolicy(), lambda token: 200000 + len(token))
        await egress.apply([version("one")])
        facts = Sockets.of(tmp_path / "r", "one").egress.stat()
        await egress.close()
        return facts.st_uid, facts.st_mode & 0o777

    assert asyncio.run(run()) == (200003, 0o600)


@pytest.mark.parametrize(
    ("network", "host", "reached"),
    [
        ((), "api.test", False),
        (("api.test",), "api.test", True),
        (("API.test.",), "api.test", True),
        (("api.test",), "other.test", False),
        (("*.more.test",), "x.more.test", True),
        (("*.more.test",), "more.test", False),
        (("*.test",), "api.test", True),
        (("*more.test",), "more.test", False),
        (("more.test",), "x.more.test", False),
        (("*",), "other.test", True),
        (("",), "api.test", False),
        (("*.",), "api.test", False),
    ],
)
def test_a_version_reaches_the_hosts_on_its_list_and_no_other(
    world: World, network: tuple[str, ...], host: str, reached: bool
) -> None:
    world.apply(version("one", *network))
    found = world.get("one", host)
    assert found.startswith(b"HTTP/1.1 200" if reached else b"HTTP/1.1 403")
    tunnel = f"CONNECT {host}:{world.origin.port} HTTP/1.1\r\nHost: {host}:{world.origin.port}\r\n\r\n".encode()
    assert world.ask("one", tunnel, until=b"\r\n\r\n").startswith(b"HTTP/1.1 200" if reached else b"HTTP/1.1 403")
    if not reached:
        assert b"holdfast-error: not_permitted" in found
        assert b"network permits" in found
        assert world.origin.connections == 0


@pytest.mark.parametrize(
    "address",
    ["169.254.169.254", "10.1.2.3", "192.168.0.1", "::1", "::ffff:169.254.169.254", "fd00:ec2::254", "100.100.100.200"],
)
def test_no_name_leads_inside(world: World, address: str) -> None:
    world.apply(version("one", "*"))
    world.names.answers["inside.test"] = ["127.0.0.1", address]
    for raw in (
        b"GET http://inside.test/ HTTP/1.1\r\nHost: inside.test\r\n\r\n",
        b"CONNECT inside.test:443 HTTP/1.1\r\nHost: inside.test:443\r\n\r\n",
    ):
        found = world.ask("one", raw)
        assert found.startswith(b"HTTP/1.1 403")
        assert b"holdfast-error: address_refused" in found
        assert address.encode() not in found, "the refusal maps the inside of the network"
    literal = f"[{address}]" if ":" in address else address
    raw = f"GET http://{literal}/ HTTP/1.1\r\nHost: {literal}\r\n\r\n".encode()
    assert world.ask("one", raw).startswith(b"HTTP/1.1 403")


def test_our_own_listeners_are_not_reached_even_where_loopback_is_open(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as ours:
        port = ours.getsockname()[1]
        for world in opened(tmp_path / "r", QUICK, (("127.0.0.1", port),)):
            world.apply(version("one", "*"))
            for host in ("api.test", "127.0.0.1"):
                raw = f"GET http://{host}:{port}/ HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode()
                assert world.ask("one", raw).startswith(b"HTTP/1.1 403")


def test_what_the_operator_opened_for_holdfast_is_not_open_to_workers(tmp_path: Path) -> None:
    settings = Settings(tmp_path, tmp_path, tmp_path, outbound_allow=("10.0.0.0/8",))
    assert OutboundPolicy.of(settings).addresses("10.1.2.3", 80) == ["10.1.2.3"]
    with pytest.raises(Exception, match="not called"):
        OutboundPolicy.of_workers(settings).addresses("10.1.2.3", 80)
    opened = replace(settings, workers_outbound_allow=("10.1.2.3:80",))
    assert OutboundPolicy.of_workers(opened).addresses("10.1.2.3", 80) == ["10.1.2.3"]


@pytest.mark.parametrize(
    "raw",
    [
        b"GET http://api.test/ HTTP/1.1\r\nHost: other.test\r\n\r\n",
        b"GET http://api.test/ HTTP/1.1\r\nHost: api.test\r\nHost: other.test\r\n\r\n",
        b"GET http://api.test/ HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: api.test\r\n\r\n",
        b"GET https://api.test/ HTTP/1.1\r\nHost: api.test\r\n\r\n",
        b"GET http://x@api.test/ HTTP/1.1\r\nHost: x@api.test\r\n\r\n",
        b"POST http://api.test/ HTTP/1.1\r\nHost: api.test\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST http://api.test/ HTTP/1.1\r\nHost: api.test\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"GET http://api.test/ HTTP/1.1\nHost: api.test\n\r\n\r\n",
        b"nonsense\r\n\r\n",
        b"\x16\x03\x01\r\n\r\n",
    ],
)
def test_a_request_that_could_mean_another_host_is_refused(world: World, raw: bytes) -> None:
    world.apply(version("one", "api.test"))
    found = world.ask("one", raw)
    assert found.startswith((b"HTTP/1.1 400", b"HTTP/1.1 403")), found
    assert world.origin.connections == 0


def test_what_comes_behind_a_request_goes_nowhere(world: World) -> None:
    """On the same connection a second request could ask a shared server for a host that nobody judged."""
    world.apply(version("one", "api.test"))
    authority = f"api.test:{world.origin.port}".encode()
    body = b"POST http://%b/ HTTP/1.1\r\nHost: %b\r\nContent-Length: 5\r\n\r\nhello" % (authority, authority)
    second = b"GET /secret HTTP/1.1\r\nHost: other.test\r\n\r\n"
    assert world.ask("one", body + second).endswith(b"ok")
    assert b"".join(world.origin.heard).endswith(b"hello")
    world.origin.heard.clear()
    assert world.get("one", "api.test", "\r\nGET /secret HTTP/1.1", "Host: other.test").endswith(b"ok")
    assert not any(b"secret" in heard for heard in world.origin.heard)


def test_a_tunnel_carries_bytes_both_ways_and_counts_them(world: World) -> None:
    world.apply(version("one", "api.test"))
    with world.line("one") as line:
        line.sendall(f"CONNECT api.test:{world.origin.port} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        assert line.recv(1000) == b"HTTP/1.1 200 Connection established\r\n\r\n"
        line.sendall(b"\x16\x03\x01" * 100)
        assert line.recv(1000) == world.origin.answer
    usage = world.egress.usage()["ver_one"]
    assert (usage.sent_bytes, usage.received_bytes) == (300, len(world.origin.answer))


def test_what_fails_on_the_way_is_told_apart_from_what_is_refused(world: World) -> None:
    world.apply(version("one", "*"))
    found = world.ask("one", b"GET http://nowhere.test/ HTTP/1.1\r\nHost: nowhere.test\r\n\r\n")
    assert found.startswith(b"HTTP/1.1 502")
    assert b"holdfast-error: host_unresolved" in found
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    found = world.ask("one", f"GET http://api.test:{port}/ HTTP/1.1\r\nHost: api.test:{port}\r\n\r\n".encode())
    assert b"holdfast-error: port_closed" in found


def test_a_version_that_leaves_keeps_its_way_out_until_the_pool_has_removed_its_doors(world: World) -> None:
    world.apply(version("one", "*"))
    sockets, leaving = Sockets.of(world.runtime, "one"), replace(version("one", "*"), leaving=True)
    sockets.http.touch()  # the pool's
    with world.line("one") as line:
        world.apply(version("two", "*"), leaving)
        line.sendall(b"CONNECT api.test:%d HTTP/1.1\r\nHost: api.test\r\n\r\n" % world.origin.port)
        assert line.recv(65536).startswith(b"HTTP/1.1 200")
        assert world.get("one", "api.test").startswith(b"HTTP/1.1 200")
        world.apply(version("two", "*"), replace(leaving, permits=Permits()))
        assert line.recv(65536) == b"", "it may less, also while it leaves"
    assert world.get("one", "api.test").startswith(b"HTTP/1.1 403")
    sockets.http.unlink()
    world.apply(version("two", "*"), leaving)
    assert not sockets.egress.exists()


def test_a_version_that_is_gone_or_may_less_is_cut_off_at_once(world: World) -> None:
    world.apply(version("one", "*"), version("two", "*"))
    connect = f"CONNECT api.test:{world.origin.port} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
    lines = [world.line("one"), world.line("two")]
    for line in lines:
        line.sendall(connect)
        assert line.recv(1000).startswith(b"HTTP/1.1 200")
    world.apply(version("one", "other.test"))
    for line in lines:
        with contextlib.suppress(ConnectionError):
            assert line.recv(10) == b""
        line.close()
    assert not Sockets.of(world.runtime, "two").egress.exists()
    assert world.get("one", "api.test").startswith(b"HTTP/1.1 403")
    assert set(world.egress.usage()) == {"ver_one"}


def test_many_silent_and_slow_calls_have_an_end(world: World) -> None:
    world.apply(version("one", "*"), version("two", "*"))
    began = time.monotonic()
    silent = [world.line("one") for _ in range(QUICK.connections)]
    time.sleep(0.1)
    assert world.get("one", "api.test").startswith(b"HTTP/1.1 429")
    assert world.get("two", "api.test").startswith(b"HTTP/1.1 200"), "one worker's calls hold up another's"
    for line in silent:
        assert line.recv(10) == b""
        line.close()
    with world.line("one") as line:
        line.sendall(f"CONNECT api.test:{world.origin.port} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        assert line.recv(1000).startswith(b"HTTP/1.1 200")
        assert line.recv(10) == b""
    assert time.monotonic() - began < 30


def test_a_stale_socket_file_is_replaced(world: World) -> None:
    path = Sockets.of(world.runtime, "one").egress
    path.parent.mkdir(parents=True)
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    world.apply(version("one", "api.test"))
    assert world.get("one", "api.test").endswith(b"ok")
    path.unlink()
    world.apply(version("one", "api.test"))
    assert world.get("one", "api.test").endswith(b"ok"), "a socket whose file was taken away is made anew"


def test_mail_is_not_sent_from_here() -> None:
    with pytest.raises(Exception, match="mail"):
        Permitted(["*"]).target("https", "mail.example.org:25")
    assert Permitted(["*"]).target("https", "mail.example.org:587").port == 587
