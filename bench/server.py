"""A temporary Holdfast of its own for a measurement: free ports, data and key in a directory that is removed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx


@dataclass
class Server:
    """A running Holdfast: a client on its admin socket and how long it took to be ready."""

    http: httpx.Client
    data: Path
    keeper_pid: int
    seconds_to_ready: float

    def wait(self, run_id: str, timeout: float = 600.0, every: float = 0.005) -> dict[str, object]:
        """The run once it ended; raises RuntimeError when it did not succeed. Asks every 5 ms: latency is
        measured; say more for long runs, since each answer takes processor time from what is measured."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            run: dict[str, object] = self.http.get(f"/api/v1/runs/{run_id}").json()
            if run["state"] in ("succeeded", "failed", "cancelled"):
                if run["state"] != "succeeded":
                    raise RuntimeError(f"run {run_id}: {run['error']}")
                return run
            time.sleep(every)
        raise RuntimeError(f"run {run_id} did not end in {timeout} s")

    def create(self, engine: str, name: str) -> dict[str, object]:
        """A database, ready."""
        answer = self.http.post(
            "/api/v1/databases", json={"engine": engine, "name": name, "environment_id": self.environment()}
        )
        if answer.status_code != 202:
            raise RuntimeError(answer.text)
        body = answer.json()
        self.wait(body["run"]["id"])
        resource: dict[str, object] = body["resource"]
        return resource

    def environment(self) -> str:
        project = self.http.get("/api/v1/projects").json()["items"][0]
        environments = self.http.get(f"/api/v1/projects/{project['id']}/environments").json()["items"]
        return str(environments[0]["id"])


@contextmanager
def temporary_server() -> Iterator[Server]:
    """Start `holdfast up` and stop it at the end, whatever happened."""
    root = Path(tempfile.mkdtemp(prefix="hfbench-"))
    environ = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"} | {
        "HOLDFAST_DATA": str(root / "data"),
        "HOLDFAST_RUNTIME": str(root / "run"),
        "HOLDFAST_MASTER_KEY_FILE": str(root / "master.key"),
        "HOLDFAST_CONTROL_PORT": "0",
        "HOLDFAST_APPS_PORT": "0",
    }
    root.chmod(0o755)
    started = time.monotonic()
    keeper = subprocess.Popen(
        [sys.executable, "-m", "holdfast.cli", "up"],
        env=environ,
        stdout=(root / "up.log").open("wb"),
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
    )
    try:
        socket = root / "run" / "admin.sock"
        http = httpx.Client(transport=httpx.HTTPTransport(uds=str(socket)), base_url="http://127.0.0.1", timeout=60.0)
        while True:
            try:
                if http.get("/health/live").status_code == 200:
                    break
            except httpx.TransportError:
                pass
            if keeper.poll() is not None or time.monotonic() - started > 30:
                raise RuntimeError("Holdfast did not start:\n" + (root / "up.log").read_text()[-2000:])
            time.sleep(0.01)
        yield Server(http, root / "data", keeper.pid, time.monotonic() - started)
    finally:
        keeper.terminate()
        try:
            keeper.wait(60)
        except subprocess.TimeoutExpired:
            keeper.kill()
        shutil.rmtree(root, ignore_errors=True)
