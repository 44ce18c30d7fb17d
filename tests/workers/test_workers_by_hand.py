"""`holdfast deploy`, `worker` and `kv` against a Holdfast that runs, typed as a user types them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import metadata_home
import pytest
from workers_house import HELLO, project

from holdfast.client import Client
from holdfast.commands.demo.temporary import environment, temporary_holdfast
from holdfast.features.workers.live import living
from holdfast.kernel.db import Database
from holdfast.kernel.settings import Settings

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("workers-by-hand")]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    url = metadata_home.elsewhere()
    with temporary_holdfast(url) as client:
        root = Path(client.where).parent.parent
        yield environment(root, url) | {"XDG_CONFIG_HOME": str(root / "config")}


def typed(server: dict[str, str], *line: str, code: int = 0, stdin: str = "") -> Any:
    done = subprocess.run(
        [sys.executable, "-m", "holdfast.cli", *line],
        env=server, input=stdin, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == code, done.stdout + done.stderr
    return json.loads(done.stdout) if "--json" in line and code == 0 else done.stdout + done.stderr


def laid_out(folder: Path, files: dict[str, Any]) -> Path:
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(content)
    return folder


def test_a_folder_with_its_state(server, tmp_path) -> None:
    bound = {"kv_namespaces": [{"binding": "SESSIONS"}], "d1_databases": [{"binding": "DB", "database_name": "orders"}]}
    folder = laid_out(tmp_path, project("shop-api", **bound))
    (folder / ".gitignore").write_text("scratch/\n*.log\n")
    laid_out(folder, {"scratch/big.txt": "no", "a.log": "no", ".env": "TOKEN=1", "src/kept.py": "# yes\n"})
    refused = typed(server, "deploy", str(folder), code=5)
    assert "SESSIONS wants the key-value namespace 'SESSIONS'" in refused
    assert "DB wants the SQLite database 'orders'" in refused
    assert "--create-missing" in refused
    said = typed(server, "deploy", str(folder), "--create-missing", "--tag", "one", "--json")
    assert re.fullmatch(r"http://shop-api\.localhost:[0-9]{4,5}", said["address"])
    assert [each["kind"] for each in said["versions"][0]["bindings"]] == ["kv", "d1"]
    version = said["versions"][0]["version_id"]

    _wait(server)
    typed(server, "kv", "key", "put", "SESSIONS", "a", "1")
    assert typed(server, "kv", "key", "get", "SESSIONS", "a").strip() == "1"
    typed(server, "kv", "key", "put", "SESSIONS", "b", "two", "--ttl", "3600", "--metadata", '{"x": 1}')
    listed = typed(server, "kv", "key", "list", "SESSIONS", "--json")
    assert [(each["name"], each["size"], each["metadata"]) for each in listed] == [("a", 1, None), ("b", 3, {"x": 1})]
    typed(server, "kv", "key", "delete", "SESSIONS", "a")
    assert [each["name"] for each in typed(server, "kv", "key", "list", "SESSIONS", "--json")] == ["b"]

    settings = Settings.load(server, data=Path(server["HOLDFAST_DATA"]))
    db = Database(settings.metadata_url)
    try:
        (now,) = living(db, settings.data)
    finally:
        db.close()
    paths = {each.name: Path(str(each.target["path"])) for each in now.bindings}
    assert (now.id, paths["SESSIONS"].is_file(), paths["DB"].is_file()) == (version, True, True)
    assert {each.relative_to(now.code).as_posix() for each in now.code.rglob("*") if each.is_file()} == {
        "wrangler.jsonc", "src/entry.py", "src/kept.py", ".gitignore"
    }  # fmt: skip

    (folder / "src" / "entry.py").write_text(HELLO.replace("hello", "goodbye"))
    typed(server, "deploy", str(folder), "--tag", "two")
    assert "+    return Response('goodbye')" in typed(server, "worker", "diff", "shop-api", "two")
    assert "version 2 (100 %)" in typed(server, "worker", "rollback", "shop-api")
    shown = typed(server, "worker", "versions", "shop-api", "--json")
    assert [(each["number"], each["tag"]) for each in shown] == [(3, "two"), (2, "one"), (1, None)]

    typed(server, "worker", "secret", "put", "shop-api", "TOKEN", "--stdin", stdin="s3cret-of-the-worker\n")
    assert "s3cret" not in typed(server, "worker", "secret", "list", "shop-api")
    typed(server, "worker", "var", "set", "shop-api", "RETRIES", "3")
    found = {
        each["name"]: (each["kind"], each["level"])
        for each in typed(server, "worker", "var", "list", "shop-api", "--json")
    }
    assert found == {"RETRIES": ("var", "worker"), "TOKEN": ("secret", "worker")}
    assert "hello" in typed(server, "worker", "invoke", "shop-api")

    gone = typed(server, "kv", "namespace", "delete", "SESSIONS", "--confirm", "SESSIONS", "--json")
    assert gone["database_id"].startswith("db_")
    typed(server, "worker", "delete", "shop-api", "--confirm", "shop-api")
    assert "shop-api" in typed(server, "worker", "list", "--deleted")
    typed(server, "worker", "undelete", "shop-api")


def _wait(server: dict[str, str]) -> None:
    """Until the runs that make the databases have ended."""
    for _ in range(100):
        if {each["state"] for each in typed(server, "db", "list", "--json")} == {"ready"}:
            return
        time.sleep(0.3)
    pytest.fail("the databases were not made")


COUNTING = """
from workers import Response, WorkerEntrypoint

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        n = int(await self.env.COUNT.get("n") or 0) + 1
        await self.env.COUNT.put("n", str(n))
        await self.env.DB.prepare("insert into visits default values").run()
        return Response(f"{n} {await self.env.DB.prepare('select count(*) as n from visits').first('n')}")

    async def scheduled(self, controller):
        print("turned", controller.cron)
