"""Plain files in a bucket, on a real S3 server: in parts where they are large, proven, deleted, taken in again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from s3_server import KEY, Server, moto
from world import OWNER, World, world

from holdfast.features.backups.care_service import CheckWish
from holdfast.features.backups.kinds import ACCESS_KEY, SECRET
from holdfast.features.backups.kit import kit_repositories
from holdfast.features.backups.model import RepositoryRow
from holdfast.features.backups.repository_service import CloudWish, RepositoryWish
from holdfast.features.secrets.kit import Kit, parse, render
from holdfast.vault.plain.settings import FileSettings

pytestmark = pytest.mark.slow


@dataclass
class Cloud:
    world: World
    server: Server

    def add(self, name: str, settings: FileSettings) -> RepositoryRow:
        fields = {"endpoint": self.server.endpoint, "bucket": self.server.bucket(), "allow_http": True, "prefix": "a/b"}
        place = CloudWish("s3", fields, {ACCESS_KEY: KEY.id, SECRET: KEY.secret})
        wish = RepositoryWish(self.world.project.id, name, cloud=place, format="plain", settings=settings.as_json())
        return self.world.services.repositories.create(OWNER, wish)


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    with moto() as server, world(outbound_allow=("127.0.0.0/8",)) as made:
        yield Cloud(made, server)


def test_a_snapshot_is_an_object_that_opens(cloud: Cloud) -> None:
    world, services = cloud.world, cloud.world.services
    repository = cloud.add("files", FileSettings(compression="none"))
    database = world.create("sqlite", "shop")
    world.write(
        database.id,
        "create table big (id integer primary key, note blob)",
        "insert into big select n, randomblob(4000) from (with recursive s(n) as "
        "(select 1 union all select n + 1 from s where n < 3000) select n from s) as t",
    )
    first = world.snapshot(database.id, repository_id=repository.id, level=3)
    assert (first.state, first.verification, first.verified_level) == ("ready", "green", 3)
    assert first.options is not None
    assert first.stored_bytes is not None
    assert first.stored_bytes > 12_000_000  # it went in parts
    opened = services.keys.open(services.repositories.get(OWNER, repository.id))
    assert opened.store.get(str(first.options["file"]), 0, 15) == b"SQLite format 3"
    second = world.snapshot(database.id, repository_id=repository.id, level=1)
    _, run = services.care.check(OWNER, repository.id, CheckWish(read_data=True))
    assert world.succeeded(run, 120).result["errors"] == []
    again = world.restore(first.id, mode="new", name="again")
    assert world.rows(again.id, "select count(*) from big") == [(3000,)]
    _, run = services.snapshots.delete(OWNER, first.id, first.id)
    world.succeeded(run)
    left = {name for name, _ in opened.store.walk("files")}
    assert left
    assert all(second.id in name for name in left)


def test_the_kit_holds_every_key(cloud: Cloud) -> None:
    """And says where, without a word of restic."""
    world, services = cloud.world, cloud.world.services
    row = cloud.add("kitted", FileSettings(encryption="age"))
    database = world.create("sqlite", "kitted")
    world.snapshot(database.id, repository_id=row.id, level=1)
    _, run = services.lives.rotate(OWNER, row.id)
    world.succeeded(run)
    with world.db.read() as conn:
        found = next(each for each in kit_repositories(services.keys).all(conn) if each.id == row.id)
    assert len(found.older) == 1
    text = render(Kit("i", "now", "1", {"mk": "key"}, "a file", [found]))
    read = parse(text).repositories[0]
    assert (read.format, read.password, tuple(read.older)) == ("plain", found.password, tuple(found.older))
    about = text.partition("2. REPOSITORIES")[2].partition("3. WITHOUT")[0]
    assert "restic" not in about
    assert found.password in about
    assert found.older[0] in about
