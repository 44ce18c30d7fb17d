"""Colder classes through a running Holdfast on a real S3 server: moved, skipped, asked for, restored, moved back."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from s3_server import KEY, Server, moto
from statements import statements
from world import OWNER, World, actor_with, refused, world

from holdfast import runner as runner_process
from holdfast.features.backups.care_service import CheckWish
from holdfast.features.backups.kinds import ACCESS_KEY, SECRET
from holdfast.features.backups.model import RepositoryRow, Snapshot
from holdfast.features.backups.repository_service import CloudWish, RepositoryWish
from holdfast.features.backups.restore_service import RestoreWish
from holdfast.features.colder.model import ColderRule, Prices
from holdfast.kernel.clock import SystemClock
from holdfast.kernel.stop import Stop
from holdfast.vault.plain.settings import FileSettings

pytestmark = pytest.mark.slow
FILES = FileSettings(compression="none").as_json()
NAME = "a\"b'; -- ü"
DAYS = 100
FILL = (
    "create table big (id integer primary key, note blob)",
    "insert into big select n, randomblob(2000) from (with recursive s(n) as "
    "(select 1 union all select n + 1 from s where n < 500) select n from s) as t",
)


class Later(SystemClock):
    def now(self) -> datetime:
        return super().now() + timedelta(days=DAYS)


@dataclass
class Cloud:
    world: World
    server: Server

    def add(self, name: str, **more: Any) -> RepositoryRow:
        fields = {"endpoint": self.server.endpoint, "bucket": self.server.bucket(), "allow_http": True, "prefix": "a/b"}
        place = CloudWish("s3", fields, {ACCESS_KEY: KEY.id, SECRET: KEY.secret})
        return self.world.services.repositories.create(
            OWNER, RepositoryWish(self.world.project.id, name, cloud=place, **more)
        )

    def classes(self, row: RepositoryRow) -> dict[str, str]:
        """By name below the prefix, as the server has them."""
        bucket = str((row.lies or {})["bucket"])
        there = self.server.client().list_objects_v2(Bucket=bucket, Prefix="a/b/")["Contents"]
        return {each["Key"].removeprefix("a/b/"): each["StorageClass"] for each in there}

    def move(self, row: RepositoryRow, **wish: bool) -> dict[str, Any]:
        _, run = self.world.services.colder.move(OWNER, row.id, **{"dry_run": False, "back": False, **wish})
        return dict(self.world.succeeded(run).result or {})

    def actions(self) -> list[str]:
        with self.world.db.read() as conn:
            return [row[0] for row in conn.exec_driver_sql("SELECT action FROM audit_events ORDER BY id")]


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    with moto() as server, world(outbound_allow=("127.0.0.0/8",)) as made:
        yield Cloud(made, server)


@contextmanager
def later(world: World) -> Iterator[None]:
    """The runner lives some months on, and is not late with anything: what happens each day is asked for here."""
    world.stop_runner()
    with world.db.write() as conn:
        conn.exec_driver_sql("DELETE FROM schedules")
    parts, stop = runner_process.build(world.settings, clock=Later()), Stop()
    thread = threading.Thread(target=runner_process.serve, args=(parts, stop), daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.stop("the test ends")
        thread.join(30)
        parts.close()
        world.start_runner()


def filled(world: World, name: str) -> str:
    database = world.create("sqlite", name)
    world.write(database.id, *FILL)
    return database.id


def test_a_file_goes_into_the_archive_and_comes_back(cloud: Cloud) -> None:
    world, services = cloud.world, cloud.world.services
    row, database = cloud.add("files", format="plain", settings=FILES), filled(cloud.world, NAME)
    old = world.snapshot(database, repository_id=row.id, level=0)
    new = world.snapshot(database, repository_id=row.id, level=1)
    refused("colder_no_rule", lambda: services.colder.move(OWNER, row.id, dry_run=False, back=False))
    services.colder.set(OWNER, row.id, ColderRule(30, "DEEP_ARCHIVE"))
    assert cloud.move(row)["pieces"] == 0, "nothing is old yet"
    file = str((old.options or {})["file"])
    with later(world):
        dry = cloud.move(row, dry_run=True)
        assert [each["snapshot_id"] for each in dry["moves"]] == [old.id]
        assert "30 days" in dry["moves"][0]["reason"]
        assert set(cloud.classes(row).values()) == {"STANDARD"}
        assert cloud.move(row)["bytes"] == dry["bytes"] > 1_000_000
        assert cloud.move(row)["pieces"] == 0, "again is harmless"
        colours = {name: kind for name, kind in cloud.classes(row).items() if kind != "STANDARD"}
        assert colours == {file: "DEEP_ARCHIVE"}, "the newest good one stays, and all that is small"
        _, run = services.snapshots.verify(OWNER, old.id, 1)
        assert "archive" in str((world.succeeded(run).result or {})["skipped"])
        skipped = services.snapshots.verifications(OWNER, old.id)[0]
        assert (skipped.ok, (skipped.error or {})["code"]) == (None, "piece_archived")
        assert services.snapshots.get(OWNER, old.id).verification == "yellow"
        _, run = services.care.check(OWNER, row.id, CheckWish(read_data=True))
        checked = world.succeeded(run).result or {}
        assert (checked["errors"], checked["packs_archived"]) == ([], 1)
        assert services.snapshots.get(OWNER, old.id).verification == "yellow"
        archived_is_asked_for(cloud, old)
        assert cloud.move(row, back=True)["pieces"] == 1
        assert set(cloud.classes(row).values()) == {"STANDARD"}
    assert services.snapshots.get(OWNER, new.id).verification != "red"
    done = cloud.actions()
    assert done.count("repository.colder.moved") == 2
    assert {"repository.colder.set", "repository.colder", "snapshot.thaw"} <= set(done)


def archived_is_asked_for(cloud: Cloud, old: Snapshot) -> None:
    """A restore says what to do; when that was done it works."""
    world, services = cloud.world, cloud.world.services
    wish = RestoreWish(mode="new", name="not yet", override_unverified=True)
    _, _, run = services.restores.restore(OWNER, old.id, wish)
    failed = world.ended(run)
    assert failed.error is not None
    assert (failed.state, failed.error["code"]) == ("failed", "piece_archived")
    assert "snapshot thaw" in failed.error["hint"]
    asked = thawed(cloud, old)
    assert (asked["readable"], asked["asked"], asked["expected"]) == (False, 1, "48 hours")
    assert thawed(cloud, old)["readable"], "this server needs no hours"
    again = world.restore(old.id, mode="new", name=f"back {NAME}", override_unverified=True)
    assert world.rows(again.id, "select count(*) from big") == [(500,)]


def thawed(cloud: Cloud, snapshot: Snapshot) -> dict[str, Any]:
    _, run = cloud.world.services.colder.thaw(OWNER, snapshot.id, 7, "Bulk")
    return dict(cloud.world.succeeded(run).result or {})


def test_packs_move_by_themselves_and_the_savings_are_told(cloud: Cloud) -> None:
    """restic's format: each day's run; what the young snapshot shares stays."""
    world, services = cloud.world, cloud.world.services
    row = cloud.add("packs")
    first, second = world.create("sqlite", "one").id, filled(world, "two")
    world.snapshot(first, repository_id=row.id, level=1)  # guides and the like are shared by all: with it they stay
    world.write(first, *FILL)
    old = world.snapshot(first, repository_id=row.id, level=1)
    world.write(first, "update big set note = randomblob(2000)")
    world.snapshot(first, repository_id=row.id, level=1)
    world.snapshot(second, repository_id=row.id, level=1)
    refused("colder_unsafe", lambda: services.colder.set(OWNER, row.id, ColderRule(30, "GLACIER")))
    refused("colder_by_store", lambda: services.colder.set(OWNER, row.id, ColderRule(30, "GLACIER_IR", "store")))
    services.colder.set(OWNER, row.id, ColderRule(30, "GLACIER_IR"))
    before = cloud.classes(row)
    with later(world):
        with world.db.write() as conn:
            run = services.jobs.submit(conn, kind="repository.colder-all", actor="schedule", project_id=row.project_id)
        world.succeeded(run)
        runs = [each for each in services.runs.list(OWNER, limit=20) if each.kind == "repository.colder"]
        assert runs
        for each in runs:
            world.succeeded(each)
        moved = {name for name, kind in cloud.classes(row).items() if kind == "GLACIER_IR"}
        assert moved
        assert all(name.startswith("data/") for name in moved)
        assert moved < {name for name in before if name.startswith("data/")}
        _, run = services.care.check(OWNER, row.id, CheckWish(read_data=True))
        assert (world.succeeded(run).result or {})["errors"] == []
        _, run = services.snapshots.verify(OWNER, old.id, 3)
        world.succeeded(run)
    told(cloud, row)


def told(cloud: Cloud, row: RepositoryRow) -> None:
    services = cloud.world.services
    services.colder.price(OWNER, row.id, Prices("CHF", {"STANDARD": 0.02, "GLACIER_IR": 0.004}))
    found = services.savings.of(OWNER, row.id)
    names = {line.name: line.bytes for line in found.classes}
    assert set(names) == {"STANDARD", "GLACIER_IR"}
    assert found.sums.snapshots == 4
    assert found.colder_bytes == names["GLACIER_IR"] > 900_000
    assert found.colder_saves == pytest.approx(names["GLACIER_IR"] / 1e9 * 0.016, abs=1e-5)
    with statements(cloud.world.services.db) as said:
        everything = services.savings.all(OWNER, cloud.world.project.id)
    assert everything[0].row.id == row.id
    assert len([each for each in said if each.thread is threading.current_thread()]) == 4, "however many there are"


def test_the_store_moves_by_a_rule_of_ours(cloud: Cloud) -> None:
    services = cloud.world.services
    row = cloud.add("ruled", format="plain", settings=FILES)
    client, bucket = cloud.server.client(), str((row.lies or {})["bucket"])
    theirs = {"ID": "theirs", "Status": "Enabled", "Filter": {"Prefix": "logs/"}, "Expiration": {"Days": 9}}
    client.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [theirs]})

    def names() -> list[str]:
        return [rule["ID"] for rule in client.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]]

    services.colder.set(OWNER, row.id, ColderRule(30, "GLACIER_IR", "store", 60, 7))
    ours = [f"holdfast-{row.id}-{what}" for what in ("colder", "parts", "versions")]
    assert names() == ["theirs", *ours]
    refused("lifecycle_lost", lambda: services.colder.set(OWNER, row.id, ColderRule(30, "DEEP_ARCHIVE", "store")))
    assert names() == ["theirs", *ours]
    kept = services.colder.show(OWNER, row.id).classes
    assert kept is not None
    assert kept.colder == ColderRule(30, "GLACIER_IR", "store", 60, 7)
    cloud.world.snapshot(filled(cloud.world, "ruled"), repository_id=row.id, level=0)
    assert cloud.move(row, dry_run=True)["store_rules"] == "held"
    client.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [theirs]})
    assert cloud.move(row, dry_run=True)["store_rules"] == "missing"
    services.colder.set(OWNER, row.id, None)
    assert names() == ["theirs"]


def test_nobody_else_moves_or_sees_it(cloud: Cloud) -> None:
    services, row = cloud.world.services, cloud.add("guarded", format="plain", settings=FILES)
    reader, stranger = actor_with("repository.read"), actor_with("repository.read", projects=frozenset({"prj_other"}))
    before = len(cloud.actions())
    for act in (
        lambda: services.colder.set(reader, row.id, ColderRule(30, "GLACIER_IR")),
        lambda: services.colder.price(reader, row.id, None),
        lambda: services.colder.move(reader, row.id, dry_run=True, back=False),
    ):
        refused("permission_denied", act)
    refused("repository_not_found", lambda: services.colder.show(stranger, row.id))
    refused("repository_not_found", lambda: services.savings.of(stranger, row.id))
    assert services.savings.all(stranger, None) == []
    assert services.colder.show(reader, row.id).classes is None
    assert len(cloud.actions()) == before
