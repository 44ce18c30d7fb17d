"""Health of every part: what is down, what that means, and that one part's failure hides no other's."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace

import metadata_home
import pytest
from inside import Inside, inside
from inside_rows import repository_row
from starlette.testclient import TestClient

from holdfast.features.backups import store as backups
from holdfast.features.health.ping import Health, Ping
from holdfast.features.health.pings import RunnerWatch
from holdfast.hosts.keeper import Policy, background
from holdfast.jobs.lease import Lease
from holdfast.jobs.schema import runners
from holdfast.kernel.clock import ManualClock, SystemClock
from holdfast.kernel.errors import Retryable
from holdfast.web.guards import PEER_UID


@pytest.fixture
def here() -> Iterator[Inside]:
    with inside() as made:
        yield made


def as_root(here: Inside) -> TestClient:
    """Over a client whose every request comes from admin.sock: that actor needs no row of the database."""

    async def app(scope, receive, send) -> None:
        await here.client.app({**scope, PEER_UID: 0}, receive, send)

    return TestClient(app, base_url="http://127.0.0.1:7700")


def test_each_part_is_named_and_only_the_database_is_needed(here) -> None:
    """No keeper and no runner: people still read what is recorded, so it is degraded and ready."""
    client = as_root(here)
    health = client.get("/health").json()
    assert set(health) == {"status", "timestamp", "services"}
    parts = {"db", "runner", "keeper", "disk", "repositories", "nodes", "external_databases", "doors", "audit"}
    parts.add("passwords")
    assert set(health["services"]) == parts
    assert health["status"] == "degraded"
    said = {name: part["status"] for name, part in health["services"].items()}
    alone = ("audit", "db", "disk", "repositories", "nodes", "external_databases", "passwords", "doors")
    up = dict.fromkeys(alone, "ok")
    assert said == {**up, "runner": "down", "keeper": "down"}
    assert "keeper" in health["services"]["keeper"]["message"]
    assert client.get("/health/ready").status_code == 200


def test_ok_when_all_are_at_work(here) -> None:
    settings = here.settings
    Lease(here.services.db, SystemClock(), "runner").beat()
    with background(settings, Policy(first=0.05, longest=0.4, deaths=4)):
        health = as_root(here).get("/health").json()
    assert health["status"] == "ok", health
    assert health["services"]["runner"]["message"] == "runner"


def test_without_its_database_it_is_down_and_not_ready(here) -> None:
    client = as_root(here)
    with metadata_home.away(here.services.db):
        answer = client.get("/health/ready")
        assert (answer.status_code, answer.json()["status"]) == (503, "down")
        assert answer.json()["services"]["db"]["status"] == "down"
        assert answer.json()["services"]["disk"]["status"] == "ok"
        assert client.get("/health").status_code == 200
        assert client.get("/health/live").json() == {"status": "ok"}
    assert client.get("/health/ready").status_code == 200


def test_a_runner_that_died_or_hangs_is_noticed(here) -> None:
    """Its process is gone: at once. It lives and beats no more: after the lease, by no wall clock."""
    clock = ManualClock()
    watch, lease = RunnerWatch(here.services.db, clock), Lease(here.services.db, clock, "runner")
    lease.beat()
    assert watch.check() == "runner"
    clock.advance(14)
    assert watch.check() == "runner"
    clock.advance(2)
    with pytest.raises(Retryable, match=r"no runner .* nobody is alerted; gone: runner") as caught:
        watch.check()
    assert "holdfast up" in str(caught.value.hint)
    lease.beat()
    assert watch.check() == "runner"
    with here.services.db.write() as conn:
        conn.execute(runners.update().values(pid=2**22 - 1, beat=99))
    with pytest.raises(Retryable):
        watch.check()


def test_a_repository_that_is_not_there_any_more(here) -> None:
    with here.services.db.write() as conn:
        row = replace(repository_row(here.ids["mine"]["project"], "vault"), state="ready")
        backups.insert(conn, row)
    found = as_root(here).get("/health").json()["services"]["repositories"]
    assert found["status"] == "down"
    assert row.id in found["message"]
    assert "put the directory back" in found["hint"]
    root = here.settings.data / "repositories" / row.id
    root.mkdir(parents=True)
    (root / "config").touch()
    assert as_root(here).get("/health").json()["services"]["repositories"]["status"] == "ok"


def test_a_part_that_hangs_hides_no_other_and_takes_one_thread() -> None:
    gate = threading.Event()
    health = Health((Ping("slow", lambda: str(gate.wait(30)), needed=False), Ping("quick", lambda: None)))
    try:
        started = time.monotonic()
        first, second = health.ask(), health.ask()
        assert time.monotonic() - started < 4
        assert (first["slow"].status, first["quick"].status) == ("down", "ok")
        assert second["slow"].message == "has not answered for a while"
        assert health.overall(first) == "degraded"
    finally:
        gate.set()
        health.close()


def test_a_failure_says_no_more_than_its_kind() -> None:
    """What a library says may quote a connection string."""

    def broken() -> None:
        raise OSError("postgresql://owner:secret@host")

    health = Health((Ping("db", broken),))
    try:
        assert health.ask()["db"].message == "OSError"
    finally:
        health.close()


def test_health_is_not_for_viewers(here) -> None:
    assert here.client.get("/health", headers=here.key(role="viewer")).status_code == 403
    assert here.client.get("/health", headers=here.key(role="operator")).status_code == 200
