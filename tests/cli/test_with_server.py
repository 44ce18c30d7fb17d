"""The whole path through a real Holdfast, typed as a user types it."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from cli_kit import Holdfast

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("cli-server")]
AWKWARD = ["select", "with space", "quo'te", "naïve-表-😀", "UPPER", "n" * 63]


def lives(pid: int) -> bool:
    """A process that has ended but was not collected yet (in a container nobody may) does not live."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def make(holdfast: Holdfast, name: str, engine: str = "sqlite") -> str:
    ran = holdfast("db", "create", engine, name, "--json")
    assert ran.code == 0, ran.err
    return str(ran.json["resource"]["id"])


@pytest.fixture(scope="module")
def shop(server: dict[str, str]) -> str:
    from cli_kit import run

    def call(*line: str) -> None:
        ran = run(server, *line)
        assert ran.code == 0, ran.err

    call("db", "create", "sqlite", "shop")
    call("db", "query", "shop", "--write", "create table t (id integer primary key, name text, b blob)")
    call("db", "query", "shop", "--write", "insert into t values (?, ?, ?)", "--param", "1", "--param",
         "Ünï \U0001f600",
         "--param", '{"$bytes": "AP8="}')  # fmt: skip
    call("db", "query", "shop", "--write", "insert into t (id) values (2)")
    return "shop"


def test_status_says_what_runs(holdfast: Holdfast) -> None:
    ran = holdfast("status", "--json")
    assert ran.code == 0, ran.err
    assert ran.json["running"] is True
    assert {"api", "runner"} <= set(ran.json["keeper"]["parts"])
    assert "unknown" not in ran.json, "a part's question failed"
    assert "keeper" in holdfast("status").out


def test_engines_are_listed(holdfast: Holdfast) -> None:
    names = {item["name"] for item in holdfast("engine", "list", "--json").json}
    assert len(names) >= 2
    for name in names:
        assert holdfast("engine", "show", name).code == 0


@pytest.mark.parametrize("form", ["table", "json", "csv", "ndjson"])
def test_query_in_every_format(holdfast: Holdfast, shop: str, form: str) -> None:
    ran = holdfast("db", "query", shop, "select * from t order by id", "--format", form)
    assert ran.code == 0, ran.err
    assert "Ünï \U0001f600" in ran.out
    if form == "json":
        assert ran.json["rows"] == [[1, "Ünï \U0001f600", {"$bytes": "AP8="}], [2, None, None]]
    if form == "ndjson":
        assert [json.loads(line)["id"] for line in ran.out.splitlines()] == [1, 2]
    if form == "table":
        assert "NULL" in ran.out
        assert "(2 rows)" in ran.out


def test_reading_cannot_write_and_says_so(holdfast: Holdfast, shop: str) -> None:
    ran = holdfast("db", "query", shop, "delete from t", "--json")
    assert ran.code == 4
    assert ran.error["code"] == "read_only"
    assert "2" in holdfast("db", "query", shop, "select count(*) from t", "--format", "csv").out


def test_a_statement_from_a_file_and_from_standard_input(holdfast: Holdfast, shop: str, tmp_path: Path) -> None:
    file = tmp_path / "q.sql"
    file.write_text("select 40 + 2 as answer")
    assert "42" in holdfast("db", "query", shop, "--file", str(file), "--format", "csv").out
    assert "42" in holdfast("db", "query", shop, "--format", "csv", stdin="select 40 + 2 as answer").out


def test_a_broken_statement_is_explained(holdfast: Holdfast, shop: str) -> None:
    ran = holdfast("db", "query", shop, "selec 1", "--json")
    assert ran.code == 1
    assert ran.error["code"] == "statement_invalid"


def test_the_shell_reads_statements_until_the_end(holdfast: Holdfast, shop: str) -> None:
    ran = holdfast("db", "shell", shop, stdin="\\dt\n\\d t\nselect\n  name from t\nwhere id = 1;\nselec;\nselect 7\n")
    assert ran.code == 0
    assert "Ünï \U0001f600" in ran.out
    assert "7" in ran.out.splitlines()[-2]
    assert "Error:" in ran.err


