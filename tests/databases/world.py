"""A whole Holdfast in one process, real in every part: metadata file, keeper, runner thread, vault, engines."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import metadata_home
import pytest

from holdfast import runner as runner_process
from holdfast.features.access.actor import Actor
from holdfast.features.access.grants import Grant, everything
from holdfast.features.access.permissions import ALL
from holdfast.features.backups.model import Snapshot
from holdfast.features.backups.restore_service import RestoreWish
from holdfast.features.databases.model import Resource
from holdfast.features.databases.query import Question
from holdfast.features.databases.service import Wanted
from holdfast.features.projects import store as projects
from holdfast.features.projects.model import Environment, Project
from holdfast.hosts.keeper import Policy, background
from holdfast.jobs import Run
from holdfast.kernel.db import Database
from holdfast.kernel.errors import HoldfastError
from holdfast.kernel.ids import new_id
from holdfast.kernel.settings import Settings
from holdfast.kernel.stop import Stop
from holdfast.services import Services
from holdfast.services import build as build_services

OWNER = Actor("usr_owner", "user", "the owner", everything(ALL))


def actor_with(*permissions: str, projects: frozenset[str] | None = None) -> Actor:
    places = (None,) if projects is None else tuple(sorted(projects))
    return Actor("usr_other", "user", "someone", tuple(Grant(frozenset(permissions), place) for place in places))


@dataclass
class World:
    """Services as the api has them, and a runner that can be killed in spirit: stopped and started."""

    settings: Settings
    services: Services
    project: Project
    environment: Environment
    production: Environment
    _stop: Stop | None = None
    _thread: threading.Thread | None = None

    @property
    def db(self) -> Database:
        return self.services.db

    def start_runner(self) -> None:
        parts = runner_process.build(self.settings)
        self._stop = stop = Stop()

        def run() -> None:
            try:
                runner_process.serve(parts, stop)
            finally:
                parts.close()

        self._thread = threading.Thread(target=run, name="runner", daemon=True)
        self._thread.start()

    def stop_runner(self) -> None:
        if self._stop is not None and self._thread is not None:
            self._stop.stop("shutting down")
            self._thread.join(30)
            assert not self._thread.is_alive(), "the runner did not stop"
        self._stop = self._thread = None

    def ended(self, run: Run, timeout: float = 180) -> Run:
        return self.services.jobs.wait(run.id, timeout)

    def succeeded(self, run: Run, timeout: float = 180) -> Run:
        done = self.ended(run, timeout)
        assert done.state == "succeeded", (done.kind, done.state, done.error)
        return done

    def create(self, engine: str = "sqlite", name: str = "shop", **more: Any) -> Resource:
        wanted = Wanted(self.environment.id, engine, name, more.pop("spec", {}), more.pop("labels", {}), **more)
        resource, run = self.services.databases.create(OWNER, wanted)
        self.succeeded(run)
        return self.database(resource.id)

    def database(self, resource_id: str) -> Resource:
        return self.services.databases.get(OWNER, resource_id)

    def rows(
        self, resource_id: str, statement: str, *params: Any, write: bool = False, actor: Actor = OWNER
    ) -> list[Any]:
        """All rows of one statement."""

        async def ask() -> list[Any]:
            services = self.services
            found = []
            async for batch in services.queries.query(actor, resource_id, Question(statement, params, write)):
                found += batch.rows
            await services.queries.drain()
            return found

        return asyncio.run(ask())

    def write(self, resource_id: str, *statements: str) -> None:
        for statement in statements:
            self.rows(resource_id, statement, write=True)

    def snapshot(self, resource_id: str, **more: Any) -> Snapshot:
        snapshot, run = self.services.snapshots.create(OWNER, resource_id, **more)
        self.succeeded(run, 120)
        return self.services.snapshots.get(OWNER, snapshot.id)

    def restore(self, snapshot_id: str, **wish: Any) -> Resource:
        resource, _, run = self.services.restores.restore(OWNER, snapshot_id, RestoreWish(**wish))
        self.succeeded(run, 120)
        return self.database(resource.id)

    def count(self, table: str) -> int:
        with self.db.read() as conn:
            return int(conn.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one())


@contextmanager
def world(**changes: Any) -> Iterator[World]:
    """An installation of its own below a temporary directory; no process and no file of it is left afterwards."""
    base = Path(tempfile.mkdtemp(prefix="hf-world-"))
    settings = replace(
        Settings(base / "data", base / "run", base / "key", control_port=0, apps_port=0),
        database_url=metadata_home.url(base / "data" / "meta" / "holdfast.db"),
        **changes,
    )
    try:
        with background(settings, Policy(first=0.05, longest=0.4, deaths=4)):
            first = Database(settings.metadata_url)
            first.migrate()  # the services look for the master key's first use when they are built
            first.close()
            services = build_services(settings)
            made = World(settings, services, *_project(services))
            made.start_runner()
            try:
                yield made
            finally:
                made.stop_runner()
                asyncio.run(services.queries.close())
                services.close()
    finally:
        shutil.rmtree(base)


def _project(services: Services) -> tuple[Project, Environment, Environment]:
    from holdfast.kernel.clock import SystemClock

    now = SystemClock().now()
    project = Project(new_id("prj"), "shop", "", 1, OWNER.id, now, now)
    kinds: list[Any] = ["development", "production"]
    made = [Environment(new_id("env"), project.id, k, k, "green", 1, OWNER.id, now, now) for k in kinds]
    with services.db.write() as conn:
        projects.insert_project(conn, project)
        for environment in made:
            projects.insert_environment(conn, environment)
    return project, made[0], made[1]


def eventually(check: Callable[[], Any], seconds: float = 60.0) -> Any:
    deadline = time.monotonic() + seconds
    while True:
        found = check()
        if found or time.monotonic() > deadline:
            assert found, "it did not happen in time"
            return found
        time.sleep(0.05)


def refused(code: str, act: Callable[[], Any]) -> HoldfastError:
    """The act is refused with this code."""
    with pytest.raises(HoldfastError) as caught:
        act()
    assert caught.value.code == code, caught.value.as_dict()
    return caught.value


__all__ = ["OWNER", "World", "actor_with", "eventually", "refused", "world"]
