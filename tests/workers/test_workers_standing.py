"""A list of workers at one look: what is deployed, where it is reached, how the last day went."""

from __future__ import annotations

import time
from contextlib import closing

from workers_house import House, project

from holdfast.runtime.telemetry import Invocation, TelemetryWriter, path_of


def test_a_standing_counts_the_last_day_and_names_what_is_deployed(house: House) -> None:
    used, idle = house.worker("used"), house.worker("idle")
    first = house.upload(used, project(), tag="v1")
    second = house.upload(used, project(code="def on_fetch(request): ...\n"))
    house.deploy(used, first)
    shares = [{"id": first["id"], "weight": 90}, {"id": second["id"], "weight": 10}]
    house.call("POST", f"/workers/{used['id']}/deployments", json={"versions": shares})
    now = int(time.time() * 1000)
    with closing(TelemetryWriter(path_of(house.settings.data))) as telemetry:
        calls = [(1, "ok", 200), (2, "exception", 500), (3, "ok", 404), (4, "ok", 503), (30, "timeout", 504)]
        for nth, (age, outcome, status) in enumerate(calls):
            at, of = now - age * 3_600_000, (used["id"], first["id"])
            telemetry.invocation(Invocation(f"inv_{nth}", *of, at, "http", outcome, 5.0, status=status))
        assert telemetry.flush()

    found = house.call("GET", f"/workers/{used['id']}/standing")
    assert (found["requests"], found["errors"]) == (4, 2)
    assert found["statuses"] == {"2xx": 1, "4xx": 1, "5xx": 2}
    assert found["outcomes"] == {"ok": 3, "exception": 1}
    shared = [(each["number"], each["tag"], each["weight"]) for each in found["deployed"]]
    assert shared == [(1, "v1", 90), (2, None, 10)]
    assert found["addresses"] == [f"http://used.localhost:{house.settings.apps_port}"]
    assert found["last_at"]

    query = {"project_id": house.project}
    rows = house.call("GET", "/worker-standings", params=query)["items"]
    listed = house.call("GET", "/workers", params=query)["items"]
    assert [each["worker_id"] for each in rows] == [each["id"] for each in listed] == [used["id"], idle["id"]]
    assert rows[0] == found
    assert rows[1] | {"addresses": []} == {
        "worker_id": idle["id"], "addresses": [], "deployed": [], "requests": 0, "errors": 0, "outcomes": {},
        "statuses": {}, "last_at": None,
    }  # fmt: skip

    named = house.call("GET", "/worker-standings", params=query | {"q": "US"})["items"]
    assert [each["worker_id"] for each in named] == [used["id"]]
    assert [each["name"] for each in house.call("GET", "/workers", params=query | {"q": "dl"})["items"]] == ["idle"]
    assert house.call("GET", "/workers", params=query | {"q": "%"})["items"] == []


def test_points_of_one_version_alone(house: House) -> None:
    worker = house.worker("two")
    now = int(time.time() * 1000)
    with closing(TelemetryWriter(path_of(house.settings.data))) as telemetry:
        for nth, version in enumerate(["ver_a", "ver_a", "ver_b"]):
            telemetry.invocation(Invocation(f"two_{nth}", worker["id"], version, now, "http", "ok", 5.0, status=200))
        assert telemetry.flush()
    path = f"/workers/{worker['id']}/summary"
    assert sum(each["count"] for each in house.call("GET", path)["points"]) == 3
    one = house.call("GET", path, params={"version_id": "ver_b"})
    assert sum(each["count"] for each in one["points"]) == 1
    assert len(one["versions"]) == 2
    (point,) = one["points"]
    assert (point["statuses"], point["outcomes"]) == ({"2xx": 1}, {"ok": 1})
    assert 3 <= point["p50_ms"] <= 5 >= point["p99_ms"]
    assert one["whole"]["p95_ms"] == 5.0  # each is kept: exact
    assert one["whole"]["statuses"] == {"2xx": 3}
