"""The server burns. What is left: copies of its repositories, and the recovery kit."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

import pytest
from lost_server import (
    ODD,
    Machine,
    first_owner,
    kit_of,
    machine,
    make_kit,
    own_repository,
    recovering,
    restic,
)

WORKER = """
from workers import Response, WorkerEntrypoint

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        n = int(await self.env.COUNT.get("n") or 0) + 1
        await self.env.COUNT.put("n", str(n))
        orders = await self.env.DB.prepare("select count(*) as n from orders").first("n")
        return Response(f"{n} {self.env.OVER} {orders}")
"""

pytestmark = [pytest.mark.slow, pytest.mark.own_metadata]


def visits(old: Machine, folder: Path) -> str:
    """A worker that counts its calls in a namespace and reads a database; what it answered first."""
    project = folder / "visits"
    project.mkdir()
    (project / "entry.py").write_text(WORKER)
    bound = {"kv_namespaces": [{"binding": "COUNT", "id": "counted"}]}
    bound |= {"d1_databases": [{"binding": "DB", "database_name": "orders"}]}
    (project / "wrangler.json").write_text(json.dumps({"name": "visits", "main": "entry.py", **bound}))
    old.do("db", "create", "sqlite", "orders")
    old.query("orders", "create table orders (id integer)", write=True)
    old.query("orders", "insert into orders values (1), (2)", write=True)
    old.do("kv", "namespace", "create", "counted")
    old.do("deploy", str(project))
    old.do("worker", "var", "set", "visits", "OVER", "of")
    return asked_again(old)


def asked_again(made: Machine) -> str:
    """Its databases may still be on their way to it, and the processes that run it have just begun."""
    made.root.chmod(0o711)  # a worker is a user of its own
    until = time.monotonic() + 60
    while (ran := made.do("worker", "invoke", "visits", "/", "--json", ok=False)).code or ran.json["status"] != 200:
        assert time.monotonic() < until, (ran.out, ran.err, made.do("worker", "logs", "visits").out)
        time.sleep(0.3)
    return str(ran.json["body"])


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
        assert visits(old, tmp_path) == "1 of 2"
        for name in ("kv-counted", "orders"):
            old.do("snapshot", "create", name)
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
        back = {ODD, "ledger", "dumped", "kv-counted", "orders"}
        assert {name for name, each in coming.items() if each["snapshot_id"]} == back
        assert seen["workers"] == 1
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
        assert asked_again(new) == "2 of 2", "its code, its keys and its database are here, as they were there"
        assert "OVER" in new.do("worker", "var", "list", "visits").out
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
