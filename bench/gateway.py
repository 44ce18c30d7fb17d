"""The SQL gateway. Required: twice Datasette's requests per second on the same SQLite query, one process each, our
token check on; and at the median less than 1 ms above the bare driver for PostgreSQL.

Datasette lives in an environment of its own, made from requirements/bench.lock with hashes.
"""

from __future__ import annotations

import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import apsw
import httpx
import psycopg

from bench.server import Server, temporary_server

SECONDS, CONNECTIONS, ASKED = 4.0, 4, 1500
QUERY = "select id, name, amount from items where id > 100 order by id limit 20"
TIMES, ABOVE_MS = 2.0, 1.0
ROOT = Path(__file__).resolve().parents[1]


@dataclass
class Wire:
    """One kept connection that sends the same bytes again and again: the client must not be what is measured."""

    request: bytes
    host: str
    port: int

    def __post_init__(self) -> None:
        self._socket = socket.create_connection((self.host, self.port), timeout=30)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._file = self._socket.makefile("rb")

    def ask(self) -> tuple[int, bytes]:
        self._socket.sendall(self.request)
        status = int(self._file.readline().split()[1])
        length = None
        chunked = False
        while (line := self._file.readline()) not in (b"\r\n", b""):
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
            chunked = chunked or (name.lower() == b"transfer-encoding" and b"chunked" in value)
        if chunked:
            body = b""
            while size := int(self._file.readline(), 16):
                body += self._file.read(size)
                self._file.readline()
            self._file.readline()
            return status, body
        return status, self._file.read(length or 0)

    def close(self) -> None:
        self._file.close()
        self._socket.close()


