"""Passwords, copies under another key, repositories of others, and their end; stock restic judges."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from lost_server import ODD, restic
from s3_server import KEY, moto
from stock_restic import NEW, OLD, stock
from world import OWNER, World, actor_with, refused, world

from holdfast.features.backups.care_service import CheckWish
from holdfast.features.backups.kinds import ACCESS_KEY, SECRET
from holdfast.features.backups.life_service import AdoptWish
from holdfast.features.backups.model import RepositoryRow, Snapshot
from holdfast.features.backups.repository_service import CloudWish, RepositoryWish
from holdfast.features.databases.model import Resource

pytestmark = pytest.mark.slow
SH, SQLITE = shutil.which("sh") or "sh", shutil.which("sqlite3") or "sqlite3"


@pytest.fixture(scope="module")
def here() -> Iterator[World]:
    with world(outbound_allow=("127.0.0.0/8",)) as made:
        yield made


@pytest.fixture(scope="module")
def shop(here: World) -> Resource:
    made = here.create(name=ODD)
    here.write(made.id, "create table t (id integer primary key)", "insert into t values (1), (2), (3)")
    return made


def made(here: World, name: str) -> RepositoryRow:
    return here.services.repositories.create(OWNER, RepositoryWish(here.project.id, name))


def taken(here: World, shop: Resource, repository: RepositoryRow) -> Snapshot:
    return here.snapshot(shop.id, repository_id=repository.id, level=1)


def place(here: World, row: RepositoryRow) -> Path:
    return here.settings.data / "repositories" / row.id


def password(here: World, row: RepositoryRow) -> str:
    return here.services.repositories.key(OWNER, row.id)[0]


def test_a_rotated_password_opens_and_the_old_one_does_not(here: World, shop: Resource) -> None:
    row = made(here, "rotated")
    first = taken(here, shop, row)
    old = password(here, row)
    other = "somebody else's key"
    keys = here.services.keys.open(here.services.repositories.get(OWNER, row.id))
    keys.add_key(other)
    refused("permission_denied", lambda: here.services.lives.rotate(actor_with("repository.read"), row.id))
    assert password(here, row) == old
    _, run = here.services.lives.rotate(OWNER, row.id)
    assert here.succeeded(run).result["removed"] == 1
    new = password(here, row)
    assert new != old
    assert restic(place(here, row), new, "check", "--read-data").returncode == 0
    assert restic(place(here, row), other, "snapshots").returncode == 0, "other people's keys stay"
    assert restic(place(here, row), old, "snapshots").returncode != 0
    assert here.restore(first.id, mode="new", name="after the rotation").state == "ready"
    assert taken(here, shop, row).state == "ready"
    with here.db.read() as conn:
        names = set(here.services.keys._secrets.all(conn, row.project_id, row.id))
    assert names == {"password"}, "nothing of the old one is kept"
    state = here.services.secrets.kits.state(OWNER)
    assert state.newest is None or state.why


def test_a_copy_is_sealed_anew_and_used_from_then_on(here: World, shop: Resource) -> None:
    """Every snapshot, also the files of stock restic; the old repository stays whole."""
    old, new = made(here, "old key"), made(here, "new key")
    here.services.repositories.make_default(OWNER, old.id)
    ours = [taken(here, shop, old), taken(here, shop, old)]
    files = place(here, old).parent / "some files"
    files.mkdir()
    (files / 'a"b').write_bytes(os.urandom(300_000))
    assert restic(place(here, old), password(here, old), "backup", str(files)).returncode == 0
    _, run = here.services.lives.copy(OWNER, old.id, new.id, switch=True)
    result = here.succeeded(run, 120).result
    assert (result["snapshots"], result["switched"]) == (3, 2)
    again, run = here.services.lives.copy(OWNER, old.id, new.id, switch=True)
    assert here.succeeded(run, 120).result["switched"] == 0
    assert again.id == old.id
    for row in (old, new):
        assert restic(place(here, row), password(here, row), "check", "--read-data").returncode == 0
        listed = restic(place(here, row), password(here, row), "snapshots", "--json").stdout
        assert listed.count('"tree"') == 3
    assert restic(place(here, new), password(here, old), "snapshots").returncode != 0
    shutil.rmtree(place(here, old))
    for each in ours:
        row = here.services.snapshots.get(OWNER, each.id)
        assert (row.repository_id, row.state) == (new.id, "ready")
    assert here.services.repositories.get(OWNER, new.id).is_default
    back = here.restore(ours[0].id, mode="new", name="from the copy", override_unverified=True)
    assert here.rows(back.id, "select count(*) from t") == [(3,)]
    assert here.snapshot(shop.id, level=1).repository_id == new.id


def test_a_repository_of_others_is_taken_in(here: World, shop: Resource, tmp_path: Path) -> None:
    """Ours can be restored; stock restic's are files, downloaded byte for byte and never in our lists."""
    source = made(here, "source")
    first = taken(here, shop, source)
    away, words = tmp_path / "away", password(here, source)
    shutil.copytree(place(here, source), away)
    (tmp_path / "some").mkdir()
    content = os.urandom(700_000)
    (tmp_path / "some" / 'f\n"<&').write_bytes(content)
    assert restic(away, words, "backup", str(tmp_path / "some"), "--host", "other").returncode == 0
    wish = AdoptWish(here.project.id, "taken in", here.environment.id, words, path=str(away))
    refused("repository_known", lambda: here.services.lives.adopt(OWNER, wish))
    here.services.lives.remove(OWNER, source.id, "source", files=False, force=True)
    assert here.services.snapshots.get(OWNER, first.id).state == "deleted"
    assert (place(here, source) / "config").is_file(), "its files stay"
    wrong = AdoptWish(here.project.id, "wrong", here.environment.id, "not it", path=str(away))
    refused("repository_password", lambda: here.services.lives.adopt(OWNER, wrong))
    mine_only = actor_with(
        "repository.create", "environment.read", "project.read", projects=frozenset({here.project.id})
    )
    refused("permission_denied", lambda: here.services.lives.adopt(mine_only, wish))

    row, run = here.services.lives.adopt(OWNER, wish)
    result = here.succeeded(run).result
    assert (result["adopted"], result["foreign"]) == (1, 1)
    _, run = here.services.lives.adopt_again(OWNER, row.id, here.environment.id)
    assert here.succeeded(run).result["adopted"] == 0, "again adds nothing twice"
    (mine,) = list(here.services.snapshots.list(OWNER, repository_id=row.id))
    assert mine.resource_id == shop.id
    back = here.restore(mine.id, mode="new", name="from elsewhere", override_unverified=True)
    assert here.rows(back.id, "select count(*) from t") == [(3,)]

    found = {each.origin: each for each in here.services.lives.contents(OWNER, row.id)}
    (entry,) = here.services.lives.files(OWNER, row.id, found["foreign"].info.id, after=None, limit=10)
    assert entry.path.endswith('f\n"<&')
    size, pieces = here.services.lives.file(OWNER, row.id, found["foreign"].info.id, entry.path)
    assert b"".join(pieces) == content
    assert size == len(content)
    ours = found["database"].info.id
    refused("snapshot_ours", lambda: here.services.lives.files(OWNER, row.id, ours, after=None, limit=10))

    _, run = here.services.lives.remove(OWNER, row.id, "taken in", files=True, force=True)
    assert run is not None
    assert here.succeeded(run).result == {"repository_id": row.id, "deleted": 1, "kept": 1}
    assert restic(away, words, "check", "--read-data").returncode == 0, "theirs is whole"
    listed = restic(away, words, "snapshots", "--json").stdout
    assert listed.count('"tree"') == 1
    assert "other" in listed


