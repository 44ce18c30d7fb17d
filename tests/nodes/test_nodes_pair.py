"""Two Holdfasts on one PostgreSQL: work goes where its data is, nothing is lost or done twice."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from typing import Any

import pytest
from faults_cluster import Cluster, eventually, refused
from nodes_pair import PASSWORD, Pair, named, tcp

from holdfast.client import Client
from holdfast.kernel.errors import HoldfastError

pytestmark = [pytest.mark.slow, pytest.mark.faults, pytest.mark.own_metadata, pytest.mark.xdist_group("nodes-pair")]


@pytest.fixture(scope="module")
def on_b(two: Pair) -> str:
    """A database that lives on b, made through b."""
    return two.b.create("sqlite", "on-b", rows=200)


@pytest.fixture(scope="module")
def on_a(two: Pair) -> str:
    return two.a.create("sqlite", "on-a", rows=2000, width=200)


def ran_on(two: Pair, run_id: str) -> str:
    """The node whose runner claimed the run last."""
    claimed = two.rows("SELECT claimed_by FROM runs WHERE id = %s", run_id)[0][0]
    return str(two.rows("SELECT node FROM runners WHERE id = %s", claimed)[0][0])


def test_both_are_known_and_say_what_lives_there(two: Pair, on_a: str, on_b: str) -> None:
    found = {node["name"]: node for node in two.a.client.items("/nodes")}
    assert set(found) == {"node-a", "node-b"}
    assert all(node["alive"] for node in found.values())
    assert [found[name]["here"] for name in ("node-a", "node-b")] == [True, False]
    shown = two.a.client.get("/nodes/node-b")
    assert [each["id"] for each in shown["databases"]] == [on_b]
    assert shown["living"]["runners"] == 1
    assert f"http://127.0.0.1:{two.b.info().control_port}" in shown["addresses"]
    assert two.a.client.get("/databases/" + on_a)["node"] == "node-a"


def test_work_asked_of_one_node_is_done_where_the_data_is(two: Pair, on_b: str) -> None:
    taken = two.a.snap(on_b)
    run = two.a.done(taken)
    assert ran_on(two, run["id"]) == "node-b"
    assert not list(two.a.data.glob("repositories/*/snapshots/*"))
    stopped = two.a.client.post(f"/databases/{on_b}/stop")
    assert ran_on(two, two.a.done(stopped)["id"]) == "node-b"
    two.b.done(two.b.client.post(f"/databases/{on_b}/start"))
    assert len(two.b.rows(on_b)) == 200


def test_what_needs_local_files_names_the_node_that_has_them(two: Pair, on_b: str) -> None:
    snapshot = two.b.snapshot(on_b)
    exported = two.a.client.post(f"/databases/{on_b}/exports", {"table": "t"})
    assert ran_on(two, two.a.done(exported)["id"]) == "node-b"
    asks = {
        "query": lambda: two.a.client.post(f"/databases/{on_b}/query", {"statement": "DELETE FROM t", "write": True}),
        "catalog": lambda: two.a.client.get(f"/databases/{on_b}/catalog"),
        "entries": lambda: two.a.client.get(f"/snapshots/{snapshot}/entries"),
        "tables": lambda: two.a.client.get(f"/snapshots/{snapshot}/tables"),
        "upload": lambda: two.a.client.post(f"/databases/{on_b}/uploads", {"name": "t.csv", "size": 1}),
        "export": lambda: two.a.client.post(f"/databases/{on_b}/export", {"table": "t"}),
        "content": lambda: list(two.a.client.content(f"/exports/{exported['export']['id']}/content")),
    }
    for what, ask in asks.items():
        error = refused(ask, HoldfastError)
        assert (error.code, error.details["node"]) == ("other_node", "node-b"), what
        assert "node-b" in (error.hint or ""), what
    assert len(two.b.rows(on_b)) == 200
    written = b"".join(two.b.client.content(f"/exports/{exported['export']['id']}/content"))
    assert written.count(b"\n") == 201, "where the run wrote it"
    assert two.a.client.get(f"/databases/{on_b}/statements")["items"]  # what is in the metadata is told by everyone
    assert two.a.client.get(f"/snapshots/{snapshot}")["state"] == "ready"
    with tcp(two.a) as browser:
        assert browser.get("/health/live").status_code == 200


def test_a_worker_runs_where_its_code_was_uploaded(two: Pair) -> None:
    folder = two.root / "hello"
    folder.mkdir()
    (folder / "wrangler.jsonc").write_text('{"name": "hello", "main": "hello.py"}')
    (folder / "hello.py").write_text(
        "from workers import Response\n\ndef on_fetch(request):\n    return Response('hi')\n"
    )
    deployed = two.a.cli("deploy", str(folder))
    assert deployed.returncode == 0, deployed.stderr
    (worker,) = two.b.client.items("/workers")
    where = f"/workers/{worker['id']}"
    (version,) = two.b.client.items(f"{where}/versions")
    for ask in (
        lambda: two.b.client.post(f"{where}/invoke", {"path": "/"}),
        lambda: two.b.client.post(f"{where}/start", {}),
        lambda: two.b.client.get(f"/worker-versions/{version['id']}/files/hello.py"),
    ):
        assert refused(ask, HoldfastError).code == "other_node"
    later = two.a.client.post(f"{where}/rollback", {"version_id": version["id"]})  # a row, told by anyone
    assert two.b.client.get(f"{where}/deployments")["items"][0]["id"] == later["id"]
    assert two.a.client.post(f"{where}/invoke", {"path": "/"})["body"] == "hi"
    (here,) = json.loads((two.a.settings.runtime / "routes.json").read_text())["workers"]
    assert [each["id"] for each in here["versions"]] == [version["id"]]

    def told() -> bool:
        """The other node's edge says that nothing takes requests there."""
        (route,) = json.loads((two.b.settings.runtime / "routes.json").read_text())["workers"] or [None]
        return route is not None and route["versions"] == [] and route["enabled"]

    eventually(told, 45, "the other node's table")


