"""Runs over HTTP: listed, read, followed live, cancelled."""

from __future__ import annotations

from itertools import pairwise

import pytest
from dialects import DIALECTS
from journey import NAMES, Served, fresh

from holdfast.client import Client, Event
from holdfast.kernel.errors import Invalid

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def database(served: Served) -> str:
    made: str = served.create(NAMES[0], fresh("runs"))["id"]
    served.write(made, "create table big (id integer primary key, note text)", DIALECTS[NAMES[0]].big_table % 200_000)
    for _ in range(2):
        served.act(made, "stop")
        served.act(made, "start")
    return made


def client(served: Served) -> Client:
    return Client(socket=served.root / "run" / "admin.sock")


def test_runs_filter_and_page(served: Served, database: str) -> None:
    def kinds(**params: object) -> list[str]:
        return [item["kind"] for item in served.get("/runs", resource_id=database, **params)["items"]]

    every = kinds()
    assert every[-1] == "database.create"
    assert every.count("database.stop") == 2
    assert kinds(kind=["database.stop", "database.create"]).count("database.stop") == 2
    assert set(kinds(state="succeeded")) == set(every)
    assert kinds(state="failed") == kinds(by="usr_nobody") == []
    assert kinds(by=served.get("/session")["id"]) == every
    seen, cursor = [], None
    while True:
        page = served.get("/runs", resource_id=database, limit=2, **({"cursor": cursor} if cursor else {}))
        seen += [item["kind"] for item in page["items"]]
        if (cursor := page["next_cursor"]) is None:
            break
    assert seen == every
    assert kinds(project_id="prj_absent") == []
    served.call("GET", "/runs/run_absent", status=404)
    served.call("GET", "/runs/run_absent/logs", status=404)
    served.call("GET", "/runs/run_absent/events", status=404)
    served.call("POST", "/runs/run_absent/cancel", status=404)


def test_events_tell_a_run_to_its_end_and_resume(served: Served, database: str) -> None:
    with client(served) as line:
        run = line.post(f"/databases/{database}/snapshots", {"level": 3})["run"]["id"]
        told = list(line.events(f"/runs/{run}/events"))
        assert told[-1].name == "state"
        assert told[-1].data["state"] == "succeeded"
        progress = [event.data for event in told if event.name == "progress"]
        assert progress
        assert all({"phase", "done", "total", "rate", "eta_seconds"} <= set(item) for item in progress)

        def seqs(events: list[Event]) -> list[int]:
            return [event.data["seq"] for event in events if event.name == "log"]

        logs = seqs(told)
        assert all(before < after for before, after in pairwise(logs))
        assert [item["seq"] for item in line.items(f"/runs/{run}/logs")] == logs
        if logs:
            middle = logs[len(logs) // 2]
            assert seqs(list(line.events(f"/runs/{run}/events", str(middle)))) == [n for n in logs if n > middle]
        with pytest.raises(Invalid):
            list(line.events(f"/runs/{run}/events", "nonsense"))


def test_a_cancelled_snapshot_is_no_snapshot(served: Served, database: str) -> None:
    made = served.call("POST", f"/databases/{database}/snapshots", {"level": 3}, 202)
    run = made["run"]["id"]
    served.call("POST", f"/runs/{run}/cancel", status=202)
    assert served.ended(run)["state"] == "cancelled"
    snapshot = made["snapshot"]["id"]
    failed = served.get(f"/snapshots/{snapshot}")
    assert failed["state"] == "failed" or failed["state"] == "creating", failed
    served.refused(409, "snapshot_state", "POST", f"/snapshots/{snapshot}/restore", {"mode": "new", "name": "x"})
    assert served.call("POST", f"/runs/{run}/cancel", status=202)["state"] == "cancelled"
    assert served.snapshot(database, level=1)["state"] == "ready"
