"""Sessions and locks, chores, settings, extensions and named logins, on running databases."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from contextlib import closing
from typing import Any

import apsw
import psycopg
import pytest
from journey import Served, eventually, fresh
from outside_kit import Outside

from holdfast.features.connections.cli_connection import tree

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def shop(served: Served) -> str:
    made = served.create("postgresql", fresh("o'\"/ü; --"))["id"]
    served.write(made, 'create table "a""b; --" (id int primary key, note text)', "create table t (id int primary key)",
                 "insert into t select generate_series(1, 1000)")  # fmt: skip
    return str(made)


def url(served: Served, database: str, access: str = "owner") -> str:
    return str(served.call("POST", f"/databases/{database}/url", {"access": access})["url"])


def key(served: Served, **wanted: Any) -> dict[str, str]:
    return {"Authorization": "Bearer " + served.call("POST", "/keys", {"name": "upkeep", **wanted}, 201)["key"]}


def test_sessions_and_the_tree_of_locks(served: Served, shop: str) -> None:
    where = f"/databases/{shop}"
    secret = "select 'secret-4711', pg_sleep(30)"
    with closing(psycopg.connect(url(served, shop), application_name="holder")) as holder:
        holder.execute('lock table "a""b; --"')
        waiters = [psycopg.connect(url(served, shop), application_name=f"waiter {n}") for n in range(2)]
        ended: list[BaseException] = []

        def wait(line: psycopg.Connection[Any], statement: str) -> None:
            try:
                line.execute(statement)
            except psycopg.Error as error:
                ended.append(error)

        threads = [
            threading.Thread(target=wait, args=(waiters[0], 'select 4711 from "a""b; --"')),
            threading.Thread(target=wait, args=(waiters[1], secret)),
        ]
        for thread in threads:
            thread.start()
        (lock,) = eventually(lambda: served.get(f"{where}/locks")["items"])
        pids = [str(line.info.backend_pid) for line in (holder, *waiters)]
        assert (lock["waiter"], lock["holder"], lock["mode"]) == (pids[1], pids[0], "AccessShareLock")
        assert lock["target"] == 'public.a"b; --'
        listed = {item["id"]: item for item in served.get(f"{where}/sessions")["items"]}
        assert listed[pids[1]]["blocked_by"] == [pids[0]]
        assert "4711" not in str(listed[pids[1]]["statement"])
        assert "secret" not in str(listed)
        assert (listed[pids[0]]["application"], listed[pids[0]]["user"]) == ("holder", "db_owner")
        viewer = key(served, role="viewer")
        served.call("DELETE", f"{where}/sessions/{pids[2]}", status=403, headers=viewer)
        served.call("GET", f"{where}/sessions", status=403, headers=viewer)
        served.call("POST", f"{where}/sessions/{pids[2]}/cancel", status=204)
        served.call("DELETE", f"{where}/sessions/{pids[1]}", status=204)
        for thread in threads:
            thread.join(10)
        assert len(ended) == 2, ended
        assert holder.execute("select 1").fetchone() == (1,)
        waiters[1].rollback()
        assert waiters[1].execute("select 1").fetchone() == (1,)
        for line in waiters:
            line.close()
    assert eventually(lambda: served.get(f"{where}/locks")["items"] == [])
    for number in (pids[1], "1", "x; select 1", "0"):
        served.call("DELETE", f"{where}/sessions/{number}", status=404)


def test_sessions_of_another_database_or_ours_are_never_ended(served: Served, shop: str) -> None:
    other = served.create("postgresql")["id"]
    with closing(psycopg.connect(url(served, other))) as line:
        served.call("DELETE", f"/databases/{shop}/sessions/{line.info.backend_pid}", status=404)
        assert line.execute("select 1").fetchone() == (1,)
    embedded = served.create("sqlite")["id"]
    served.refused(409, "not_offered", "GET", f"/databases/{embedded}/sessions")
    served.refused(409, "not_offered", "GET", f"/databases/{embedded}/locks")


def test_the_tree_shows_who_is_on_top() -> None:
    def wait(waiter: str, holder: str) -> dict[str, Any]:
        return {"waiter": waiter, "holder": holder, "mode": "M", "target": "t"}

    assert tree([wait("2", "1"), wait("3", "2"), wait("4", "1")]) == [
        "1", "  2  waits for M on t", "    3  waits for M on t", "  4  waits for M on t",
    ]  # fmt: skip
    assert tree([wait("2", "1"), wait("1", "2")])[0] == "1"


@pytest.mark.parametrize("chore", ["vacuum", "analyze", "reindex", "vacuum-full"])
def test_chores_are_runs(served: Served, shop: str, chore: str) -> None:
    where = f"/databases/{shop}/chores"
    assert chore in [item["name"] for item in served.get(where)["items"]]
    run = served.ended(served.call("POST", f"{where}/{chore}", {}, 202))
    assert (run["state"], run["result"]["tables"], run["result"]["left_out"]) == ("succeeded", 2, 0), run
    one = served.ended(served.call("POST", f"{where}/{chore}", {"target": 'public.a"b; --'}, 202))
    assert one["result"]["tables"] == 1
    missing = served.ended(served.call("POST", f"{where}/{chore}", {"target": "public.absent; drop table t"}, 202))
    assert (missing["state"], missing["error"]["code"]) == ("failed", "table_not_found")
    assert served.rows(shop, "select count(*) from t") == [[1000]]


def test_a_locked_table_is_left_out_and_a_cancelled_chore_ends(served: Served, shop: str) -> None:
    with closing(psycopg.connect(url(served, shop))) as line:
        line.execute("lock table t")
        made = served.call("POST", f"/databases/{shop}/chores/vacuum-full", {}, 202)
        run = served.ended(made)
        assert (run["state"], run["result"]["left_out"]) == ("succeeded", 1)
        assert "public.t was left out" in run["result"]["notes"][0]
        made = served.call("POST", f"/databases/{shop}/chores/vacuum-full", {"target": "t"}, 202)
        eventually(lambda: served.get(f"/runs/{made['run']['id']}")["state"] == "running")
        time.sleep(0.3)
        started = time.monotonic()
        served.call("POST", f"/runs/{made['run']['id']}/cancel")
        assert served.ended(made)["state"] == "cancelled"
        assert time.monotonic() - started < 4
    served.refused(422, "chore_unknown", "POST", f"/databases/{shop}/chores/drop", {})


def test_chores_of_a_file(served: Served) -> None:
    made = served.create("sqlite")["id"]
    served.write(made, "create table p (id integer primary key)", "create table t (a text, p references p)")
    rows = "with recursive n(i) as (select 1 union all select i + 1 from n where i < 20000)"
    served.write(made, f"insert into t (a) {rows} select hex(randomblob(20)) from n", "delete from t where rowid % 2")
    where = f"/databases/{made}/chores"
    done = {
        name: served.ended(served.call("POST", f"{where}/{name}", {}, 202))
        for name in ("check", "reindex", "analyze", "optimize", "vacuum")
    }
    assert {run["state"] for run in done.values()} == {"succeeded"}, done
    assert done["vacuum"]["result"]["bytes_after"] < done["vacuum"]["result"]["bytes_before"]
    assert served.rows(made, "select count(*) from t") == [[10000]]
    path = next(p for p in (served.root / "data" / "databases" / made).iterdir() if p.is_file() and "-" not in p.name)
    with closing(apsw.Connection(str(path))) as file:
        file.execute("pragma foreign_keys = off; insert into t values ('x', 99)")
    bad = served.ended(served.call("POST", f"{where}/check", {}, 202))
    assert (bad["state"], bad["error"]["code"]) == ("failed", "check_failed")
    assert "no row of p" in str(bad["error"]["details"]["problems"])
    served.refused(422, "target_invalid", "POST", f"{where}/vacuum", {"target": "t"})


def setting(found: Any, name: str) -> Any:
    return next(item for item in found["items"] if item["name"] == name)


def test_settings_change_together_or_not_at_all(served: Served, shop: str) -> None:
    where = f"/databases/{shop}/settings"
    before = served.get(where)
    assert setting(before, "work_mem")["applies"] == "new sessions"
    changed = served.call("PATCH", where, {"settings": {"work_mem": "9MB", "statement_timeout": "61s"}})
    assert (setting(changed, "work_mem")["value"], setting(changed, "work_mem")["changed"]) == ("9MB", True)
    with closing(psycopg.connect(url(served, shop))) as line:
        assert line.execute("show statement_timeout").fetchone() == ("61s",)
    for wrong, code in (
        ({"work_mem": "10MB", "statement_timeout": "a while"}, "setting_invalid"),
        ({"work_mem": "10MB", "max_connections": "1000000"}, "setting_invalid"),
        ({"work_mem": "10MB", "shared_preload_libraries": "evil"}, "setting_unknown"),
        ({"work_mem": "10MB'; alter role db_ro superuser; --"}, "setting_invalid"),
        ({"archive_command": "rm"}, "setting_unknown"),
        ({"checkpoint_timeout": "7min", "autovacuum_naptime": "no time"}, "setting_invalid"),
    ):
        served.refused(422, code, "PATCH", where, {"settings": wrong})
        assert setting(served.get(where), "work_mem")["value"] == "9MB"
        assert setting(served.get(where), "checkpoint_timeout")["value"] == "5min"
    back = served.call("PATCH", where, {"settings": {"work_mem": None, "statement_timeout": None}})
    assert not setting(back, "work_mem")["changed"]


def test_a_setting_that_waits_for_a_restart_says_so(served: Served) -> None:
    made = served.create("postgresql")["id"]
    where = f"/databases/{made}/settings"
    waiting = setting(served.call("PATCH", where, {"settings": {"max_connections": "44"}}), "max_connections")
    assert (waiting["applies"], waiting["pending"]) == ("restart", "44")
    assert waiting["value"] != "44"
    served.act(made, "stop")
    served.refused(409, "database_not_ready", "GET", where)
    served.act(made, "start")
    now = setting(served.get(where), "max_connections")
    assert (now["value"], now["pending"]) == ("44", None)


def test_settings_of_a_file(served: Served) -> None:
    made = served.create("sqlite")["id"]
    where = f"/databases/{made}/settings"
    changed = served.call("PATCH", where, {"settings": {"user_version": "-7", "auto_vacuum": "full"}})
    assert (setting(changed, "user_version")["value"], setting(changed, "auto_vacuum")["value"]) == ("-7", "full")
    assert served.rows(made, "pragma user_version") == [[-7]]
    for wrong in ({"user_version": "1; drop table t"}, {"user_version": "99999999999"}, {"writable_schema": "1"}):
        served.call("PATCH", where, {"settings": wrong}, 422)


def test_extensions_by_allow_list(served: Served, shop: str) -> None:
    where = f"/databases/{shop}/extensions"
    found = {item["name"]: item for item in served.get(where)["items"]}
    assert found["vector"]["installed"] is None
    assert not {"dblink", "file_fdw", "postgres_fdw", "plpgsql", "adminpack"} & found.keys()
    for _ in range(2):
        served.call("PUT", f"{where}/vector", status=204)
    served.write(shop, "create table v (e vector(3))")
    name = served.database(shop)["name"]
    served.refused(422, "confirm_mismatch", "DELETE", f"{where}/vector", {"confirm": "x"})
    error = served.refused(409, "extension_in_use", "DELETE", f"{where}/vector", {"confirm": name})
    assert "column e of table public.v" in str(error["details"]["objects"])
    served.call("DELETE", f"{where}/vector", {"confirm": name, "cascade": True}, 204)
    assert served.rows(shop, "select count(*) from information_schema.columns where table_name = 'v'") == [[0]]
    for absent in ("file_fdw", "vector; drop table t", "plpython3u"):
        served.call("PUT", f"{where}/{absent}", status=404)


def test_named_logins_live_from_creation_to_drop(served: Served, shop: str) -> None:
    where = f"/databases/{shop}/logins"
    made = served.call("POST", where, {"name": "reporting", "access": "rw"}, 201)
    login = made["login"]["id"]
    served.refused(409, "name_taken", "POST", where, {"name": "reporting"})
    for bad in ("hf_x", "db_owner", "holdfast", "pg_x", "A", "a b", "a;b", ""):
        served.call("POST", where, {"name": bad}, 422)
    with closing(psycopg.connect(made["url"], autocommit=True)) as line:
        line.execute("insert into t values (5000)")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            line.execute("create table mine (a int)")
        new = served.call("POST", f"/logins/{login}/rotate")
        assert new["password"] != made["password"]
        with pytest.raises(psycopg.OperationalError, match="authentication failed"):
            psycopg.connect(made["url"])
        served.call("POST", f"/logins/{login}/revoke")
        with pytest.raises(psycopg.OperationalError):
            line.execute("select 1")
    with pytest.raises(psycopg.OperationalError, match="not permitted to log in"):
        psycopg.connect(new["url"])
    assert served.get(where)["items"][0]["revoked_at"]
    assert made["password"] not in str(served.get("/audit", resource_id=shop))
    served.refused(422, "confirm_mismatch", "DELETE", f"/logins/{login}", {"confirm": "x"})
    served.call("DELETE", f"/logins/{login}", {"confirm": "reporting"}, 204)
    assert served.get(where)["items"] == []
    assert served.rows(shop, "select count(*) from pg_roles where rolname = 'reporting'") == [[0]]


def test_a_login_that_owns_something_is_dropped_only_knowingly(served: Served, shop: str) -> None:
    made = served.call("POST", f"/databases/{shop}/logins", {"name": "builder", "access": "owner"}, 201)
    with closing(psycopg.connect(made["url"], autocommit=True)) as line:
        line.execute("set role none")
        line.execute("create table built (a int)")
    where = f"/logins/{made['login']['id']}"
    error = served.refused(409, "login_owns", "DELETE", where, {"confirm": "builder"})
    assert "table public.built" in str(error["details"]["objects"])
    assert served.rows(shop, "select tableowner from pg_tables where tablename = 'built'") == [["builder"]]
    served.call("DELETE", where, {"confirm": "builder", "hand_over": True}, 204)
    assert served.rows(shop, "select tableowner from pg_tables where tablename = 'built'") == [["db_owner"]]


def test_nobody_makes_a_login_that_may_do_more_than_they(served: Served, shop: str) -> None:
    mine = key(served, permissions=["database.login.manage", "database.read", "database.query.read"])
    served.call("POST", f"/databases/{shop}/logins", {"name": "up", "access": "rw"}, 403, headers=mine)
    made = served.call("POST", f"/databases/{shop}/logins", {"name": "up", "access": "ro"}, 201, headers=mine)
    served.call("DELETE", f"/logins/{made['login']['id']}", {"confirm": "up"}, 204, headers=mine)


def test_the_commands_say_it_too(outside: Outside, served: Served, shop: str) -> None:
    def say(*words: str, code: int = 0) -> str:
        argv = [sys.executable, "-m", "holdfast.cli", *words]
        ran = subprocess.run(argv, env=outside.env(), capture_output=True, text=True, timeout=60, check=False)
        assert ran.returncode == code, ran.stderr
        return ran.stdout + ran.stderr

    assert "vacuum-full" in say("upkeep", "list", shop)
    assert "analyze is done" in say("upkeep", "run", shop, "analyze")
    assert "work_mem = 7MB  (new sessions)" in say("upkeep", "set", shop, "work_mem=7MB")
    assert "7MB" in say("upkeep", "settings", shop)
    assert "Nobody waits" in say("connection", "locks", shop)
    assert "SESSION" in say("connection", "list", shop) or "Nobody is connected" in say("connection", "list", shop)
    assert "No tunnel is open" in say("connection", "tunnels", shop)
    assert "No named logins" in say("login", "list", shop)
    assert "postgresql://typed:" in say("login", "create", shop, "typed")
    say("login", "drop", shop, "typed", "--confirm", "typed")
    assert "must be confirmed" in say("upkeep", "disable", shop, "vector", code=2)