def test_a_snapshot_is_stored_where_its_database_is_and_nowhere_else(two: Pair, on_a: str, on_b: str) -> None:
    """Each node has a repository of the project by itself; one that the other node has is refused before a run."""
    two.a.snapshot(on_a)
    two.b.snapshot(on_b)
    by_node = {row["node"]: row for row in two.a.client.items("/repositories")}
    assert set(by_node) == {"node-a", "node-b"}
    assert two.a.client.get(f"/repositories/{by_node['node-b']['id']}")["bytes"] is None
    runs = two.rows("SELECT count(*) FROM runs")
    body = {"repository_id": by_node["node-a"]["id"], "level": "L1"}
    error = refused(lambda: two.a.client.post(f"/databases/{on_b}/snapshots", body))
    assert error.code == "nodes_apart"
    assert two.rows("SELECT count(*) FROM runs") == runs


def test_a_database_is_made_and_restored_on_the_node_that_is_named(two: Pair, on_b: str) -> None:
    made = two.a.client.post(
        "/databases", {"engine": "sqlite", "name": "far", "environment_id": two.a.environment, "node": "node-b"}
    )
    assert ran_on(two, two.a.done(made)["id"]) == "node-b"
    assert two.b.reads(made["resource"]["id"])
    restored = two.a.restore_new(two.b.snapshot(on_b, "L2"), "back")
    assert ran_on(two, two.a.done(restored)["id"]) == "node-b"
    assert len(two.b.rows(restored["resource"]["id"])) == 200
    body = {"engine": "sqlite", "name": "nowhere", "environment_id": two.a.environment, "node": "node-c"}
    assert refused(lambda: two.a.client.post("/databases", body), HoldfastError).code == "node_unknown"


def test_a_killed_runner_is_taken_over_on_its_node(two: Pair, on_a: str) -> None:
    """In the middle of a snapshot, while b's runner is idle: it stays away, another runner of a goes on."""
    it = two.a
    it.held.touch()
    it.arm()
    taken = it.snap(on_a)
    it.reached()
    victim = it.pid("runner")
    began = time.monotonic()
    os.kill(victim, signal.SIGKILL)
    two.second_runner(it)
    it.release()
    run = it.done(taken)
    took = time.monotonic() - began
    assert took < 30, f"{took:.1f} s"
    assert ran_on(two, run["id"]) == "node-a"
    epoch = two.rows("SELECT epoch FROM runs WHERE id = %s", run["id"])[0][0]
    assert epoch == 2
    assert len(list(it.data.glob("repositories/*/snapshots/*"))) == _ready(it, on_a)
    two.end_extra()


def _ready(it: Cluster, database: str) -> int:
    return len([one for one in it.client.items("/snapshots", resource_id=database) if one["state"] == "ready"])


