"""Limits over HTTP, on the api as it is composed: what is refused, with which words, and that nothing was done."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from limits_house import ROOT, Site, site

from holdfast.features.access.actor import local_actor
from holdfast.features.access.permissions import ALL
from holdfast.features.limits.words import SHIPPED
from holdfast.kernel.db import metadata

API = "/api/v1"


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Site]:
    with site(tmp_path) as made:
        yield made


def project_of(here: Site) -> str:
    return here.services.projects.list(ROOT)[0].id


def database(here: Site, headers: dict[str, str]) -> str:
    """A database's row that looks ready; nothing runs it."""
    project = project_of(here)
    environment = here.services.projects.environments(ROOT, project)[0].id
    body = {"environment_id": environment, "engine": "sqlite", "name": "shop"}
    made = here.client.post(f"{API}/databases", json=body, headers=headers).json()["resource"]["id"]
    resources = metadata.tables["resources"]
    with here.services.db.write() as conn:
        conn.execute(resources.update().values(state="ready"))
    return str(made)


def test_a_key_over_its_limit(here: Site) -> None:
    """429 with everything needed to come back, and every answer before it says what is left."""
    name, headers = here.key(permissions=ALL)
    here.put("key", "calls", 3, name)
    answers = [here.client.get(f"{API}/projects", headers=headers) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert answers[0].headers["ratelimit-policy"] == '"calls";q=3;w=3600, "burst";q=200;w=10'
    assert re.match(r'"calls";r=2;t=3[56]\d\d, "burst";r=199;t=\d+$', answers[0].headers["ratelimit"])
    error = answers[3].json()["error"]
    assert (error["code"], error["retryable"]) == ("rate_limited", True)
    assert {k: error["details"][k] for k in ("what", "subject", "limit", "used", "remaining", "window_seconds")} == {
        "what": "calls",
        "subject": "key",
        "limit": 3,
        "used": 3,
        "remaining": 0,
        "window_seconds": 3600,
    }
    assert 0 < int(answers[3].headers["retry-after"]) <= 3660
    assert error["details"]["reset_at"].endswith("Z")


def test_a_refused_call_does_nothing(here: Site) -> None:
    name, headers = here.key(permissions=ALL)
    here.put("key", "calls", 1, name)
    assert here.client.get(f"{API}/session", headers=headers).status_code == 200
    before = here.rows()
    body = {"name": "never"}
    for number in range(5):
        answer = here.client.post(f"{API}/projects", json=body, headers={**headers, "Idempotency-Key": f"k{number}"})
        assert answer.status_code == 429
    after = here.rows()
    assert after.pop("audit_events") == before.pop("audit_events") + 1
    assert after == before
    (row,) = here.reached()
    assert (row["actor"], row["outcome"]) == (name, "denied")
    assert row["details"] == {"subject": "key", "subject_id": name, "what": "calls", "limit": 1, "window_seconds": 3600}


def test_a_change_holds_from_the_next_call_on(here: Site) -> None:
    """Also lifting it again, by the API, while the key is refused."""
    name, headers = here.key(permissions=ALL)
    _, admin = here.key(permissions=ALL)
    body: dict[str, Any] = {"subject": "key", "subject_id": name, "what": "calls", "amount": 1}
    assert here.client.get(f"{API}/projects", headers=headers).status_code == 200
    made = here.client.put(f"{API}/limits", json=body, headers=admin)
    assert made.status_code == 200, made.text
    assert here.client.get(f"{API}/projects", headers=headers).status_code == 429
    assert (
        here.client.put(f"{API}/limits", json={**body, "amount": 50}, headers=admin).json()["id"] == made.json()["id"]
    )
    assert here.client.get(f"{API}/projects", headers=headers).status_code == 200
    assert here.client.delete(f"{API}/limits/{made.json()['id']}", headers=admin).status_code == 204
    answer = here.client.get(f"{API}/projects", headers=headers)
    assert '"calls";q=1000;w=3600' in answer.headers["ratelimit-policy"]
    events = metadata.tables["audit_events"]
    with here.services.db.read() as conn:
        rows = conn.execute(events.select().where(events.c.action.like("limit.%")).order_by(events.c.id)).mappings()
        changes = [
            (r["action"], r["details"]["before"], r["details"]["after"]) for r in rows if "after" in r["details"]
        ]
    one, fifty = ({"amount": amount, "window_seconds": 3600} for amount in (1, 50))
    assert changes == [("limit.set", None, one), ("limit.set", one, fifty), ("limit.clear", fifty, None)]


def test_strangers_are_counted_by_address_before_anything_is_done(here: Site) -> None:
    here.put("address", "burst", 4)
    before = here.rows()
    statuses = [
        here.client.post(f"{API}/session", json={"email": "a@b.c", "password": "x"}).status_code for _ in range(6)
    ]
    assert statuses[4:] == [429, 429]
    assert 429 not in statuses[:4]
    assert here.client.get("/").status_code == 429
    assert here.client.get(f"{API}/projects").status_code == 429
    assert here.client.get("/health/live").status_code == 200  # a probe is no load
    _, headers = here.key(permissions=ALL)
    assert here.client.get(f"{API}/projects", headers=headers).status_code == 200  # a key is not its neighbours
    (row,) = here.reached()
    assert (row["actor"], row["details"]["subject"]) == ("anonymous", "address")
    assert here.rows()["projects"] == before["projects"]


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer hf_" + "0" * 12 + "_" + "x" * 43},
        {"Authorization": "Basic cm9vdDpyb290"},
        {"Cookie": "holdfast_session=nobody"},
    ],
)
def test_guessing_credentials_ends(here: Site, headers: dict[str, str]) -> None:
    """And no credential, however wrong, is a way round the limit of the sign-in page."""
    here.put("address", "burst", 3)
    statuses = [here.client.get(f"{API}/projects", headers=headers).status_code for _ in range(5)]
    assert statuses == [401, 401, 401, 429, 429]
    again = here.client.post(
        f"{API}/session",
        json={"email": "a@b.c", "password": "x"},
        headers={**headers, "Origin": "http://127.0.0.1:7700"},
    )
    assert again.status_code == 429


