"""The pool process: `python -m holdfast.pool`. Composition root of what starts, supervises and stops worker sandboxes.

It reads the metadata database to learn which versions live and, at each start, the values of their secrets.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence, Set
from dataclasses import replace
from typing import Any

from holdfast.kernel import starting

if __name__ == "__main__":
    starting.begin()

from holdfast.features.workers.live import candidate, living, secret_values
from holdfast.features.workers.turns import Turns
from holdfast.hosts.control_plane import CANNOT_START
from holdfast.hosts.layout import Layout
from holdfast.kernel import log
from holdfast.kernel.db import FEW, Database
from holdfast.kernel.errors import HoldfastError, NeedsOperator
from holdfast.kernel.master_source import source_of
from holdfast.kernel.node import identity
from holdfast.kernel.open_files import raise_limit
from holdfast.kernel.scheduling import answer_soon
from holdfast.kernel.secrets import Secrets, master_key_of
from holdfast.kernel.settings import Settings
from holdfast.kernel.wake import Listener, Wake
from holdfast.runtime.live import LiveVersion
from holdfast.runtime.pool import Parts, Policy, Pool, control, control_socket
from holdfast.runtime.pool.face import state_file
from holdfast.runtime.pool.pool import require_alone
from holdfast.runtime.sandbox.modes import Mode, chosen
from holdfast.runtime.sandbox.users import keep_users
from holdfast.runtime.sandbox.zygotes import Zygotes
from holdfast.runtime.telemetry import Retention, TelemetryReader, TelemetryWriter, path_of
from holdfast.sandboxes import ControlGroups, ReadySandboxes

_log = logging.getLogger("holdfast.pool")
_TOPIC = "workers"
_PRELOAD = ("holdfast.runtime.python.warm",)


class Source:
    """What is to run and its secrets, out of the metadata database; the users of versions that are gone are forgotten
    with them."""

    def __init__(self, settings: Settings, db: Database, secrets: Secrets) -> None:
        self._settings = settings
        self._db = db
        self._secrets = secrets
        self._tokens: frozenset[str] = frozenset()
        # an embedded database is this node's alone: nobody else takes its turns
        self.claim = None if db.embedded else Turns(db, identity(settings.data, settings.node).name).take
        self._places: dict[str, tuple[str, str]] = {}  # by worker; one that is gone may still have something to say

    def living(self) -> Sequence[LiveVersion]:
        found = living(self._db, self._settings.data)
        tokens = frozenset(version.token for version in found)
        if tokens != self._tokens:
            here = self._settings.runtime / "w"
            sockets = {each.name for each in here.iterdir()} if here.is_dir() else set()
            keep_users(self._settings.data, tokens | self._tokens | sockets)
            self._tokens = tokens
        self._places |= {version.worker_id: (version.project_id, version.environment_id) for version in found}
        return found

    def candidate(self, version_id: str, bindings: Sequence[Mapping[str, Any]]) -> LiveVersion | None:
        return candidate(self._db, self._settings.data, version_id, bindings)

    def topics(self, workers: Set[str]) -> set[str]:
        """What to wake whoever tails these workers with."""
        known = [self._places[each] for each in workers if each in self._places]
        return {f"worker-log:{project_id}:{environment_id}" for project_id, environment_id in known}

    def secrets(self, version: LiveVersion) -> dict[str, str]:
        if not version.secrets:
            return {}
        return secret_values(self._db, self._secrets, version)


def retention_of(environ: Mapping[str, str]) -> Retention:
    """HOLDFAST_TELEMETRY_DAYS and HOLDFAST_TELEMETRY_BYTES. Raises NeedsOperator naming the one nobody understands."""
    found = Retention()
    for name in ("HOLDFAST_TELEMETRY_DAYS", "HOLDFAST_TELEMETRY_BYTES"):
        text = environ.get(name)
        if text and not (text.isdigit() and int(text) > 0):
            words = f"{name} must be a whole number above 0, not {text!r}"
            raise NeedsOperator(words, code="setting_invalid", hint="Mend it and start Holdfast anew.")
    days, size = environ.get("HOLDFAST_TELEMETRY_DAYS"), environ.get("HOLDFAST_TELEMETRY_BYTES")
    return Retention(
        days=float(days) if days else found.days, bytes=int(size) if size else found.bytes, minutes_days=90.0
    )


def end_states(telemetry: TelemetryWriter, reader: TelemetryReader) -> None:
    """What a pool that was killed left as running ran in it: it is gone, until this pool says otherwise."""
    for state in reader.states():
        if state.state != "gone":
            now = int(time.time() * 1000)
            telemetry.state(replace(state, state="gone", since=now, processes=0, memory_bytes=None, retry_at=None))


async def serve(
    settings: Settings, source: Source, wake: Wake, policy: Policy | None = None, mode: Mode | None = None
) -> None:
    """Until SIGTERM or SIGINT; then what runs may end, and nothing of it is left. `mode` None: the best that works."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)

    def written(workers: Set[str]) -> None:
        for topic in source.topics(workers):
            wake.notify(topic)

    telemetry = TelemetryWriter(path_of(settings.data), retention_of(os.environ), written=written)
    end_states(telemetry, TelemetryReader(path_of(settings.data)))
    zygotes, limited = Zygotes(mode=mode, preload=_PRELOAD), ControlGroups(Layout.of(settings).label)
    sandboxes = ReadySandboxes(settings.data, zygotes, limited)
    parts = Parts(
        runtime=settings.runtime,
        living=source.living,
        spawn=sandboxes.spawn,
        telemetry=telemetry,
        schedules=state_file(settings.data),
        secrets=source.secrets,
        claim=source.claim,
        groups=sandboxes,
        followed=sandboxes.follow,
        candidate=source.candidate,
        trying=lambda: wake.notify(_TOPIC),
        policy=policy or Policy(standby=settings.workers_standby),
    )
    pool = Pool(parts)
    server = await control.serve(control_socket(settings.runtime), pool.ask)
    try:
        with wake.listen("pool") as listener:
            hearing = asyncio.create_task(_hear(listener, pool))
            try:
                await pool.run(stop)
            finally:
                hearing.cancel()
    finally:
        server.close()
        control_socket(settings.runtime).unlink(missing_ok=True)
        await sandboxes.close()
        await zygotes.close()
        limited.close()
        telemetry.close()


async def _hear(listener: Listener, pool: Pool) -> None:
    async for topic in listener:
        if topic == _TOPIC:
            pool.wake()


def main() -> int:
    """In the foreground until SIGTERM or SIGINT. A second pool on the same data ends at once."""
    settings = Settings.load()
    log.configure(settings.log_level)
    raise_limit()
    answer_soon()
    with contextlib.ExitStack() as held:
        try:
            held.callback(os.close, require_alone(settings.data / "workers" / "pool.lock"))
            db = Database(settings.metadata_url, pool_size=FEW)
            held.callback(db.close)
            db.migrate()
            wake = Wake(settings.runtime)
            held.callback(wake.close)
            secrets = Secrets(db, master_key_of(db, source_of(settings)))
            mode = chosen(settings.workers_sandbox)
            starting.begun()
            asyncio.run(serve(settings, Source(settings, db, secrets), wake, mode=mode))
        except HoldfastError as error:
            sys.stderr.write(f"{error.message}\n" + (f"{error.hint}\n" if error.hint else ""))
            return CANNOT_START if isinstance(error, NeedsOperator) else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
