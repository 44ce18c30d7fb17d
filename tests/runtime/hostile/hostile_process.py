"""One process of the house: `python hostile_process.py pool|state|egress ROOT MODE`.

As its composition root runs it, but for the source of what lives.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import signal
import sys
from collections.abc import Set
from pathlib import Path

import hostile_cast
import uvloop

from holdfast import egress as egress_root
from holdfast import pool as pool_root
from holdfast import state as state_root
from holdfast.kernel import log
from holdfast.kernel.open_files import raise_limit
from holdfast.kernel.outbound_policy import OutboundPolicy
from holdfast.kernel.scheduling import answer_soon
from holdfast.kernel.settings import Settings
from holdfast.kernel.wake import Wake
from holdfast.runtime.egress.server import EgressServer
from holdfast.runtime.live import LiveVersion
from holdfast.runtime.pool import Policy
from holdfast.runtime.sandbox.modes import Mode
from holdfast.runtime.sandbox.users import uid_of

POLICY = Policy(
    first_pause=0.2, longest_pause=1.0, grace_seconds=0.5, drain_seconds=1.0, sample_seconds=0.5, silent_seconds=7.0,
    lines_per_second=500, busy=float(os.environ["BUSY"]),
)  # fmt: skip


class Source(pool_root.Source):
    """A list in place of the metadata database."""

    def __init__(self, root: Path) -> None:
        self._living = hostile_cast.living(root)
        self.claim = None  # one node: nobody to share turns with

    def living(self) -> list[LiveVersion]:
        return self._living

    def topics(self, workers: Set[str]) -> set[str]:
        """Nobody tails."""
        return set()

    def secrets(self, version: LiveVersion) -> dict[str, str]:
        return dict.fromkeys(version.secrets, hostile_cast.SECRET)


async def _egress(settings: Settings, source: Source) -> None:
    server = EgressServer(
        settings.runtime, OutboundPolicy.of_workers(settings), lambda token: uid_of(settings.data, token)
    )
    serving = asyncio.ensure_future(
        egress_root.serve(server, source.living, asyncio.Event(), settings.data / "workers" / "egress.json")
    )
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, serving.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await serving


def main(part: str, root: Path, mode: Mode) -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, 8192))  # as most systems begin
    raise_limit()
    answer_soon()
    settings = Settings(
        data=root / "data", runtime=root / "r", master_key_file=root / "key",
        control_port=int(os.environ["CONTROL_PORT"]), allowed_hosts=(hostile_cast.PUBLIC_NAME,),
    )  # fmt: skip
    log.configure("info")
    source = Source(root)
    wake = Wake(settings.runtime)
    if part == "pool":
        asyncio.run(pool_root.serve(settings, source, wake, POLICY, mode))
    elif part == "state":
        work = state_root.serve(settings, source.living, wake, lambda token: uid_of(settings.data, token))
        uvloop.run(work)
    else:
        uvloop.run(_egress(settings, source))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3])  # type: ignore[arg-type]
