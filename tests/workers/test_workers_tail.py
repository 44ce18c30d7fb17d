"""A tail by the API: what comes, in which order, and what its filters leave out. Tags of versions."""

from __future__ import annotations

import time
from typing import Any

from workers_house import House, project

from holdfast.runtime.telemetry import Invocation, LogLine, TelemetryWriter, path_of

NOW = int(time.time() * 1000)


def written(house: House, worker: str) -> None:
    """Three invocations with a line each, one of another worker, and a line of none."""
    writer = TelemetryWriter(path_of(house.settings.data))

    def did(number: int, method: str, status: int, outcome: str, text: str, at: int, **more: Any) -> None:
        writer.log(LogLine(worker, "wver_1", at + 1, "warn" if status == 500 else "info", text, f"i{number}"))
        error = {"type": "ValueError", "message": "burnt toast", "stack": "..."} if status == 500 else None
        writer.invocation(
            Invocation(f"i{number}", worker, "wver_1", at, "http", outcome, 10.0, method, f"/{number}", status,
                       error=error, **more)
        )  # fmt: skip

    did(1, "GET", 200, "ok", "all is well", NOW)
    did(2, "POST", 500, "exception", "the toaster", NOW + 20)
    did(3, "GET", 404, "ok", "no such CUP", NOW + 40)
    writer.log(LogLine(worker, "wver_2", NOW + 60, "system", "the process ended"))
    writer.log(LogLine("wrk_other", "wver_3", NOW, "info", "of another"))
    assert writer.flush()
    writer.close()


def shown(answer: dict[str, Any]) -> list[str]:
    """Lines by their text, invocations by their path."""
    return [each["log"]["text"] if each["log"] else each["invocation"]["path"] for each in answer["events"]]


def test_a_tail_gives_what_came_since_and_only_what_is_asked_for(house: House) -> None:
    worker = house.worker("tailed")
    where = f"/workers/{worker['id']}/tail"
    start = house.call("GET", where)
    assert (start["events"], start["more"]) == ([], False)
    written(house, worker["id"])

    def tail(**wanted: Any) -> dict[str, Any]:
        made: dict[str, Any] = house.call("GET", where, params={"after": start["cursor"], **wanted})
        return made

    everything = tail()
    assert shown(everything) == ["all is well", "/1", "the toaster", "/2", "no such CUP", "/3", "the process ended"]
    assert house.call("GET", where, params={"after": everything["cursor"]})["events"] == []
    assert shown(tail(text="cup")) == ["no such CUP"]
    assert shown(tail(text="TOAST")) == ["the toaster", "/2"]  # a line, and the words of an error
    assert shown(tail(level="system")) == ["the process ended"]
    assert shown(tail(version_id="wver_2")) == ["the process ended"]
    (failed,) = tail(status="5xx")["events"]
    assert failed["invocation"]["error"]["message"] == "burnt toast"
    assert [each["text"] for each in failed["invocation"]["logs"]] == ["the toaster"]
    assert shown(tail(errors=True)) == ["/2"]
    assert shown(tail(status="404")) == ["/3"]
    assert shown(tail(method="get")) == ["/1", "/3"]
    assert shown(tail(method="GET", text="well")) == ["/1"]
    assert shown(tail(outcome="exception", level="info")) == []
    assert shown(tail(outcome="exception", level="warn")) == ["/2"]
    house.call("GET", where, 422, params={"status": "6xx"})
    house.call("GET", where, 422, params={"after": "nonsense"})


def test_a_tail_takes_the_right_to_read_logs(house: House) -> None:
    worker = house.worker("private")
    where = f"/workers/{worker['id']}/tail"
    house.call("GET", where, 403, headers=house.key(permissions=("worker.read",)))
    house.call("GET", where, headers=house.key(permissions=("worker.read", "worker.logs.read")))


def test_a_version_gets_another_tag_and_is_found_by_it(house: House) -> None:
    worker = house.worker("tagged")
    version = house.upload(worker, project("tagged"), tag="first")
    house.deploy(worker, version)
    where = f"/worker-versions/{version['id']}"
    denied = house.key(permissions=("worker.read",))
    house.call("PATCH", where, 403, json={"tag": "second"}, headers=denied)
    house.call("PATCH", where, 422, json={"tag": "two words"})
    assert house.call("GET", where)["tag"] == "first"  # nothing of that had an effect
    assert house.call("PATCH", where, json={"tag": "second"})["tag"] == "second"
    assert house.routed(worker["slug"])["versions"][0]["tag"] == "second"
    assert house.call("PATCH", where, json={"tag": None})["tag"] is None
    assert house.routed(worker["slug"])["versions"][0]["tag"] is None
    house.call("PATCH", "/worker-versions/wver_01m81g9fd6d62zsvsde35kyfrg", 404, json={"tag": None})
