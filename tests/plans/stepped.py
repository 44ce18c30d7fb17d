"""Services and a runner on one clock that is moved by hand: nothing happens between two steps of the test."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import metadata_home
import sqlalchemy as sa
from ram import roomy
from world import OWNER

from holdfast import runner as runner_process
from holdfast.features.backups import store as backups
from holdfast.features.backups.model import Snapshot
from holdfast.features.databases.model import Resource
from holdfast.features.databases.service import Wanted
from holdfast.features.plans.model import Plan, Turn, TurnFilter
from holdfast.features.plans.wanted import WantedPlan
from holdfast.features.projects import store as projects
from holdfast.features.projects.model import Environment, Project
from holdfast.jobs import Run
from holdfast.jobs.schema import runs
from holdfast.kernel.clock import ManualClock
from holdfast.kernel.db import Database
from holdfast.kernel.ids import new_id
from holdfast.kernel.settings import Settings
from holdfast.runner import RunnerParts
from holdfast.services import Services
from holdfast.services import build as build_services

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
AWKWARD = "a\"b'; -- ü"


@dataclass
class Stepped:
    """`runners` work when `work` is called, the first by default."""

    settings: Settings
    clock: ManualClock
    services: Services
    runners: list[RunnerParts]
    project: Project
    environment: Environment
    production: Environment
    peaks: list[int] = field(default_factory=list)

    @property
    def db(self) -> Database:
        return self.services.db

    def at(self, moment: datetime) -> None:
        """Move both clocks forward to `moment`."""
        self.clock.advance((moment - self.clock.now()).total_seconds())

    def step(self, **later: float) -> None:
        """Let time pass, then everything that is due be done."""
        self.clock.advance(timedelta(**later).total_seconds())
        self.work()

    def work(self, *which: RunnerParts) -> None:
        """Schedules fire, due runs are carried out, sweeps follow, until nothing more can be done now."""
        for parts in which or self.runners[:1]:
            parts.runner._beat()
            parts.runner._fire_schedules()
            while True:
                self._drain(parts)
                for sweep in parts.sweeps:
                    sweep()
                if not self._due():
                    break

    def _drain(self, parts: RunnerParts) -> None:
        runner = parts.runner
        while True:
            runner._look.clear()
            runner._fill()
            if not runner._active:
                return
            runner._look.wait(5)

    def _due(self) -> bool:
        now = self.clock.now()
        ready = sa.or_(runs.c.not_before.is_(None), runs.c.not_before <= now)
        with self.db.read() as conn:
            return (
                conn.execute(sa.select(runs.c.id).where(runs.c.state == "queued", ready).limit(1)).first() is not None
            )

    def database(self, name: str, *, rows: int = 3, **more: Any) -> Resource:
        environment = more.pop("environment", self.environment)
        wanted = Wanted(environment.id, "sqlite", name, {}, more.pop("labels", {}), **more)
        resource, _ = self.services.databases.create(OWNER, wanted)
        self.work()
        found = self.services.databases.get(OWNER, resource.id)
        assert found.state == "ready", found
        return found

    def plan(self, name: str = "nightly", **more: Any) -> Plan:
        wanted = {"selection": {"all": True}, "schedules": [{"preset": "daily"}], **more}
        return self.services.plans.service.create(OWNER, self.project.id, WantedPlan(name, **wanted))

    def change(self, plan: Plan, **changes: Any) -> Plan:
        service = self.services.plans.service
        return service.update(OWNER, plan.id, service.get(OWNER, plan.id).version, changes, plan.name)

    def turns(self, plan: Plan) -> list[Turn]:
        """Oldest first."""
        return list(reversed(self.services.plans.turns.list(OWNER, TurnFilter(plan.id), limit=10_000)))

    def states(self, plan: Plan) -> list[str]:
        return [turn.state for turn in self.turns(plan)]

    def snapshots(self, resource: Resource, *states: str) -> list[Snapshot]:
        """Oldest first."""
        with self.db.read() as conn:
            wanted = list(states) or ["ready"]
            return backups.page(conn, Snapshot, resource_id=resource.id, state=wanted, limit=10_000)[::-1]

    def runs_of(self, *kinds: str) -> list[Run]:
        with self.db.read() as conn:
            return self.services.jobs.list(conn, kinds=kinds, limit=10_000)[::-1]


@contextmanager
def stepped(start: datetime = START, runners: int = 1) -> Iterator[Stepped]:
    base = Path(tempfile.mkdtemp(prefix="hf-stepped-", dir=roomy()))
    settings = replace(
        Settings(base / "data", base / "run", base / "key", control_port=0, apps_port=0),
        database_url=metadata_home.url(base / "data" / "meta" / "holdfast.db"),
    )
    clock = ManualClock(start)
    try:
        first = Database(settings.metadata_url)
        first.migrate()
        first.close()
        services = build_services(settings, clock=clock)
        parts = [runner_process.build(settings, clock=clock, name=f"r{n}") for n in range(runners)]
        try:
            yield Stepped(settings, clock, services, parts, *_project(services, clock))
        finally:
            for each in parts:
                each.close()
            asyncio.run(services.queries.close())
            services.close()
    finally:
        shutil.rmtree(base)


def _project(services: Services, clock: ManualClock) -> tuple[Project, Environment, Environment]:
    now = clock.now()
    project = Project(new_id("prj"), "shop", "", 1, OWNER.id, now, now)
    kinds: list[Any] = ["development", "production"]
    made = [Environment(new_id("env"), project.id, k, k, "green", 1, OWNER.id, now, now) for k in kinds]
    with services.db.write() as conn:
        projects.insert_project(conn, project)
        for environment in made:
            projects.insert_environment(conn, environment)
    return project, made[0], made[1]


def eventually(check: Any, seconds: float = 20.0) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := check()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)
    return found
