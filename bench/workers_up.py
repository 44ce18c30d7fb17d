"""Workers of a temporary Holdfast, for measurements: deployed as a user types it, found on their sockets."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from bench.server import Server
from holdfast.hosts.keeper import KeeperClient
from holdfast.runtime.pool import PoolClient

HELLO = """
from workers import Response, WorkerEntrypoint
class Default(WorkerEntrypoint):
    async def fetch(self, request):
        return Response("Hello, world!")
"""
FASTAPI = """
from fastapi import FastAPI
app = FastAPI()
@app.get("/")
async def hello():
    return {"hello": "world"}
"""


@dataclass
class Workers:
    """`server`'s workers. `environ`: for the commands that deploy."""

    server: Server

    @property
    def runtime(self) -> Path:
        return self.server.data.parent / "run"

    @property
    def port(self) -> int:
        found = KeeperClient(self.runtime / "keeper.sock").info().apps_port
        if found is None:
            raise RuntimeError("nothing serves the apps origin")
        return found

    def deploy(self, name: str, code: str, requirements: str = "", **config: Any) -> float:
        """Seconds it took, the program's start included."""
        folder = self.server.data.parent / "code" / name
        folder.mkdir(parents=True)
        (folder / "wrangler.jsonc").write_text(json.dumps({"name": name, "main": "entry.py", **config}))
        (folder / "entry.py").write_text(code)
        if requirements:
            (folder / "requirements.txt").write_text(requirements)
        argv = [sys.executable, "-m", "holdfast.cli", "--data", str(self.server.data), "deploy", str(folder)]
        environ = {**os.environ, "HOLDFAST_RUNTIME": str(self.runtime)}
        began = time.monotonic()
        done = subprocess.run(argv, env=environ, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(done.stdout + done.stderr)
        return time.monotonic() - began

    def state(self, name: str) -> dict[str, Any]:
        """What the pool says of the worker's one version."""
        found = self.server.http.get("/api/v1/workers", params={"limit": 200}).json()["items"]
        (own,) = [each["id"] for each in found if each["name"] == name]
        (state,) = [each for each in PoolClient(self.runtime).status() if each["worker_id"] == own]
        return state

    def pid(self, name: str) -> int:
        return int(self.state(name)["pids"][0])

    def ask(self, name: str, seconds: float = 30) -> None:
        """Until it answers."""
        until = time.monotonic() + seconds
        while True:
            with suppress(httpx.TransportError):
                answer = httpx.get(f"http://127.0.0.1:{self.port}/", headers={"host": f"{name}.localhost"}, timeout=30)
                if answer.status_code == 200:
                    return
            if time.monotonic() > until:
                raise RuntimeError(f"{name} does not answer")
            time.sleep(0.05)

    def socket(self, name: str) -> Path:
        """The listener of its process, as the edge reaches it."""
        routes = json.loads((self.runtime / "routes.json").read_text())
        (token,) = [each["versions"][0]["token"] for each in routes["workers"] if each["slug"] == name]
        return self.runtime / "w" / str(token) / "http"


def pss_mb(pids: list[int]) -> float:
    """Megabytes of these processes together, what they share counted once (PSS)."""
    found = 0
    for pid in pids:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                found += int(line.split()[1])
    return found / 1024