def request(method: str, path: str, host: str, body: bytes = b"", headers: str = "") -> bytes:
    head = f"{method} {path} HTTP/1.1\r\nHost: {host}\r\n{headers}Content-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def per_second(made: bytes, port: int) -> float:
    """Answers a second over CONNECTIONS kept connections."""
    counts = [0] * CONNECTIONS
    stop = time.monotonic() + SECONDS

    def work(number: int) -> None:
        wire = Wire(made, "127.0.0.1", port)
        while time.monotonic() < stop:
            status, body = wire.ask()
            if status != 200:
                raise RuntimeError(f"{status}: {body[:300]!r}")
            counts[number] += 1
        wire.close()

    threads = [threading.Thread(target=work, args=(n,)) for n in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / SECONDS


def fill(path: Path) -> None:
    connection = apsw.Connection(str(path))
    connection.execute("create table items (id integer primary key, name text, amount real)")
    connection.execute(
        "with recursive n(i) as (select 1 union all select i + 1 from n where i < 10000) "
        "insert into items select i, 'item ' || i, i / 7.0 from n"
    )
    connection.close()


@contextmanager
def datasette(file: Path, root: Path) -> Iterator[int]:
    """The port of a running Datasette."""
    home = root / "datasette"
    uv = str(Path(sys.executable).parent / "uv")
    subprocess.run([uv, "venv", "-q", "--python", sys.executable, str(home)], check=True)
    lock = str(ROOT / "requirements" / "bench.lock")
    python = str(home / "bin" / "python")
    subprocess.run([uv, "pip", "install", "-q", "--require-hashes", "--python", python, "-r", lock], check=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    argv = [python, "-m", "datasette", "serve", str(file), "--host", "127.0.0.1", "--port", str(port)]
    with (root / "datasette.log").open("wb") as log:
        process = subprocess.Popen(argv, stdout=log, stderr=log, env=os.environ | {"HOME": str(root)})
    try:
        for _ in range(200):
            try:
                if httpx.get(f"http://127.0.0.1:{port}/-/versions.json").status_code == 200:
                    break
            except httpx.TransportError:
                time.sleep(0.05)
        yield port
    finally:
        process.terminate()
        process.wait(10)


def key_of(server: Server) -> str:
    project = server.http.get("/api/v1/projects").json()["items"][0]["id"]
    body = {"name": "bench", "permissions": ["database.query.read"], "projects": [project]}
    answer = server.http.post("/api/v1/keys", json=body)
    if answer.status_code != 201:
        raise RuntimeError(answer.text)
    for what in ("calls", "burst", "downloads"):  # a measurement asks more than anyone may
        for subject in ("key", "project", "address"):
            server.http.put("/api/v1/limits", json={"subject": subject, "what": what, "amount": None})
    return str(answer.json()["key"])


def control_port(server: Server) -> int:
    for line in server.http.get("/health").json().get("listeners", []):
        if str(line).startswith("127.0.0.1:"):
            return int(str(line).rpartition(":")[2])
    text = (server.data.parent / "up.log").read_text()
    return int(text.split("127.0.0.1:")[1].split("/")[0].split()[0])


def ours(database: str, key: str, port: int) -> bytes:
    headers = f"Authorization: Bearer {key}\r\nContent-Type: application/json\r\n"
    body = json.dumps({"statement": QUERY}).encode()
    return request("POST", f"/api/v1/databases/{database}/query", f"127.0.0.1:{port}", body, headers)


def sqlite(server: Server, key: str, port: int) -> bool:
    database = server.create("sqlite", "items")
    file = next((server.data / "databases" / str(database["id"])).rglob("*.sqlite"))
    fill(file)
    mine = ours(str(database["id"]), key, port)
    with tempfile.TemporaryDirectory() as directory:
        copy = Path(directory) / "app.db"
        fill(copy)
        with datasette(copy, Path(directory)) as other:
            path = "/app/-/query.json?" + urlencode({"sql": QUERY, "_shape": "arrays"})
            if httpx.get(f"http://127.0.0.1:{other}{path}").status_code != 200:
                path = "/app.json?" + urlencode({"sql": QUERY, "_shape": "arrays"})
            theirs = request("GET", path, f"127.0.0.1:{other}")
            same(mine, port, theirs, other)
            found = [(per_second(mine, port), per_second(theirs, other)) for _ in range(2)]
    us, them = max(pair[0] for pair in found), max(pair[1] for pair in found)
    good = us >= TIMES * them
    print(f"SQLite, 20 rows: {us:.0f}/s, Datasette {them:.0f}/s: {us / them:.2f}x, bar {TIMES:g}x", end="  ")
    print("ok" if good else "MISSED")
    return good


def same(mine: bytes, port: int, theirs: bytes, other: int) -> None:
    """Both answer the same rows: otherwise nothing is compared."""
    answers = []
    for made, at in ((mine, port), (theirs, other)):
        wire = Wire(made, "127.0.0.1", at)
        status, body = wire.ask()
        wire.close()
        if status != 200:
            raise RuntimeError(f"{status}: {body[:300]!r}")
        answers.append(json.loads(body)["rows"])
    if answers[0] != answers[1]:
        raise RuntimeError(f"other rows: {str(answers)[:300]}")


def postgresql(server: Server, key: str, port: int) -> bool:
    database = server.create("postgresql", "items18")
    url = server.http.post(f"/api/v1/databases/{database['id']}/url", json={"access": "owner"}).json()["url"]
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("create table items (id bigint primary key, name text, amount float8)")
        connection.execute("insert into items select i, 'item ' || i, i / 7.0 from generate_series(1, 10000) i")
        connection.execute("analyze items")
        wire = Wire(ours(str(database["id"]), key, port), "127.0.0.1", port)
        status, body = wire.ask()
        if status != 200 or len(json.loads(body)["rows"]) != 20:
            raise RuntimeError(f"{status}: {body[:300]!r}")
        bare, whole = [], []
        for _ in range(ASKED):  # in turns, so that both meet the same machine
            started = time.perf_counter()
            connection.execute(QUERY).fetchall()
            bare.append(time.perf_counter() - started)
            started = time.perf_counter()
            wire.ask()
            whole.append(time.perf_counter() - started)
        wire.close()
    driver, gateway = 1000 * statistics.median(bare), 1000 * statistics.median(whole)
    good = gateway - driver < ABOVE_MS
    told = f"driver {driver:.2f} ms, gateway {gateway:.2f} ms, above it {gateway - driver:.2f} ms"
    print(f"PostgreSQL, 20 rows, median: {told}, bar {ABOVE_MS:g} ms", end="  ")
    print("ok" if good else "MISSED")
    return good


def main() -> int:
    with temporary_server() as server:
        key, port = key_of(server), control_port(server)
        good = [sqlite(server, key, port), postgresql(server, key, port)]
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
