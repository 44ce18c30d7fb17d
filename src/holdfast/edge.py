"""The edge process: `python -m holdfast.edge --fd apps=3 --fd front=4`. Everything from outside that is for a worker.

It reads the route table and connects to workers' sockets; it has no database, no secret and no way to the api.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import socket
import sys
from collections.abc import Callable, Mapping, Sequence

from holdfast.kernel import starting

if __name__ == "__main__":
    starting.begin()

import uvloop

from holdfast.kernel import log
from holdfast.kernel.listeners import inherited
from holdfast.kernel.open_files import raise_limit
from holdfast.kernel.scheduling import answer_soon
from holdfast.kernel.settings import Settings
from holdfast.runtime.edge import caddy
from holdfast.runtime.edge.limits import Limits
from holdfast.runtime.edge.routes import Table
from holdfast.runtime.edge.server import Edge


async def serve(settings: Settings, listeners: Mapping[str, socket.socket], limits: Limits | None = None) -> None:
    """Until SIGTERM or SIGINT; then answers under way have ten seconds."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    edge = Edge(settings.runtime, limits, _caddy(settings) if settings.caddy else None)
    fronts = [listener for name, listener in listeners.items() if name == "front"]
    await edge.start([listener for name, listener in listeners.items() if name == "apps"], fronts)
    try:
        await stop.wait()
    finally:
        await edge.close()


def _caddy(settings: Settings) -> Callable[[Table], None]:
    """Writes the configuration of a Caddy that stands in front (`caddy run --watch`)."""
    options = caddy.Options(settings.front_socket, direct=settings.caddy == "direct")
    return lambda table: caddy.write(settings.runtime / caddy.FILE, table, options)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m holdfast.edge", description=__doc__)
    parser.add_argument("--fd", action="append", default=[], metavar="NAME=NUMBER", help="a listening socket")
    arguments = parser.parse_args(argv)
    settings = Settings.load()
    log.configure(settings.log_level)
    raise_limit()
    answer_soon()
    listeners = inherited(arguments.fd, ("apps", "front"))
    starting.begun()
    uvloop.run(serve(settings, listeners))
    return 0


if __name__ == "__main__":
    sys.exit(main())