@pytest.mark.parametrize("version", [OLD, NEW], ids=["this Debian's restic", "the next one's"])
def test_a_repository_that_stock_restic_made_is_taken_in(
    here: World, shop: Resource, tmp_path: Path, version: int
) -> None:
    """Made, written and checked by one version alone: adopted, checked by us, its files read, ours put beside them."""
    away, files, words = tmp_path / "away", tmp_path / "a\"b'; --", "their words ü"
    files.mkdir()
    content = os.urandom(900_000)
    (files / "nächte 日本").write_bytes(content)
    stock(away, "init", "--repository-version", "2", password=words, version=version)
    stock(away, "backup", str(files), "--host", "other", password=words, version=version)
    name = f"stock {version}"
    row, run = here.services.lives.adopt(
        OWNER, AdoptWish(here.project.id, name, here.environment.id, words, path=str(away))
    )
    assert (here.succeeded(run).result["adopted"], here.succeeded(run).result["foreign"]) == (0, 1)
    _, run = here.services.care.check(OWNER, row.id, CheckWish(read_data=True))
    assert here.succeeded(run).result["errors"] == []
    (theirs,) = here.services.lives.contents(OWNER, row.id)
    (entry,) = here.services.lives.files(OWNER, row.id, theirs.info.id, after=None, limit=10)
    assert b"".join(here.services.lives.file(OWNER, row.id, theirs.info.id, entry.path)[1]) == content
    mine = taken(here, shop, row)
    back = here.restore(mine.id, mode="new", name=f"out of {name}", override_unverified=True)
    assert here.rows(back.id, "select count(*) from t") == [(3,)]
    stock(away, "check", "--read-data", password=words)
    stock(away, "restore", theirs.info.id, "--target", str(tmp_path / "out"), password=words, version=1 - version)
    assert (tmp_path / "out" / str(files).lstrip("/") / "nächte 日本").read_bytes() == content


