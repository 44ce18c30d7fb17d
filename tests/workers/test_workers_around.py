"""Keys, variables, secrets, bindings, schedules, and calling a worker from here."""

from __future__ import annotations

import asyncio
import hashlib
import json
import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from typing import Any

from workers_house import ROOT, House, deployed, project

from holdfast.features.kv.model import kv_namespaces
from holdfast.features.secrets.service import SecretsService
from holdfast.features.workers.caller_keys import CallerKeysService
from holdfast.features.workers.live import living, secret_values
from holdfast.kernel.secrets import Secrets, master_key_of
from holdfast.runtime.edge import routes as edge_routes
from holdfast.runtime.edge.key_uses import KeyUses
from holdfast.runtime.live import Sockets
from holdfast.runtime.pool import Policy, control
from holdfast.runtime.pool.ticks import Schedules
from holdfast.runtime.telemetry import Invocation, LogLine, TelemetryWriter, path_of


def live(house: House, worker: dict[str, Any]) -> Any:
    (found,) = [each for each in living(house.services.db, house.settings.data) if each.worker_id == worker["id"]]
    return found


def test_keys_of_callers(house) -> None:
    worker, _ = deployed(house, "keyed")
    where = f"/workers/{worker['id']}"
    made = house.call("POST", f"{where}/keys", json={"name": "partner"})
    assert house.routed("keyed")["keys"] is None, "it asks for none yet"
    house.call("PATCH", where, json={"settings": {"protected": True}}, headers={"If-Match": '"v1"'})
    assert house.routed("keyed")["keys"] == [hashlib.sha256(made["key"].encode()).hexdigest()]
    assert made["key"] not in house.client.get(f"/api/v1{where}/keys").text
    assert house.call("POST", f"{where}/keys", 409, json={"name": "partner"})["error"]["code"] == "name_taken"
    assert house.call("POST", f"{where}/keys", 422, json={"name": "old", "expires_at": "2020-01-01T00:00:00Z"})
    house.call("DELETE", f"/worker-keys/{made['id']}")
    assert house.routed("keyed")["keys"] == []


def test_a_key_is_rotated_with_an_overlap_and_revoked_at_once(house) -> None:
    worker, _ = deployed(house, "rotated", settings_={"protected": True})
    where = f"/workers/{worker['id']}/keys"
    first = house.call("POST", where, json={"name": "partner", "expires_at": "2199-01-01T00:00:00Z"})
    ends = int(datetime(2199, 1, 1, tzinfo=UTC).timestamp())
    assert house.routed("rotated")["keys"] == [f"{digest(first)}:{ends}"]
    second = house.call("POST", f"/worker-keys/{first['id']}/rotate", json={"overlap_seconds": 3600})
    assert (second["id"], second["name"], second["shown"] in second["key"]) == (first["id"], "partner", True)
    kept = house.routed("rotated")["keys"]
    assert kept[0] == f"{digest(second)}:{ends}"
    until = int(datetime.fromisoformat(second["previous_until"]).timestamp())
    assert kept[1:] == [f"{digest(first)}:{until}"], "the one before, for the overlap"
    third = house.call("POST", f"/worker-keys/{first['id']}/rotate", json={"overlap_seconds": 0})
    assert house.routed("rotated")["keys"] == [f"{digest(third)}:{ends}"]
    text = house.client.get(f"/api/v1{where}").text
    assert not [each for each in (first, second, third) if each["key"] in text or digest(each) in text]
    past = {"expires_at": "2020-01-01T00:00:00Z"}
    assert house.call("POST", f"/worker-keys/{first['id']}/rotate", 422, json=past)["error"]["code"] == "expiry_invalid"
    house.call("POST", f"/worker-keys/{first['id']}/rotate", json={})
    assert len(house.routed("rotated")["keys"]) == 2
    house.call("DELETE", f"/worker-keys/{first['id']}")
    assert house.routed("rotated")["keys"] == [], "both of them"


