"""The pool process: `python -m holdfast.pool`. Composition root of what starts, supervises and stops worker sandboxes.

It reads the metadata database to learn which versions live and, at each start, the values of their secrets.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import signal
import sys
import time
from collections.abc import Coroutine, Mapping, Sequence, Set
from dataclasses import replace
from pathlib import Path

from holdfast.contract.spec import Limits
from holdfast.features.workers.live import living, secret_values
from holdfast.hosts import limits as groups
from holdfast.hosts.control_plane import CANNOT_START
from holdfast.hosts.layout import Layout
from holdfast.kernel import log
from holdfast.kernel.db import Database
from holdfast.kernel.errors import HoldfastError, NeedsOperator
from holdfast.kernel.master_source import source_of
from holdfast.kernel.secrets import Secrets, master_key_of
from holdfast.kernel.settings import Settings
from holdfast.kernel.wake import Listener, Wake
from holdfast.runtime.live import LiveVersion, WorkerLimits
from holdfast.runtime.pool import Order, Parts, Policy, Pool, Running, Used, control, control_socket
from holdfast.runtime.pool.face import state_file
from holdfast.runtime.pool.pool import require_alone
from holdfast.runtime.sandbox.cell import Cell
from holdfast.runtime.sandbox.users import keep_users, uid_of
from holdfast.runtime.sandbox.zygotes import Zygotes
from holdfast.runtime.telemetry import Retention, TelemetryReader, TelemetryWriter, path_of

_log = logging.getLogger("holdfast.pool")
_TOPIC = "workers"
_PRELOAD = ("holdfast.runtime.python.warm",)


class ControlGroups:
    """`hosts/limits` for sandboxes, under a label of their own: the keeper removes the empty groups of its servers."""

    def __init__(self, label: str) -> None:
        self._groups = groups.Groups(f"{label}-w")
        self._groups.sweep()
        if self._groups.reason:
            _log.warning("workers are not limited by control groups: %s", self._groups.reason)

    def make(self, name: str, limits: WorkerLimits) -> tuple[str, ...]:
        return self._groups.create(name, Limits(limits.memory_bytes, limits.cpus, limits.tasks))

    def used(self, directories: tuple[str, ...]) -> Used:
        found = groups.usage(directories)
        return Used(found.memory_bytes, found.cpu_seconds, found.oom_kills)

    def remove(self, directories: tuple[str, ...]) -> None:
        groups.remove(directories)

    def close(self) -> None:
        self._groups.sweep()


class Sandboxes:
    """Orders of the pool as cells of a sandbox: one zygote per project and environment, one user per version."""

    def __init__(self, data: Path, zygotes: Zygotes) -> None:
        self._data = data
        self._zygotes = zygotes
        self._domains: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def spawn(self, order: Order) -> Running:
        version = order.version
        uid = await asyncio.to_thread(uid_of, self._data, version.token) if os.geteuid() == 0 else os.geteuid()
        cell = Cell(
            name=f"{version.worker} v{version.number}",
            domain=domain_of(version),
            uid=uid,
            code=version.code,
            packages=version.packages,
            sockets=order.sockets,
            listeners=order.listeners,
            channel=order.channel,
            limits=version.limits,
            permits=version.permits,
            payload=order.payload,
            groups=order.groups,
        )
        return await self._zygotes.spawn(cell)

    def follow(self, versions: Sequence[LiveVersion]) -> None:
        """Have the zygotes of these ready, so that a first request need not wait for their imports; end the others."""
        domains = {domain_of(version) for version in versions}
        for domain in domains - self._domains:
            self._do(self._zygotes.warm(domain))
        for domain in self._domains - domains:
            self._do(self._zygotes.retire(domain))
        self._domains = domains

    def _do(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(_told(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _told(work: Coroutine[None, None, None]) -> None:
    try:
        await work
    except HoldfastError as error:  # the start of a process says it again, to the worker's owner
        _log.warning("%s", error.message)


def domain_of(version: LiveVersion) -> str:
    """Who shares a zygote: the workers of one environment."""
    return f"{version.project_id}.{version.environment_id}"


class Source:
    """What is to run and its secrets, out of the metadata database; the users of versions that are gone are forgotten
    with them."""

    def __init__(self, settings: Settings, db: Database, secrets: Secrets) -> None:
        self._settings = settings
        self._db = db
        self._secrets = secrets
        self._tokens: frozenset[str] = frozenset()
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

    def topics(self, workers: Set[str]) -> set[str]:
        """What to wake whoever tails these workers with."""
        known = [self._places[each] for each in workers if each in self._places]
        return {f"worker-log:{project_id}:{environment_id}" for project_id, environment_id in known}

    def secrets(self, version: LiveVersion) -> dict[str, str]:
        return secret_values(self._db, self._secrets, version)


def retention_of(environ: Mapping[str, str]) -> Retention:
    """HOLDFAST_TELEMETRY_DAYS and HOLDFAST_TELEMETRY_BYTES. Raises ValueError naming the one nobody understands."""
    found = Retention()
    for name in ("HOLDFAST_TELEMETRY_DAYS", "HOLDFAST_TELEMETRY_BYTES"):
        text = environ.get(name)
        if text and not (text.isdigit() and int(text) > 0):
            raise ValueError(f"{name} must be a whole number above 0, not {text!r}")
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


async def serve(settings: Settings, source: Source, wake: Wake, policy: Policy | None = None) -> None:
    """Until SIGTERM or SIGINT; then what runs may end, and nothing of it is left."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)

    def written(workers: Set[str]) -> None:
        for topic in source.topics(workers):
            wake.notify(topic)

    telemetry = TelemetryWriter(path_of(settings.data), retention_of(os.environ), written=written)
    end_states(telemetry, TelemetryReader(path_of(settings.data)))
    zygotes, limited = Zygotes(preload=_PRELOAD), ControlGroups(Layout.of(settings).label)
    sandboxes = Sandboxes(settings.data, zygotes)
    parts = Parts(
        runtime=settings.runtime,
        living=source.living,
        spawn=sandboxes.spawn,
        telemetry=telemetry,
        schedules=state_file(settings.data),
        secrets=source.secrets,
        groups=limited,
        followed=sandboxes.follow,
        policy=policy or Policy(),
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
    with contextlib.ExitStack() as held:
        try:
            held.callback(os.close, require_alone(settings.data / "workers" / "pool.lock"))
            db = Database(settings.metadata_url)
            held.callback(db.close)
            db.migrate()
            wake = Wake(settings.runtime)
            held.callback(wake.close)
            secrets = Secrets(db, master_key_of(db, source_of(settings)))
            gc.freeze()
            asyncio.run(serve(settings, Source(settings, db, secrets), wake))
        except HoldfastError as error:
            sys.stderr.write(f"{error.message}\n" + (f"{error.hint}\n" if error.hint else ""))
            return CANNOT_START if isinstance(error, NeedsOperator) else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
