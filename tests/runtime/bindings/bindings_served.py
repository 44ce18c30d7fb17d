"""A state process's server in this process's loop, and workers' clients of it."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import apsw

from holdfast.runtime.bindings.client import Client, Hooks, connect
from holdfast.runtime.bindings.handling import Limits
from holdfast.runtime.bindings.kv_file import KvFile
from holdfast.runtime.bindings.server import BindingServer
from holdfast.runtime.live import Binding, LiveVersion, Sockets


def version(token: str, bindings: Iterable[Binding] = (), **changes: Any) -> LiveVersion:
    known: dict[str, Any] = {
        "id": f"version-{token}",
        "number": 1,
        "tag": None,
        "worker_id": f"worker-{token}",
        "worker": token,
        "project_id": "p",
        "environment_id": "e",
        "code": Path("/nowhere"),
        "main": "main.py",
        "packages": None,
        "token": token,
        "weight": 100,
        "created_at": "2026-11-22T08:00:00Z",
        "bindings": tuple(bindings),
    }
    return LiveVersion(**{**known, **changes})


@dataclass
class Place:
    """Files and sockets of one test. Sockets need a short path."""

    data: Path
    runtime: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="hf-")))

    def namespace(self, name: str = "n") -> Path:
        path = self.data / f"{name}.db"
        KvFile.open(path, create=True).close()
        return path

    def kv(self, binding: str = "KV", name: str = "n") -> Binding:
        return Binding(binding, "kv", {"namespace_id": name, "path": str(self.namespace(name))})

    def d1(self, binding: str = "DB", name: str = "d") -> Binding:
        path = self.data / f"{name}.db"
        with closing(apsw.Connection(str(path))) as connection:
            connection.execute("PRAGMA journal_mode = WAL").fetchall()
            connection.execute("PRAGMA user_version = 1").fetchall()
        return Binding(binding, "d1", {"resource_id": name, "path": str(path)})

    def socket(self, token: str) -> str:
        return str(Sockets.of(self.runtime, token).bind)


@asynccontextmanager
async def served(place: Place, *living: LiveVersion, limits: Limits | None = None) -> AsyncIterator[BindingServer]:
    server = BindingServer(place.runtime, limits=limits)
    await server.follow(living)
    try:
        yield server
    finally:
        await server.close()


@asynccontextmanager
async def client(place: Place, token: str, hooks: Hooks | None = None) -> AsyncIterator[Client]:
    made = await connect(place.socket(token), hooks)
    try:
        yield made
    finally:
        made.close()
        await asyncio.sleep(0)


@asynccontextmanager
async def env(place: Place, *bindings: Binding, **more: Any) -> AsyncIterator[dict[str, Any]]:
    """The `env` of one worker with these bindings."""
    async with served(place, version("a", bindings, **more)), client(place, "a") as made:
        yield made.env([{"name": binding.name, "kind": binding.kind} for binding in bindings])
