"""Workers of project folders, from their `wrangler.jsonc` on: real sandboxes, real bindings, real databases."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apsw
from pool_bench import version

from holdfast.runtime import wrangler
from holdfast.runtime.bindings import server
from holdfast.runtime.live import Binding, Json, LiveVersion, Sockets
from holdfast.runtime.pool import Parts, Policy, Pool
from holdfast.runtime.telemetry import TelemetryReader, TelemetryWriter, path_of


@dataclass
class Deployed:
    pool: Pool
    root: Path
    versions: dict[str, LiveVersion]
    telemetry: TelemetryReader
    writer: TelemetryWriter

    def door(self, name: str) -> Path:
        return Sockets.of(self.root / "r", self.versions[name].token).http

    async def ask(self, name: str, path: str = "/", method: str = "GET", body: bytes = b"") -> tuple[int, Any]:
        reader, writer = await asyncio.open_unix_connection(str(self.door(name)))
        head = f"{method} {path} HTTP/1.1\r\nhost: {name}.localhost\r\nconnection: close\r\n"
        writer.write(f"{head}content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body)
        async with asyncio.timeout(60):
            top, _, answer = (await reader.read()).partition(b"\r\n\r\n")
        writer.close()
        is_json = b"application/json" in top
        return int(top.split()[1]), json.loads(answer) if is_json else answer.decode()


def live(root: Path, name: str, source: Path, **more: Any) -> LiveVersion:
    """As the slice makes one of a deployed project."""
    root.chmod(0o711)
    import fastapi

    from holdfast.runtime.bindings.kv_file import KvFile

    code = root / name
    shutil.copytree(source, code)
    config = wrangler.load(wrangler.find(code))
    assert config.name == name
    assert config.findings == ()
    bindings = []
    for one in config.d1_databases:
        path = root / f"{name}.db"
        with apsw.Connection(str(path)) as connection:
            for file in sorted((code / one.migrations_dir).glob("*.sql")):
                connection.execute(file.read_text())
        bindings.append(Binding(one.binding, "d1", {"resource_id": name, "path": str(path)}))
    for space in config.kv_namespaces:
        KvFile.open(root / f"{space.id}.kv", create=True).close()
        bindings.append(Binding(space.binding, "kv", {"namespace_id": "n", "path": str(root / f"{space.id}.kv")}))
    for called in config.services:
        target = {"worker_id": called.service, "entrypoint": called.entrypoint}
        bindings.append(Binding(called.binding, "service", target))
    for limit in config.ratelimits:
        window: dict[str, Json] = {"namespace": limit.namespace_id, "limit": limit.limit, "period": limit.period}
        bindings.append(Binding(limit.name, "ratelimit", window))
    if config.version_metadata:
        bindings.append(Binding(config.version_metadata, "version"))
    packages = Path(fastapi.__file__).parents[1] if (code / "pyproject.toml").exists() else None
    return version(
        name, worker=name, code=code, main=config.main, vars=dict(config.vars), crons=config.crons,
        bindings=tuple(bindings), packages=packages, flags=config.compatibility_flags, **more,
    )  # fmt: skip


@asynccontextmanager
async def deployed(
    root: Path, *projects: tuple[str, Path], secrets: Mapping[str, Mapping[str, str]] | None = None
) -> AsyncIterator[Deployed]:
    """`projects`: each name and its folder; `secrets`: of each name."""
    from holdfast.runtime.sandbox.users import uid_of
    from holdfast.runtime.sandbox.zygotes import Zygotes
    from holdfast.sandboxes import Sandboxes

    data = root / "data"
    kept = secrets or {}
    versions = {name: live(root, name, source, secrets=tuple(kept.get(name, ()))) for name, source in projects}
    writer, zygotes = TelemetryWriter(path_of(data)), Zygotes(preload=("holdfast.runtime.python.warm",))
    spawn = Sandboxes(data, zygotes).spawn
    policy = Policy(drain_seconds=2)
    pool = Pool(
        Parts(
            root / "r", lambda: list(versions.values()), spawn, writer, data / "schedules.json",
            lambda version: dict(kept.get(version.worker, {})), policy=policy,
        )
    )  # fmt: skip
    state = server.BindingServer(root / "r", owner=lambda token: uid_of(data, token))
    stop = asyncio.Event()
    await pool.refresh()
    await state.follow(list(versions.values()))
    running = asyncio.create_task(pool.run(stop))
    try:
        yield Deployed(pool, root, versions, TelemetryReader(path_of(data)), writer)
    finally:
        stop.set()
        await running
        await state.close()
        await zygotes.close()
        writer.close()