@pytest.mark.parametrize("name", AWKWARD)
def test_awkward_names_from_creation_to_deletion(holdfast: Holdfast, name: str) -> None:
    ran = holdfast("db", "create", "sqlite", name, "--json")
    if ran.code:
        assert ran.error["code"] in ("name_invalid", "invalid"), ran.err
        return
    assert holdfast("db", "query", name, "select 1").code == 0
    assert holdfast("db", "delete", name, "--confirm", name).code == 0


def test_a_deleted_database_comes_back_until_it_is_purged(holdfast: Holdfast) -> None:
    name = "back's again"
    make(holdfast, name)
    gone = holdfast("db", "delete", name, "--confirm", name)
    assert gone.code == 0
    assert """holdfast db undelete 'back'"'"'s again'""" in gone.out  # the hint can be pasted into a shell
    assert holdfast("db", "show", name).code == 3
    assert name in holdfast("db", "list", "--deleted").out
    assert holdfast("db", "undelete", name).code == 0
    assert holdfast("db", "query", name, "select 1").code == 0
    assert holdfast("db", "delete", name, "--confirm", name).code == 0
    assert holdfast("db", "purge", name, "--confirm", name).code == 0
    assert name not in holdfast("db", "list", "--deleted").out


def test_exit_codes_of_the_server_s_refusals(holdfast: Holdfast, shop: str) -> None:
    assert holdfast("db", "show", "nothing-here").code == 3
    assert holdfast("db", "create", "sqlite", shop).code == 5
    assert holdfast("run", "show", "run_00000000000000000000000000").code == 3
    wrong = holdfast("db", "delete", shop, "--confirm", "other")
    assert wrong.code == 2
    assert "nothing was done" in wrong.err
    assert holdfast("db", "delete", shop).code == 2
    assert holdfast("db", "show", shop).code == 0


def test_a_name_in_two_environments_is_ambiguous(holdfast: Holdfast) -> None:
    for env in ("development", "staging"):
        assert holdfast("db", "create", "sqlite", "twin", "--env", env).code == 0
    ran = holdfast("db", "show", "twin", "--json")
    assert ran.code == 5
    assert ran.error["code"] == "ambiguous"
    assert len(ran.error["details"]["candidates"]) == 2
    assert holdfast("db", "show", "twin", "--env", "staging").code == 0


def test_backup_look_inside_lose_and_restore(holdfast: Holdfast, shop: str, tmp_path: Path) -> None:
    ran = holdfast("backup", "create", shop, "--verify", "3", "--json")
    assert ran.code == 0, ran.err
    snapshot = ran.json["snapshot"]["id"]
    assert ran.json["snapshot"]["verified_level"] == 3
    assert snapshot in holdfast("snapshot", "list", "--database", shop).out
    assert "manifest.json" in holdfast("snapshot", "ls", snapshot).out
    assert "t" in holdfast("snapshot", "ls", f"latest:{shop}", "--tables").out
    assert "restic" in holdfast("snapshot", "cat", snapshot, "RESTORE.md").out.lower()
    assert "Ünï \U0001f600" in holdfast("snapshot", "rows", snapshot, "t").out
    assert holdfast("snapshot", "rows", snapshot, "t", "--limit", "1", "--json").json["truncated"] == "rows"
    assert holdfast("snapshot", "verify", snapshot, "--level", "2").code == 0
    assert holdfast("db", "query", shop, "--write", "delete from t where id = 2").code == 0
    assert holdfast("snapshot", "restore", snapshot, "--as", "shop-copy").code == 0
    assert holdfast("db", "query", "shop-copy", "select count(*) as n from t", "--format", "csv").out.split() == [
        "n",
        "2",
    ]
    assert holdfast("snapshot", "restore", snapshot, "--in-place").code == 2
    assert holdfast("snapshot", "restore", snapshot, "--in-place", "--confirm", shop).code == 0
    assert holdfast("db", "query", shop, "select count(*) as n from t", "--format", "csv").out.split() == ["n", "2"]
    repository = holdfast("repo", "list", "--json").json[0]["name"]
    assert holdfast("repo", "check", repository, "--read-data").code == 0
    assert "within 30d: 0 packs" in holdfast("repo", "check", repository, "--within", "30d").out
    assert holdfast("repo", "check", repository, "--subset", "1/2", "--within", "30d").code == 2
    assert holdfast("repo", "check", repository, "--subset", "eight").code != 0
    listed = holdfast("repo", "checks", repository, "--json").json
    assert [row["method"] for row in listed] == ["within 30d", "all data"]
    assert "all data" in holdfast("repo", "checks", repository).out
    assert "not needed" in holdfast("repo", "usage", repository).out
    assert "No damage" in holdfast("repo", "repair", repository, "--read-data").out
    assert "0 packs found again" in holdfast("repo", "repair", repository, "--index").out
    assert holdfast("repo", "repair", repository, "--index", "--read-data").code == 2
    assert len(holdfast("repo", "key", repository).out.strip()) > 15


