"""A project or environment in which something lives is not deleted, by nobody."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from inside import ROOT, Inside, inside
from inside_rows import NOW, repository_row, resource_row, snapshot_row
from inside_workers import worker_row

from holdfast.features.backups import store as backups
from holdfast.features.databases import store as databases
from holdfast.features.workers import store as workers
from holdfast.jobs import Jobs
from holdfast.jobs.schema import runs
from holdfast.kernel.clock import SystemClock
from holdfast.kernel.db import metadata

pytestmark = pytest.mark.xdist_group("http-occupied")


@pytest.fixture(scope="module")
def here() -> Iterator[Inside]:
    with inside() as made:
        yield made


@pytest.fixture
def project(here: Inside, request: pytest.FixtureRequest) -> tuple[str, str]:
    """A fresh project's id and that of its first environment."""
    made = here.services.projects.create(ROOT, request.node.name[:60])
    return made.id, here.services.projects.environments(ROOT, made.id)[0].id


def refused(here: Inside, project_id: str, environment_id: str) -> str:
    """Both deletions answer the same Conflict and change nothing; its message."""
    headers = here.key()
    projects, environments = here.services.projects, here.client
    names = projects.get(ROOT, project_id).name, projects.environment(ROOT, environment_id).name
    before = here.rows()
    said = set()
    for where, name in ((f"projects/{project_id}", names[0]), (f"environments/{environment_id}", names[1])):
        answer = environments.request("DELETE", f"/api/v1/{where}", json={"confirm": name}, headers=headers)
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "environment_not_empty")
        said.add(answer.json()["error"]["message"])
    assert here.rows() == before
    assert len(said) == 1
    return said.pop()


def gone(here: Inside, project_id: str) -> None:
    """Now it can be deleted, and nothing of it is left: no environment, no data key."""
    name = here.services.projects.get(ROOT, project_id).name
    here.services.projects.delete(ROOT, project_id, name)
    with here.services.db.read() as conn:
        for table in ("environments", "data_keys"):
            column = metadata.tables[table].c.project_id
            assert conn.execute(metadata.tables[table].select().where(column == project_id)).first() is None


@pytest.mark.parametrize(
    "changes",
    [
        {"state": "creating"},
        {"state": "ready"},
        {"state": "failed"},
        {"state": "deleted", "deleted_at": NOW, "purge_after": NOW + timedelta(days=7)},
    ],
    ids=["creating", "ready", "failed", "grace"],
)
def test_a_resource_keeps_it(here, project, changes: dict[str, Any]) -> None:
    """Also a failed one, and a deleted one until it is purged: it may be brought back."""
    with here.services.db.write() as conn:
        resource = resource_row(*project, "shop's", **changes)
        databases.insert(conn, resource)
    said = refused(here, *project)
    assert '"shop\'s"' in said
    assert ("not purged" in said) is ("deleted_at" in changes)
    with here.services.db.write() as conn:
        databases.change(conn, resource.id, now=NOW, deleted_at=NOW, purged_at=NOW)
    gone(here, project[0])


def test_a_snapshot_keeps_it(here, project) -> None:
    """Its database is long gone: the snapshot is what is left of it."""
    with here.services.db.write() as conn:
        resource = resource_row(*project, "shop", purged_at=NOW, deleted_at=NOW)
        databases.insert(conn, resource)
        repository = repository_row(project[0], "local")
        backups.insert(conn, repository)
        snapshot = snapshot_row(resource, repository.id)
        backups.insert(conn, snapshot)
    assert snapshot.id in refused(here, *project)
    with here.services.db.write() as conn:
        backups.change(conn, type(snapshot), snapshot.id, state="deleted", deleted_at=NOW)
    gone(here, project[0])


def test_a_worker_keeps_it(here, project) -> None:
    """Also a deleted one until it is purged."""
    with here.services.db.write() as conn:
        worker = worker_row({"project_id": project[0], "environment_id": project[1]}, "api")
        workers.insert(conn, worker)
    assert "the worker 'api'" in refused(here, *project)
    with here.services.db.write() as conn:
        workers.change(conn, worker.id, 1, NOW, {"deleted_at": NOW, "purge_after": NOW})
    assert "not purged" in refused(here, *project)
    with here.services.db.write() as conn:
        workers.delete(conn, worker.id)
    gone(here, project[0])


def test_a_run_at_work_keeps_it(here, project) -> None:
    with here.services.db.write() as conn:
        run = Jobs(here.services.db, clock=SystemClock()).submit(
            conn, kind="snapshot.delete", actor="usr_x", project_id=project[0], environment_id=project[1]
        )
    assert run.id in refused(here, *project)
    with here.services.db.write() as conn:
        conn.execute(runs.update().where(runs.c.id == run.id).values(state="cancelled"))
    gone(here, project[0])


def test_the_wrong_name_deletes_nothing(here, project) -> None:
    headers, before = here.key(), here.rows()
    for where in (f"projects/{project[0]}", f"environments/{project[1]}"):
        answer = here.client.request("DELETE", f"/api/v1/{where}", json={"confirm": "x"}, headers=headers)
        assert (answer.status_code, answer.json()["error"]["code"]) == (422, "confirm_mismatch")
    assert here.rows() == before
