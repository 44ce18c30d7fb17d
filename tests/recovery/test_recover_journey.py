"""The server burns. What is left: copies of its repositories, and the recovery kit."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from lost_server import (
    ODD,
    first_owner,
    kit_of,
    machine,
    make_kit,
    own_repository,
    recovering,
    restic,
)

pytestmark = [pytest.mark.slow, pytest.mark.own_metadata]


def test_a_lost_server_comes_back_from_its_repositories(tmp_path: Path) -> None:
    """People sign in, databases have their newest rows, snapshots go on, the audit chain verifies."""
    with machine() as old:
        url = old.up()
        first_owner(old, url)
        old.do("db", "create", "sqlite", ODD)
        old.do("db", "create", "postgresql", "ledger")
        old.do("db", "create", "sqlite", "never")
        for name in (ODD, "ledger"):
            old.query(name, "create table t (id integer primary key, body text)", write=True)
            old.query(name, "insert into t values (1, 'before the metadata')", write=True)
        old.do("snapshot", "create", "ledger")
        old.do("db", "create", "sqlite", "dumped")
        old.query("dumped", "create table t (id integer primary key, body text)", write=True)
        on_a_disk_that_stays = ("--path", str(tmp_path / "dumps"), "--encryption", "age")
        old.do("repo", "add", "dumps", "--kind", "local", "--format", "plain", *on_a_disk_that_stays)
        old.do("snapshot", "create", "dumped", "--repo", "dumps")
        kit = make_kit(old, tmp_path)
        old.do("metadata", "backup")
        old.query(ODD, "insert into t values (2, 'after the metadata')", write=True)
        old.do("snapshot", "create", ODD)
        old.query(ODD, "insert into t values (3, 'in no snapshot')", write=True)
        assert old.do("audit", "verify").code == 0
        own = own_repository(old)
        copies = tmp_path / "copies"
        shutil.copytree(old.data / "repositories", copies)
        old.down()
        shutil.rmtree(old.root)

    facts = kit_of(kit)
    password = next(each["password"] for each in facts["repositories"] if each["id"] == own)
    assert restic(copies / own, password, "check", "--read-data").returncode == 0

    with machine() as new:
        asked = recovering(new, copies / own, kit)
        seen = new.do(*asked, "--dry-run", "--json").json
        assert not new.data.exists(), "a dry run changes nothing"
        coming = {each["name"]: each for each in seen["databases"]}
        assert {name for name, each in coming.items() if each["snapshot_id"]} == {ODD, "ledger", "dumped"}
        assert coming["never"]["why"] == "no good snapshot of it can be reached"
        assert 0 < coming[ODD]["age"] < 300
        assert seen["people"] == 1
        assert list((copies / own).glob("claims/*")) == [], "nor the repositories"

        done = new.do(*asked, ok=False)
        assert done.code == 1, "one database did not come back, and that is said"
        assert "Not back: never" in done.out, (done.out, done.err)
        assert new.sign_in(new.url()) in (200, 201)
        assert new.query(ODD, "select id from t order by id")["rows"] == [[1], [2]]
        assert new.query("ledger", "select body from t")["rows"] == [["before the metadata"]]
        assert new.query("dumped", "select count(*) from t")["rows"] == [[0]]
        new.do("snapshot", "create", "dumped", "--repo", "dumps")
        new.query("ledger", "insert into t values (2, 'on the new server')", write=True)
        new.do("snapshot", "create", "ledger")
        new.do("snapshot", "create", ODD)
        states = {each["name"]: each for each in new.do("db", "list", "--json").json}
        assert states["never"]["state"] == "failed"
        verified = new.do("audit", "verify", "--json").json
        assert verified["ok"], verified
        actions = [each["action"] for each in new.do("audit", "list", "--json").json]
        assert "server.recover" in actions
        new.do("repo", "check", "default", "--read-data")

        again = new.do(*asked, ok=False)
        assert again.code == 5, (again.out, again.err)
        for repository in sorted(path for path in (new.data / "repositories").iterdir() if path.is_dir()):
            words = next(each["password"] for each in facts["repositories"] if each["id"] == repository.name)
            assert restic(repository, words, "check", "--read-data").returncode == 0
