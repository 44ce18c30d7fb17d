"""Copies out of production: a permission of their own, masked before anyone can look, gone when masking fails."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from world import OWNER, World, actor_with, refused

from holdfast.features.access.permissions import ALL
from holdfast.features.backups.model import Snapshot
from holdfast.features.backups.restore_service import RestoreWish
from holdfast.features.databases.service import Wanted
from holdfast.features.masking.service import WantedProfile
from holdfast.features.projects.model import environments
from holdfast.kernel import audit

pytestmark = pytest.mark.slow
ENGINES = ("sqlite", "postgresql")


@pytest.fixture(scope="module", params=ENGINES)
def taken(here: World, request: pytest.FixtureRequest) -> Snapshot:
    """Of a production database with two people in it."""
    wanted = Wanted(here.production.id, request.param, f"live-{request.param}", {}, {})
    resource, run = here.services.databases.create(OWNER, wanted)
    here.succeeded(run)
    here.write(
        resource.id,
        "create table people (id integer primary key, email text)",
        "insert into people values (1, 'ada@example.org'), (2, 'o''neil@example.org')",
    )
    return here.snapshot(resource.id)


def profile(here: World, engine: str, name: str, *statements: str) -> str:
    """A profile of a fresh name; its name."""
    made = here.services.masking.create(OWNER, here.project.id, WantedProfile(f"{name}-{engine}", engine, statements))
    return made.name


def wish(here: World, name: str, masking: str | None = None) -> RestoreWish:
    return RestoreWish("new", name=name, environment_id=here.environment.id, masking=masking)


def demand(here: World, required: bool) -> None:
    with here.db.write() as conn:
        one = environments.c.id == here.production.id
        conn.execute(environments.update().where(one).values(masking_required=required))


def names(here: World) -> set[str]:
    found = here.services.databases.list(OWNER, limit=200)
    return {each.name for each in found if each.state != "failed"}


def test_a_copy_needs_its_own_permission(here: World, taken: Snapshot) -> None:
    """Restore and create are not enough; with them within production it goes as before."""
    lacking = actor_with(*(ALL - {"snapshot.copy.lower"}))
    copy = wish(here, f"denied-{taken.engine}")
    error = refused("permission_denied", lambda: here.services.restores.restore(lacking, taken.id, copy))
    assert error.details == {"permission": "snapshot.copy.lower"}
    refused("permission_denied", lambda: here.services.restores.preview(lacking, taken.id, copy))
    assert f"denied-{taken.engine}" not in names(here)
    with_it = here.services.restores.preview(OWNER, taken.id, copy)
    assert with_it.blockers == []
    inside = replace(copy, environment_id=here.production.id)
    assert [each["code"] for each in here.services.restores.preview(lacking, taken.id, inside).blockers] == [
        "restore_not_allowed"
    ]


def test_the_copy_is_masked_before_it_is_ready(here: World, taken: Snapshot) -> None:
    name = profile(
        here,
        taken.engine,
        "names",
        "update people set email = 'person' || id || '@example.invalid'",
        "delete from people where id = 2",
    )
    copy, restore, run = here.services.restores.restore(OWNER, taken.id, wish(here, f"masked-{taken.engine}", name))
    here.succeeded(run, 120)
    assert here.rows(copy.id, "select id, email from people") == [(1, "person1@example.invalid")]
    assert here.rows(taken.resource_id, "select count(*) from people where email like '%example.org'") == [(2,)]
    done, _ = next(each for each in here.services.snapshots.restores(OWNER, resource_id=copy.id, **ALL_OF))
    assert done.receipt is not None
    assert [each["statement"] for each in done.receipt["masking"]] == [1, 2]
    assert (done.id, done.masking and done.masking["name"]) == (restore.id, name)
    with here.db.read() as conn:
        rows = conn.execute(audit.audit_events.select().where(audit.audit_events.c.action == "snapshot.restore"))
        assert name in [row.details["masking"] for row in rows]


def test_a_profile_that_changes_meanwhile_changes_nothing(here: World, taken: Snapshot) -> None:
    """What was asked for is what is done: the statements are the restore's own from then on."""
    name = profile(here, taken.engine, "meanwhile", "update people set email = 'hidden'")
    here.stop_runner()
    copy, _, run = here.services.restores.restore(OWNER, taken.id, wish(here, f"meanwhile-{taken.engine}", name))
    found = next(each for each in here.services.masking.list(OWNER, here.project.id, limit=200) if each.name == name)
    here.services.masking.update(OWNER, found.id, found.version, {"statements": ["select 1"]})
    here.services.masking.delete(OWNER, found.id, name)
    here.start_runner()
    here.succeeded(run, 120)
    assert here.rows(copy.id, "select distinct email from people") == [("hidden",)]


def test_a_half_masked_copy_is_not_kept(here: World, taken: Snapshot) -> None:
    """Nor does the error tell what the rows held: servers put values into their messages."""
    name = profile(here, taken.engine, "broken", "delete from people where id = 1", "update absent set email = 1")
    copy, _, run = here.services.restores.restore(OWNER, taken.id, wish(here, f"broken-{taken.engine}", name))
    ended = here.ended(run, 120)
    assert (ended.state, (ended.error or {})["code"]) == ("failed", "masking_failed")
    assert (ended.error or {})["details"]["statement"] == 2
    assert "example.org" not in repr(ended.error)
    assert here.database(copy.id).state == "failed"
    assert not (here.settings.data / "databases" / copy.id).exists()


def test_where_masking_is_demanded_no_copy_goes_without(here: World, taken: Snapshot) -> None:
    name = profile(here, taken.engine, "demanded", "update people set email = 'hidden'")
    demand(here, True)
    try:
        bare = wish(here, f"bare-{taken.engine}")
        refused("masking_required", lambda: here.services.restores.restore(OWNER, taken.id, bare))
        outlook = here.services.restores.preview(OWNER, taken.id, bare)
        assert [each["code"] for each in outlook.blockers] == ["masking_required"]
        masked = replace(bare, masking=name)
        assert here.services.restores.preview(OWNER, taken.id, masked).blockers == []
    finally:
        demand(here, False)
    assert f"bare-{taken.engine}" not in names(here)


def test_a_profile_of_another_engine_or_of_nowhere(here: World, taken: Snapshot) -> None:
    other = next(engine for engine in ENGINES if engine != taken.engine)
    name = profile(here, other, f"for-{taken.engine}", "select 1")
    refused("masking_engine", lambda: here.services.restores.restore(OWNER, taken.id, wish(here, "x", name)))
    refused("masking_profile_not_found", lambda: here.services.restores.restore(OWNER, taken.id, wish(here, "x", "no")))


@pytest.mark.parametrize("statements", [[], [" "], ["x" * 20_001], ["select 1"] * 201, ["a\0b"]])
def test_statements_that_are_none(here: World, statements: list[str]) -> None:
    make = WantedProfile("none", "sqlite", statements)
    refused("statements_invalid", lambda: here.services.masking.create(OWNER, here.project.id, make))


ALL_OF: dict[str, Any] = {"project_id": None, "snapshot_id": None, "state": None, "after": None, "limit": 10}
