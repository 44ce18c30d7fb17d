"""Creating once, however often it is asked, on every route that creates."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from inside import EVERYTHING, ROOT, Inside, inside
from walk_routes import ASKS

from holdfast.features.access.keys import WantedKey
from holdfast.features.transfers.model import uploads
from holdfast.web.idempotency import idempotency_keys

CREATING = [
    "POST /api/v1/keys",
    "POST /api/v1/keys/{key_id}/rotate",
    "POST /api/v1/roles",
    "POST /api/v1/grants",
    "POST /api/v1/invites",
    "POST /api/v1/sso/providers",
    "POST /api/v1/projects/{project_id}/masking-profiles",
    "POST /api/v1/projects/{project_id}/file-keys",
    "POST /api/v1/projects/{project_id}/plans",
    "POST /api/v1/plans/{plan_id}/run",
    "POST /api/v1/alert-channels",
    "POST /api/v1/alert-rules",
    "POST /api/v1/projects",
    "POST /api/v1/projects/{project_id}/environments",
    "POST /api/v1/databases",
    "POST /api/v1/databases/external",
    "POST /api/v1/repositories",
    "POST /api/v1/databases/{database_id}/saved-queries",
    "POST /api/v1/databases/{database_id}/snapshots",
    "POST /api/v1/snapshots",
    "POST /api/v1/databases/{database_id}/drills",
    "POST /api/v1/databases/{database_id}/migrations",
    "POST /api/v1/databases/{database_id}/clone",
    "POST /api/v1/databases/{database_id}/exports",
    "POST /api/v1/databases/{database_id}/uploads",
    "POST /api/v1/databases/{database_id}/imports",
    "POST /api/v1/snapshots/{snapshot_id}/restore",
    "POST /api/v1/databases/{database_id}/moves",
    "POST /api/v1/moves/{move_id}/start",
    "POST /api/v1/workers",
    "POST /api/v1/workers/{worker_id}/versions/files",
    "POST /api/v1/workers/{worker_id}/deployments",
    "POST /api/v1/workers/{worker_id}/rollback",
    "POST /api/v1/workers/{worker_id}/hosts",
    "POST /api/v1/kv-namespaces",
]
# What they need is a real database: tests/rows/test_rows_once.py and in tests/backups.
ELSEWHERE = [
    "POST /api/v1/databases/{database_id}/snapshot-imports",
    "POST /api/v1/databases/{database_id}/tables/{table}/rows",
    "POST /api/v1/snapshots/{snapshot_id}/downloads",
    "POST /api/v1/downloads",
    "POST /api/v1/workers/{worker_id}/versions",  # its body is no JSON: tests/workers
]
# Another request on the same route, where it has no name.
OTHERWISE: dict[str, dict[str, Any]] = {
    "POST /api/v1/databases/{database_id}/snapshots": {"tags": ["other"]},
    "POST /api/v1/snapshots": {"tags": ["other"]},
    "POST /api/v1/databases/{database_id}/drills": {"snapshot_id": "other"},
    "POST /api/v1/keys/{key_id}/rotate": {"overlap_seconds": 5},
    "POST /api/v1/databases/{database_id}/exports": {"format": "json"},
    "POST /api/v1/databases/{database_id}/imports": {"errors": 1},
    "POST /api/v1/plans/{plan_id}/run": {"in_seconds": 700},
    "POST /api/v1/grants": {"role": "operator"},
    "POST /api/v1/moves/{move_id}/start": {"accept": "1" * 64},
    "POST /api/v1/invites": {"email": "other@example.org"},
    "POST /api/v1/workers/{worker_id}/versions/files": {"message": "other"},
    "POST /api/v1/workers/{worker_id}/deployments": {"message": "other"},
    "POST /api/v1/workers/{worker_id}/rollback": {"message": "other"},
    "POST /api/v1/workers/{worker_id}/hosts": {"host": "other.example.org"},
}


_numbers = count(1)


@pytest.fixture(scope="module")
def house() -> Iterator[Inside]:
    with inside() as made:
        yield made


@pytest.fixture
def here(house: Inside) -> Inside:
    """One installation for all tests, and a project of its own with something of everything for each."""
    number = next(_numbers)
    project = house.services.projects.create(ROOT, f"mine {number}")
    environment = house.services.projects.environments(ROOT, project.id)[0]
    house.ids["mine"] = house.settle({"project": project.id, "environment": environment.id}, number)
    return house


@pytest.fixture
def own() -> Iterator[Inside]:
    with inside() as made:
        yield made


def call(here: Inside, route: str, headers: dict[str, str], **changes: Any) -> Any:
    if route.endswith("/imports"):
        whose = here.services.keys.actor_of(headers["Authorization"].removeprefix("Bearer ")).id
        with here.services.db.write() as conn:  # an upload is its creator's alone
            conn.execute(uploads.update().values(created_by=whose, state="complete"))
    method, path = route.split(" ", 1)
    request = ASKS[route].request(path, here.ids["mine"])
    request["headers"] |= headers
    request["json"] |= changes
    return here.client.request(method, **request)


def test_these_are_all(here) -> None:
    found = [
        f"{method.upper()} {path}"
        for path, operations in here.client.app.openapi()["paths"].items()
        for method, operation in operations.items()
        if any(parameter["name"] == "Idempotency-Key" for parameter in operation.get("parameters", ()))
    ]
    assert sorted(found) == sorted(CREATING + ELSEWHERE)


@pytest.mark.parametrize("route", CREATING)
def test_asked_twice_made_once_and_for_its_actor(here, route) -> None:
    """The same answer with a mark and no row more; another body under the same key is refused; and nobody reads
    another's answer by guessing the key."""
    headers, theirs = (here.key(permissions=EVERYTHING) | {"Idempotency-Key": "once"} for _ in range(2))
    first = call(here, route, headers)
    assert first.status_code in (201, 202), first.text
    assert "idempotent-replayed" not in first.headers
    rows, audit = here.rows(), here.audit()
    again = call(here, route, headers)
    assert again.status_code == first.status_code
    assert again.headers["idempotent-replayed"] == "true"
    shown_once = {name: None for name in ("key", "link", "secret") if name in first.json()}
    assert again.json() == first.json() | shown_once
    other = call(here, route, headers, **OTHERWISE.get(route, {"name": "other"}))
    assert (other.status_code, other.json()["error"]["code"]) == (409, "idempotency_key_reused")
    assert here.rows() == rows
    assert here.audit() == audit
    with here.services.db.read() as conn:
        assert "hf_" not in repr(list(conn.execute(idempotency_keys.select())))
    second = call(here, route, theirs)
    assert "idempotent-replayed" not in second.headers
    if second.status_code < 300:
        assert second.json() != first.json()
    else:
        assert second.json()["error"]["code"] in (
            "name_taken",
            "database_busy",
            "wrong_state",
            "grant_exists",
            "not_planned",
            "host_taken",
        )


