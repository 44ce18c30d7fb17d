"""The whole road: `holdfast up`, projects deployed as a user types it, and clients that come through the edge."""

from __future__ import annotations

import json
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import wsproto
from faults_cluster import Cluster, alive, eventually
from wsproto.events import BytesMessage, CloseConnection, Ping, Pong, TextMessage

EXAMPLES = Path(__file__).parents[2] / "examples"
PARTS = ("state", "egress", "pool", "edge")


class Road:
    """One Holdfast and its front door. `records`: what its name server has, where it has one."""

    def __init__(self, it: Cluster, records: dict[str, str] | None = None) -> None:
        self.it = it
        self.records = records if records is not None else {}
        self.project = str(it.client.get("/projects")["items"][0]["id"])
        self.http = httpx.Client(timeout=60, limits=httpx.Limits(keepalive_expiry=30))
        self.first: list[tuple[int, str]] = []  # what the first requests to its first worker were answered

    @property
    def port(self) -> int:
        found = self.it.info().apps_port
        assert found is not None, "nothing serves the apps origin"
        return found

    # typed

    def typed(self, *words: str, code: int = 0, stdin: str | None = None) -> Any:
        """The JSON a command prints with --json, else its words."""
        done = self.it.cli(*words, stdin=stdin)
        assert done.returncode == code, done.stdout + done.stderr
        return json.loads(done.stdout) if "--json" in words and code == 0 else done.stdout + done.stderr

    def deploy(self, folder: Path, *words: str) -> dict[str, Any]:
        made: dict[str, Any] = self.typed("deploy", str(folder), "--json", *words)
        return made

    def worker(self, name: str) -> dict[str, Any]:
        (found,) = [each for each in self.it.client.items("/workers") if each["name"] == name]
        return dict(found)

    def of(self, name: str, what: str, **query: Any) -> list[dict[str, Any]]:
        return list(self.it.client.items(f"/workers/{self.worker(name)['id']}/{what}", **query))

    # as a stranger sees it

    def ask(self, slug: str, path: str = "/", method: str = "GET", **more: Any) -> httpx.Response:
        """Of the worker's own host, which needs no name server that way."""
        headers = {"host": f"{slug}.localhost", **more.pop("headers", {})}
        return self.http.request(method, f"http://127.0.0.1:{self.port}{path}", headers=headers, **more)

    def says(self, slug: str, wanted: str, path: str = "/", seconds: float = 20) -> None:
        """Sooner or later, and not one request fails until then."""

        def right() -> bool:
            answer = self.ask(slug, path)
            assert answer.status_code == 200, answer.text
            return answer.text == wanted

        eventually(right, seconds, f"{wanted!r} of {slug}")

    def calls(self, slug: str, path: str = "/") -> bool:
        """False while it cannot be called."""
        try:
            return self.ask(slug, path).status_code == 200
        except httpx.TransportError:
            return False

    # its processes

    def state_of(self, name: str) -> list[dict[str, Any]]:
        """What the pool says of the processes of a worker."""
        from holdfast.runtime.pool.control import PoolClient

        own = self.worker(name)["id"]
        return [each for each in PoolClient(self.it.settings.runtime).status() if each["worker_id"] == own]

    def pids(self, name: str) -> list[int]:
        return [pid for each in self.state_of(name) for pid in each["pids"]]

    def kill(self, part: str) -> None:
        """kill -9, and until the keeper has put another in its place."""
        pid = self.it.pid(part)
        os.kill(pid, signal.SIGKILL)
        eventually(lambda: not alive(pid), 10, f"the end of {part}")
        eventually(lambda: self.it.pid(part) not in (0, pid), 30, f"another {part}")


def project(folder: Path, code: str, name: str, **config: Any) -> Path:
    """A small worker in a folder, written over what is there."""
    (folder / "src").mkdir(parents=True, exist_ok=True)
    (folder / "wrangler.jsonc").write_text(json.dumps({"name": name, "main": "src/entry.py", **config}))
    (folder / "src" / "entry.py").write_text(code)
    return folder


def saying(text: str, above: str = "") -> str:
    return f"from workers import Response\n{above}\n\nasync def on_fetch(request, env):\n    return Response({text})\n"


class Line:
    """A WebSocket client on a real connection. `heard` gives whole messages and what ended it."""

    def __init__(self, port: int, host: str, path: str = "/") -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=20)
        self._ws = wsproto.WSConnection(wsproto.ConnectionType.CLIENT)
        self._send(wsproto.events.Request(host=f"{host}:{port}", target=path))
        accepted = next(self._events())
        assert isinstance(accepted, wsproto.events.AcceptConnection), accepted
        self._parts: list[str | bytes] = []

    def say(self, *messages: str | bytes) -> None:
        for each in messages:
            self._send(TextMessage(data=each) if isinstance(each, str) else BytesMessage(data=each))

    def ping(self, payload: bytes) -> None:
        self._send(Ping(payload=payload))

    def heard(self) -> Iterator[Any]:
        """Texts, bytes, ("pong", payload), ("closed", code)."""
        for event in self._events():
            if isinstance(event, TextMessage | BytesMessage):
                self._parts.append(event.data if isinstance(event.data, str) else bytes(event.data))
                if event.message_finished:
                    whole = type(self._parts[0])().join(self._parts)  # type: ignore[arg-type]
                    self._parts = []
                    yield whole
            elif isinstance(event, Pong):
                yield "pong", bytes(event.payload)
            elif isinstance(event, CloseConnection):
                self._send(event.response())
                yield "closed", event.code
                return

    def close(self) -> None:
        self._socket.close()

    def _send(self, event: Any) -> None:
        self._socket.sendall(self._ws.send(event))

    def _events(self) -> Iterator[Any]:
        while True:
            yield from self._ws.events()
            data = self._socket.recv(65536)
            self._ws.receive_data(data or None)
            if not data:
                yield from self._ws.events()
                return


def from_address(number: int, port: int, host: str, path: str = "/") -> str:
    """The body of an answer to a client of its own address, 127.0.1.NUMBER."""
    transport = httpx.HTTPTransport(local_address=f"127.0.1.{number}")
    with httpx.Client(transport=transport, timeout=30) as client:
        answer = client.get(f"http://127.0.0.1:{port}{path}", headers={"host": f"{host}.localhost"})
    assert answer.status_code == 200, answer.text
    return answer.text
