"""The edge as a process of its own, and under `holdfast up`."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from edge_kit import table, worker, write_routes

from holdfast.hosts.keeper import KeeperClient

pytestmark = pytest.mark.slow
HELLO = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


def get(port: int, host: str, path: str = "/") -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("GET", path, headers={"Host": host})
    answer = connection.getresponse()
    found = answer.status, answer.read()
    connection.close()
    return found


def environment(root: Path) -> dict[str, str]:
    return os.environ | {
        "HOLDFAST_DATA": str(root / "data"),
        "HOLDFAST_RUNTIME": str(root / "run"),
        "HOLDFAST_MASTER_KEY_FILE": str(root / "master.key"),
        "HOLDFAST_CONTROL_PORT": "0",
        "HOLDFAST_APPS_PORT": "0",
    }


@contextmanager
def hello(path: Path) -> Iterator[None]:
    """A worker in a thread, on plain blocking sockets."""
    path.parent.mkdir(parents=True)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen(64)

    def answer(line: socket.socket) -> None:
        with line, contextlib.suppress(OSError):
            while line.recv(65536):
                time.sleep(0.002)
                line.sendall(HELLO)

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=answer, args=(listener.accept()[0],), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield
    finally:
        listener.close()


def test_a_new_process_on_the_same_socket_loses_no_request(tmp_path: Path) -> None:
    """As the keeper restarts it: the old one ends its answers, what comes meanwhile waits in the socket."""
    runtime = tmp_path / "run"
    runtime.mkdir()
    write_routes(runtime, table(worker()))
    listener = socket.create_server(("127.0.0.1", 0), backlog=256)
    port = listener.getsockname()[1]

    def start() -> subprocess.Popen[bytes]:
        argv = [sys.executable, "-m", "holdfast.edge", "--fd", f"apps={listener.fileno()}"]
        return subprocess.Popen(argv, pass_fds=(listener.fileno(),), env=environment(tmp_path))

    stop, found, failures = threading.Event(), list[tuple[int, bytes]](), list[str]()

    def load() -> None:
        while not stop.is_set():
            try:
                found.append(get(port, "app.localhost"))
            except (OSError, http.client.HTTPException) as error:
                failures.append(repr(error))

    with hello(runtime / "w" / "app" / "http"):
        process = start()
        try:
            threads = [threading.Thread(target=load) for _ in range(3)]
            for thread in threads:
                thread.start()
            for _ in range(2):
                before = len(found)
                until = time.monotonic() + 20
                while len(found) < before + 50:
                    assert time.monotonic() < until, failures
                    time.sleep(0.01)
                process.send_signal(signal.SIGTERM)
                assert process.wait(15) == 0
                process = start()
            stop.set()
            for thread in threads:
                thread.join()
        finally:
            stop.set()
            process.terminate()
            process.wait(15)
            listener.close()
    assert failures == []
    assert set(found) == {(200, b"ok")}


@contextmanager
def up(root: Path) -> Iterator[dict[str, Any]]:
    """`holdfast up`, and what it says in JSON."""
    argv = [sys.executable, "-m", "holdfast.cli", "--json", "up"]
    with (root / "up.log").open("wb") as errors:
        process = subprocess.Popen(argv, env=environment(root), stdout=subprocess.PIPE, stderr=errors)
    try:
        assert process.stdout is not None
        text = b""
        while True:
            line = process.stdout.readline()
            assert line, (root / "up.log").read_text()[-2000:]
            text += line
            with contextlib.suppress(ValueError):
                yield json.loads(text)
                break
    finally:
        process.terminate()
        process.wait(60)


@pytest.fixture
def short() -> Iterator[Path]:
    """A worker's sockets lie below it, and a socket's path may have 107 bytes."""
    made = Path(tempfile.mkdtemp(prefix="hf-edge-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


def test_up_serves_the_apps_origin_apart_from_the_control_origin(short: Path) -> None:
    with up(short) as facts:
        keeper = KeeperClient(short / "run" / "keeper.sock")
        assert "edge" not in keeper.info().parts, "it starts with the first worker"
        (short / "data" / "workers").mkdir(0o711)
        apps = keeper.begin()
        info = keeper.info()
        assert info.apps_port == apps
        port, control = info.apps_port, info.control_port
        assert port is not None
        assert control is not None
        assert port != control
        assert facts["apps_url"] is None
        assert get(control, f"127.0.0.1:{control}", "/health/live")[0] == 200
        for path in ("/", "/health/live", "/api/v1/projects", "/login", "/run/nobody/", "//api/v1/projects"):
            for host in (f"localhost:{port}", f"127.0.0.1:{port}", f"127.0.0.1:{control}", "nobody.localhost"):
                status, body = get(port, host, path)
                assert (status, json.loads(body)["error"]["code"]) == (404, "host_unknown")
        assert (short / "run" / "front.sock").stat().st_mode & 0o777 == 0o600
        pid = int(info.parts["edge"]["pid"])
        os.kill(pid, signal.SIGKILL)
        assert get(port, f"localhost:{port}")[0] == 404, "the socket is the keeper's: it outlives the edge"
        assert keeper.info().parts["edge"]["pid"] != pid
    assert not (short / "run" / "front.sock").exists()
