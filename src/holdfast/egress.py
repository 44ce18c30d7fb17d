"""The egress process: `python -m holdfast.egress`. The only way out of a sandbox leads through it."""

from __future__ import annotations

import asyncio
import json
import logging
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from holdfast.kernel import starting

if __name__ == "__main__":
    starting.begin()

import uvloop
from sqlalchemy.exc import SQLAlchemyError

from holdfast.features.workers.live import served, tried
from holdfast.hosts.control_plane import CANNOT_START
from holdfast.kernel import log
from holdfast.kernel.clock import SystemClock
from holdfast.kernel.db import FEW, Database
from holdfast.kernel.errors import HoldfastError, NeedsOperator
from holdfast.kernel.open_files import raise_limit
from holdfast.kernel.outbound_policy import OutboundPolicy
from holdfast.kernel.scheduling import answer_soon
from holdfast.kernel.settings import Settings
from holdfast.kernel.wake import Wake
from holdfast.runtime.egress.server import EgressServer, facts
from holdfast.runtime.live import LiveVersion
from holdfast.runtime.sandbox.users import uid_of

TOPIC = "workers"
_LOOK_SECONDS = 5.0
_log = logging.getLogger("holdfast.egress")


async def serve(
    egress: EgressServer, versions: Callable[[], Sequence[LiveVersion]], changed: asyncio.Event, usage: Path
) -> None:
    """Until cancelled: listen for the versions there are, again when `changed` is set and every five seconds."""
    try:
        while True:
            changed.clear()
            try:
                await egress.apply(await asyncio.to_thread(versions))
                await asyncio.to_thread(_write, usage, json.dumps(facts(egress.usage())))
            except (OSError, SQLAlchemyError, HoldfastError):
                _log.exception("the workers' ways out could not be renewed")  # the next turn tries again
            try:
                async with asyncio.timeout(_LOOK_SECONDS):
                    await changed.wait()
            except TimeoutError:
                continue
    finally:
        await egress.close()


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    fresh.write_text(text)
    fresh.replace(path)


async def _main(settings: Settings, db: Database, policy: OutboundPolicy) -> None:
    changed = asyncio.Event()
    egress = EgressServer(settings.runtime, policy, lambda token: uid_of(settings.data, token))
    usage = settings.data / "workers" / "egress.json"

    def versions() -> Sequence[LiveVersion]:
        found = served(db, settings.data, SystemClock().now())
        return [*found, *tried(db, settings.data, settings.runtime)]

    serving = asyncio.create_task(serve(egress, versions, changed, usage))
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, serving.cancel)
    with Wake(settings.runtime).listen("egress") as ear:

        async def listen() -> None:
            async for topic in ear:
                if topic == TOPIC:
                    changed.set()

        listening = asyncio.create_task(listen())
        await asyncio.wait([serving])
        listening.cancel()
    if not serving.cancelled():
        serving.result()


def main() -> int:
    try:
        settings = Settings.load()
        log.configure(settings.log_level)
        raise_limit()
        answer_soon()
        policy = OutboundPolicy.of_workers(settings)
    except HoldfastError as error:
        sys.stderr.write(f"{error.message}\n" + (f"{error.hint}\n" if error.hint else ""))
        return CANNOT_START if isinstance(error, NeedsOperator) else 1
    db = Database(settings.metadata_url, pool_size=FEW)
    starting.begun()
    try:
        uvloop.run(_main(settings, db, policy))
    finally:
        db.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
