"""What is looked after while nobody looks: packages that no version wants, metrics, turns between nodes."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import sqlalchemy as sa
from prometheus_client.parser import text_string_to_metric_families
from workers_house import ROOT, deployed, project, zipped

from holdfast.features.audit.sequencer import Sequencer
from holdfast.features.limits.service import LimitsService
from holdfast.features.limits.words import Subject
from holdfast.features.workers import store
from holdfast.features.workers.model import worker_versions
from holdfast.features.workers.shelf import Shelf
from holdfast.features.workers.tasks import WorkerSweep
from holdfast.features.workers.turns import Turns
from holdfast.kernel.clock import SystemClock
from holdfast.kernel.wake import Wake
from holdfast.runtime.environments import Environments
from holdfast.runtime.telemetry import Invocation, TelemetryWriter, VersionState, path_of


class Ticking(SystemClock):
    """Each look is an hour after the one before."""

    hours = 0

    def monotonic(self) -> float:
        self.hours += 1
        return self.hours * 3600.0


def test_packages_that_no_version_wants_go(house) -> None:
    """Those of a version that is there stay however old they are; those of one that is gone stay for an hour."""
    worker, version = deployed(house, "wanting")
    services, shelf = house.services, Shelf(house.settings.data)
    environments = Environments(shelf.root / "environments")
    sweep = WorkerSweep(services.db, shelf, Wake(house.settings.runtime), Ticking(), environments)
    wanted, unwanted = (environments.path(digest * 20) for digest in ("aa", "bb"))
    (shelf.root / "environments" / "locks").mkdir(parents=True, exist_ok=True)

    def old() -> None:
        for each in (wanted, unwanted):
            each.mkdir(parents=True, exist_ok=True)
            os.utime(each.parent, (time.time() - 7200,) * 2)

    def names(packages: Path | None) -> None:
        with services.db.write() as conn:
            this = sa.update(worker_versions).where(worker_versions.c.id == version["id"])
            conn.execute(this.values(packages=str(packages) if packages else None))

    old()
    names(wanted)
    sweep.sweep()
    assert (wanted.exists(), unwanted.exists()) == (True, False)
    names(None)  # as when its version is trimmed: a process that runs it may still end
    sweep.sweep()
    assert wanted.exists()
    old()
    sweep.sweep()
    assert not wanted.exists()
    house.call("GET", f"/workers/{worker['id']}")


def test_prometheus_sees_its_own_workers_alone(house) -> None:
    mine, version = deployed(house, "scraped")
    there = house.call("POST", "/projects", json={"name": "somebody else's"})
    place = house.call("GET", f"/projects/{there['id']}/environments")["items"][0]["id"]
    theirs = house.call("POST", "/workers", json={"environment_id": place, "name": "theirs-metrics"})
    now = int(time.time() * 1000)
    with closing(TelemetryWriter(path_of(house.settings.data))) as writer:
        for worker, number in ((mine, version["id"]), (theirs, "wver_theirs")):
            writer.invocation(Invocation("i", worker["id"], number, now, "http", "exception", 12.0, cpu_ms=5.0))
            writer.state(VersionState(number, worker["id"], "running", now, processes=2, memory_bytes=7))
            writer.dropped(worker["id"], number, 3)

    def scraped(headers: dict[str, str]) -> dict[tuple[str, str], float]:
        text = house.client.get("http://127.0.0.1:7700/metrics", headers=headers).text
        found = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
        return {
            (each.name, each.labels["worker"]): each.value for each in found if each.name.startswith("holdfast_worker")
        }

    seen = scraped(house.key(permissions=["metric.read"], projects=[house.project]))
    assert {worker for _, worker in seen} == {"scraped"}
    assert seen["holdfast_worker_invocations_total", "scraped"] == 1
    assert seen["holdfast_worker_duration_seconds_sum", "scraped"] == 0.012
    assert seen["holdfast_worker_cpu_seconds_total", "scraped"] == 0.005
    assert seen["holdfast_worker_processes", "scraped"] == 2
    assert seen["holdfast_worker_memory_bytes", "scraped"] == 7
    assert seen["holdfast_worker_telemetry_dropped_total", "scraped"] == 3
    everything = scraped(house.key(permissions=["metric.read"]))
    assert {"scraped", "theirs-metrics"} <= {worker for _, worker in everything}
    weaker = house.client.get("http://127.0.0.1:7700/metrics", headers=house.key(permissions=["worker.read"]))
    assert weaker.status_code == 403
    house.call("DELETE", f"/workers/{mine['id']}", json={"confirm": "scraped"})
    assert scraped(house.key(permissions=["metric.read"], projects=[house.project])) == {}


def test_a_turn_is_taken_by_one_node(house) -> None:
    """Asked at once by many, for a moment whose row is not there yet, and for the next."""
    worker, _ = deployed(house, "turning")
    nodes = [Turns(house.services.db, f"node-{number}") for number in range(4)]
    first = datetime(2026, 3, 1, tzinfo=UTC)
    for at in (first, first + timedelta(hours=1)):
        with ThreadPoolExecutor(len(nodes)) as threads:
            won = list(threads.map(lambda node, at=at: node.take(worker["id"], "0 * * * *", at), nodes))
        assert sorted(won) == [False, False, False, True]
    assert not nodes[0].take(worker["id"], "0 * * * *", first), "a later one was taken"
    assert nodes[0].take(worker["id"], "5 * * * *", first), "another line"
    assert not nodes[0].take("wrk_gone", "0 * * * *", first)


def test_quotas_of_workers_and_versions(house) -> None:
    """A full project takes no more; whoever is refused has done nothing, and who deletes one waits for its grace."""
    subject = Subject("project", house.project)
    book = house.services.parts[LimitsService]
    book.put(ROOT, subject, "workers", 2, None)
    first, _ = deployed(house, "first-of-two")
    house.worker("second-of-two")
    body = {"environment_id": house.environment, "name": "third"}
    refused = house.call("POST", "/workers", 429, json=body)["error"]
    assert (refused["code"], refused["details"]["what"]) == ("quota_exceeded", "workers")
    assert house.call("GET", "/workers", params={"environment_id": house.environment, "name": "third"})["items"] == []
    house.call("DELETE", f"/workers/{first['id']}", json={"confirm": "first-of-two"})
    assert house.call("POST", "/workers", 429, json=body)
    book.put(ROOT, subject, "workers", 3, None)
    third = house.worker("third")
    book.put(ROOT, subject, "versions", 2, None)  # one was uploaded above
    house.upload(third, project())
    answer = house.client.post(f"/api/v1/workers/{third['id']}/versions", content=zipped(project()))
    assert (answer.status_code, answer.json()["error"]["details"]["what"]) == (429, "versions")
    assert len(list((house.settings.data / "workers" / third["id"]).iterdir())) == 1
    usage = house.call("GET", "/usage", params={"subject": "project", "subject_id": house.project})
    used = {each["what"]: each["used"] for each in usage["items"]}
    assert (used["workers"], used["versions"]) == (3, 2)


def test_what_is_in_an_environment_keeps_it(house) -> None:
    """A worker, also a deleted one, and a namespace; a project is kept by the same. A new name keeps the address."""
    place = f"/environments/{house.environment}"
    name = house.call("GET", place)["name"]
    worker, _ = deployed(house, "keeping")
    renamed = {"name": "kept otherwise"}
    house.call("PATCH", f"/workers/{worker['id']}", json=renamed, headers={"If-Match": '"v1"'})
    assert house.routed("keeping")["worker_id"] == worker["id"]
    refused = house.call("DELETE", place, 409, json={"confirm": name})["error"]
    assert "the worker 'kept otherwise'" in refused["message"]
    house.call("DELETE", f"/workers/{worker['id']}", json={"confirm": "kept otherwise"})
    refused = house.call("DELETE", place, 409, json={"confirm": name})["error"]
    assert "deleted and not purged yet" in refused["message"]
    with house.services.db.write() as conn:
        store.delete(conn, worker["id"])
    house.call("POST", "/kv-namespaces", json={"environment_id": house.environment, "name": "held"})
    refused = house.call("DELETE", place, 409, json={"confirm": name})["error"]
    assert "kv-held" in refused["message"]
    whole = house.call("GET", f"/projects/{house.project}")["name"]
    refused = house.call("DELETE", f"/projects/{house.project}", 409, json={"confirm": whole})["error"]
    assert "kv-held" in refused["message"]


def test_activity_says_what_was_done(house) -> None:
    worker, _ = deployed(house, "told")
    house.call("POST", f"/workers/{worker['id']}/rollback", 409, json={})
    house.call("PUT", f"/workers/{worker['id']}/vars/REGION", json={"value": "eu"})
    house.call("POST", "/kv-namespaces", json={"environment_id": house.environment, "name": "notes"})
    house.services.parts[Sequencer].catch_up()
    found = house.call("GET", "/activity", params={"project_id": house.project})["items"]
    said = {each["action"]: each["sentence"].partition(" ")[2] for each in found}
    assert said["worker.create"].endswith("created worker told")
    assert said["worker.version.create"].endswith("uploaded a version of worker told")
    assert said["worker.deploy"].endswith("deployed worker told")
    assert said["worker.variable.put"].endswith("set worker variable REGION")
    assert said["kv.create"].endswith("created key-value namespace notes")
