"""The same table in Debian's Caddy: TLS, the edge behind it, or a worker straight, with the same fields taken away."""

from __future__ import annotations

import asyncio
import http.client
import json
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from edge_kit import Answer, Running, head_of, running, saying, table, telling, worker
from needs import CI, need

from holdfast.runtime.edge import caddy
from holdfast.runtime.edge.caddy import Options
from holdfast.runtime.edge.routes import parse

pytestmark = pytest.mark.slow
LIES = [
    ("Cookie", "a=1; holdfast_session=SECRET; __Host-holdfast_session=SECRET; b=2"),
    ("X-Forwarded-For", "1.2.3.4"),
    ("CF-Connecting-IP", "1.2.3.4"),
    ("Holdfast-Service", "Admin"),
    ("Holdfast-Request-Id", "mine"),
    ("X-Real-IP", "1.2.3.4"),
    ("Forwarded", "for=1.2.3.4"),
    ("X-Forwarded-Prefix", "/x"),
    ("X-Own", "1"),
]


def program() -> str:
    found = shutil.which("caddy")
    need(found, "the program caddy (tools/system-parts.sh caddy)")
    assert found is not None or not CI
    return str(found)


def free_port() -> int:
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        return int(made.getsockname()[1])


class Caddy:
    def __init__(self, root: Path, port: int) -> None:
        self.root, self.port = root, port

    def get(self, host: str, path: str = "/", *fields: tuple[str, str]) -> Answer:
        context = ssl.create_default_context(cafile=str(self.root / "pki/authorities/local/root.crt"))
        made = socket.create_connection(("127.0.0.1", self.port), timeout=10)
        connection = http.client.HTTPSConnection(host, self.port)
        connection.sock = context.wrap_socket(made, server_hostname=host)
        connection.putrequest("GET", path)
        for name, value in fields:
            connection.putheader(name, value)
        connection.endheaders()
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        return Answer(answer.status, tuple((name.lower(), value) for name, value in answer.getheaders()), body)


@contextmanager
def serving(it: Running, root: Path, raw: bytes, *, direct: bool) -> Iterator[Caddy]:
    root.mkdir()
    port = free_port()
    options = Options(
        front=it.runtime / "front",
        direct=direct,
        internal=True,
        http_port=free_port(),
        https_port=port,
        listen="127.0.0.1",
        storage=root / "store",
    )
    caddy.write(root / "caddy.json", parse(raw, it.runtime), options)
    log = (root / "log").open("wb")
    process = subprocess.Popen(
        [program(), "run", "--config", str(root / "caddy.json")],
        stdout=log,
        stderr=log,
        env={"HOME": str(root), "XDG_DATA_HOME": str(root), "XDG_CONFIG_HOME": str(root), "PATH": "/usr/bin:/bin"},
    )
    made = Caddy(root / "store", port)
    try:
        until = time.monotonic() + 30
        while True:
            try:
                made.get("app.localhost")
                break
            except (OSError, http.client.HTTPException):
                assert process.poll() is None, (root / "log").read_text()[-2000:]
                assert time.monotonic() < until, (root / "log").read_text()[-2000:]
                time.sleep(0.1)
        yield made
    finally:
        process.terminate()
        process.wait(15)
        log.close()


TABLE = table(
    worker(hosts=["api.test"]),
    worker("locked", keys=["0" * 64]),
    worker("off", enabled=False),
)


@pytest.fixture(scope="module", params=[False, True], ids=["edge", "direct"])
def both(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Running, Caddy]]:
    base = tmp_path_factory.mktemp("caddy")
    with running(base / "r", raw=TABLE) as it:
        it.serve("app", telling)
        with serving(it, base / "c", TABLE, direct=request.param) as made:
            yield it, made


def test_requests_come_through_tls_with_the_same_fields(both: tuple[Running, Caddy]) -> None:
    it, front = both
    it.serve("app", telling)
    for host in ("app.localhost", "api.test"):
        answer = front.get(host, "/a/b?c=d", *LIES)
        assert answer.status == 200, answer
        assert answer.json["start"] == "GET /a/b?c=d HTTP/1.1"
        heard = answer.heard
        assert heard["host"].partition(":")[0] == host
        assert heard["x-own"] == "1"
        assert [each.strip() for each in heard["cookie"].split(";") if each.strip()] == ["a=1", "b=2"]
        assert heard["cf-connecting-ip"] == heard["x-forwarded-for"] == "127.0.0.1"
        assert heard["x-forwarded-proto"] == "https"
        assert heard["holdfast-request-id"] != "mine"
        assert not {"holdfast-service", "x-real-ip", "forwarded", "x-forwarded-prefix"} & set(heard)


def test_a_worker_plants_no_cookie_of_ours_through_it(both: tuple[Running, Caddy]) -> None:
    it, front = both
    lines = b"set-cookie: holdfast_session=x\r\nset-cookie: a=b\r\nset-cookie: =holdfast_session=x\r\nholdfast-x: 1\r\n"
    it.serve("app", saying(b"HTTP/1.1 200 OK\r\n" + lines + b"content-length: 2\r\n\r\nok"))
    answer = front.get("app.localhost")
    names = [value.partition("=")[0] for name, value in answer.fields if name == "set-cookie"]
    assert "a" in names
    assert not any(name.lstrip("= ").startswith("holdfast") or not name for name in names), names
    assert "holdfast-x" not in dict(answer.fields)


def test_what_the_edge_alone_decides_it_still_decides(both: tuple[Running, Caddy]) -> None:
    _, front = both
    assert front.get("locked.localhost").status == 401
    assert front.get("off.localhost").status == 503
    assert front.get("localhost", "/run/app/").status == 200
    assert front.get("localhost", "/api/v1/projects").status == 404


def test_a_socket_comes_through(both: tuple[Running, Caddy]) -> None:
    it, front = both

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await head_of(reader)
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
        while chunk := await reader.read(1000):
            writer.write(chunk)

    it.serve("app", echo)
    context = ssl.create_default_context(cafile=str(front.root / "pki/authorities/local/root.crt"))
    made = socket.create_connection(("127.0.0.1", front.port), timeout=10)
    with context.wrap_socket(made, server_hostname="app.localhost") as line:
        line.sendall(
            b"GET / HTTP/1.1\r\nHost: app.localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        found = b""
        while b"\r\n\r\n" not in found:
            found += line.recv(1000)
        assert found.startswith(b"HTTP/1.1 101")
        line.sendall(b"hello")
        assert line.recv(100) == b"hello"
    it.serve("app", telling)


def test_direct_is_for_workers_that_need_nothing_of_the_edge(tmp_path: Path) -> None:
    versions = [{"id": f"v{n}", "token": f"t{n}", "weight": 50, "tag": None} for n in range(2)]
    raw = table(worker(), worker("many", versions=versions), worker("locked", keys=[]), worker("none", versions=[]))
    made = caddy.configuration(parse(raw, tmp_path), Options(tmp_path / "front", direct=True))
    routes = made["apps"]["http"]["servers"]["holdfast"]["routes"]
    dials = {each["match"][0]["host"][0]: json.dumps(each["handle"]) for each in routes if "match" in each}
    assert f"unix/{tmp_path}/w/app/http" in dials["app.localhost"]
    for name in ("many", "locked", "none"):
        assert f"unix/{tmp_path}/front" in dials[f"{name}.localhost"]
        assert "/w/" not in dials[f"{name}.localhost"]
