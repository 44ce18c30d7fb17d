"""Repositories in a bucket, on a real S3 server, with every part of Holdfast real: the whole journey of a snapshot."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from s3_server import KEY, Server, moto
from stock_restic import stock
from world import OWNER, World, actor_with, refused, world

from holdfast.features.backups.care_service import CheckWish
from holdfast.features.backups.kinds import ACCESS_KEY, SECRET
from holdfast.features.backups.kit import kit_repositories
from holdfast.features.backups.model import RepositoryRow
from holdfast.features.backups.repository_service import CloudWish, RepositoryWish
from holdfast.features.secrets.kit import Kit, parse, render

pytestmark = pytest.mark.slow
CREDENTIAL = {ACCESS_KEY: KEY.id, SECRET: KEY.secret}
ODD = 'odd "/ü name'


@dataclass
class Cloud:
    world: World
    server: Server

    def wish(self, name: str, bucket: str, credential: Mapping[str, str] = CREDENTIAL, **more: Any) -> RepositoryWish:
        fields = {"endpoint": self.server.endpoint, "bucket": bucket, "allow_http": True}
        fields |= {key: more.pop(key) for key in ("prefix", "endpoint") if key in more}
        return RepositoryWish(self.world.project.id, name, cloud=CloudWish("s3", fields, credential), **more)

    def add(self, name: str, **more: Any) -> RepositoryRow:
        bucket = more.pop("bucket", None) or self.server.bucket()
        return self.world.services.repositories.create(OWNER, self.wish(name, bucket, **more))


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    with moto() as server, world(outbound_allow=("127.0.0.0/8",)) as made:
        yield Cloud(made, server)


def restic(row: RepositoryRow, path: str, password: str, home: Path, *arguments: str) -> str:
    environ = {"AWS_ACCESS_KEY_ID": KEY.id, "AWS_SECRET_ACCESS_KEY": KEY.secret, "HOME": str(home)}
    return stock(path, *arguments, password=password, environ=environ).stdout


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_a_snapshot_lives_in_a_bucket(cloud: Cloud, engine: str, tmp_path: Path) -> None:
    """Taken, looked into, proven, restored, checked, read by stock restic, deleted."""
    world, services = cloud.world, cloud.world.services
    repository = cloud.add(f"vault-{engine}", prefix=f"deep/{engine}")
    assert (repository.kind, repository.state, repository.node) == ("s3", "new", None)
    database = world.create(engine, f"shop-{engine}")
    odd = ODD.replace('"', '""')
    world.write(
        database.id,
        "create table big (id integer primary key, note text)",
        "insert into big select n, 'the note ' || n from (with recursive s(n) as "
        "(select 1 union all select n + 1 from s where n < 3000) select n from s) as t",
        f'create table "{odd}" (id integer primary key, "select" text)',
        f"insert into \"{odd}\" values (1, 'it''s'), (2, null), (3, 'ü')",
    )
    first = world.snapshot(database.id, repository_id=repository.id, level=3)
    assert (first.state, first.verification, first.verified_level) == ("ready", "green", 3)
    world.write(database.id, "insert into big values (9999, 'later')")
    second = world.snapshot(database.id, repository_id=repository.id, level=1)
    assert second.stored_bytes is not None

    assert {look.name: look.rows for look in services.browse.tables(OWNER, first.id)} == {"big": 3000, ODD: 3}
    _, run = services.snapshots.verify(OWNER, first.id, 2)
    world.succeeded(run)
    again = world.restore(first.id, mode="new", name=f"again-{engine}")
    assert world.rows(again.id, "select count(*) from big") == [(3000,)]
    _, run = services.care.check(OWNER, repository.id, CheckWish(read_data=True))
    assert world.succeeded(run, 120).result["errors"] == []

    found = services.repositories.get(OWNER, repository.id)
    assert found.state == "ready"
    assert (services.repositories.bytes(found) or 0) > 0
    view = services.repositories.breaker(found)
    assert view is not None
    assert view.state == "closed"
    password, path, variables = services.repositories.key(OWNER, repository.id)
    assert path.startswith(f"s3:{cloud.server.endpoint}/")
    assert variables == ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]
    restic(found, path, password, tmp_path, "check", "--read-data")
    restic(found, path, password, tmp_path, "restore", str(first.restic_id), "--target", str(tmp_path / "out"))
    assert (tmp_path / "out" / "RESTORE.md").is_file()

    _, run = services.snapshots.delete(OWNER, first.id, first.id)
    world.succeeded(run)
    left = [each["id"] for each in json.loads(restic(found, path, password, tmp_path, "snapshots", "--json"))]
    assert left == [second.restic_id]
    restic(found, path, password, tmp_path, "prune")
    assert world.snapshot(database.id, repository_id=repository.id, level=1).state == "ready"


def test_the_kit_holds_what_stock_restic_needs(cloud: Cloud) -> None:
    row = cloud.add("kitted")
    with cloud.world.db.read() as conn:
        found = next(each for each in kit_repositories(cloud.world.services.keys).all(conn) if each.id == row.id)
    assert found.path == f"s3:{cloud.server.endpoint}/{row.lies['bucket']}/{row.lies['prefix']}"  # type: ignore[index]
    assert found.environment == {"AWS_ACCESS_KEY_ID": KEY.id, "AWS_SECRET_ACCESS_KEY": KEY.secret}
    assert KEY.secret not in repr(found)
    kit = Kit("i", "now", "1", {"mk": "key"}, "a file", [found])
    text = render(kit)
    assert f"export AWS_SECRET_ACCESS_KEY={KEY.secret}" in text
    assert parse(text).repositories == [found]


def test_two_environments_share_a_bucket_but_no_prefix(cloud: Cloud) -> None:
    world, services = cloud.world, cloud.world.services
    bucket = cloud.server.bucket()
    made = [
        cloud.add(f"of-{env.name}", bucket=bucket, environment_id=env.id, is_default=True)
        for env in (world.environment, world.production)
    ]
    prefixes = [str(row.lies["prefix"]) for row in made if row.lies]
    assert prefixes == [f"holdfast/{world.project.id}/{env.id}" for env in (world.environment, world.production)]
    database = world.create("sqlite", "split")
    assert world.snapshot(database.id, level=1).repository_id == made[0].id
    refused("repository_environment", lambda: services.snapshots.create(OWNER, database.id, repository_id=made[1].id))
    names = [item["Key"] for item in cloud.server.client().list_objects_v2(Bucket=bucket)["Contents"]]
    assert all(name.startswith(prefixes[0] + "/") for name in names)
    for prefix in (prefixes[0], "holdfast", prefixes[0] + "/inner"):
        refused("place_taken", lambda prefix=prefix: cloud.add("same", bucket=bucket, prefix=prefix))
    services.repositories.make_default(OWNER, cloud.add("other", bucket=bucket, prefix="other").id)
    assert world.snapshot(database.id, level=1).repository_id == made[0].id  # its environment's goes first


def test_what_cannot_be_registered_leaves_nothing(cloud: Cloud) -> None:
    bucket, before = cloud.server.bucket(), (cloud.world.count("repositories"), cloud.world.count("secrets"))
    audit = cloud.world.count("audit_events")
    cases = {
        "bucket_missing": {"bucket": "no-such-bucket"},
        "store_unreachable": {"endpoint": "http://127.0.0.1:9"},
        "outbound_refused": {"endpoint": "http://169.254.169.254"},
        "invalid": {"prefix": "../up"},
    }
    for code, change in cases.items():
        error = refused(code, lambda change=change: cloud.add("never", **{"bucket": bucket, **change}))
        assert KEY.secret not in str(error.as_dict())
        assert error.hint or error.details
    assert (cloud.world.count("repositories"), cloud.world.count("secrets")) == before
    assert cloud.world.count("audit_events") == audit


def test_nobody_else_tests_or_changes_it(cloud: Cloud) -> None:
    row, services = cloud.add("guarded"), cloud.world.services
    reader = actor_with("repository.read")
    for act in (
        lambda: services.repositories.test(reader, row.id),
        lambda: services.repositories.change_credential(reader, row.id, CREDENTIAL),
        lambda: services.repositories.make_default(reader, row.id),
        lambda: services.repositories.create(reader, cloud.wish("theirs", cloud.server.bucket())),
    ):
        refused("permission_denied", act)
    with cloud.world.db.read() as conn:
        assert services.keys.credential(conn, row) == CREDENTIAL
    assert not services.repositories.get(OWNER, row.id).is_default


def test_a_new_key_takes_over_and_the_old_one_is_forgotten(cloud: Cloud) -> None:
    row, services = cloud.add("turned"), cloud.world.services
    new = {ACCESS_KEY: "AKIANEWKEY", SECRET: "another-secret-9"}
    changed = services.repositories.change_credential(OWNER, row.id, new)
    assert changed.last_test is not None
    with cloud.world.db.read() as conn:
        assert services.keys.credential(conn, changed) == new
    tested = services.repositories.test(OWNER, row.id).last_test
    assert tested is not None
    results = {found["check"]: found["result"] for found in tested["findings"]}
    assert {results[name] for name in ("list", "write", "read", "delete", "conditional_write")} == {"ok"}
    local = services.repositories.create(OWNER, RepositoryWish(cloud.world.project.id, "on disk"))
    refused("repository_local", lambda: services.repositories.test(OWNER, local.id))
    refused("repository_local", lambda: services.repositories.change_credential(OWNER, local.id, new))
