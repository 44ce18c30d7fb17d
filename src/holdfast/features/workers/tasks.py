"""The runner's side of the slice: environments of packages are built, and what was deleted long ago goes."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from holdfast.contract.catalog import JSON
from holdfast.features.secrets import store as secret_store
from holdfast.features.workers import store
from holdfast.features.workers.guard import record
from holdfast.features.workers.live import TOPIC
from holdfast.features.workers.model import Version
from holdfast.features.workers.shelf import Shelf
from holdfast.features.workers.versions import BUILD
from holdfast.jobs import TaskRegistry
from holdfast.jobs.model import TaskContext
from holdfast.kernel.clock import Clock
from holdfast.kernel.db import Database
from holdfast.kernel.errors import HoldfastError, NotFound
from holdfast.kernel.wake import Wake
from holdfast.runtime.environments import Environments

Say = Callable[[str], None]
# the code, the file that names its packages, progress, where the lock is kept -> site-packages
Ensure = Callable[[Path, str, Say, Path], Path]
_PURGED_AT_ONCE = 20
_COLLECT_SECONDS = 600.0
_log = logging.getLogger("holdfast.workers")


class WorkerTasks:
    """`ensure` installs packages once for all versions that want the same; it may be called again after a crash."""

    def __init__(self, db: Database, shelf: Shelf, ensure: Ensure) -> None:
        self._db = db
        self._shelf = shelf
        self._ensure = ensure

    def register(self, tasks: TaskRegistry) -> None:
        tasks.add(BUILD, self.build)

    def build(self, ctx: TaskContext) -> Mapping[str, JSON]:
        """Ends with the version ready, or failed with the installer's words."""
        version = self._version(str(ctx.run.input["version_id"]))
        if version.state == "ready":
            return {"version_id": version.id}
        named = str(version.config["packages"])
        try:
            code, lock = (find(version.worker_id, version.id) for find in (self._shelf.code, self._shelf.lock))
            packages = ctx.step("install packages", lambda: str(self._ensure(code, named, ctx.log, lock)))
        except HoldfastError as error:
            if not error.retryable:
                with ctx.commit() as conn:
                    store.end_version(conn, version.id, state="failed", error=error.as_dict())
            raise
        with ctx.commit() as conn:
            store.end_version(conn, version.id, state="ready", packages=packages)
        return {"version_id": version.id, "packages": packages}

    def _version(self, version_id: str) -> Version:
        with self._db.read() as conn:
            version = store.version(conn, version_id)
        if version is None:
            raise NotFound("this version is gone", code="worker_version_not_found")
        return version


class WorkerSweep:
    """Purges what was deleted before its grace period ended, directories without a row, and packages that no version
    has wanted for an hour."""

    def __init__(self, db: Database, shelf: Shelf, wake: Wake, clock: Clock, environments: Environments) -> None:
        self._environments = environments
        self._collected: float | None = None
        self._db = db
        self._shelf = shelf
        self._wake = wake
        self._clock = clock

    def sweep(self) -> None:
        self._purge()
        self._collect()

    def _collect(self) -> None:
        """Whole trees are looked through: every ten minutes is soon enough."""
        now = self._clock.monotonic()
        if self._collected is not None and now - self._collected < _COLLECT_SECONDS:
            return
        self._collected = now
        with self._db.read() as conn:
            living = {Path(each).parent.name for each in store.packages_named(conn)}
        gone = self._environments.collect(living)
        if gone:
            _log.info("removed %d environments of packages that no version wants", len(gone))

    def _purge(self) -> None:
        gone: list[str] = []
        with self._db.write() as conn:
            for worker in store.expired(conn, self._clock.now(), _PURGED_AT_ONCE):
                for secret in secret_store.of_resource(conn, worker.environment_id, worker.id, deleted=True):
                    secret_store.destroy(conn, secret.id)
                store.delete(conn, worker.id)
                told: dict[str, Any] = {"name": worker.name, "slug": worker.slug}
                record(conn, "system", worker, "worker.purge", told)
                gone.append(worker.id)
        for worker_id in gone:
            self._shelf.remove_worker(worker_id)
        if gone:
            self._wake.notify(TOPIC)
        for worker_id, version_id in self._shelf.orphans():
            with self._db.read() as conn:
                known = store.version(conn, version_id)
            if known is None:
                self._shelf.remove(worker_id, version_id)


def join(tasks: TaskRegistry, db: Database, data: Path, wake: Wake, clock: Clock) -> WorkerSweep:
    """The slice's tasks for the runner; the sweep is the caller's to run now and then."""
    shelf = Shelf(data)
    environments = Environments(shelf.root / "environments")
    WorkerTasks(db, shelf, environments.ensure).register(tasks)
    return WorkerSweep(db, shelf, wake, clock, environments)
