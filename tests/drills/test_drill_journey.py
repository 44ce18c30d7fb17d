"""A drill on every engine: brought back, compared, asked and timed; and one that fails says what did not hold."""

from __future__ import annotations

from typing import Any

import pytest
from dialects import DIALECTS
from journey import EVERY, Served, eventually, fresh

pytestmark = pytest.mark.slow


def aimed(served: Served, database: str, version: int, checks: list[dict[str, str]], **aims: int) -> dict[str, Any]:
    headers = {"If-Match": f'"v{version}"'}
    found: dict[str, Any] = served.call(
        "PUT", f"/databases/{database}/drill-aims", {"checks": checks, **aims}, headers=headers
    )
    return found


def drilled(served: Served, database: str, **body: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """The drill after its run, and the run."""
    made = served.call("POST", f"/databases/{database}/drills", body, 202)
    run = served.ended(made)
    return served.get(f"/drills/{made['drill']['id']}"), run


@pytest.mark.parametrize("engine", EVERY)
def test_a_drill_passes_and_one_that_does_not_says_why(served: Served, engine: str) -> None:
    said, name = DIALECTS[engine].sentences, fresh("drilled")
    database = served.create(engine, name)["id"]
    served.refused(409, "no_snapshot", "POST", f"/databases/{database}/drills", {})
    served.write(database, *said.keep)
    snapshot = served.snapshot(database, level="L1")
    assert served.get(f"/databases/{database}/drill-aims")["version"] == 0
    wanted = str(said.kept.rows[0][0])
    question = {"name": "it is kept; --'\"", "statement": said.kept.statement, "equals": wanted}
    assert aimed(served, database, 0, [question], rto_seconds=3600, rpo_seconds=86_400)["version"] == 1

    drill, run = drilled(served, database)
    assert (drill["state"], run["state"]) == ("passed", "succeeded"), (drill, run["error"])
    assert drill["snapshot_id"] == snapshot["id"]
    assert 0 < drill["rto_seconds"] < 3600
    assert 0 < drill["rpo_seconds"] < 86_400
    checks = {check["name"]: check for check in drill["checks"]}
    assert checks[question["name"]]["actual"] == wanted
    assert checks["time to bring it back"]["ok"]
    assert checks["age of the data"]["ok"]
    proven = served.get(f"/snapshots/{snapshot['id']}")
    assert (proven["verified_level"], proven["verification"]) == (3, "green"), "a drill is a proof of its snapshot"

    silly = {"name": "no statement", "statement": "this is none", "equals": "1"}
    writing = {"name": "it writes", "statement": said.lose, "at_least": "0"}
    aimed(served, database, 1, [{**question, "equals": "another"}, silly, writing])
    drill, run = drilled(served, database, snapshot_id=snapshot["id"])
    assert (drill["state"], run["state"], run["error"]["code"]) == ("failed", "failed", "drill_failed")
    bad = {check["name"]: check for check in drill["checks"] if check["ok"] is False}
    assert set(bad) == {question["name"], "no statement", "it writes"}
    assert bad[question["name"]]["actual"] == wanted
    assert bad["no statement"]["detail"]
    assert served.rows(database, said.kept.statement) == said.kept.rows, "the living database was asked nothing"
    assert served.get(f"/snapshots/{snapshot['id']}")["verification"] == "green", "the question is at fault, not it"

    listed = served.get("/drills", resource_id=database)["items"]
    assert [each["state"] for each in listed] == ["failed", "passed"]
    assert [each["id"] for each in served.get("/drills", resource_id=database, state="failed")["items"]] == [
        drill["id"]
    ]
    served.delete(database)


def test_aims_are_changed_by_who_read_them_last(served: Served) -> None:
    database = served.create("sqlite", fresh("aims"))["id"]
    where = f"/databases/{database}/drill-aims"
    aimed(served, database, 0, [], rto_seconds=60)
    for version in ("v0", "v2"):
        served.refused(412, "precondition_failed", "PUT", where, {"checks": []}, headers={"If-Match": f'"{version}"'})
    served.refused(428, "precondition_required", "PUT", where, {"checks": []})
    twice = [{"name": "a", "statement": "select 1", "equals": "1", "at_least": "1"}]
    served.refused(422, "drill_check_invalid", "PUT", where, {"checks": twice}, headers={"If-Match": '"v1"'})
    assert served.get(where)["rto_seconds"] == 60
    other = served.create("sqlite", fresh("aims"))["id"]
    taken = served.snapshot(other, level="L1")
    served.refused(404, "snapshot_not_found", "POST", f"/databases/{database}/drills", {"snapshot_id": taken["id"]})
    for each in (database, other):
        served.delete(each)


def test_a_drill_whose_run_was_cancelled_is_no_longer_running(served: Served) -> None:
    database = served.create("postgresql", fresh("stopped"))["id"]
    served.snapshot(database, level="L1")
    made = served.call("POST", f"/databases/{database}/drills", {}, 202)
    served.call("POST", f"/runs/{made['run']['id']}/cancel")
    ended = served.ended(made)
    eventually(lambda: served.get(f"/drills/{made['drill']['id']}")["state"] != "running")
    drill = served.get(f"/drills/{made['drill']['id']}")
    assert drill["state"] == {"cancelled": "cancelled", "succeeded": "passed"}[ended["state"]]
    served.delete(database)