def test_processes_that_sleep_through_their_leases_change_nothing(two: Pair, on_a: str, on_b: str) -> None:
    """SIGSTOP for longer than the lease of 15 s: a's runner in the middle of a snapshot, and the api that gives audit
    rows their places. Others go on for them; what wakes up finds that it has lost, and the log verifies."""
    it = two.a
    eventually(lambda: it.pid("runner"), 20, "a runner")
    it.held.touch()
    it.arm()
    taken = it.snap(on_a)
    it.reached()
    holder = _sequencing(two)
    other = two.b if holder is two.a else two.a
    sleeper, api = it.pid("runner"), holder.pid("api")
    for pid in (sleeper, api):
        os.kill(pid, signal.SIGSTOP)
    try:
        two.second_runner(it)
        began = time.monotonic()
        change(other, on_b, "while one sleeps")
        run = other.client.wait(taken["run"]["id"])
        took = time.monotonic() - began
        assert run["state"] == "succeeded", run["error"]
        assert took < 30, f"{took:.1f} s"
        eventually(lambda: not two.rows("SELECT 1 FROM audit_events WHERE seq IS NULL"), 30, "places for all rows")
        assert _sequencing(two) is other
        it.release()
        before = _everything(two, run["id"])
    finally:
        for pid in (sleeper, api):
            os.kill(pid, signal.SIGCONT)
    eventually(lambda: not list(it.data.glob(f"scratch/{run['id']}/*")), 20, "the sleeper's end of the run")
    assert _everything(two, run["id"]) == before
    assert len(list(it.data.glob("repositories/*/snapshots/*"))) == _ready(it, on_a)
    two.end_extra()
    it.works(on_a, "L1")
    for node in two.nodes:
        verdict = list(node.client.lines("POST", "/audit/verify", {}))[-1]["result"]
        assert verdict["ok"], verdict


def _sequencing(two: Pair) -> Cluster | None:
    """The node whose api holds the lease now."""
    owner = str(two.rows("SELECT owner FROM audit_head")[0][0])
    return next((node for node in two.nodes if f"|{node.pid('api')}|" in owner), None)


def change(through: Cluster, database: str, text: str) -> None:
    """One more audit row."""
    found = through.client.get(f"/databases/{database}")
    through.client.patch(f"/databases/{database}", {"notes": text}, version=found["version"])


def _everything(two: Pair, run_id: str) -> dict[str, Any]:
    """The rows that the run writes to; steps and log lines too."""
    asked = {
        "runs": "SELECT to_jsonb(r) FROM runs r WHERE id = %s",
        "steps": "SELECT to_jsonb(s) FROM run_steps s WHERE run_id = %s ORDER BY name",
        "logs": "SELECT to_jsonb(l) FROM run_logs l WHERE run_id = %s ORDER BY seq",
        "snapshots": "SELECT to_jsonb(s) FROM snapshots s WHERE run_id = %s",
    }
    return {name: two.rows(statement, run_id) for name, statement in asked.items()}