"""


def test_its_state_is_kept_and_brought_back(server, tmp_path) -> None:
    """A namespace and a database are snapshots and restored like any other while the worker that uses them runs."""
    Path(server["HOLDFAST_DATA"]).parent.chmod(0o711)  # a worker is a user of its own
    bound = {"kv_namespaces": [{"binding": "COUNT", "id": "counted"}]}
    bound |= {"d1_databases": [{"binding": "DB", "database_name": "visited"}]}
    files = project("counting", COUNTING, triggers={"crons": ["0 2 * * *"]}, **bound)
    typed(server, "kv", "namespace", "create", "counted")
    typed(server, "db", "create", "sqlite", "visited")
    typed(server, "db", "query", "visited", "--write", "create table visits (id integer primary key)")
    typed(server, "deploy", str(laid_out(tmp_path, files)))
    assert asked(server) == "1 1"
    before = {
        name: typed(server, "snapshot", "create", name, "--json")["snapshot"]["id"]
        for name in ("kv-counted", "visited")
    }
    assert (asked(server), asked(server)) == ("2 2", "3 3")
    assert typed(server, "kv", "key", "get", "counted", "n").strip() == "3"
    for name, snapshot in before.items():
        typed(server, "snapshot", "restore", snapshot, "--in-place", "--confirm", name)
    assert asked(server) == "2 2", "what was written after the snapshots is gone"
    assert typed(server, "kv", "key", "get", "counted", "n").strip() == "2"

    turn = typed(server, "worker", "crons", "counting", "--run", "0 2 * * *", "--json")
    assert turn["outcome"] == "ok"
    (kept,) = typed(server, "worker", "turns", "counting", "--json")
    assert (kept["cron"], kept["outcome"], kept["version_id"]) == ("0 2 * * *", "ok", turn["version_id"])

    shown = typed(server, "status", "--json")
    assert {name: part["state"] for name, part in shown["keeper"]["parts"].items()} == dict.fromkeys(
        ("api", "runner", "state", "egress", "pool", "edge"), "running"
    )
    assert {each["name"]: each["state"] for each in shown["workers"]}["counting"] == "running"
    assert "counting" in typed(server, "status")
    checks = {each["name"]: each for each in json.loads(doctor(server))["checks"]}
    assert (checks["worker parts"]["ok"], checks["worker parts"]["detail"]) == (True, "edge, egress, pool, state run")
    assert checks["worker packages"]["ok"]


def asked(server: dict[str, str]) -> str:
    """The answer, once its databases and its process are there."""
    for _ in range(100):
        done = run(server, "worker", "invoke", "counting", "/", "--json")
        if done.returncode == 0 and (answer := json.loads(done.stdout))["status"] == 200:
            return str(answer["body"])
        time.sleep(0.3)
    pytest.fail(done.stdout + done.stderr)


def doctor(server: dict[str, str]) -> str:
    return run(server, "doctor", "--json").stdout


def run(server: dict[str, str], *line: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "holdfast.cli", *line]
    return subprocess.run(argv, env=server, capture_output=True, text=True, timeout=120, check=False)


def test_cases_of_a_worker_that_runs(server, tmp_path) -> None:
    code = HELLO.replace("'hello'", "request.url")
    typed(server, "deploy", str(laid_out(tmp_path, project("cased", code=code))))
    assert "No saved cases yet" in typed(server, "worker", "case", "list", "cased")
    expected = ("--status", "200", "--contains", "/a?b=1")
    typed(server, "worker", "case", "save", "cased", "says its path", "/a?b=1", *expected)
    assert "says its path" in typed(server, "worker", "case", "run", "cased")
    typed(server, "worker", "case", "save", "cased", "refuses", "/", "--status", "418")
    assert "the status is 200, not 418" in typed(server, "worker", "case", "run", "cased", code=1)
    kept = typed(server, "worker", "case", "list", "cased", "--json")
    assert [(each["name"], each["expected"]["status"]) for each in kept] == [("refuses", 418), ("says its path", 200)]
    typed(server, "worker", "case", "delete", "cased", "refuses")
    assert [each["passed"] for each in typed(server, "worker", "case", "run", "cased", "--json")] == [True]


def test_a_start_says_why_it_cannot(server) -> None:
    with Client(socket=Path(server["HOLDFAST_RUNTIME"]) / "admin.sock") as client:
        place = next(iter(client.items(f"/projects/{next(iter(client.items('/projects')))['id']}/environments")))
        worker = client.post("/workers", {"environment_id": place["id"], "name": "starts"})

        def started(code: str) -> dict[str, Any]:
            files = {path: {"text": text} for path, text in project("starts", code=code).items()}
            version = client.post(f"/workers/{worker['id']}/versions/files", {"files": files})
            client.post(f"/workers/{worker['id']}/deployments", {"version_id": version["id"], "skip_check": True})
            found: dict[str, Any] = client.post(f"/workers/{worker['id']}/start", {})
            assert found["version_id"] == version["id"]
            return found

        assert started(HELLO)["state"] == "running"
        failed = started(HELLO + "\nraise RuntimeError('at import')\n")
        assert (failed["state"], "at import" in failed["error"]) == ("failed", True)
        assert 'File "src/entry.py", line 6' in failed["stack"]
        assert str(server["HOLDFAST_DATA"]) not in failed["stack"]
        assert "src/entry.py, line 1" in started("def (:\n")["stack"]