def test_rows_of_a_served_database_are_seen_without_restoring(holdfast: Holdfast) -> None:
    def write(statement: str) -> None:
        ran = holdfast("db", "query", "looked", "--write", statement)
        assert ran.code == 0, ran.err

    make(holdfast, "looked", "postgresql")
    write("create table t (n numeric(9, 3), a int[], b bytea, d date, c text, g int generated always as (1) stored)")
    write("insert into t values (1.5, '{1,null}', '\\\\x00ff', 'infinity', e'tab\\tline\\nback\\\\\\\\N')")
    write("insert into t (c) values (null)")
    write("insert into t (c) select 'more' from generate_series(1, 30)")
    write("create table empty (x text)")
    assert holdfast("snapshot", "create", "looked", "--verify", "L1").code == 0
    seen = holdfast("snapshot", "rows", "latest:looked", "t", "--json").json
    now = holdfast("db", "query", "looked", "select n, a, b, d, c from t limit 20", "--json").json
    assert seen["rows"] == now["rows"]
    assert seen["truncated"] == "rows"
    assert "(0 rows)" in holdfast("snapshot", "rows", "latest:looked", "empty").out
    assert holdfast("snapshot", "rows", "latest:looked", "absent").code == 3


def test_no_wait_returns_the_run_and_watch_ends_with_it(holdfast: Holdfast, shop: str) -> None:
    ran = holdfast("snapshot", "create", shop, "--no-wait", "--json")
    run_id = ran.json["run"]["id"]
    assert holdfast("run", "watch", run_id, "--json").json["state"] == "succeeded"
    assert run_id in holdfast("run", "list").out
    assert holdfast("run", "show", run_id).code == 0


def test_ctrl_c_stops_watching_and_not_the_run(server: dict[str, str], holdfast: Holdfast, shop: str) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", "import os, signal, sys; from holdfast import client\n"
         # a run of the tests in the background has Ctrl-C ignored, and children inherit that
         "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
         "real = client.Client.watch\n"
         "def watch(self, run): os.kill(os.getpid(), signal.SIGINT); yield from real(self, run)\n"
         "client.Client.watch = watch\n"
         f"from holdfast.cli import main; main(['snapshot', 'create', {shop!r}])"],
        env=server, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    _, err = child.communicate(timeout=60)
    assert child.returncode == 130
    assert "the run goes on" in err
    run_id = err.partition("run watch ")[2].split()[0]
    assert f"holdfast run cancel {run_id}" in err
    assert holdfast("run", "watch", run_id).code == 0