def test_backups_of_a_day_survive_a_restart_and_calls_do_not(here: Site, tmp_path: Path) -> None:
    name, headers = here.key(permissions=ALL)
    there = database(here, headers)
    here.put("key", "backups", 2, name)
    where = f"{API}/databases/{there}/snapshots"
    assert [here.client.post(where, json={}, headers=headers).status_code for _ in range(2)] == [202, 202]
    before = here.rows()
    refused = here.client.post(where, json={}, headers=headers)
    assert (refused.status_code, refused.json()["error"]["code"]) == (429, "quota_exceeded")
    assert refused.json()["error"]["details"]["what"] == "backups"
    assert int(refused.headers["retry-after"]) > 80_000
    after = here.rows()
    assert after.pop("audit_events") == before.pop("audit_events") + 1
    assert after == before
    with site(tmp_path, str(here.services.db.url.render_as_string(hide_password=False))) as again:
        assert again.client.post(where, json={}, headers=headers).status_code == 429
        left = again.client.get(f"{API}/usage", headers=headers).json()
    lines = {line["what"]: line for line in left["items"]}
    assert (lines["backups"]["used"], lines["backups"]["remaining"], lines["backups"]["near"]) == (2, 0, True)
    assert lines["calls"]["used"] == 2
    assert left["near"] is True


