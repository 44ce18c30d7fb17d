"""A pool on the real thing but the walls: see `pool_bench.py`."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from pool_bench import QUICK, Bench, Open, Spawner

from holdfast.runtime.live import LiveVersion
from holdfast.runtime.pool import Policy, Pool
from holdfast.runtime.pool.pool import Parts
from holdfast.runtime.telemetry import TelemetryReader, TelemetryWriter, path_of


@pytest.fixture
def short() -> Iterator[Path]:
    """Socket paths may have 107 bytes."""
    made = Path(tempfile.mkdtemp(prefix="hf", dir="/tmp"))
    yield made
    shutil.rmtree(made)


@pytest.fixture
def bench(short: Path, tmp_path: Path) -> Iterator[Open]:
    spawners: list[Spawner] = []

    @asynccontextmanager
    async def opened(policy: Policy = QUICK, **parts: Any) -> AsyncIterator[Bench]:
        living: list[LiveVersion] = []
        spawner = Spawner()
        spawners.append(spawner)
        writer = TelemetryWriter(path_of(tmp_path))
        pool = Pool(
            Parts(short, lambda: list(living), spawner, writer, tmp_path / "schedules.json", policy=policy, **parts)
        )
        stop = asyncio.Event()
        running = asyncio.create_task(pool.run(stop))
        try:
            yield Bench(pool, living, spawner, short, writer, TelemetryReader(path_of(tmp_path)))
        finally:
            stop.set()
            await running
            writer.close()

    yield opened
    for spawner in spawners:
        for process in spawner.processes:
            if process.poll() is None:
                process.kill()
