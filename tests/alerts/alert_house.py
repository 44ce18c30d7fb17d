"""Everything alerts are made of, real, without the runner's own clock and threads."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import metadata_home
import sqlalchemy as sa

from holdfast.features.access.actor import Actor
from holdfast.features.access.grants import everything
from holdfast.features.access.permissions import ALL
from holdfast.features.alerts.alert_service import AlertService
from holdfast.features.alerts.channel_service import ChannelService, WantedChannel
from holdfast.features.alerts.courier import Courier
from holdfast.features.alerts.deliveries.model import Delivery, deliveries
from holdfast.features.alerts.delivery_service import DeliveryService
from holdfast.features.alerts.judging import Judge
from holdfast.features.alerts.loop import AlertLoop
from holdfast.features.alerts.model import Alert, Channel, alerts, channels
from holdfast.features.alerts.reading import floor_id
from holdfast.features.alerts.rule_service import RuleService
from holdfast.features.alerts.sending import Sender
from holdfast.features.backups import store as backups
from holdfast.features.backups.counts import bytes_kept
from holdfast.features.backups.model import RepositoryRow, Snapshot
from holdfast.features.databases import store as databases
from holdfast.features.databases.model import Resource
from holdfast.features.limits.book import LimitBook
from holdfast.features.projects.service import ProjectsService
from holdfast.jobs.schema import runs
from holdfast.kernel.clock import Clock, ManualClock
from holdfast.kernel.db import Database
from holdfast.kernel.ids import new_id
from holdfast.kernel.master import MasterKey
from holdfast.kernel.outbound import OutboundPolicy
from holdfast.kernel.secrets import Secrets
from holdfast.kernel.wake import Wake

OWNER = Actor("usr_owner", "user", "the owner", everything(ALL))
GB = 10**9


@dataclass
class House:
    db: Database
    clock: ManualClock
    secrets: Secrets
    policy: OutboundPolicy
    loop: AlertLoop
    courier: Courier
    channels: ChannelService
    rules: RuleService
    alerts: AlertService
    sent: DeliveryService
    project: str
    environment: str
    disk: list[int]  # bytes in all, bytes free
    late: list[Any] = field(default_factory=list)

    def turn(self, seconds: float = 0) -> None:
        """Let time pass, work, and wait until everything begun is settled."""
        self.clock.advance(seconds)
        self.loop.turn()
        self.courier.settled()
        self.loop.turn()
        self.courier.settled()

    def hook(self, url: str, name: str = "hook", **more: Any) -> tuple[Channel, str]:
        given = {"project_id": None, "digest_at": "", **more}
        made, secret = self.channels.create(OWNER, WantedChannel(name=name, kind="webhook", url=url, **given))
        assert secret is not None
        return made, secret

    def post(self, port: int, name: str = "mail", *, secret: str | None = None, **more: Any) -> Channel:
        email = {"host": "127.0.0.1", "port": port, "security": "none", "from": "hf@example.org"}
        email |= {"to": ["ops@example.org"], **more.pop("email", {})}
        given = {"project_id": None, "digest_at": "", **more}
        wanted = WantedChannel(name=name, kind="email", email=email, secret=secret, **given)
        return self.channels.create(OWNER, wanted)[0]

    def database(self, name: str = "shop", **changes: Any) -> Resource:
        values: dict[str, Any] = dict.fromkeys(Resource.__dataclass_fields__)
        values |= {"project_id": self.project, "environment_id": self.environment, "kind": "database"}
        values |= {"id": new_id("db"), "name": name, "engine": "sqlite", "spec": {}, "labels": {}, "notes": ""}
        values |= {"state": "ready", "deletion_protection": False, "generation": 1, "version": 1, "created_by": "x"}
        made = Resource(**{**values, "created_at": self.clock.now(), "updated_at": self.clock.now(), **changes})
        with self.db.write() as conn:
            databases.insert(conn, made)
        return made

    def repository(self, name: str = "local", **changes: Any) -> RepositoryRow:
        now = self.clock.now()
        made = RepositoryRow(
            new_id("repo"), self.project, name, "local", "ready", False, None, None, "x", now, **changes
        )
        with self.db.write() as conn:
            backups.insert(conn, made)
        return made

    def snapshot(self, database: Resource, repository: RepositoryRow, **changes: Any) -> Snapshot:
        values: dict[str, Any] = dict.fromkeys(Snapshot.__dataclass_fields__)
        values |= {"id": new_id("snap"), "project_id": self.project, "environment_id": self.environment}
        values |= {"resource_id": database.id, "resource_name": database.name, "engine": "sqlite", "spec": {}}
        values |= {"repository_id": repository.id, "state": "ready", "trigger": "schedule", "summary": {}}
        values |= {"wanted_level": 1, "verified_level": 1, "verification": "green", "tags": [], "hold": False}
        values |= {"version": 1, "created_by": "x", "created_at": self.clock.now(), "source_bytes": 2 * GB}
        made = Snapshot(**{**values, "stored_bytes": GB, **changes})
        with self.db.write() as conn:
            backups.insert(conn, made)
        return made

    def run(
        self,
        kind: str,
        state: str,
        database: Resource | None = None,
        error: Mapping[str, Any] | None = None,
        **given: Any,
    ) -> str:
        """A run that ended just now."""
        now = self.clock.now()
        values = {"id": id_at("run", now), "kind": kind, "state": state, "project_id": self.project, "actor": "x"}
        values |= {"environment_id": self.environment if database else None, "trigger": "schedule", "error": error}
        values |= {"resource_id": database.id if database else None, "input": given, "requested_at": now}
        with self.db.write() as conn:
            conn.execute(runs.insert().values(**values, started_at=now, finished_at=now))
        return str(values["id"])

    def failed(self, database: Resource, repository: RepositoryRow, message: str = "no route to the store") -> str:
        snapshot = self.snapshot(database, repository, state="failed", verification="red", stored_bytes=None)
        error = {"code": "unavailable", "message": message, "hint": "Look at the network.", "details": {}}
        return self.run("snapshot.create", "failed", database, error, snapshot_id=snapshot.id)

    def many_failed(self, there: list[Resource], repository: RepositoryRow) -> None:
        """One failure of each, in one transaction."""
        now = self.clock.now()
        values = {"kind": "snapshot.create", "state": "failed", "project_id": self.project, "actor": "x"}
        values |= {"environment_id": self.environment, "trigger": "schedule", "error": {"message": "no route"}}
        values |= {"input": {}, "requested_at": now, "started_at": now, "finished_at": now}
        rows = [{**values, "id": id_at("run", now), "resource_id": each.id} for each in there]
        with self.db.write() as conn:
            conn.execute(runs.insert(), rows)

    def done(self, database: Resource, repository: RepositoryRow, **changes: Any) -> str:
        snapshot = self.snapshot(database, repository, **changes)
        return self.run("snapshot.create", "succeeded", database, snapshot_id=snapshot.id)

    def log(self) -> list[Delivery]:
        with self.db.read() as conn:
            query = sa.select(deliveries).order_by(deliveries.c.id)
            return [Delivery(**row._mapping) for row in conn.execute(query)]

    def standing(self) -> list[Alert]:
        with self.db.read() as conn:
            return [Alert(**row._mapping) for row in conn.execute(sa.select(alerts).order_by(alerts.c.id))]

    def channel(self, channel_id: str) -> Channel:
        with self.db.read() as conn:
            return Channel(**conn.execute(sa.select(channels).where(channels.c.id == channel_id)).one()._mapping)


def loop_of(
    db: Database, secrets: Secrets, policy: OutboundPolicy, clock: Clock, root: Path, disk: list[int], late: list[Any]
) -> tuple[AlertLoop, Courier]:
    courier = Courier(db, Sender(db, secrets, policy, clock, deadline=1.5), clock)
    overdue = lambda _conn, _now: list(late)  # noqa: E731
    judge = Judge(root, "here", GB, LimitBook(db, clock), bytes_kept, overdue, lambda _path: (disk[0], disk[1]))
    return AlertLoop(db, courier, judge, clock, Wake(root)), courier


@cache
def _template() -> Path:
    """A metadata file with its tables, made once in a process."""
    folder = Path(tempfile.mkdtemp(prefix="hf-alerts-"))
    atexit.register(shutil.rmtree, folder)
    db = Database(f"sqlite+apsw:///{folder / 'meta.db'}")
    db.migrate()
    db.close()
    return folder / "meta.db"


@contextmanager
def house(root: Path, at: datetime | None = None) -> Iterator[House]:
    if not metadata_home.POSTGRESQL:
        shutil.copy(_template(), root / "meta.db")
    db = Database(metadata_home.url(root / "meta.db"))
    db.migrate()
    clock = ManualClock(at or datetime.now(UTC).replace(microsecond=0))
    secrets = Secrets(db, MasterKey.new())
    policy = OutboundPolicy(frozenset({ip_network("127.0.0.0/8")}))
    projects = ProjectsService(db, clock, secrets, ())
    project = projects.create(OWNER, "a\"b'; -- ü")
    environment = projects.environments(OWNER, project.id)[0]
    disk, late = [100 * GB, 60 * GB], list[Any]()
    loop, courier = loop_of(db, secrets, policy, clock, root, disk, late)
    made = House(
        db,
        clock,
        secrets,
        policy,
        loop,
        courier,
        ChannelService(db, clock, secrets, policy),
        RuleService(db, clock),
        AlertService(db, clock),
        DeliveryService(db, clock, Sender(db, secrets, policy, clock, deadline=1.5)),
        project.id,
        environment.id,
        disk,
        late,
    )
    loop.begin()
    try:
        yield made
    finally:
        loop.close()
        db.close()


def id_at(prefix: str, moment: datetime) -> str:
    """An id as it is made at that moment of the clock moved by hand."""
    begun = len(prefix) + 11
    return floor_id(prefix, moment)[:begun] + new_id(prefix)[begun:]
