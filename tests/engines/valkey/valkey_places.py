"""Valkey servers for tests: the hosts' own scratch servers, made from the engine's plan."""

from __future__ import annotations

import asyncio
import itertools
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from holdfast.contract.conformance import MemorySource, Place
from holdfast.contract.query import QueryLimits
from holdfast.contract.snapshot import CaptureRequest, Level, RestoreRequest, Verdict
from holdfast.engines.valkey import engine
from holdfast.engines.valkey.link import connect
from holdfast.engines.valkey.spec import ValkeySpec
from holdfast.hosts.keeper import KeeperClient
from holdfast.hosts.service import Hosts
from holdfast.kernel.settings import Settings
from holdfast.kernel.stop import Stop

SPEC = ValkeySpec()
_count = itertools.count()


class Servers:
    def __init__(self, root: Path, spec: ValkeySpec = SPEC) -> None:
        self.spec = spec
        settings = Settings(data=root / "data", runtime=root / "run", master_key_file=root / "key")
        self.hosts = Hosts(settings, KeeperClient.of(settings))
        self.directory = root / "scratch"
        self.directory.mkdir(mode=0o711)

    @contextmanager
    def fresh(self, name: str = "app") -> Iterator[Place]:
        passwords = {secret: f"{secret} '\"\\ {secrets.token_hex(6)} ü" for secret in engine.needs(self.spec)[1]}
        tools = self.hosts.tools(None, engine.software(self.spec), self.directory)
        with self.hosts.scratch(engine, self.spec, name, passwords, self.directory) as at:
            asyncio.run(engine.prepare(at, self.spec, tools))
            yield Place(name, at, tools)


@contextmanager
def servers(spec: ValkeySpec = SPEC) -> Iterator[Servers]:
    with tempfile.TemporaryDirectory(prefix="hfv") as root:
        Path(root).chmod(0o711)
        yield Servers(Path(root), spec)


def do(place: Place, *words: Any, db: int = 0) -> Any:
    with connect(place.endpoint) as link:
        link.command("SELECT", db)
        return link.command(*words)


def ask(place: Place, statement: str, params: Any = (), access: Any = "admin", **limits: Any) -> list[Any]:
    async def drain() -> list[Any]:
        session = engine.connect(place.endpoint, place.tools, access)
        return [batch async for batch in session.query(statement, params, QueryLimits(**limits))]

    return asyncio.run(drain())


def capture(place: Place) -> MemorySource:
    with engine.connect(place.endpoint, place.tools).capture(None, CaptureRequest(), Stop()) as captured:
        return MemorySource.read(captured)


def restore(place: Place, source: Any, want: RestoreRequest | None = None, stop: Stop | None = None) -> None:
    engine.connect(place.endpoint, place.tools).restore(source, want or RestoreRequest(), stop or Stop())


def verify(place: Place, source: MemorySource) -> Verdict:
    return engine.connect(place.endpoint, place.tools).verify(source.manifest, Level.RESTORED, Stop())