def test_a_key_works_over_http_and_dies_when_revoked(holdfast: Holdfast, server: dict[str, str]) -> None:
    from cli_kit import run

    key = holdfast("key", "create", "ci", "--role", "viewer").out.strip()
    url = holdfast("status", "--json").json["keeper"]["url"]
    remote = {name: value for name, value in server.items() if not name.startswith("HOLDFAST_")}
    remote |= {"HOLDFAST_URL": url, "HOLDFAST_API_KEY": key}
    assert run(remote, "db", "list").code == 0
    assert run(remote, "db", "create", "sqlite", "no", "--env", "development").code == 4
    assert holdfast("key", "revoke", "ci").code == 0
    ran = run(remote, "db", "list", "--json")
    assert ran.code == 4
    assert ran.error["code"] == "unauthenticated"


def test_a_typed_name_confirms_on_a_terminal(server: dict[str, str], holdfast: Holdfast) -> None:
    make(holdfast, "typed")
    leader, follower = pty.openpty()
    child = subprocess.Popen(
        [sys.executable, "-m", "holdfast.cli", "db", "delete", "typed"],
        env=server, stdin=follower, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    os.close(follower)
    os.write(leader, b"typed\n")
    out, _ = child.communicate(timeout=60)
    os.close(leader)
    assert child.returncode == 0, out
    assert b"Deleted typed" in out


def test_restart_keeps_the_databases(holdfast: Holdfast, shop: str) -> None:
    assert holdfast("restart").code == 0
    assert holdfast("db", "query", shop, "select 1").code == 0


def test_a_second_holdfast_on_the_same_data_is_refused(holdfast: Holdfast) -> None:
    ran = holdfast("up")
    assert ran.code == 5
    assert "already runs" in ran.err


def test_up_detached_then_down(alone: Holdfast, tmp_path: Path) -> None:
    ran = alone("up", "--detach", "--json")
    try:
        assert ran.code == 0, ran.err
        assert "#" in ran.json["first_run_link"]
        pid = ran.json["pid"]
        assert alone("db", "list").out.startswith("No databases yet.")
    finally:
        down = alone("down")
    assert down.code == 0, down.err
    ended_by = (
        time.monotonic() + 60
    )  # it lets go of its lock as the last thing before it ends, and that is what `down` saw
    while lives(pid) and time.monotonic() < ended_by:
        time.sleep(0.02)
    assert not lives(pid)


def test_up_in_the_foreground_stops_cleanly_on_ctrl_c(tmp_path: Path) -> None:
    from holdfast.commands.demo.temporary import environment

    child = subprocess.Popen(
        [sys.executable, "-m", "holdfast.cli", "up"],
        env=environment(tmp_path), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
    )  # fmt: skip
    assert child.stdout is not None
    lines = [child.stdout.readline()]
    assert lines[0].startswith("Holdfast is running"), lines[0] + child.stdout.read()
    time.sleep(0.2)
    child.send_signal(signal.SIGINT)
    rest = child.stdout.read()
    assert child.wait(60) == 0
    assert "to become its owner" in rest
    assert "Holdfast has stopped." in rest


def test_the_demo_on_a_running_server_cleans_up(holdfast: Holdfast) -> None:
    before = {item["id"] for item in holdfast("db", "list", "--json").json}
    ran = holdfast("demo", "--rows", "1000", "--json")
    assert ran.code == 0, ran.out + ran.err
    assert ran.json["ok"] is True
    assert {step["engine"] for step in ran.json["steps"]} == {
        e["name"] for e in holdfast("engine", "list", "--json").json
    }
    assert {item["id"] for item in holdfast("db", "list", "--json").json} == before
    assert "could not clean up" not in ran.err


def test_the_demo_without_a_server_starts_and_removes_its_own(alone: Holdfast) -> None:
    ran = alone("demo", "--rows", "1000", "--engine", "sqlite")
    assert ran.code == 0, ran.out + ran.err
    assert "✗" not in ran.out
    assert "Everything came back as it was" in ran.out
