"""The runner process: `python -m holdfast.runner`. Composition root of everything that executes runs."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from holdfast.kernel import starting

if __name__ == "__main__":
    starting.begin()

import sqlalchemy as sa

from holdfast import catalog, located
from holdfast import tables as _every_table  # noqa: F401 - snapshots of the metadata copy all of them
from holdfast.contract.registry import Registry
from holdfast.features.alerts import environment as alert_variables
from holdfast.features.alerts import wiring as alerts_wiring
from holdfast.features.alerts.loop import AlertLoop
from holdfast.features.audit.sequencer import WRITTEN
from holdfast.features.backups.batching import BatchTaker
from holdfast.features.backups.care_tasks import CareTasks
from holdfast.features.backups.counts import COUNTS
from holdfast.features.backups.keys import Keys
from holdfast.features.backups.places import RUNNER_PATIENCE
from holdfast.features.backups.repository_tasks import RepositoryTasks
from holdfast.features.backups.restoring import Restorer
from holdfast.features.backups.service import SnapshotsService
from holdfast.features.backups.swapping import Swapper
from holdfast.features.backups.sweep import BackupSweep
from holdfast.features.backups.taking import Taker
from holdfast.features.backups.tasks import BackupTasks
from holdfast.features.backups.verifying import Verifier
from holdfast.features.colder.tasks import ColderSweep, ColderTasks
from holdfast.features.connections import exposures, login_store
from holdfast.features.connections.reached import Ways
from holdfast.features.connections.upkeep import UpkeepTasks
from holdfast.features.copies.tasks import CopyTasks
from holdfast.features.databases.change_tasks import ChangeTasks
from holdfast.features.databases.external_look import Looker
from holdfast.features.databases.external_watch import ExternalWatch
from holdfast.features.databases.gate import Gate
from holdfast.features.databases.model import Resource
from holdfast.features.databases.password_watch import PasswordWatch
from holdfast.features.databases.reach import Reach
from holdfast.features.databases.sweep import DatabaseSweep
from holdfast.features.databases.tasks import DatabaseTasks
from holdfast.features.drills import store as drill_store
from holdfast.features.drills.sweep import DrillSweep
from holdfast.features.drills.tasks import DrillTasks
from holdfast.features.files.sweep import FilesSweep
from holdfast.features.imports.tasks import ImportTasks
from holdfast.features.imports.uploads import ImportSweep, Uploads
from holdfast.features.kv import store as kv_store
from holdfast.features.limits.book import LimitBook
from holdfast.features.limits.quota import Quotas
from holdfast.features.migrations.tasks import MigrationTasks
from holdfast.features.moves.sweep import MoveSweep
from holdfast.features.moves.tasks import MoveTasks
from holdfast.features.plans.expanding import PlanTasks
from holdfast.features.plans.status import overdue
from holdfast.features.plans.sweep import PlanSweep
from holdfast.features.recovery.sweep import MetadataSweep
from holdfast.features.recovery.taking import MetadataTaker
from holdfast.features.retention.tasks import RetentionSweep, RetentionTasks
from holdfast.features.transfers.shelf import Shelf
from holdfast.features.transfers.sweep import TransferSweep
from holdfast.features.transfers.tasks import TransferTasks
from holdfast.features.upgrades.tasks import UpgradeTasks
from holdfast.features.workers import tasks as worker_tasks
from holdfast.hosts.control_plane import CANNOT_START
from holdfast.hosts.keeper import KeeperClient
from holdfast.hosts.service import Hosts
from holdfast.jobs import Jobs, Runner, TaskRegistry
from holdfast.jobs.nodes import Node
from holdfast.kernel import log
from holdfast.kernel.audit_keys import seal_rows
from holdfast.kernel.clock import Clock, SystemClock
from holdfast.kernel.db import Database
from holdfast.kernel.errors import HoldfastError, NeedsOperator
from holdfast.kernel.malloc import keep_big_buffers
from holdfast.kernel.master_source import source_of
from holdfast.kernel.node import identity
from holdfast.kernel.secrets import Secrets, master_key_of
from holdfast.kernel.settings import Settings
from holdfast.kernel.stop import Stop
from holdfast.kernel.wake import Wake
from holdfast.kernel.wake_relay import start_relay
from holdfast.vault.stores.ambient import forget_ambient

_log = logging.getLogger("holdfast.runner")
_SWEEP_SECONDS = 5.0


@dataclass(frozen=True)
class RunnerParts:
    """What the process is made of; `close` gives everything back."""

    db: Database
    wake: Wake
    hosts: Hosts
    runner: Runner
    keys: Keys
    sweeps: tuple[Callable[[], object], ...]
    watch: ExternalWatch
    alerts: AlertLoop

    def close(self) -> None:
        self.watch.close()
        self.alerts.close()
        self.hosts.lines.close()
        self.keys.places.close()
        self.db.close()
        self.wake.close()


def build(
    settings: Settings, *, engines: Registry | None = None, clock: Clock | None = None, name: str = "runner"
) -> RunnerParts:
    """Everything wired, nothing started. Brings the metadata database up to date, or waits while the api does."""
    clock = clock or SystemClock()
    db = Database(settings.metadata_url)
    db.migrate()
    node = Node(db, clock, identity(settings.data, settings.node), adopt=located.adopt)
    node.join()
    wake = Wake(settings.runtime)
    secrets = Secrets(db, master_key_of(db, source_of(settings)))
    seal_rows(db, secrets, lambda: wake.notify(WRITTEN))
    hosts = Hosts(settings, KeeperClient.of(settings))
    reach = Reach(settings, db, engines or catalog.registry(), secrets, hosts)
    gate, jobs = Gate(settings.data / "gates"), Jobs(db, clock, wake, located.node_of)
    keys = Keys.of(settings, db, secrets, clock, RUNNER_PATIENCE)

    databases = DatabaseTasks(db, reach, secrets, gate, clock, wake)
    swapper = Swapper(db, reach, gate, jobs, databases, clock)
    quotas = Quotas(LimitBook(db, clock), clock, COUNTS)
    taker, verifier = Taker(db, reach, keys, clock, quotas), Verifier(reach, clock)
    restorer = Restorer(db, reach, keys, swapper, clock)
    tasks = TaskRegistry()
    databases.register(tasks)
    ChangeTasks(reach, secrets, gate, clock, databases).register(tasks)
    UpkeepTasks(Ways(db, reach, gate)).register(tasks)
    databases.at_purge(_forget)
    MoveTasks(db, reach, clock).register(tasks)
    UpgradeTasks(db, reach, gate, jobs, taker, verifier, databases, clock).register(tasks)
    shelf = Shelf(settings.data)
    TransferTasks(db, reach, gate, shelf, clock).register(tasks)
    uploads = Uploads(secrets, shelf)
    ImportTasks(db, reach, taker, verifier, uploads).register(tasks)
    RetentionTasks(db, jobs, keys, clock, timedelta(seconds=settings.delete_grace_seconds)).register(tasks)
    CareTasks(db, keys, clock).register(tasks)
    ColderTasks(db, jobs, keys, clock).register(tasks)
    whole, batches = RepositoryTasks(db, keys, secrets, clock), BatchTaker(db, reach, keys, verifier, clock, quotas)
    BackupTasks(db, keys, taker, verifier, restorer, swapper, clock, whole, batches).register(tasks)
    MetadataTaker(db, keys, settings, clock).register(tasks)
    DrillTasks(db, keys, verifier, clock).register(tasks)
    MigrationTasks(db, reach, taker, verifier, clock).register(tasks, databases)
    CopyTasks(db, reach, gate, clock).register(tasks)
    worker_sweep = worker_tasks.join(tasks, db, settings.data, wake, clock)
    PlanTasks(db, jobs, SnapshotsService(db, jobs, keys, clock, quotas), clock).register(tasks)

    scratch = settings.data / "scratch"
    scratch.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, parents=True, exist_ok=True)
    runner = Runner(db, tasks, name=name, scratch_root=scratch, clock=clock, wake=wake, joined=node)
    watch = ExternalWatch(db, Looker(reach, clock, scratch / "watch"), clock)
    sweeps = (
        hosts.sweep,
        DatabaseSweep(db, jobs, clock, node.name).sweep,
        BackupSweep(db, jobs, swapper, clock).sweep,
        RetentionSweep(db, jobs, clock).sweep,
        ColderSweep(db, jobs).sweep,
        MoveSweep(db, jobs, clock).sweep,
        DrillSweep(db, jobs, clock).sweep,
        watch.sweep,
        PasswordWatch(db, reach, gate, clock).sweep,
        TransferSweep(db, shelf, clock).sweep,
        PlanSweep(db, clock, wake).sweep,
        MetadataSweep(db, jobs, keys, clock).sweep,
        FilesSweep(db, secrets, clock).sweep,
        ImportSweep(db, uploads, node.name).sweep,
        worker_sweep.sweep,
    )
    alerts = alerts_wiring.loop(db, clock, secrets, settings, wake, node.name, COUNTS["storage"], overdue)
    channels = alerts_wiring.services(db, clock, secrets, settings).channels
    alert_variables.settle(db, channels, os.environ)
    return RunnerParts(db, wake, hosts, runner, keys, sweeps, watch, alerts)


def _forget(conn: sa.Connection, resource: Resource) -> None:
    """What the upper slices keep of a database goes with it."""
    for slice_ in (login_store, exposures, drill_store, kv_store):
        slice_.forget(conn, resource.id)


def serve(parts: RunnerParts, stop: Stop) -> None:
    """Work until `stop`. Sweeps at once, every five seconds, and whenever runs change."""
    sweeper = threading.Thread(target=_sweep_loop, args=(parts, stop), name="sweeper", daemon=True)
    relay = start_relay(parts.db, parts.wake)
    alerting = threading.Thread(target=parts.alerts.run, args=(stop,), name="alerts", daemon=True)
    sweeper.start()
    alerting.start()
    try:
        parts.runner.run_forever(stop)
    finally:
        if relay is not None:
            relay.close()
    sweeper.join(_SWEEP_SECONDS)
    alerting.join(_SWEEP_SECONDS)


def _sweep_loop(parts: RunnerParts, stop: Stop) -> None:
    while not stop.stopped:
        for sweep in parts.sweeps:
            try:
                sweep()
            except Exception:  # noqa: BLE001  the next turn tries again; nothing depends on this one
                _log.exception("a sweep failed")
        stop.wait(_SWEEP_SECONDS)


def main() -> int:
    """Until SIGTERM or SIGINT: running tasks are stopped and go on at the next start."""
    settings = Settings.load()
    forget_ambient()
    keep_big_buffers()
    log.configure(settings.log_level)
    stop = Stop()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: threading.Thread(target=stop.stop, args=("shutting down",)).start())
    try:
        parts = build(settings)
    except HoldfastError as error:
        sys.stderr.write(f"{error.message}\n" + (f"{error.hint}\n" if error.hint else ""))
        return CANNOT_START if isinstance(error, NeedsOperator) else 1
    starting.begun()
    try:
        serve(parts, stop)
    finally:
        parts.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
