"""What the tests of limits share: actors, the parts over an own metadata database, and the api around them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import metadata_home
import sqlalchemy as sa
from starlette.testclient import TestClient

from holdfast import app as composition
from holdfast.features.access.actor import Actor, local_actor
from holdfast.features.access.grants import Grant
from holdfast.features.access.keys import KeyService, WantedKey
from holdfast.features.access.permissions import ALL
from holdfast.features.limits.service import LimitsService
from holdfast.features.limits.wiring import Limits, limits
from holdfast.features.limits.words import Subject, What
from holdfast.features.projects.service import ProjectsService
from holdfast.http import Services, create_app
from holdfast.kernel.clock import ManualClock
from holdfast.kernel.db import Database, metadata
from holdfast.kernel.ids import new_id
from holdfast.kernel.secrets import Secrets, master_key_of
from holdfast.kernel.settings import Settings

ROOT = local_actor(0)


def key(project_id: str | None = None) -> Actor:
    """A key that may do everything, everywhere or in one project."""
    return Actor(new_id("key"), "key", "k", (Grant(ALL, project_id),))


def person() -> Actor:
    return Actor(new_id("usr"), "user", "u", (Grant(ALL),))


@dataclass
class House:
    """The slice alone, on a clock that stands still until it is moved."""

    db: Database
    clock: ManualClock
    limits: Limits
    project: str
    other: str

    def put(self, kind: Any, what: What, amount: int | None, subject_id: str = "", window: int | None = None) -> None:
        self.limits.service.put(ROOT, Subject(kind, subject_id), what, amount, window)

    def stored_key(self) -> Actor:
        """A key that is in the table, as one whose limit is set must be."""
        keys = KeyService(self.db, self.clock)
        made, _ = keys.create(ROOT, WantedKey("stored", permissions=ALL))
        return keys.actor_of_id(made.id)

    def again(self) -> Limits:
        """As after a restart: nothing in memory, the same rows."""
        return limits(self.db, self.clock, {})


@contextmanager
def house(base: Path) -> Iterator[House]:
    (base / "data").mkdir()
    db = Database(metadata_home.url(base / "data" / "holdfast.db"))
    db.migrate()
    clock = ManualClock()
    settings = Settings(base / "data", base / "run", base / "master.key")
    secrets = Secrets(db, master_key_of(db, _source(settings)))
    projects = ProjectsService(db, clock, secrets)
    try:
        made = [projects.create(ROOT, name).id for name in ("mine", "theirs")]
        yield House(db, clock, limits(db, clock, {}), *made)
    finally:
        db.close()


def _source(settings: Settings) -> Any:
    from holdfast.kernel.master_source import source_of

    return source_of(settings)


@dataclass
class Site:
    """The whole api over one data directory; `build` again is a restart."""

    settings: Settings
    services: Services
    client: TestClient

    def key(self, **wanted: Any) -> tuple[str, dict[str, str]]:
        """A new key's id and its header."""
        made, text = self.services.keys.create(ROOT, WantedKey(**{"name": "limits", **wanted}))
        return made.id, {"Authorization": f"Bearer {text}"}

    def put(self, kind: Any, what: What, amount: int | None, subject_id: str = "", window: int | None = None) -> str:
        service = self.services.parts[LimitsService]
        assert isinstance(service, LimitsService)
        return service.put(ROOT, Subject(kind, subject_id), what, amount, window).id

    def rows(self) -> dict[str, int]:
        """How many rows each table has."""
        with self.services.db.read() as conn:
            return {
                table.name: int(conn.execute(sa.select(sa.func.count()).select_from(table)).scalar_one())
                for table in metadata.sorted_tables
            }

    def reached(self) -> list[dict[str, Any]]:
        """The audit rows of limits that were reached, oldest first."""
        table = metadata.tables["audit_events"]
        with self.services.db.read() as conn:
            found = conn.execute(sa.select(table).where(table.c.action == "limit.reached").order_by(table.c.id))
            return [dict(row) for row in found.mappings()]


@contextmanager
def site(base: Path, url: str | None = None) -> Iterator[Site]:
    (base / "data").mkdir(exist_ok=True)
    url = url or metadata_home.url(base / "data" / "meta" / "holdfast.db")
    settings = Settings(base / "data", base / "run", base / "master.key", database_url=url)
    services = composition.build_services(settings)
    try:
        with TestClient(create_app(services, settings), base_url="http://127.0.0.1:7700") as client:
            yield Site(settings, services, client)
    finally:
        for close in reversed(services.closers):
            close()
