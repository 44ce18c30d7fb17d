"""A run that is asked for again: the same, by whoever asks now, and only where the act itself is theirs to do."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from journey import Served, fresh

from holdfast import repeats
from holdfast.features.connections.upkeep import UpkeepService
from holdfast.features.runs.repeating import REPEATABLE

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def database(served: Served) -> str:
    made: str = served.create("sqlite", fresh("retried"))["id"]
    served.write(made, "create table t (id integer primary key)")
    return made


def count(served: Served, database: str) -> int:
    return len(served.get("/runs", resource_id=database, limit=200)["items"])


def test_the_same_parameters_and_another_run(served: Served, database: str) -> None:
    body = {"level": 2, "tags": ["before-launch"], "full": True}
    made = served.call("POST", f"/databases/{database}/snapshots", body, 202)
    first = served.ended(made["run"]["id"])
    assert first["retry_permission"] == "snapshot.create"
    again = served.call("POST", f"/runs/{first['id']}/retry", status=202)
    assert again["id"] != first["id"]
    ended = served.ended(again["id"])
    assert ended["state"] == "succeeded"
    assert ended["actor"] == served.get("/session")["id"]
    assert ended["input"]["full"] is True
    one, two = (served.get(f"/snapshots/{run['input']['snapshot_id']}") for run in (first, ended))
    assert one["id"] != two["id"]
    same = ("resource_id", "repository_id", "tags", "wanted_level")
    assert {name: one[name] for name in same} == {name: two[name] for name in same}


def test_verification_maintenance_rehearsal_and_checks(served: Served, database: str) -> None:
    snapshot = served.snapshot(database, level=1)
    begun: list[dict[str, Any]] = [
        served.call("POST", f"/snapshots/{snapshot['id']}/verify", {"level": 2}, 202)["run"],
        served.call("POST", f"/repositories/{snapshot['repository_id']}/check", {"subset": "1/2"}, 202)["run"],
        served.call("POST", f"/databases/{database}/drills", {}, 202)["run"],
    ]
    for run in begun:
        first = served.ended(run["id"])
        ended = served.ended(served.call("POST", f"/runs/{first['id']}/retry", status=202)["id"])
        assert (ended["kind"], ended["state"]) == (first["kind"], "succeeded")
        fixed = {name: value for name, value in first["input"].items() if name != "drill_id"}
        assert {name: ended["input"][name] for name in fixed} == fixed


def test_what_must_not_be_done_twice_unseen_is_refused(served: Served, database: str) -> None:
    stopped = served.act(database, "stop")
    run = next(each for each in served.get("/runs", resource_id=database)["items"] if each["kind"] == "database.stop")
    assert stopped is not None
    assert run["retry_permission"] is None
    before = count(served, database)
    served.refused(409, "run_not_repeatable", "POST", f"/runs/{run['id']}/retry")
    assert count(served, database) == before
    served.act(database, "start")


def test_what_is_offered_is_what_can_be_done() -> None:
    verbs: Any = SimpleNamespace(connections=SimpleNamespace(parts={UpkeepService: None}), db=None, snapshots=None)
    assert repeats.again(verbs).keys() == REPEATABLE.keys()
