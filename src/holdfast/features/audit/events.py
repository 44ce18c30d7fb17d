"""The audit log as it grows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from starlette.concurrency import run_in_threadpool

from holdfast.features.access.actor import Actor
from holdfast.features.audit.sequencer import PLACED
from holdfast.features.audit.service import AuditService
from holdfast.features.audit.store import Filter
from holdfast.features.audit.wire import AuditEventOut
from holdfast.web.hub import Hub
from holdfast.web.sse import Event

LOOK_AGAIN_SECONDS = 30.0
_PAGE = 200


async def events(service: AuditService, hub: Hub, actor: Actor, wanted: Filter, after: int) -> AsyncIterator[Event]:
    """Every row after a place, for ever. Wake-ups may be lost: it looks again after a while in any case."""
    with hub.bell(PLACED) as bell:
        while True:
            bell.clear()
            rows = await run_in_threadpool(service.following, actor, wanted, after, _PAGE)
            for row in rows:
                after = row.seq
                yield Event(AuditEventOut.of(row).model_dump(mode="json"), "audit", str(row.seq))
            if len(rows) < _PAGE:
                try:
                    async with asyncio.timeout(LOOK_AGAIN_SECONDS):
                        await bell.wait()
                except TimeoutError:
                    continue
