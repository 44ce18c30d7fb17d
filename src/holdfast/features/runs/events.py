"""A run's life as server-sent events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import asdict
from typing import Any

from holdfast.features.access.actor import Actor
from holdfast.features.runs.service import RunsService
from holdfast.features.runs.wire import LogLineOut, RunOut
from holdfast.jobs import ENDED
from holdfast.web.hub import Hub
from holdfast.web.sse import Event

_CATCH_UP_SECONDS = 1.0  # wake-ups may be lost, reads are not


async def events(service: RunsService, hub: Hub, actor: Actor, run_id: str, after: int) -> AsyncIterator[Event]:
    """`log` events carry their sequence number as id: a client that comes back with Last-Event-ID misses none and sees
    none twice. `state` (the whole run) and `progress` tell how it is now; the last event is `state` of an ended run."""
    state: str | None = None
    progress: dict[str, Any] | None = None
    with hub.bell(f"run:{run_id}") as bell:
        while True:
            bell.clear()
            run, lines = await asyncio.to_thread(service.news, actor, run_id, after)
            for line in lines:
                after = line.seq
                yield Event(LogLineOut.of(line).model_dump(mode="json"), "log", str(after))
            if run.state in ENDED and lines:
                continue  # more lines may be waiting behind this page
            now = asdict(run.progress) if run.progress else None
            if now is not None and now != progress:
                progress = now
                yield Event(now, "progress", str(after))
            if run.state != state:
                state = run.state
                yield Event(RunOut.of(run).model_dump(mode="json"), "state", str(after))
            if run.state in ENDED:
                return
            try:
                async with asyncio.timeout(_CATCH_UP_SECONDS):
                    await bell.wait()
            except TimeoutError:
                continue
