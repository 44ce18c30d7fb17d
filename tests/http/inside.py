"""The api as the composition root builds it, in this process, over a metadata file with rows in every list."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import metadata_home
import sqlalchemy as sa
from inside_people import audit_row, session_row, settle_people
from inside_rows import (
    NOW,
    check_row,
    login_row,
    migration_row,
    repository_row,
    resource_row,
    restore_row,
    saved_row,
    snapshot_row,
    statement_row,
    step_row,
    transfer_rows,
    tunnel_row,
    verification_row,
)
from inside_rows_newer import limit_row, node_row, settle_newer, upgrade_row
from starlette.testclient import TestClient

from holdfast import app as composition
from holdfast.features.access import store as access
from holdfast.features.access.actor import Actor, local_actor
from holdfast.features.access.keys import WantedKey
from holdfast.features.access.model import User
from holdfast.features.access.permissions import ALL
from holdfast.features.access.tokens.service import TokenService
from holdfast.features.audit.sequencer import Sequencer
from holdfast.features.backups import proofs
from holdfast.features.backups import store as backups
from holdfast.features.backups.tagging import store as tagging
from holdfast.features.backups.tagging.model import Conditions, Tag
from holdfast.features.backups.tagging.model import Rule as TagRule
from holdfast.features.connections import login_store
from holdfast.features.connections import store as connections
from holdfast.features.databases import store as databases
from holdfast.features.databases.model import Resource, statements
from holdfast.features.limits.book import LimitBook
from holdfast.features.limits.service import LimitsService
from holdfast.features.limits.words import SHIPPED, Subject
from holdfast.features.migrations import store as migrations_store
from holdfast.features.saved import store as saved_store
from holdfast.features.saved.model import Version
from holdfast.features.secrets.service import SecretsService
from holdfast.features.upgrades import store as upgrade_store
from holdfast.http import Services, create_app
from holdfast.jobs import Jobs, Run
from holdfast.jobs.schema import run_logs, runs
from holdfast.kernel.clock import SystemClock
from holdfast.kernel.db import metadata
from holdfast.kernel.ids import new_id
from holdfast.kernel.settings import Settings

ROOT: Actor = local_actor(0)


_FREE = ("last_used_at", "secret_used_at", "seen_at")
_SELECTS = [
    (table.name, str(sa.select(*(column for column in table.c if column.name not in _FREE))))
    for table in metadata.sorted_tables
    if table.name not in ("audit_events", "audit_head")
]


@dataclass
class Inside:
    """`ids["mine"]`, `ids["theirs"]`: noun -> id in two projects; `absent` has the same shape and exists nowhere."""

    settings: Settings
    services: Services
    client: TestClient
    ids: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def absent(self) -> dict[str, str]:
        return {noun: value.partition("_")[0] + "_" + "0" * 26 for noun, value in self.ids["mine"].items()}

    @property
    def secrets(self) -> SecretsService:
        found = self.services.parts[SecretsService]
        assert isinstance(found, SecretsService)
        return found

    def key(self, **wanted: Any) -> dict[str, str]:
        """The header of a new key."""
        _, text = self.services.keys.create(ROOT, WantedKey(**{"name": "walk", **wanted}))
        return {"Authorization": f"Bearer {text}"}

    def rows(self) -> dict[str, list[tuple[Any, ...]]]:
        """Every row of every table as the driver gives it, but for what a denied call may leave: its audit row and when
        a key was used. Asked before and after each of thousands of calls."""
        found = {}
        with self.services.db.read() as conn:
            cursor = conn.connection.cursor()
            for name, select in _SELECTS:
                cursor.execute(select)
                found[name] = sorted(map(tuple, cursor.fetchall()), key=repr)
            cursor.close()
        return found

    def audit(self, after: str = "") -> list[Mapping[str, Any]]:
        """Its rows, or those younger than the one with this id."""
        table = metadata.tables["audit_events"]
        with self.services.db.read() as conn:
            found = conn.execute(sa.select(table).where(table.c.id > after).order_by(table.c.id))
            return [dict(row) for row in found.mappings()]

    def last_audit(self) -> str:
        """The id of the youngest row."""
        with self.services.db.read() as conn:
            return conn.execute(sa.select(sa.func.max(metadata.tables["audit_events"].c.id))).scalar_one() or ""

    def settle(self, project: Mapping[str, str], number: int) -> dict[str, str]:
        """One more of everything in a project, straight through the stores."""
        own = dict(project)
        kind = own["environment"]
        with self.services.db.write() as conn:
            resource = resource_row(own["project"], kind, f"db{number}")
            databases.insert(conn, resource)
            repository = repository_row(own["project"], f"repo{number}")
            backups.insert(conn, repository)
            proofs.insert_check(conn, check_row(repository.id))
            snapshot = snapshot_row(resource, repository.id)
            backups.insert(conn, snapshot)
            backups.insert(conn, verification_row(snapshot.id))
            backups.insert(conn, restore_row(snapshot))
            files = transfer_rows(conn, resource)
            tagging.put(conn, Tag(own["project"], f"tag{number}", "red", "", "usr_walk", NOW))
            tagging.put(conn, TagRule(own["project"], f"rule{number}", ["walked"], Conditions(), True, "usr_walk", NOW))
            saved = saved_row(resource, f"saved{number}")
            saved_store.insert(conn, saved)
            saved_store.keep(conn, Version(saved.id, 1, NOW, "usr_walk", saved.content))
            run = self._ran(conn, resource)
            conn.execute(statements.insert().values(**statement_row(resource.id)))
            migration = migration_row(resource, 1)
            migrations_store.insert(conn, migration)
            migrations_store.add_step(conn, step_row(resource.id))
            tunnel = tunnel_row(resource)
            connections.insert(conn, tunnel)
            login = login_row(resource, f"login{number}")
            login_store.insert(conn, login)
            newer = settle_newer(conn, resource, snapshot, run.id, number)
            people = settle_people(conn, own["project"])
            event = audit_row(conn, own["project"], kind, resource.id)
        self.secrets.put(ROOT, kind, f"SECRET_{number}", "the value of a secret")
        key, _ = self.services.keys.create(ROOT, WantedKey("settled", projects=[own["project"]], role="viewer"))
        made = {"database": resource.id, "repository": repository.id, "snapshot": snapshot.id, "run": run.id}
        made |= {"tunnel": tunnel.id, "login": login.id, "migration": migration.id, "saved_query": saved.id}
        made["node"] = node_row(self.services)
        made["limit"] = limit_row(self.services, own["project"], key.id if number else "")
        tokens = self.services.parts[TokenService].create(self.services.keys.actor_of_id(key.id), "settled")
        self.services.parts[Sequencer].catch_up()
        return {**own, **made, **newer, **files, **people, "key": key.id, "family": tokens.family.id, "event": event}

    def _ran(self, conn: sa.Connection, resource: Resource) -> Run:
        """One that ended, with lines."""
        place = {"project_id": resource.project_id, "environment_id": resource.environment_id}
        jobs = Jobs(self.services.db, clock=SystemClock())
        run = jobs.submit(conn, kind="snapshot.create", actor="usr_walk", resource_id=resource.id, **place)
        conn.execute(runs.update().where(runs.c.id == run.id).values(state="succeeded"))
        for seq in range(1, 4):
            conn.execute(run_logs.insert().values(run_id=run.id, seq=seq, at=NOW, level="info", message="m", fields={}))
        return run

    def more_lines(self, count: int) -> None:
        """More of what hangs on the first database, snapshot and run."""
        mine = self.ids["mine"]
        with self.services.db.write() as conn:
            for seq in range(4, 4 + count):
                line = {"run_id": mine["run"], "seq": seq, "at": NOW, "level": "info", "message": "m", "fields": {}}
                conn.execute(run_logs.insert().values(**line))
                conn.execute(statements.insert().values(**statement_row(mine["database"])))
                backups.insert(conn, verification_row(mine["snapshot"]))
                proofs.insert_check(conn, check_row(mine["repository"]))
                there = resource_row(mine["project"], mine["environment"], "", id=mine["database"])
                migrations_store.insert(conn, migration_row(there, seq))
                migrations_store.add_step(conn, step_row(there.id))
                connections.insert(conn, tunnel_row(there))
                login_store.insert(conn, login_row(there, f"more{seq}"))
                upgrade_store.insert(conn, upgrade_row(there))
                session_row(conn, mine["user"])


def without_limits(services: Services) -> None:
    """A walk asks more in a minute than anyone may in an hour, and counts statements: nobody else makes any."""
    services.parts[LimitBook].poll_seconds = None
    for kind, limits in SHIPPED.items():
        for what in limits:
            services.parts[LimitsService].put(ROOT, Subject(kind), what, None, None)


@contextmanager
def inside() -> Iterator[Inside]:
    base = Path(tempfile.mkdtemp(prefix="hf-walk-"))
    (base / "data").mkdir()
    url = metadata_home.url(base / "data" / "meta" / "holdfast.db")
    settings = Settings(base / "data", base / "run", base / "master.key", database_url=url)
    services = composition.build_services(settings)
    without_limits(services)
    try:
        with TestClient(create_app(services, settings), base_url="http://127.0.0.1:7700") as client:
            here = Inside(settings, services, client)
            for side in ("mine", "theirs"):
                project = services.projects.create(ROOT, side)
                environment = services.projects.environments(ROOT, project.id)[0]
                here.ids[side] = here.settle({"project": project.id, "environment": environment.id}, 0)
            with services.db.write() as conn:
                access.insert_user(conn, User(new_id("usr"), "walker@example.org", "", "member", NOW, None))
            yield here
    finally:
        for close in reversed(services.closers):
            close()
        shutil.rmtree(base)


EVERYTHING = ALL