def test_when_a_key_was_used_last(house) -> None:
    worker, _ = deployed(house, "used", settings_={"protected": True})
    where = f"/workers/{worker['id']}/keys"
    made = house.call("POST", where, json={"name": "partner"})
    assert made["last_used_at"] is None
    uses, keys = KeyUses(house.settings.runtime), house.services.parts[CallerKeysService]
    uses.note(digest(made))
    uses.save(uses.taken([digest(made)]))
    (seen,) = house.call("GET", where)["items"]
    assert abs(datetime.fromisoformat(seen["last_used_at"]) - datetime.now(UTC)) < timedelta(seconds=10)
    keys.keep_uses()
    house.call("POST", f"/worker-keys/{made['id']}/rotate", json={})
    uses.save({})
    (kept,) = house.call("GET", where)["items"]
    assert kept["last_used_at"] == seen["last_used_at"], "it outlives the edge's file"
    uses.save({digest(made): 1})
    keys.keep_uses()
    assert house.call("GET", where)["items"][0]["last_used_at"] == seen["last_used_at"], "and never goes back"


def digest(made: dict[str, Any]) -> str:
    return hashlib.sha256(made["key"].encode()).hexdigest()


def test_who_may_ask_reaches_the_edge(house, tmp_path) -> None:
    cors = {"origins": ["https://app.example.org"], "credentials": True, "expose": ["x-total"]}
    rate = {"requests": 5, "seconds": 1, "by": "key"}
    worker, _ = deployed(house, "asked", settings_={"cors": cors, "rate": rate, "protected": True})
    house.call("POST", f"/workers/{worker['id']}/keys", json={"name": "partner"})
    route = next(
        each
        for each in edge_routes.read(house.settings.runtime / "routes.json", tmp_path).routes
        if each.slug == "asked"
    )
    assert (route.cors.expose, route.cors.credentials) == (("x-total",), True)
    assert (route.rate.requests, route.rate.seconds, route.rate.by, len(route.keys)) == (5, 1, "key", 1)
    wrong = {"settings": {"cors": {"origins": ["*"], "credentials": True}}}
    answer = house.call("PATCH", f"/workers/{worker['id']}", 422, json=wrong, headers={"If-Match": '"v1"'})
    assert answer["error"]["details"]["fields"][0]["field"] == "settings.cors.credentials"


def test_the_nearest_variable_wins(house) -> None:
    worker, _ = deployed(house, "vars", vars={"B": "code", "C": "code"})
    for where, names in (("projects/" + house.project, "ABCD"), ("environments/" + house.environment, "BCD")):
        for name in names:
            house.call("PUT", f"/{where}/worker-vars/{name}", json={"value": where.partition("/")[0]})
    house.call("PUT", f"/workers/{worker['id']}/vars/C", json={"value": {"deep": [1, None]}})
    assert live(house, worker).vars == {"A": "projects", "B": "code", "C": {"deep": [1, None]}, "D": "environments"}
    found = house.call("GET", f"/workers/{worker['id']}/env")
    assert [(each["name"], each["level"]) for each in found] == [
        ("A", "project"), ("B", "code"), ("C", "worker"), ("D", "environment")
    ]  # fmt: skip
    house.call("DELETE", f"/workers/{worker['id']}/vars/C")
    assert live(house, worker).vars["C"] == "code"
    assert house.call("DELETE", f"/workers/{worker['id']}/vars/C", 404)["error"]["code"] == "variable_not_found"
    for wrong in ("1A", "a-b", "HOLDFAST_X", "é"):
        assert house.call("PUT", f"/workers/{worker['id']}/vars/{wrong}", 422, json={"value": 1})