def test_many_submitted_at_both_nodes_are_each_done_once(two: Pair, on_a: str, on_b: str) -> None:
    """Verifications may run side by side; every one ends, in one claim."""
    of = {it: it.snapshot(database) for it, database in ((two.a, on_a), (two.b, on_b))}
    asked: list[str] = []

    def ask(through: Cluster) -> None:
        with Client(socket=through.settings.admin_socket, timeout=60) as client:
            for _ in range(6):
                for snapshot in of.values():
                    asked.append(client.post(f"/snapshots/{snapshot}/verify", {"level": "L1"})["run"]["id"])

    threads = [threading.Thread(target=ask, args=(it,)) for it in two.nodes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for run_id in asked:
        assert (ended := two.a.client.wait(run_id))["state"] == "succeeded", ended["error"]
    done = two.rows("SELECT id, epoch, deaths FROM runs WHERE id = ANY(%s)", asked)
    assert len(done) == 24
    assert {row[1:] for row in done} == {(1, 0)}
    proofs = two.rows("SELECT run_id FROM verifications WHERE run_id = ANY(%s)", asked)
    assert len(proofs) == 24


def test_a_stream_goes_on_at_the_other_node(two: Pair, on_b: str) -> None:
    """A run's and the audit log's: what one node told with an id, the other does not tell again and goes on after."""
    run = two.b.done(two.b.snap(on_b, "L1"))
    first = [event for event in two.a.client.events(f"/runs/{run['id']}/events") if event.name == "log"]
    rest = list(two.b.client.events(f"/runs/{run['id']}/events", first[-1].id if first else None))
    assert [event for event in rest if event.name == "log"] == []
    assert rest[-1].name == "state"


def test_events_are_told_on_and_resumed_elsewhere(two: Pair, on_b: str) -> None:
    def next_update(client: Client, last: str | None) -> Any:
        for event in client.events("/events", last):
            if event.data.get("action") == "database.update":
                return event
        raise AssertionError("the stream ended")

    newest = two.a.client.get("/audit", limit=1)["items"][0]["seq"]
    change(two.b, on_b, "one")  # written at b, heard at a
    heard = next_update(two.a.client, str(newest))
    change(two.a, on_b, "two")  # while nobody listens
    again = next_update(two.b.client, heard.id)
    assert int(again.id) > int(heard.id)


def test_who_signed_in_at_one_node_is_known_at_the_other(two: Pair) -> None:
    token = two.a.client.post("/session/first-run/link")["link"].partition("#token=")[2]
    with tcp(two.a) as at_a, tcp(two.b) as at_b:
        body = {"token": token, "email": "owner@example.org", "password": PASSWORD}
        assert at_a.post("/api/v1/session/first-run", json=body).status_code == 201
        cookie = dict(at_a.cookies)
        assert at_b.get("/api/v1/session").status_code == 401
        at_b.cookies.update(cookie)
        assert at_b.get("/api/v1/session").json()["display"] == "owner@example.org"
        assert at_b.delete("/api/v1/session").status_code in (200, 204)
        assert at_a.get("/api/v1/session").status_code == 401


def test_both_recover_when_postgresql_was_restarted_under_load(two: Pair, on_a: str, on_b: str) -> None:
    over = threading.Event()
    done: list[str] = []
    failures: list[HoldfastError] = []

    def load(it: Cluster, database: str) -> None:
        with Client(socket=it.settings.admin_socket, timeout=60) as client:
            while not over.is_set():
                try:
                    done.append(client.post(f"/databases/{database}/snapshots", {"level": "L1"})["run"]["id"])
                except HoldfastError as error:
                    failures.append(error)
                time.sleep(0.1)

    threads = [threading.Thread(target=load, args=each) for each in ((two.a, on_a), (two.b, on_b))]
    for thread in threads:
        thread.start()
    time.sleep(0.7)
    two.server.stop()  # SIGINT: every connection is cut
    time.sleep(1.0)
    two.server.start()
    time.sleep(1.0)
    over.set()
    for thread in threads:
        thread.join(60)
    assert done
    assert {error.retryable for error in failures} <= {True}, [error.as_dict() for error in failures]
    for it in two.nodes:
        for run_id in done:
            run = it.client.wait(run_id)
            assert run["state"] == "succeeded", run["error"]
        it.settled(60)
        assert it.client.request("GET", "/health", root=True)["services"]["nodes"]["status"] == "ok"
    assert {named(it) for it in two.nodes} == {"node-a", "node-b"}


def test_the_commands_show_where_things_are(two: Pair, on_b: str) -> None:
    listed = two.a.cli("node", "list")
    assert listed.returncode == 0, listed.stderr
    assert [line.split()[0] for line in listed.stdout.splitlines()[2:]] == ["node-a", "node-b"]
    shown = two.a.cli("node", "show", "node-b")
    assert on_b in shown.stdout
    assert "on-b" in shown.stdout
    database = two.a.cli("db", "show", on_b)  # its catalog is out of reach, what is recorded is not
    assert database.returncode == 0, database.stderr
    assert "node-b" in database.stdout
    refused_query = two.a.cli("db", "query", on_b, "select 1")
    assert refused_query.returncode != 0
    assert "node-b" in refused_query.stderr
    for words, code in ((("--confirm", "node-b"), "node_in_use"), (("--confirm", "node-b", "--lost"), "node_alive")):
        removal = two.a.cli("node", "remove", "node-b", *words, "--json")
        assert code in removal.stderr, removal.stderr
    assert two.rows("SELECT count(*) FROM nodes")[0][0] == 2


def test_a_node_lost_with_its_disk_is_given_up(two: Pair, on_b: str) -> None:
    """The last test: b is killed, and what was on it is recorded as gone. What is on a is as it was."""
    snapshots = list(two.b.client.items("/snapshots", state="ready"))
    there = {each["id"] for each in snapshots if each["resource_id"] == on_b}
    assert there
    two.b.down()
    waiting = two.a.snap(on_b)["run"]["id"]
    two.rows("UPDATE nodes SET beat_at = beat_at - interval '16 s' WHERE name = 'node-b' RETURNING name")
    assert two.a.client.request("GET", "/health", root=True)["services"]["nodes"]["status"] == "down"
    again = two.a.client.delete("/nodes/node-b", {"confirm": "node-b", "lost": True})
    assert again["living"]["databases"] >= 1
    assert two.a.client.get(f"/runs/{waiting}")["state"] == "cancelled"
    assert refused(lambda: two.a.client.get(f"/databases/{on_b}"), HoldfastError).status == 404
    left = {each["id"] for each in two.a.client.items("/snapshots", state="ready")}
    assert not left & there
    assert [node["name"] for node in two.a.client.items("/nodes")] == ["node-a"]
    assert two.a.client.request("GET", "/health", root=True)["services"]["nodes"]["status"] == "ok"