def test_a_replay_needs_the_permission_still(here) -> None:
    key, text = here.services.keys.create(ROOT, WantedKey("once", permissions=EVERYTHING))
    headers = {"Authorization": f"Bearer {text}", "Idempotency-Key": "once"}
    assert call(here, "POST /api/v1/repositories", headers).status_code == 201
    here.services.keys.revoke(ROOT, key.id)
    assert call(here, "POST /api/v1/repositories", headers).status_code == 401


def test_a_failed_creation_keeps_no_answer(here) -> None:
    headers = here.key(permissions=EVERYTHING) | {"Idempotency-Key": "once"}
    assert call(here, "POST /api/v1/projects", headers, name="mine").status_code == 409
    assert call(here, "POST /api/v1/projects", headers, name="not taken").status_code == 201


def test_keys_are_forgotten_after_a_day(own) -> None:
    here = own
    headers = here.key(permissions=EVERYTHING) | {"Idempotency-Key": "once"}
    assert call(here, "POST /api/v1/projects", headers).status_code == 201
    with here.services.db.write() as conn:
        before = idempotency_keys.c.created_at
        (made,) = conn.execute(idempotency_keys.select().with_only_columns(before)).scalars()
        conn.execute(idempotency_keys.update().values(created_at=made - timedelta(hours=25)))
    assert call(here, "POST /api/v1/projects", headers, name="next day").status_code == 201
    with here.services.db.read() as conn:
        assert len(list(conn.execute(idempotency_keys.select()))) == 1
