"""The examples, from their `wrangler.jsonc` to their answers: real sandboxes, real bindings, real databases."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apsw
import pytest
from pool_bench import version

from holdfast.runtime import wrangler
from holdfast.runtime.bindings import server
from holdfast.runtime.live import Binding, LiveVersion, Sockets
from holdfast.runtime.pool import Parts, Policy, Pool
from holdfast.runtime.telemetry import TelemetryReader, TelemetryWriter, path_of

EXAMPLES = Path(__file__).parents[3] / "examples"
FOLDERS = {"shop": "shop", "cleanup": "cleanup", "echo": "echo", "words": "pair/words", "front": "pair/front"}


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


def live(root: Path, name: str) -> LiveVersion:
    """As the slice makes one of a deployed project."""
    root.chmod(0o711)
    import fastapi

    from holdfast.runtime.bindings.kv_file import KvFile

    code = root / name
    shutil.copytree(EXAMPLES / FOLDERS[name], code)
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
        bindings.append(Binding(called.binding, "service", {"worker_id": called.service, "entrypoint": None}))
    packages = Path(fastapi.__file__).parents[1] if (code / "pyproject.toml").exists() else None
    return version(
        name, worker=name, code=code, main=config.main, vars=dict(config.vars), crons=config.crons,
        bindings=tuple(bindings), packages=packages, flags=config.compatibility_flags,
    )  # fmt: skip


@asynccontextmanager
async def deployed(root: Path, *names: str) -> AsyncIterator[Deployed]:
    from holdfast.pool import Sandboxes
    from holdfast.runtime.sandbox.users import uid_of
    from holdfast.runtime.sandbox.zygotes import Zygotes

    data = root / "data"
    versions = {name: live(root, name) for name in names}
    writer, zygotes = TelemetryWriter(path_of(data)), Zygotes(preload=("holdfast.runtime.python.warm",))
    spawn = Sandboxes(data, zygotes).spawn
    policy = Policy(drain_seconds=2)
    pool = Pool(
        Parts(root / "r", lambda: list(versions.values()), spawn, writer, data / "schedules.json", policy=policy)
    )
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


@pytest.mark.slow
def test_the_shop(short: Path) -> None:
    async def work() -> None:
        async with deployed(short, "shop") as at:
            tea = b'{"name": "Tea", "price": 450}'
            assert await at.ask("shop", "/articles", "POST", tea) == (201, {"id": 1, "name": "Tea", "price": 450})
            assert (await at.ask("shop", "/articles", "POST", tea))[0] == 409
            assert (await at.ask("shop", "/articles", "POST", b'{"name": "", "price": 1}'))[0] == 422
            row = {"id": 1, "name": "Tea", "price": 450, "sold": 0}
            for _ in range(2):  # the second out of the cache
                assert await at.ask("shop", "/articles") == (200, {"currency": "EUR", "articles": [row]})
            assert await at.ask("shop", "/articles/1/sell", "POST") == (200, {"id": 1, "name": "Tea", "sold": 1})
            assert (await at.ask("shop", "/articles/9/sell", "POST"))[0] == 404
            assert (await at.ask("shop", "/articles"))[1]["articles"][0]["sold"] == 1

    asyncio.run(work())


def test_the_cleanup(short: Path) -> None:
    async def work() -> None:
        async with deployed(short, "cleanup") as at:
            with apsw.Connection(str(short / "cleanup.db")) as connection:
                connection.execute("insert into events (at, text) values (1, 'old'), (4000000000, 'new')")
            assert await at.ask("cleanup") == (200, {"count": 2, "oldest": 1})
            ran = await at.pool.schedules.now("cleanup", "15 3 * * *")
            assert (ran["outcome"], ran["error"]) == ("ok", None)
            assert await at.ask("cleanup") == (200, {"count": 1, "oldest": 4000000000})
            at.writer.flush()
            assert at.telemetry.logs("cleanup", text="1 events removed")
            assert [each.outcome for each in at.telemetry.crons("cleanup")] == ["ok"]

    asyncio.run(work())


def test_the_pair(short: Path) -> None:
    async def work() -> None:
        async with deployed(short, "words", "front") as at:
            counted = {"words": 5, "letters": 15, "common": [["the", 2], ["cat", 1], ["and", 1]]}
            assert await at.ask("front", "/", "POST", b"the cat and the hat") == (200, counted)
            assert "service binding" in (await at.ask("front"))[1]

    asyncio.run(work())


def test_the_echo(short: Path) -> None:
    async def work() -> None:
        async with deployed(short, "echo") as at:
            assert (await at.ask("echo"))[0] == 426
            reader, writer = await asyncio.open_unix_connection(str(at.door("echo")))
            writer.write(
                b"GET / HTTP/1.1\r\nhost: echo.localhost\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
                b"sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
            )
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 101")
            assert b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in head
            for kind, told, answer in ((1, b"hello", b"\x81\x05hello"), (2, b"\x00\xff", b"\x82\x02\x00\xff")):
                writer.write(bytes([0x80 | kind, 0x80 | len(told), 0, 0, 0, 0]) + told)
                assert await reader.readexactly(len(answer)) == answer
            writer.write(b"\x81\x85\0\0\0\0close")
            assert await reader.readexactly(5) == b"\x81\x03bye"
            assert (await reader.readexactly(4)) == b"\x88\x0a\x03\xe8"
            writer.close()

    asyncio.run(work())