def test_an_end_is_asked_for_by_name_and_never_takes_the_only_good_one(here: World) -> None:
    row, database = made(here, "the only one"), here.create(name="alone")
    kept = taken(here, database, row)
    lives = here.services.lives
    refused("confirm_mismatch", lambda: lives.remove(OWNER, row.id, "the only", files=True, force=False))
    refused("last_good_snapshot", lambda: lives.remove(OWNER, row.id, row.name, files=True, force=False))
    here.services.snapshots.update(OWNER, kept.id, {"hold": True}, version=1)
    refused("snapshot_held", lambda: lives.remove(OWNER, row.id, row.name, files=True, force=True))
    here.services.snapshots.update(OWNER, kept.id, {"hold": False}, version=2)
    _, run = lives.remove(OWNER, row.id, row.name, files=True, force=True)
    assert run is not None
    here.succeeded(run)
    assert not place(here, row).exists()
    refused("repository_state", lambda: lives.rotate(OWNER, row.id))
    assert row.id not in {each.id for each in here.services.repositories.list(OWNER)}
    assert made(here, "the only one").id != row.id, "the name is free again"


def test_a_repository_that_only_grows_says_who_may_delete(here: World) -> None:
    """Locks come and go as always; a delete without the other credential is refused, with it it is done."""
    with moto() as server:
        credential = {ACCESS_KEY: KEY.id, SECRET: KEY.secret}
        fields = {"endpoint": server.endpoint, "bucket": server.bucket(), "allow_http": True}
        wish = RepositoryWish(here.project.id, "grows", cloud=CloudWish("s3", fields, credential))
        row = here.services.repositories.create(OWNER, wish)
        database = here.create(name="in the bucket")
        here.services.lives.deletes(OWNER, row.id, apart=True, credential={})
        first, second = taken(here, database, row), taken(here, database, row)
        assert not list(_objects(server, fields["bucket"], "/locks/"))
        _, run = here.services.snapshots.delete(OWNER, first.id, first.id)
        ended = here.ended(run)
        assert (ended.state, (ended.error or {})["code"]) == ("failed", "delete_credential_missing")
        assert "repo deletes" in str((ended.error or {})["hint"])
        assert here.services.snapshots.get(OWNER, first.id).state == "ready"
        assert len(list(_objects(server, fields["bucket"], "/snapshots/"))) == 2
        here.services.lives.deletes(OWNER, row.id, apart=True, credential=credential)
        _, run = here.services.snapshots.delete(OWNER, first.id, first.id)
        here.succeeded(run)
        assert len(list(_objects(server, fields["bucket"], "/snapshots/"))) == 1
        assert here.services.snapshots.get(OWNER, second.id).state == "ready"


def _objects(server, bucket: str, within: str) -> list[str]:  # type: ignore[no-untyped-def]
    found = server.client().list_objects_v2(Bucket=bucket).get("Contents", [])
    return [each["Key"] for each in found if within in each["Key"]]


def test_stock_tools_put_the_metadata_back(here: World, tmp_path: Path) -> None:
    """As its RESTORE.md says: restic, sqlite3, restore.sh."""
    (row,) = here.services.recovery.take(OWNER)
    here.services.jobs.wait(str(row.run_id), 60)
    home = here.services.repositories.get(OWNER, row.repository_id)
    newest = here.services.recovery.list(OWNER, limit=1)[0]
    out = tmp_path / "out"
    words = password(here, home)
    assert restic(place(here, home), words, "restore", str(newest.restic_id), "--target", str(out)).returncode == 0
    assert "holdfast recover" in (out / "RESTORE.md").read_text()
    target = tmp_path / "holdfast.db"
    done = subprocess.run([SH, str(out / "restore.sh"), str(target)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    count = subprocess.run(
        [SQLITE, str(target), "select count(*) from resources"], capture_output=True, text=True, check=True
    )
    assert int(count.stdout) >= 1
    again = subprocess.run([SH, str(out / "restore.sh"), str(target)], capture_output=True, check=False)
    assert again.returncode == 1, "nothing is overwritten"
