"""The state process: `python -m holdfast.state`. Composition root of what worker code may reach of its state.

It serves each living version's bindings on that version's socket, and those of a version that ends what runs in it. It
has the metadata database to learn which these are, and no secret.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from holdfast.kernel import starting

if __name__ == "__main__":
    starting.begin()

import apsw
import sqlalchemy as sa
import uvloop

from holdfast.features.databases.gate import Gate
from holdfast.features.kv.store import quotas_of
from holdfast.features.workers.live import served, tried
from holdfast.kernel import log
from holdfast.kernel.clock import SystemClock
from holdfast.kernel.db import FEW, Database
from holdfast.kernel.errors import HoldfastError
from holdfast.kernel.open_files import raise_limit
from holdfast.kernel.scheduling import answer_soon
from holdfast.kernel.settings import Settings
from holdfast.kernel.wake import Listener, Wake
from holdfast.runtime.bindings.disk_reserve import DiskReserve
from holdfast.runtime.bindings.kv_usage import KvQuota
from holdfast.runtime.bindings.server import BindingServer
from holdfast.runtime.live import LiveVersion
from holdfast.runtime.sandbox.users import uid_of

_log = logging.getLogger("holdfast.state")
_TOPIC = "workers"
_RESOURCE = "resource:"  # a database that a binding names became ready, or is being restored
_LOOK_SECONDS = 5.0
_SWITCH_SECONDS = 0.0001  # a thread that writes for one version waits so long for the loop, busy with another's

Living = Callable[[], Sequence[LiveVersion]]
Quotas = Callable[[], Mapping[Path, KvQuota]]


async def follow(
    server: BindingServer, source: Living, quotas: Quotas, listener: Listener, stop: asyncio.Event
) -> None:
    """Keep the server at what lives: at once, after each wake-up for workers or databases, and every five seconds."""
    while not stop.is_set():
        try:
            await server.follow(await asyncio.to_thread(source), await asyncio.to_thread(quotas))
        except (HoldfastError, sa.exc.SQLAlchemyError, apsw.Error, OSError):
            _log.exception("what lives cannot be read; the bindings stay as they are until the next look")
        await _wait(listener, stop)


async def _wait(listener: Listener, stop: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    until = loop.time() + _LOOK_SECONDS
    while not stop.is_set() and (left := until - loop.time()) > 0:
        heard = await asyncio.to_thread(listener.wait, min(left, 0.5))  # short: a stop must not wait for it
        if any(topic == _TOPIC or topic.startswith(_RESOURCE) for topic in heard):
            return


async def serve(
    settings: Settings, source: Living, wake: Wake, owner: Callable[[str], int], quotas: Quotas = dict
) -> None:
    """Until SIGTERM or SIGINT; writes that were given are made. `owner` gives the uid of a version's sandbox."""
    sys.setswitchinterval(_SWITCH_SECONDS)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    gate = Gate(settings.data / "gates")
    reserve = DiskReserve(settings.disk_reserve_bytes)
    server = BindingServer(settings.runtime, owner=owner, gate=gate.shared, reserve=reserve)
    upkeep = asyncio.ensure_future(server.upkeep())
    try:
        with wake.listen("state") as listener:
            await follow(server, source, quotas, listener, stop)
    finally:
        upkeep.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await upkeep
        await server.close()


def main() -> int:
    """In the foreground until SIGTERM or SIGINT."""
    settings = Settings.load()
    log.configure(settings.log_level)
    raise_limit()
    answer_soon()
    db = Database(settings.metadata_url, pool_size=FEW)
    try:
        db.migrate()
        wake = Wake(settings.runtime)
        starting.begun()
        owner = partial(uid_of, settings.data)
        clock = SystemClock()
        source: Living = lambda: [  # noqa: E731
            *served(db, settings.data, clock.now()),
            *tried(db, settings.data, settings.runtime),
        ]
        uvloop.run(serve(settings, source, wake, owner, lambda: quotas_of(db)))
        wake.close()
    except HoldfastError as error:
        sys.stderr.write(f"{error.message}\n" + (f"{error.hint}\n" if error.hint else ""))
        return 1
    finally:
        db.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