def test_secrets_reach_the_worker_and_no_answer(house) -> None:
    worker, _ = deployed(house, "secretive", secrets={"required": []}, vars={"SHARED": "plain"})
    services = house.services
    services.parts[SecretsService].put(ROOT, house.environment, "SHARED", "of the environment")
    services.parts[SecretsService].put(ROOT, house.environment, "BOTH", "of the environment")
    before = live(house, worker)
    assert (before.secrets, before.vars) == (("BOTH", "SHARED"), {})
    house.call("PUT", f"/workers/{worker['id']}/secrets/BOTH", json={"value": "the worker's own"})
    now = live(house, worker)
    assert now.secrets == before.secrets
    assert now.secrets_revision != before.secrets_revision, "what runs must be started anew"
    kept = Secrets(services.db, master_key_of(services.db, house.settings.master_key_file))
    assert secret_values(services.db, kept, now) == {"BOTH": "the worker's own", "SHARED": "of the environment"}
    assert "the worker's own" not in house.client.get(f"/api/v1/workers/{worker['id']}/secrets").text
    assert [each["name"] for each in house.call("GET", f"/workers/{worker['id']}/secrets")] == ["BOTH"]
    other, _ = deployed(house, "other")
    assert secret_values(services.db, kept, live(house, other))["BOTH"] == "of the environment"
    house.call("DELETE", f"/workers/{worker['id']}/secrets/BOTH")
    assert secret_values(services.db, kept, live(house, worker))["BOTH"] == "of the environment"


def test_a_required_secret_without_a_value(house) -> None:
    worker = house.worker("requires")
    version = house.upload(worker, project(secrets={"required": ["API_TOKEN"]}))
    path = f"/workers/{worker['id']}/deployments"
    refused = house.call("POST", path, 409, json={"version_id": version["id"]})["error"]
    assert (refused["code"], refused["details"]) == ("secret_missing", {"missing": ["API_TOKEN"]})
    house.call("PUT", f"/workers/{worker['id']}/secrets/API_TOKEN", json={"value": "x-y-z of the worker"})
    house.deploy(worker, version)


def test_bindings(house) -> None:
    """Looked up when it is deployed; what is missing is named all at once, or made."""
    services = house.call("POST", "/workers", json={"environment_id": house.environment, "name": "mailer"})
    worker = house.worker("bound")
    config = {
        "kv_namespaces": [{"binding": "KV", "id": "sessions"}],
        "d1_databases": [{"binding": "DB", "database_name": "orders", "database_id": "x"}],
        "services": [
            {"binding": "MAIL", "service": "mailer", "entrypoint": "Mail"},
            {"binding": "ME", "service": "bound"},
        ],
        "ratelimits": [{"name": "FEW", "namespace_id": "1", "simple": {"limit": 5, "period": 60}}],
        "version_metadata": {"binding": "VERSION"},
    }
    version = house.upload(worker, project(**config))
    path = f"/workers/{worker['id']}/deployments"
    refused = house.call("POST", path, 409, json={"version_id": version["id"]})["error"]
    assert [(each["binding"], each["wanted"]) for each in refused["details"]["missing"]] == [
        ("KV", "sessions"), ("DB", "orders")
    ]  # fmt: skip
    made = house.deploy(worker, version, create_missing=True)
    found = {each["name"]: (each["kind"], each["target"]) for each in made["versions"][0]["bindings"]}
    with house.services.db.read() as conn:
        namespace = conn.execute(kv_namespaces.select().where(kv_namespaces.c.name == "sessions")).one()
    assert found["KV"] == ("kv", {"namespace_id": namespace.id})
    assert found["MAIL"] == ("service", {"worker_id": services["id"], "entrypoint": "Mail"})
    assert found["ME"][1]["worker_id"] == worker["id"]
    assert found["FEW"][1] == {"namespace": f"{house.environment}:1", "limit": 5, "period": 60}
    assert found["VERSION"] == ("version", {})
    now = {each.name: each.target for each in live(house, worker).bindings}
    assert (now["KV"]["path"], now["DB"]["path"]) == ("", ""), "their databases are not made yet"
    assert house.deploy(worker, version)["versions"] == made["versions"], "they are found the second time"

    (database,) = house.call("GET", "/databases", params={"name": "orders"})["items"]
    for target in (namespace.id, namespace.resource_id, database["id"], services["id"]):
        bound = house.call("GET", "/workers", params={"bound_to": target})["items"]
        assert [each["name"] for each in bound] == ["bound"], target
    for target in (worker["id"], "x%", namespace.id[:-1]):  # its own binding to itself goes with it
        assert house.call("GET", "/workers", params={"bound_to": target})["items"] == []
    elsewhere = house.call("POST", "/projects", json={"name": "elsewhere"})
    stranger = house.key(permissions=["worker.read"], projects=[elsewhere["id"]])
    seen = house.call("GET", "/workers", params={"bound_to": namespace.id}, headers=stranger)
    assert seen["items"] == [], "of another project"

    labels = house.call("GET", f"/databases/{namespace.resource_id}")["labels"]
    assert labels == {"holdfast/kv": "sessions"}
    limited = house.key(permissions=["worker.read", "worker.deploy", "kv.read", "worker.invoke"])
    rows = house.call("GET", path)["items"]
    refused = house.call("POST", path, 403, json={"version_id": version["id"]}, headers=limited)["error"]
    assert refused["details"] == {"permission": "kv.write"}
    assert house.call("GET", path)["items"] == rows


