"""A host per test: a child process with its two listeners and the pool's end of its channel."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from outside import outside, worker  # noqa: F401 - fixtures

HERE = Path(__file__).parent
EXAMPLES = HERE / "examples"
sys.path.insert(0, str(HERE))


class Child:
    """A forked host: the face of `subprocess.Popen` that the tests use."""

    def __init__(self, zygote: Zygote, pid: int) -> None:
        self._zygote = zygote
        self.pid = pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        if self.returncode is None:
            self.returncode = self._zygote.ask({"pid": self.pid})
        return self.returncode

    def wait(self, timeout: float = 10.0) -> int:
        end = time.monotonic() + timeout
        while (code := self.poll()) is None:
            if time.monotonic() > end:
                raise subprocess.TimeoutExpired("host", timeout)
            time.sleep(0.01)
        return code

    def kill(self) -> None:
        if self.poll() is None:
            os.kill(self.pid, signal.SIGKILL)


class Zygote:
    """The process that forks the hosts."""

    def __init__(self) -> None:
        self._control, child = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        source = Path(__file__).parents[3] / "src"
        environment = {**os.environ, "PYTHONPATH": str(source), "PYTHONDONTWRITEBYTECODE": "1"}
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / "host_child.py"), str(child.fileno())],
            pass_fds=[child.fileno()],
            env=environment,
        )
        child.close()

    def fork(self, fds: list[int], payload: dict[str, Any]) -> Child:
        socket.send_fds(self._control, [json.dumps({"payload": payload}).encode()], fds)
        return Child(self, json.loads(self._control.recv(4096)))

    def ask(self, order: dict[str, Any]) -> Any:
        self._control.send(json.dumps(order).encode())
        return json.loads(self._control.recv(4096))

    def close(self) -> None:
        self._control.close()
        self.process.wait(timeout=10)


@pytest.fixture(scope="session")
def zygote() -> Iterator[Zygote]:
    made = Zygote()
    yield made
    made.close()


class Hosted:
    """A running host and what it has said."""

    def __init__(self, zygote: Zygote, directory: Path, payload: dict[str, Any]) -> None:
        self.directory = directory
        self.told: list[dict[str, Any]] = []
        self.listeners = {name: _listen(directory / name) for name in ("http", "inner")}
        self.channel, child = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.channel.settimeout(0.02)
        fds = [self.listeners["http"].fileno(), self.listeners["inner"].fileno(), child.fileno()]
        self.process = zygote.fork(fds, payload)
        child.close()

    @property
    def path(self) -> str:
        return str(self.directory / "http")

    def client(self, **options: Any) -> httpx.Client:
        transport = httpx.HTTPTransport(uds=self.path)
        return httpx.Client(transport=transport, base_url="http://shop.example", timeout=10, **options)

    def inner(self) -> httpx.Client:
        transport = httpx.HTTPTransport(uds=str(self.directory / "inner"))
        return httpx.Client(transport=transport, base_url="http://inner", timeout=10)

    def get(self, path: str, **options: Any) -> httpx.Response:
        with self.client() as client:
            return client.get(path, **options)

    def raw(self) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(10)
        connection.connect(self.path)
        return connection

    def read(self) -> None:
        while True:
            try:
                packet = self.channel.recv(1 << 16)
            except TimeoutError:
                return
            if not packet:
                return
            self.told.append(json.loads(packet))

    def wait(self, fits: Callable[[dict[str, Any]], bool], seconds: float = 10.0) -> dict[str, Any]:
        """The first message that fits."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.read()
            for message in self.told:
                if fits(message):
                    return message
            if self.process.poll() is not None:
                self.read()
                if not any(fits(message) for message in self.told):
                    raise AssertionError(f"the host ended with {self.process.returncode}: {self.told}")
        raise AssertionError(f"nothing fits in {self.told}")

    def ready(self) -> Hosted:
        told = self.wait(lambda message: message["t"] in ("ready", "fatal"))
        assert told["t"] == "ready", told
        return self

    def invocation(self, **parts: Any) -> dict[str, Any]:
        wanted = {"t": "invocation", **parts}
        return self.wait(lambda message: wanted.items() <= message.items())

    def logs(self, invocation: str | None = None) -> list[tuple[str, str]]:
        self.read()
        return [
            (each["level"], each["text"])
            for each in self.told
            if each["t"] == "log" and (invocation is None or each["invocation"] == invocation)
        ]

    def stop(self, grace: float = 2.0) -> int:
        if self.process.poll() is None:
            self.channel.send(json.dumps({"t": "stop", "grace": grace}).encode())
        try:
            return self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.channel.close()
        for listener in self.listeners.values():
            listener.close()


def _listen(path: Path) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen(64)
    return listener


@pytest.fixture
def start(zygote: Zygote) -> Iterator[Callable[..., Hosted]]:
    """`start(code, main="entry.py", **payload)`: a host of that code, ready unless `wait=False`."""
    hosts: list[Hosted] = []
    directories: list[str] = []

    def begin(code: str | Path | dict[str, str], main: str = "entry.py", *, wait: bool = True, **more: Any) -> Hosted:
        directory = Path(tempfile.mkdtemp(prefix="hh"))  # short: a socket's path has 107 bytes
        directories.append(str(directory))
        app = directory / "app"
        app.mkdir()
        if isinstance(code, Path):
            shutil.copytree(code, app, dirs_exist_ok=True)
        else:
            for name, text in ({main: code} if isinstance(code, str) else code).items():
                (app / name).parent.mkdir(parents=True, exist_ok=True)
                (app / name).write_text(text)
        payload = {
            "version": {"id": "v1", "number": 1, "tag": "first", "created_at": "2026-11-22T00:00:00Z"},
            "main": main,
            "code": str(app),
            "packages": str(directory / "packages"),
            "egress": str(directory / "egress"),
            **more,
        }
        host = Hosted(zygote, directory, payload)
        hosts.append(host)
        return host.ready() if wait else host

    yield begin
    for host in hosts:
        host.close()
    for path in directories:
        shutil.rmtree(path, ignore_errors=True)
