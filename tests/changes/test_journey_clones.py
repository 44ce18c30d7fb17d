"""A living database cloned into a new one: equal by digest, masked where it must be, and no half of one ever left."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from world import OWNER, World, actor_with, eventually, refused

from holdfast.features.access.permissions import ALL
from holdfast.features.copies.model import clones
from holdfast.features.copies.service import CloneWish
from holdfast.features.databases.model import Resource
from holdfast.features.databases.service import Wanted
from holdfast.features.masking.service import WantedProfile
from holdfast.features.projects.model import environments

pytestmark = pytest.mark.slow
ENGINES = ("sqlite", "postgresql")
AWKWARD = "a\"b'; -- ü"


@pytest.fixture(scope="module", params=ENGINES)
def live(here: World, request: pytest.FixtureRequest) -> Resource:
    return filled(here, request.param, "live")


@pytest.fixture(scope="module")
def simple(here: World) -> Resource:
    """Where the engine makes no difference."""
    return filled(here, "sqlite", "simple")


def filled(here: World, engine: str, name: str) -> Resource:
    """A production database of two people, an index, a view and a table with an awkward name."""
    wanted = Wanted(here.production.id, engine, f"{name}-{engine}", {}, {})
    made, run = here.services.databases.create(OWNER, wanted)
    here.succeeded(run)
    quoted = '"' + AWKWARD.replace('"', '""') + '"'
    here.write(
        made.id,
        "create table people (id integer primary key, email text)",
        "insert into people values (1, 'ada@example.org'), (2, 'o''neil@example.org')",
        "create index by_email on people (email)",
        "create view names as select email from people",
        f"create table {quoted} (x text)",
        f"insert into {quoted} values ('ü'';--')",
    )
    return here.database(made.id)


def clone(here: World, source: Resource, name: str, **wish: Any) -> tuple[Resource, Any]:
    wish.setdefault("environment_id", here.environment.id)
    made, _, run = here.services.copies.clone(OWNER, source.id, CloneWish(f"{name}-{source.engine}", **wish))
    return made, run


def names(here: World) -> set[str]:
    return {each.name for each in here.services.databases.list(OWNER, limit=200)}


def rows(here: World, table: str = "clones") -> int:
    return here.count(table)


def test_it_is_the_same_and_apart(here: World, live: Resource) -> None:
    """Equal at its moment; what is written to one is not in the other; it says where it came from."""
    made, run = clone(here, live, "copy", masking=None)
    done = here.succeeded(run, 120)
    quoted = '"' + AWKWARD.replace('"', '""') + '"'
    for statement in ("select id, email from people order by id", f"select x from {quoted}", "select * from names"):
        assert here.rows(made.id, statement) == here.rows(live.id, statement)
    here.write(made.id, "insert into people values (3, 'new@example.org')")
    assert here.rows(live.id, "select count(*) from people") == [(2,)]
    with here.db.read() as conn:
        row = conn.execute(clones.select().where(clones.c.run_id == done.id)).one()
    assert row.verdict["ok"] is True
    assert any("people" in check["name"] for check in row.verdict["checks"])
    origin = here.services.copies.origin(OWNER, made.id)
    assert (origin.how, origin.source_id, origin.source_name) == ("cloned", live.id, live.name)
    assert origin.moment is not None
    assert here.services.copies.origin(OWNER, live.id).how == "created"
    assert list((here.settings.data / "scratch").glob("**/clone-*")) == []


def test_writers_go_on(here: World, live: Resource) -> None:
    """The clone is one moment of a database that is being written to."""
    stop = threading.Event()
    here.write(live.id, "create table busy (id integer primary key, twin integer)")

    def write() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            here.write(live.id, f"insert into busy values ({number}, {number})")

    writer = threading.Thread(target=write)
    writer.start()
    try:
        made, run = clone(here, live, "busy")
        here.succeeded(run, 120)
    finally:
        stop.set()
        writer.join(20)
    ((count, last),) = here.rows(made.id, "select count(*), coalesce(max(id), 0) from busy")
    assert count == last, "a row is missing in the middle: that was no moment"
    here.write(live.id, "drop table busy")


def test_out_of_production_as_restores_are(here: World, simple: Resource) -> None:
    lacking = actor_with(*(ALL - {"snapshot.copy.lower"}))
    wish = CloneWish(f"denied-{simple.engine}", here.environment.id)
    before = (names(here), rows(here), rows(here, "runs"))
    error = refused("permission_denied", lambda: here.services.copies.clone(lacking, simple.id, wish))
    assert error.details == {"permission": "snapshot.copy.lower"}
    for missing in ("database.clone", "database.create"):
        without = actor_with(*(ALL - {missing}))
        refused("permission_denied", lambda without=without: here.services.copies.clone(without, simple.id, wish))
    with here.db.write() as conn:
        one = environments.c.id == here.production.id
        conn.execute(environments.update().where(one).values(masking_required=True))
    try:
        refused("masking_required", lambda: clone(here, simple, "bare"))
    finally:
        with here.db.write() as conn:
            conn.execute(environments.update().where(one).values(masking_required=False))
    assert (names(here), rows(here), rows(here, "runs")) == before


def test_masked_before_it_is_ready(here: World, live: Resource) -> None:
    statements = ["update people set email = 'person' || id", "delete from people where id = 2"]
    profile = WantedProfile(f"hide-{live.engine}", live.engine, statements)
    here.services.masking.create(OWNER, here.project.id, profile)
    made, run = clone(here, live, "masked", masking=profile.name)
    here.succeeded(run, 120)
    assert here.rows(made.id, "select id, email from people") == [(1, "person1")]
    assert here.services.copies.origin(OWNER, made.id).masking == profile.name


def test_a_half_masked_clone_is_not_kept(here: World, simple: Resource) -> None:
    profile = WantedProfile(
        f"broken-{simple.engine}", simple.engine, ["delete from people", "update nowhere set a = 1"]
    )
    here.services.masking.create(OWNER, here.project.id, profile)
    made, run = clone(here, simple, "broken", masking=profile.name)
    ended = here.ended(run, 120)
    assert (ended.state, (ended.error or {})["code"]) == ("failed", "masking_failed")
    assert here.database(made.id).state == "failed"
    assert not (here.settings.data / "databases" / made.id).exists()


def test_cancelled_before_it_began(here: World, simple: Resource) -> None:
    """Nothing of it is on the host, and nobody waits for it."""
    here.stop_runner()
    made, run = clone(here, simple, "late")
    with here.db.write() as conn:
        here.services.jobs.cancel(conn, run.id)
    here.start_runner()
    assert here.ended(run).state == "cancelled"
    eventually(lambda: here.database(made.id).state == "failed", 20)
    assert not (here.settings.data / "databases" / made.id).exists()


def test_what_cannot_be_cloned(here: World, simple: Resource) -> None:
    before = rows(here)
    refused("name_taken", lambda: clone(here, simple, "simple", environment_id=here.production.id))
    refused("environment_not_found", lambda: clone(here, simple, "x", environment_id="env_0000000000000000000000"))
    assert rows(here) == before


def test_a_snapshot_restored_says_so(here: World, simple: Resource) -> None:
    snapshot = here.snapshot(simple.id, level=1)
    back = here.restore(snapshot.id, mode="new", name="from-snapshot", environment_id=here.environment.id)
    origin = here.services.copies.origin(OWNER, back.id)
    assert (origin.how, origin.snapshot_id, origin.source_id) == ("restored", snapshot.id, simple.id)
