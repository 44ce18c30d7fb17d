"""A repository whose pieces its bucket locks, through the services: registered, used, deleted from, collected."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import botocore.exceptions
import pytest
from s3_server import KEY, Server, moto
from stock_restic import stock
from world import OWNER, World, refused, world

from holdfast.features.backups.care_service import CheckWish
from holdfast.features.backups.kinds import ACCESS_KEY, SECRET
from holdfast.features.backups.repository_service import CloudWish, RepositoryWish

pytestmark = pytest.mark.slow
CREDENTIAL = {ACCESS_KEY: KEY.id, SECRET: KEY.secret}
LOCK: dict[str, Any] = {"object_lock": "compliance", "object_lock_days": 30}


@dataclass
class Place:
    world: World
    server: Server

    def wish(self, name: str, *, locking: bool, **more: Any) -> RepositoryWish:
        bucket = self.server.bucket()
        if locking:
            bucket += "-l"
            self.server.client().create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)
        fields = {"endpoint": self.server.endpoint, "bucket": bucket, "allow_http": True, **more}
        return RepositoryWish(self.world.project.id, name, cloud=CloudWish("s3", fields, CREDENTIAL))


@pytest.fixture(scope="module")
def here() -> Iterator[Place]:
    with moto() as server, world(outbound_allow=("127.0.0.0/8",)) as made:
        yield Place(made, server)


def test_what_cannot_be_locked_is_refused(here: Place) -> None:
    """A bucket without Object Lock, half a lock, and the kinds that Holdfast cannot lock in: no row is made."""
    create, before = here.world.services.repositories.create, here.world.count("repositories")
    refused("store_test_failed", lambda: create(OWNER, here.wish("bare", locking=False, **LOCK)))
    refused("invalid", lambda: create(OWNER, here.wish("half", locking=True, object_lock="compliance")))
    for kind, fields in (("gcs", {"bucket": "bucket"}), ("azure", {"account": "account", "container": "container"})):
        cloud = CloudWish(kind, fields | LOCK, {})
        wish = RepositoryWish(here.world.project.id, "elsewhere", cloud=cloud)
        error = refused("object_lock_unsupported", lambda: create(OWNER, wish))  # noqa: B023 - called at once
        assert "--apart" in str(error.hint)
    assert here.world.count("repositories") == before


def test_a_life_under_locks(here: Place, tmp_path: Path) -> None:
    """Snapshots, proofs, a delete and a collection go as ever; the store keeps versions; locks are never locked."""
    world, services = here.world, here.world.services
    row = services.repositories.create(OWNER, here.wish("locked", locking=True, **LOCK))
    bucket = str((row.lies or {})["bucket"])
    database = world.create(name="a\"b'; -- ü")
    world.write(database.id, "create table t (a int)", "insert into t values (1), (2)")
    first = world.snapshot(database.id, repository_id=row.id, level=3)
    second = world.snapshot(database.id, repository_id=row.id, level=1)
    _, run = services.snapshots.delete(OWNER, first.id, first.id)
    world.succeeded(run)
    _, run = services.collecting.collect(OWNER, row.id, dry_run=False)
    collected = world.succeeded(run).result
    assert collected["state"] == "marked"
    assert collected["locks_renewed"] > 5, "through every wrapper around the store"
    _, run = services.care.check(OWNER, row.id, CheckWish(read_data=True))
    assert world.succeeded(run).result["errors"] == []
    client = here.server.client()
    versions = client.list_object_versions(Bucket=bucket)["Versions"]
    kinds: dict[str, int] = {}
    for each in versions:
        below = each["Key"].removeprefix(f"{(row.lies or {})['prefix']}/")
        kind = below.partition("/")[0]
        asked = {"Bucket": bucket, "Key": each["Key"], "VersionId": each["VersionId"]}
        if kind in ("data", "index", "snapshots", "keys", "config"):
            kinds[kind] = kinds.get(kind, 0) + 1
            with pytest.raises(botocore.exceptions.ClientError, match="AccessDenied"):
                client.delete_object(**asked)
        else:
            client.delete_object(**asked)
    assert kinds["snapshots"] == 2, "the deleted one can be brought back"
    assert set(kinds) == {"data", "index", "snapshots", "keys", "config"}
    password, where, _ = services.repositories.key(OWNER, row.id)
    environ = {"AWS_ACCESS_KEY_ID": KEY.id, "AWS_SECRET_ACCESS_KEY": KEY.secret, "HOME": str(tmp_path)}
    stock(where, "check", "--read-data", password=password, environ=environ)
    assert second.restic_id in stock(where, "snapshots", "--json", password=password, environ=environ).stdout
