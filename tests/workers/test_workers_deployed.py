"""A worker from its first version to a rollback: what is told to those who run it, and by which route it is found."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from workers_house import HELLO, House, project, zipped

from holdfast.features.workers.live import LEAVING_SECONDS, candidate, living, served, tried
from holdfast.kernel.wake import Wake
from holdfast.runtime.live import Sockets
from holdfast.runtime.pool import Policy, control_socket
from holdfast.runtime.pool.ticks import Schedules
from holdfast.runtime.telemetry import TelemetryWriter


def live(house: House, worker: dict[str, Any]) -> list[Any]:
    return [each for each in living(house.services.db, house.settings.data) if each.worker_id == worker["id"]]


class Unheard(TelemetryWriter):
    """No file, and nothing to write into one."""

    def __init__(self) -> None:
        pass


def test_from_code_to_a_route_and_back(house) -> None:
    worker = house.worker("Thin path")
    assert worker["slug"] == "thin-path"
    first = house.upload(worker, project(vars={"COLOUR": "red"}, triggers={"crons": ["0 2 * * *"]}), tag="one")
    assert (first["number"], first["state"], first["tag"], first["main"]) == (1, "ready", "one", "src/entry.py")
    assert live(house, worker) == []

    with Wake(house.settings.runtime).listen("test") as ear:
        deployed = house.deploy(worker, first)
        assert "workers" in ear.wait(1)
    assert deployed["versions"] == [
        {"version_id": first["id"], "number": 1, "tag": "one", "weight": 100, "bindings": []}
    ]

    (now,) = live(house, worker)
    assert (now.id, now.weight, now.main, now.vars, now.crons) == (
        first["id"], 100, "src/entry.py", {"COLOUR": "red"}, ("0 2 * * *",)
    )  # fmt: skip
    assert (now.code / now.main).read_text() == HELLO
    assert (now.code / "src").stat().st_mode & 0o777 == 0o755
    route = house.routed("thin-path")
    assert route["versions"] == [{"id": first["id"], "token": now.token, "weight": 100, "tag": "one"}]
    assert (route["enabled"], route["keys"], route["cors"], route["hosts"]) == (True, None, None, [])

    revision = house.table()["revision"]
    second = house.upload(worker, project(code=HELLO.replace("hello", "goodbye")))
    assert house.table()["revision"] == revision, "nothing was deployed"
    house.deploy(worker, second)
    assert [each.id for each in live(house, worker)] == [second["id"]]

    back = house.call("POST", f"/workers/{worker['id']}/rollback", json={})
    assert (back["number"], back["trigger"]) == (3, "rollback")
    assert [each.id for each in live(house, worker)] == [first["id"]]
    assert house.routed("thin-path")["versions"][0]["id"] == first["id"]
    assert house.table()["revision"] == revision + 2
    history = house.call("GET", f"/workers/{worker['id']}/deployments")["items"]
    assert [each["number"] for each in history] == [3, 2, 1]


def test_shares(house) -> None:
    worker = house.worker("shares")
    versions = [house.upload(worker, project(code=f"# {number}\n")) for number in range(2)]
    path = f"/workers/{worker['id']}/deployments"
    halves = [{"id": each["id"], "weight": weight} for each, weight in zip(versions, (90, 10), strict=True)]
    for wrong in (halves[:1], [], [{**halves[0], "weight": 50}, {**halves[0], "weight": 50}]):
        assert house.call("POST", path, 422, json={"versions": wrong})["error"]["code"] == "weights_invalid"
    house.call("POST", path, json={"versions": halves})
    assert [(each["id"], each["weight"]) for each in house.routed("shares")["versions"]] == [
        (versions[0]["id"], 90), (versions[1]["id"], 10)
    ]  # fmt: skip
    assert sorted(each.weight for each in live(house, worker)) == [10, 90]


def test_a_cron_of_two_versions_has_one_turn_and_one_of_the_lighter_alone_is_taken_too(house) -> None:
    worker = house.worker("turns")
    versions = [
        house.upload(worker, project(code=f"# {number}\n", triggers={"crons": ["0 2 * * *", f"{number} 3 * * *"]}))
        for number in range(2)
    ]
    hand = Schedules(house.settings.data / "turns.json", Unheard(), Policy(), house.settings.runtime)
    own = ("0 3 * * *", "1 3 * * *")  # which only one of them has
    for weights, taker in (((90, 10), 0), ((10, 90), 1), ((50, 50), 1), ((100, 0), 0)):
        shares = [{"id": each["id"], "weight": weight} for each, weight in zip(versions, weights, strict=True)]
        house.call("POST", f"/workers/{worker['id']}/deployments", json={"versions": shares})
        listed = house.call("GET", f"/workers/{worker['id']}/crons")
        expected = {"0 2 * * *": versions[taker]["id"], own[taker]: versions[taker]["id"]}
        if weights[1 - taker]:  # without a share it takes no turns
            expected[own[1 - taker]] = versions[1 - taker]["id"]
        assert {each["cron"]: each["version_id"] for each in listed} == expected
        hand.set(live(house, worker))
        assert set(hand.next()) == {f"{worker['id']} {cron}" for cron in expected}
        taken = {line.text: version.id for version, line in hand._lines.values()}
        assert taken == expected
    refused = house.call("POST", f"/workers/{worker['id']}/crons/run", 422, json={"cron": own[1]})
    assert refused["error"]["code"] == "cron_unknown"


def test_what_had_a_share_a_moment_ago_leaves_and_is_bound_until_then(house) -> None:
    worker = house.worker("leaving")
    versions = [house.upload(worker, project(code=f"# {number}\n")) for number in range(3)]

    def seen(seconds: float = 0.0) -> dict[str, bool]:
        now = datetime.now(UTC) + timedelta(seconds=seconds)
        found = served(house.services.db, house.settings.data, now)
        return {each.id: each.leaving for each in found if each.worker_id == worker["id"]}

    one, two, three = (each["id"] for each in versions)
    shares = [{"id": one, "weight": 60}, {"id": two, "weight": 40}]
    house.call("POST", f"/workers/{worker['id']}/deployments", json={"versions": shares})
    assert seen() == {one: False, two: False}
    house.deploy(worker, versions[1])
    assert seen() == {two: False, one: True}
    house.deploy(worker, versions[2])
    assert seen() == {three: False, two: True, one: True}
    assert [each.id for each in live(house, worker)] == [three], "the pool and the edge have it as it was"
    house.deploy(worker, versions[0])
    assert seen() == {one: False, three: True, two: True}
    assert seen(LEAVING_SECONDS + 1) == {one: False}
    house.call("PATCH", f"/workers/{worker['id']}", json={"enabled": False}, headers={"If-Match": '"v1"'})
    assert seen() == {}, "what is switched off has nothing from then on"


def test_another_workers_version_is_none(house) -> None:
    one, other = house.worker("one"), house.worker("other")
    version = house.upload(other, project())
    path = f"/workers/{one['id']}/deployments"
    answers = [
        house.client.post(f"/api/v1{path}", json={"version_id": each}) for each in (version["id"], "wver_" + "0" * 26)
    ]
    assert [each.status_code for each in answers] == [404, 404]
    assert answers[0].content == answers[1].content
    assert live(house, one) == []


def test_switched_off_deleted_and_brought_back(house) -> None:
    worker = house.worker("switched")
    house.deploy(worker, house.upload(worker, project()))
    off = house.call("PATCH", f"/workers/{worker['id']}", json={"enabled": False}, headers={"If-Match": '"v1"'})
    assert off["version"] == 2
    assert (live(house, worker), house.routed("switched")["enabled"]) == ([], False)
    house.call("PATCH", f"/workers/{worker['id']}", json={"enabled": True}, headers={"If-Match": '"v2"'})
    assert len(live(house, worker)) == 1

    where = f"/workers/{worker['id']}"
    assert house.call("DELETE", where, 422, json={"confirm": "x"})["error"]["code"] == "confirm_mismatch"
    gone = house.call("DELETE", where, json={"confirm": "switched"})
    assert gone["purge_after"] > gone["deleted_at"]
    assert live(house, worker) == []
    assert all(each["worker_id"] != worker["id"] for each in house.table()["workers"])
    assert house.call("POST", "/workers", 409, json={"environment_id": house.environment, "name": "switched"})
    house.call("POST", f"{where}/undelete")
    assert len(live(house, worker)) == 1
    assert house.routed("switched")["enabled"]


def test_the_file_may_ask_for_less_and_never_for_more(house) -> None:
    settings = {"limits": {"memory_bytes": 128 << 20, "timeout_seconds": 10}, "permits": {"network": ["*.example.org"]}}
    worker = house.worker("less", settings=settings)
    own = {"memory_mb": 64, "timeout_seconds": 60, "network": ["*"], "subprocess": True}
    house.deploy(worker, house.upload(worker, project(holdfast=own, limits={"cpu_ms": 50})))
    (now,) = live(house, worker)
    assert (now.limits.memory_bytes, now.limits.timeout_seconds, now.limits.cpu_ms) == (64 << 20, 10, 50)
    assert (now.permits.network, now.permits.subprocess) == (("*.example.org",), False)


def test_once(house) -> None:
    """The same key gives the same answer: one version, one deployment."""
    worker = house.worker("once")
    headers = {"Idempotency-Key": "abc"}
    body = {"files": {path: {"text": text} for path, text in project().items()}}
    path = f"/workers/{worker['id']}/versions/files"
    made = [house.call("POST", path, json=body, headers=headers) for _ in range(2)]
    assert made[0] == made[1]
    assert len(house.call("GET", f"/workers/{worker['id']}/versions")["items"]) == 1
    assert len(list((house.settings.data / "workers" / worker["id"]).iterdir())) == 1
    path = f"/workers/{worker['id']}/deployments"
    made = [house.call("POST", path, json={"version_id": made[0]["id"]}, headers=headers) for _ in range(2)]
    assert made[0]["id"] == made[1]["id"]


def test_a_zip_once(house) -> None:
    """The line broke after it was taken: sent again, it is the same version; other bytes under the same key are not."""
    worker = house.worker("zipped once")
    headers = {"Idempotency-Key": "zip", "content-type": "application/zip"}
    path, body = f"/api/v1/workers/{worker['id']}/versions", zipped(project())
    first, again = (house.client.post(path, content=body, headers=headers) for _ in range(2))
    assert (first.status_code, again.status_code, again.json()) == (201, 201, first.json())
    assert again.headers["idempotent-replayed"] == "true"
    other = house.client.post(path, content=zipped(project("other")), headers=headers)
    assert (other.status_code, other.json()["error"]["code"]) == (409, "idempotency_key_reused")
    assert len(list((house.settings.data / "workers" / worker["id"]).iterdir())) == 1


@contextmanager
def trying(house: House, why: list[Any]) -> Iterator[list[dict[str, Any]]]:
    """A pool that is asked to try versions: what it was asked. Each trial gives the next of `why`."""
    asked: list[dict[str, Any]] = []

    class Asked(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            asked.append(json.loads(self.rfile.readline()))
            self.wfile.write(json.dumps({"ok": True, "result": why.pop(0)}).encode() + b"\n")

    path = control_socket(house.settings.runtime)
    with socketserver.ThreadingUnixStreamServer(str(path), Asked) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield asked
        finally:
            server.shutdown()
            thread.join()
            path.unlink()


def test_the_first_that_cannot_start_is_told_without_a_before(house) -> None:
    worker = house.worker("fresh")
    path, body = f"/workers/{worker['id']}/deployments", {"version_id": house.upload(worker, project("fresh"))["id"]}
    unbound = {"why": "AttributeError: this worker has no binding, variable or secret named 'DB'", "used": []}
    with trying(house, [{"why": "ImportError: no such name", "used": []}, unbound]):
        hints = [house.call("POST", path, 409, json={**body, "create_missing": True})["error"]["hint"] for _ in "ab"]
    assert hints[0] == "The whole trace is in the worker's log: holdfast worker logs fresh."
    assert hints[1].startswith(f"{hints[0]} A namespace or database that it would make is not there yet")


def test_what_cannot_start_is_not_deployed(house) -> None:
    worker = house.worker("tried")
    first, second, third = (house.upload(worker, project("tried")) for _ in range(3))
    house.deploy(worker, first)
    path, body = f"/workers/{worker['id']}/deployments", {"version_id": second["id"]}
    before = house.routed("tried")
    said = {"why": "ZeroDivisionError: division by zero", "used": []}
    asking = {"why": "no way out", "used": ["bindings", "network"]}
    with trying(house, [said, None, said, asking]) as asked:
        limited = house.key(permissions=["worker.read", "worker.invoke"], name="reads")
        assert house.call("POST", path, 403, json=body, headers=limited)["error"]["code"] == "permission_denied"
        assert asked == []  # nothing is started for one who may not deploy it
        refused = house.call("POST", path, 409, json=body)["error"]
        assert (refused["code"], refused["details"]["number"]) == ("version_broken", 2)
        assert "division by zero" in refused["message"]
        trace = "The whole trace is in the worker's log: holdfast worker logs tried."
        assert refused["hint"] == f"What was deployed goes on. {trace}"
        assert house.routed("tried") == before
        assert house.deploy(worker, third)["number"] == 2
        assert [(each["verb"], each["version_id"]) for each in asked] == [("try", second["id"]), ("try", third["id"])]
        house.deploy(worker, third)  # it runs already
        house.deploy(worker, second, skip_check=True)
        house.call("POST", f"/workers/{worker['id']}/rollback", json={})  # a way back that waits for nothing
        assert len(asked) == 2
        never = {"version_id": house.upload(worker, project("tried"))["id"]}  # no way back leads to it
        refused = house.call("POST", f"/workers/{worker['id']}/rollback", 409, json=never)["error"]
        assert (refused["code"], len(asked)) == ("version_broken", 3)
        refused = house.call("POST", path, 409, json=body)["error"]
        assert refused["details"]["used"] == ["bindings", "network"]
        assert "asked for its bindings and the network, which were not served just then" in refused["hint"]
        assert "--skip-check" in refused["hint"]


def test_a_version_is_tried_with_all_its_names(house) -> None:
    worker = house.worker("named")
    bound = {
        "vars": {"COLOUR": "red"},
        "kv_namespaces": [{"binding": "KV", "id": "sessions"}],
        "d1_databases": [{"binding": "DB", "database_name": "orders"}],
        "services": [{"binding": "OTHER", "service": "words"}],
        "ratelimits": [{"name": "LIMIT", "namespace_id": "1", "simple": {"limit": 5, "period": 60}}],
        "version_metadata": {"binding": "VERSION"},
    }
    version = house.upload(worker, project("named", **bound))
    found = candidate(house.services.db, house.settings.data, version["id"])
    assert found is not None
    assert {each.name: each.kind for each in found.bindings} == {
        "KV": "kv", "DB": "d1", "OTHER": "service", "LIMIT": "ratelimit", "VERSION": "version"
    }  # fmt: skip
    assert (found.weight, found.vars) == (0, {"COLOUR": "red"})
    assert tried(house.services.db, house.settings.data, house.settings.runtime) == []
    mark = Sockets.of(house.settings.runtime, "try12").trial
    mark.parent.mkdir(parents=True)
    bound = {"name": "LIMIT", "kind": "ratelimit", "target": {"namespace": "n", "limit": 5, "period": 60}}
    mark.write_text(json.dumps({"version_id": version["id"], "bindings": [bound]}))
    (now,) = tried(house.services.db, house.settings.data, house.settings.runtime)
    assert (now.token, now.leaving, now.weight) == ("try12", True, 0)  # nobody calls it
    assert {each.name: each.target for each in now.bindings}["LIMIT"] == bound["target"]
    assert {each.name for each in now.bindings} == {each.name for each in found.bindings}
    assert candidate(house.services.db, house.settings.data, worker["id"]) is None
