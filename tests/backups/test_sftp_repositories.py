"""Repositories on an SFTP server: the whole journey of a snapshot, read by stock restic over stock ssh."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sftp_server import PASSWORD, USER, SftpHouse, sftp_house
from world import OWNER, World, world

from holdfast.features.backups.care_service import CheckWish
from holdfast.features.backups.kinds import LOGIN_PASSWORD, PRIVATE_KEY
from holdfast.features.backups.model import RepositoryRow
from holdfast.features.backups.repository_service import CloudWish, RepositoryWish
from holdfast.kernel.errors import Conflict, Invalid, NeedsOperator

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("sftp")]


@dataclass
class There:
    world: World
    house: SftpHouse

    def add(self, name: str, credential: dict[str, str] | None = None, **more: Any) -> RepositoryRow:
        place = self.house.root / name
        place.mkdir(exist_ok=True)
        fields = {"host": "127.0.0.1", "port": self.house.port, "user": USER, "path": str(place)}
        fields |= {"host_key": self.house.shown, **more}
        wish = CloudWish("sftp", fields, credential or {PRIVATE_KEY: self.house.key})
        return self.world.services.repositories.create(OWNER, RepositoryWish(self.world.project.id, name, cloud=wish))


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[There]:
    with (
        sftp_house(tmp_path_factory.mktemp("sftp-repositories")) as house,
        world(outbound_allow=("127.0.0.0/8",)) as made,
    ):
        yield There(made, house)


def restic(there: There, place: str, password: str, home: Path, *arguments: str) -> str:
    """Stock restic through stock ssh, which logs in as a user's own configuration would have it."""
    program = shutil.which("restic")
    assert program, "stock restic is missing on this machine: apt-get install restic"
    key = home / "id"
    key.write_text(there.house.key)
    key.chmod(0o600)
    (home / "known").write_text(f"[127.0.0.1]:{there.house.port} {there.house.shown}\n")
    ssh = f"ssh -F none -i {key} -o UserKnownHostsFile={home / 'known'} -p {there.house.port} {USER}@127.0.0.1 -s sftp"
    environ = {"RESTIC_PASSWORD": password, "HOME": str(home), "PATH": os.environ["PATH"]}
    argv = [program, "--no-cache", "--quiet", "-o", f"sftp.command={ssh}", "-r", place, *arguments]
    done = subprocess.run(argv, env=environ, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, f"restic {arguments}: {done.stdout}\n{done.stderr}"
    return done.stdout


def test_a_snapshot_lives_there(there: There, tmp_path: Path) -> None:
    """Taken, proven by a restore, restored, checked, read and pruned by stock restic, deleted."""
    made, services = there.world, there.world.services
    row = there.add("vault")
    assert (row.kind, row.state, row.node) == ("sftp", "new", None)
    assert (row.last_test or {})["ok"]
    database = made.create("sqlite", "shop-sftp")
    made.write(
        database.id,
        'create table "odd ""/ü" (id integer primary key, note text)',
        'insert into "odd ""/ü" with recursive s(n) as (select 1 union all select n + 1 from s where n < 3000) '
        "select n, hex(randomblob(400)) from s",
    )
    first = made.snapshot(database.id, repository_id=row.id, level=3)
    assert (first.state, first.verified_level) == ("ready", 3)
    made.write(database.id, 'delete from "odd ""/ü" where id > 10')
    second = made.snapshot(database.id, repository_id=row.id, level=1)
    again = made.restore(first.id, mode="new", name="again-sftp")
    assert made.rows(again.id, 'select count(*) from "odd ""/ü"') == [(3000,)]
    _, run = services.care.check(OWNER, row.id, CheckWish(read_data=True))
    assert made.succeeded(run, 120).result["errors"] == []

    password, place, variables = services.repositories.key(OWNER, row.id)
    assert (
        place == f"sftp://{USER}@127.0.0.1:{there.house.port}/{there.house.root}/vault/holdfast/{made.project.id}/all"
    )
    assert variables == []
    restic(there, place, password, tmp_path, "check", "--read-data")
    restic(there, place, password, tmp_path, "restore", str(first.restic_id), "--target", str(tmp_path / "out"))
    assert (tmp_path / "out" / "RESTORE.md").is_file()
    _, run = services.snapshots.delete(OWNER, first.id, first.id)
    made.succeeded(run)
    left = json.loads(restic(there, place, password, tmp_path, "snapshots", "--json"))
    assert [each["id"] for each in left] == [second.restic_id]
    restic(there, place, password, tmp_path, "prune")
    _, run = services.care.check(OWNER, row.id, CheckWish(read_data=True))
    assert made.succeeded(run, 120).result["errors"] == []


def test_a_place_is_taken_once_and_nothing_of_a_refused_one_is_kept(there: There) -> None:
    there.add("once", {LOGIN_PASSWORD: PASSWORD}, prefix="p")
    for prefix in ("p", "p/below"):
        with pytest.raises(Conflict):
            there.add("once", prefix=prefix)
    before = len(there.world.services.repositories.list(OWNER))
    with pytest.raises(NeedsOperator) as refused:
        there.add("wrong", {LOGIN_PASSWORD: "not this"})
    assert refused.value.code == "ssh_login_refused"
    with pytest.raises(Conflict) as unconfirmed:
        there.add("unknown", host_key="")
    assert unconfirmed.value.details["host_key"] == there.house.shown
    for credential in ({}, {PRIVATE_KEY: "no key"}, {PRIVATE_KEY: there.house.key, LOGIN_PASSWORD: PASSWORD}):
        with pytest.raises(Invalid):
            there.add("bad", credential or {"": ""})
    assert len(there.world.services.repositories.list(OWNER)) == before


def test_a_new_credential_is_tried_first(there: There) -> None:
    row = there.add("changing")
    services = there.world.services.repositories
    with pytest.raises(NeedsOperator):
        services.change_credential(OWNER, row.id, {LOGIN_PASSWORD: "not this"})
    assert (services.test(OWNER, row.id).last_test or {})["ok"]
    changed = services.change_credential(OWNER, row.id, {LOGIN_PASSWORD: PASSWORD})
    assert (changed.last_test or {})["ok"]
    with there.world.db.read() as conn:
        assert there.world.services.keys.credential(conn, changed) == {LOGIN_PASSWORD: PASSWORD}