def test_what_the_file_says_and_is_not_acted_on(house) -> None:
    worker = house.worker("findings")
    version = house.upload(worker, project(r2_buckets=[{"binding": "B", "bucket_name": "b"}], colour="red"))
    path = f"/workers/{worker['id']}/deployments"
    refused = house.call("POST", path, 409, json={"version_id": version["id"]})["error"]
    assert refused["code"] == "findings_unaccepted"
    assert {each["path"] for each in refused["details"]["findings"]} == {"r2_buckets", "colour"}
    house.deploy(worker, version, accept_findings=True)


def test_schedules_in_the_workers_zone(house) -> None:
    worker, version = deployed(house, "zoned", triggers={"crons": ["30 4 * * *"]})
    settings = {"settings": {"tz": "Europe/Berlin"}}
    house.call("PATCH", f"/workers/{worker['id']}", json=settings, headers={"If-Match": '"v1"'})
    (found,) = house.call("GET", f"/workers/{worker['id']}/crons")
    assert (found["cron"], found["version_id"]) == ("CRON_TZ=Europe/Berlin 30 4 * * *", version["id"])
    assert all(each[11:16] in ("02:30", "03:30") for each in found["next"])
    assert live(house, worker).crons == (found["cron"],)
    wrong = {"settings": {"tz": "Nowhere"}}
    assert house.call("PATCH", f"/workers/{worker['id']}", 422, json=wrong, headers={"If-Match": '"v2"'})


