"""A PostgreSQL server for a measurement, as Holdfast hosts it, and sessions in it."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from holdfast.contract.engine import Session
from holdfast.contract.spec import Endpoint
from holdfast.hosts.keeper import background
from holdfast.hosts.service import Hosts
from holdfast.kernel.settings import Settings


@dataclass
class Hosted:
    """`root` is a directory of the measurement; `binaries` those of the server's own version."""

    at: Endpoint
    root: Path
    binaries: Path
    connect: Any

    def session(self) -> Session:
        session: Session = self.connect()
        return session

    def sql(self) -> psycopg.Connection[Any]:
        role = self.at.roles["admin"]
        return psycopg.connect(
            host=str(self.at.sockets),
            port=self.at.port or 5432,
            user=role.user,
            password=self.at.secrets[role.secret],
            dbname=self.at.database,
            autocommit=True,
        )


@contextmanager
def hosted(**wanted: Any) -> Iterator[Hosted]:
    """Gone at the end with everything it wrote. `wanted` are values of its spec."""
    from holdfast.engines.postgresql import engine

    root = Path(tempfile.mkdtemp(prefix="hfbench-"))
    environ = {"HOLDFAST_RUNTIME": str(root / "run"), "HOLDFAST_CONTROL_PORT": "0", "HOLDFAST_APPS_PORT": "0"}
    settings = Settings.load(environ, data=root / "data")
    try:
        with background(settings) as client:
            hosts = Hosts(settings, client)
            spec = engine.spec(**wanted)
            software = engine.software(spec)
            if software is None:
                raise RuntimeError("this engine has no server")
            secrets = {name: f"bench-{name}" for name in engine.needs(spec)[1]}
            plan = engine.plan(spec, hosts.site("db_bench", "bench", engine, spec, secrets))
            hosts.up("db_bench", plan)
            asyncio.run(engine.prepare(plan.endpoint, spec, hosts.tools("db_bench", software, root)))
            tools = hosts.tools("db_bench", software, root)
            yield Hosted(
                plan.endpoint, root, hosts.install(software) / "bin", lambda: engine.connect(plan.endpoint, tools)
            )
            hosts.remove("db_bench")
    finally:
        shutil.rmtree(root, ignore_errors=True)