def test_a_full_project_takes_no_snapshot(here: Site) -> None:
    _, headers = here.key(permissions=ALL)
    there, project = database(here, headers), project_of(here)
    here.put("project", "storage", 0, project)
    refused = here.client.post(f"{API}/databases/{there}/snapshots", json={}, headers=headers)
    assert (refused.status_code, refused.json()["error"]["code"]) == (429, "quota_exceeded")
    assert "retry-after" not in refused.headers
    here.put("project", "storage", 1, project)
    assert here.client.post(f"{API}/databases/{there}/snapshots", json={}, headers=headers).status_code == 202


def test_usage_is_ones_own_or_needs_the_permission(here: Site) -> None:
    project = project_of(here)
    name, headers = here.key(permissions=["project.read"])
    _, inside = here.key(permissions=["limit.read"], projects=[project])
    own = here.client.get(f"{API}/usage", headers=headers).json()
    assert (own["subject"], own["subject_id"]) == ("key", name)
    assert {line["what"] for line in own["items"]} == set(SHIPPED["key"])
    asked = {"subject": "key", "subject_id": name}
    assert here.client.get(f"{API}/usage", params=asked, headers=headers).json()["subject_id"] == name
    assert here.client.get(f"{API}/usage", params=asked, headers=inside).status_code == 403
    of_project = here.client.get(f"{API}/usage", params={"subject": "project", "subject_id": project}, headers=inside)
    assert {line["what"] for line in of_project.json()["items"]} == set(SHIPPED["project"])
    elsewhere = here.services.projects.create(local_actor(0), "elsewhere").id
    hidden = here.client.get(f"{API}/usage", params={"subject": "project", "subject_id": elsewhere}, headers=inside)
    assert hidden.status_code == 404
    half = here.client.get(f"{API}/usage", params={"subject": "project"}, headers=inside)
    assert (half.status_code, half.json()["error"]["code"]) == (422, "subject_incomplete")


def test_a_projects_admin_reads_its_limits_and_raises_none(here: Site) -> None:
    project = project_of(here)
    elsewhere = here.services.projects.create(ROOT, "elsewhere").id
    _, headers = here.key(permissions=["limit.read", "limit.write"], projects=[project])

    def put(**body: Any) -> int:
        wanted = {"what": "calls", "amount": 5000, **body}
        return int(here.client.put(f"{API}/limits", json=wanted, headers=headers).status_code)

    for whose in ({"subject_id": project}, {"subject_id": elsewhere}, {}):
        assert put(subject="project", **whose) == 403
    assert put(subject="key") == 403
    here.put("project", "calls", 9000, elsewhere)
    here.put("project", "calls", 9000, project)
    here.put("key", "calls", 9000)
    listed = here.client.get(f"{API}/limits", headers=headers).json()["items"]
    assert [item["subject_id"] for item in listed] == [project]


@pytest.mark.parametrize(
    "body",
    [
        {"subject": "key", "what": "storage", "amount": 1},
        {"subject": "address", "subject_id": "198.51.100.7", "what": "calls", "amount": 1},
        {"subject": "key", "what": "calls", "amount": -1},
        {"subject": "key", "what": "calls"},
        {"subject": "key", "what": "calls", "amount": 1, "window_seconds": 0},
        {"subject": "project", "what": "storage", "amount": 1, "window_seconds": 60},
        {"subject": "key", "what": "calls", "amount": 2**60},
        {"subject": "worker", "what": "calls", "amount": 1},
        {"subject": "key", "what": "calls", "amount": 1, "extra": True},
    ],
)
def test_limits_that_cannot_be(here: Site, body: dict[str, Any]) -> None:
    _, headers = here.key(permissions=ALL)
    before = here.rows()["limit_overrides"]
    assert here.client.put(f"{API}/limits", json=body, headers=headers).status_code == 422
    assert here.rows()["limit_overrides"] == before


def test_a_deleted_projects_limits_go_with_it(here: Site) -> None:
    made = here.services.projects.create(ROOT, "short")
    here.put("project", "calls", 1, made.id)
    here.services.projects.delete(ROOT, made.id, "short")
    assert here.rows()["limit_overrides"] == 0