@contextmanager
def serving(house: House, worker: dict[str, Any]) -> Iterator[list[Any]]:
    """A worker's two sockets, answered by a plain server."""
    sockets, heard = Sockets.of(house.settings.runtime, live(house, worker).token), []

    class Line(BaseHTTPRequestHandler):
        def handle_one(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            heard.append((self.command, self.path, dict(self.headers), body))
            said = json.dumps({"outcome": "ok"}).encode() if self.path == "/scheduled" else b"\xff" + body
            self.send_response(200 if self.path == "/scheduled" else 201)
            self.send_header("content-length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        do_GET = do_POST = handle_one  # noqa: N815 - as http.server calls them

        def address_string(self) -> str:
            return "test"

        def log_message(self, *_: Any) -> None: ...

    class Server(socketserver.ThreadingUnixStreamServer):
        daemon_threads = True

    sockets.directory.mkdir(parents=True)
    servers = [Server(str(path), Line) for path in (sockets.http, sockets.inner)]
    for each in servers:
        threading.Thread(target=each.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield heard
    finally:
        for each in servers:
            each.shutdown()
            each.server_close()


@contextmanager
def ticking(house: House, worker: dict[str, Any]) -> Iterator[None]:
    """The schedules of a pool behind its socket, which are told of the worker when they are asked to look."""

    def serve(stop: threading.Event, there: threading.Event) -> None:
        async def work() -> None:
            settings = house.settings
            telemetry = TelemetryWriter(path_of(settings.data))
            schedules = Schedules(settings.data / "ticks.json", telemetry, Policy(), settings.runtime)

            async def ask(verb: str, message: dict[str, Any]) -> Any:
                if verb == "refresh":
                    schedules.set([live(house, worker)])
                    return None
                return await schedules.now(message["worker_id"], message["cron"])

            server = await control.serve(control.control_socket(settings.runtime), ask)
            there.set()
            await asyncio.to_thread(stop.wait)
            server.close()
            telemetry.close()
            control.control_socket(settings.runtime).unlink()

        asyncio.run(work())

    stop, there = threading.Event(), threading.Event()
    thread = threading.Thread(target=serve, args=(stop, there))
    thread.start()
    try:
        assert there.wait(10)
        yield
    finally:
        stop.set()
        thread.join(10)


def test_called_from_here(house, monkeypatch) -> None:
    monkeypatch.setattr("holdfast.features.workers.calling.LISTENS_SECONDS", 0.1)
    worker, version = deployed(house, "called", triggers={"crons": ["* * * * *"]})
    where = f"/workers/{worker['id']}"
    assert house.call("POST", f"{where}/invoke", 503, json={})["error"]["code"] == "worker_unreachable"
    with serving(house, worker) as heard:
        request = {"method": "POST", "path": "/a?b=1", "headers": [["X-A", "1"], ["Holdfast-Key", "x"]], "body": "hi"}
        said = house.call("POST", f"{where}/invoke", json=request)
        assert (said["status"], said["encoded"], said["version_id"]) == (201, True, version["id"])
        method, path, headers, body = heard.pop()
        assert (method, path, body, headers["X-A"]) == ("POST", "/a?b=1", b"hi", "1")
        assert "Holdfast-Key" not in headers
        assert headers["Host"] == "called.localhost"
        for wrong in ({"path": "x"}, {"path": "//evil"}, {"path": "/a b"}, {"headers": [["A", "b\r\nc: d"]]}):
            assert house.call("POST", f"{where}/invoke", 422, json=wrong)
        run = {"cron": "* * * * *"}
        assert house.call("POST", f"{where}/crons/run", 503, json=run)["error"]["code"] == "pool_away"
        with ticking(house, worker):
            turn = house.call("POST", f"{where}/crons/run", json=run)
        assert turn["outcome"] == "ok"
        assert json.loads(heard[-1][3])["cron"] == "* * * * *"
        history = house.call("GET", f"{where}/cron-turns")["items"]
        assert [(each["cron"], each["outcome"], each["version_id"]) for each in history] == [
            ("* * * * *", "ok", version["id"])
        ]
        assert (
            house.call("POST", f"{where}/crons/run", 422, json={"cron": "1 * * * *"})["error"]["code"] == "cron_unknown"
        )


def test_what_it_did(house) -> None:
    worker, version = deployed(house, "watched")
    other, _ = deployed(house, "unwatched")
    where, now = f"/workers/{worker['id']}", int(time.time() * 1000) - 1000
    with closing(TelemetryWriter(path_of(house.settings.data))) as writer:
        for number in range(3):
            one = Invocation(
                f"inv{number}", worker["id"], version["id"], now + number, "http",
                "ok" if number else "exception", 1.0, method="GET", path="/", status=200,
            )  # fmt: skip
            writer.invocation(one)
            writer.log(LogLine(worker["id"], version["id"], now + number, "info", f"line {number}", f"inv{number}"))
    found = house.call("GET", f"{where}/invocations", params={"limit": 2})
    assert [each["id"] for each in found["items"]] == ["inv2", "inv1"]
    rest = house.call("GET", f"{where}/invocations", params={"cursor": found["next_cursor"]})
    assert [each["id"] for each in rest["items"]] == ["inv0"]
    failed = house.call("GET", f"{where}/invocations", params={"errors": True})
    assert [each["id"] for each in failed["items"]] == ["inv0"]
    one = house.call("GET", f"{where}/invocations/inv1")
    assert [each["text"] for each in one["logs"]] == ["line 1"]
    lines = house.call("GET", f"{where}/logs", params={"text": "LINE 2"})["items"]
    assert [each["text"] for each in lines] == ["line 2"]
    tail = house.call("GET", f"{where}/logs", params={"after": lines[0]["seq"] - 1, "wait": 5})["items"]
    assert [each["text"] for each in tail] == ["line 2"]
    assert house.call("GET", f"/workers/{other['id']}/logs")["items"] == []
    assert house.call("GET", f"/workers/{other['id']}/invocations/inv1", 404)
