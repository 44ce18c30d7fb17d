"""Migrations through a real runner on real databases: applied, taken back, rehearsed, compared, and what is refused."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from world import OWNER, World, actor_with, refused

from holdfast.features.access.permissions import ALL
from holdfast.features.databases.model import Resource
from holdfast.features.databases.service import Wanted
from holdfast.features.migrations.service import ApplyWish, WantedMigration
from holdfast.kernel import audit

pytestmark = pytest.mark.slow
ENGINES = ("sqlite", "postgresql")
QUICK = ApplyWish(snapshot=False)
NAME = "a\"b'; -- ü"


@pytest.fixture(scope="module", params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def home(here: World, engine: str) -> Resource:
    """One database of each engine; its tests use tables of their own, in this order."""
    return here.create(engine, f"moved-{engine}")


def store(
    here: World, resource: Resource, name: str, up: str, down: str | None = None, number: int | None = None
) -> int:
    wanted = WantedMigration(name, up, down, number)
    return here.services.migrations.create(OWNER, resource.id, wanted).number


def apply(here: World, resource: Resource, wish: ApplyWish = QUICK) -> dict[str, Any]:
    done = here.succeeded(here.services.migrations.apply(OWNER, resource.id, wish), 120)
    return dict(done.result or {})


def states(here: World, resource: Resource) -> dict[int, str]:
    return {each.number: each.state for each in here.services.migrations.status(OWNER, resource.id)}


def actions(here: World, resource: Resource) -> list[str]:
    with here.db.read() as conn:
        table = audit.audit_events
        rows = conn.execute(table.select().where(table.c.resource_id == resource.id).order_by(table.c.id))
        return [row.action for row in rows if row.action.startswith("migration.")]


def test_apply_and_take_back(here: World, home: Resource) -> None:
    """A snapshot first, proven; then one transaction each, remembered in the database and here."""
    service = here.services.migrations
    store(here, home, NAME, "create table orders (id integer primary key, what text);", "drop table orders")
    store(here, home, "fill", "insert into orders values (1, 'a;b');\n-- and\ninsert into orders values (2, '--')",
          "delete from orders")  # fmt: skip
    assert states(here, home) == {1: "pending", 2: "pending"}
    result = apply(here, home, ApplyWish())
    assert result["applied"] == [1, 2]
    snapshot = here.services.snapshots.get(OWNER, str(result["snapshot_id"]))
    assert (snapshot.state, snapshot.verified_level, snapshot.trigger) == ("ready", 1, "safety")
    assert here.rows(home.id, "select id, what from orders order by id") == [(1, "a;b"), (2, "--")]
    assert here.rows(home.id, "select version, state, actor from _holdfast_migrations order by version") == [
        (1, "applied", OWNER.id), (2, "applied", OWNER.id)
    ]  # fmt: skip
    refused("nothing_pending", lambda: service.apply(OWNER, home.id, QUICK))
    wish = ApplyWish(steps=1, snapshot=False, confirm=home.name)
    here.succeeded(service.rollback(OWNER, home.id, wish))
    assert states(here, home) == {1: "applied", 2: "pending"}
    assert here.rows(home.id, "select count(*) from orders") == [(0,)]
    assert apply(here, home)["applied"] == [2]
    history = service.history(OWNER, home.id, after=None, limit=10)
    assert [(each.number, each.direction, each.outcome) for each in history] == [
        (2, "up", "succeeded"), (2, "down", "succeeded"), (2, "up", "succeeded"), (1, "up", "succeeded")
    ]  # fmt: skip
    assert actions(here, home)[-4:] == [
        "migration.rollback", "migration.rollback.done", "migration.apply", "migration.apply.done"
    ]  # fmt: skip


def test_the_first_failure_ends_it(here: World, home: Resource) -> None:
    """Those before it stay, nothing of it does, and the run says which line it was."""
    number = store(here, home, "good", "create table good (id integer)")
    store(here, home, "bad", "create table half (id integer);\n\ninsert into nowhere values (1);")
    store(here, home, "never", "create table never (id integer)")
    ended = here.ended(here.services.migrations.apply(OWNER, home.id, QUICK))
    assert ended.state == "failed"
    error = dict(ended.error or {})
    assert (error["details"]["number"], error["details"]["statement"], error["details"]["line"]) == (number + 1, 2, 3)
    standing = states(here, home)
    assert [standing[each] for each in range(number, number + 3)] == ["applied", "pending", "pending"]
    tables = {relation.name for relation in inspect(here, home)}
    assert "good" in tables
    assert not tables & {"half", "never"}
    newest = here.services.migrations.history(OWNER, home.id, after=None, limit=1)[0]
    assert (newest.outcome, newest.number) == ("failed", number + 1)
    store(here, home, "bad", "create table mended (id integer)", "drop table mended", number + 1)
    assert apply(here, home)["applied"] == [number + 1, number + 2]


def inspect(here: World, resource: Resource) -> Any:
    async def look() -> Any:
        found = await here.services.queries.inspect(OWNER, resource.id, "shallow")
        await here.services.queries.drain()
        return found.relations

    return asyncio.run(look())


def test_what_is_applied_does_not_change(here: World, home: Resource) -> None:
    service = here.services.migrations
    refused("migration_changed", lambda: store(here, home, "fill", "select 1", None, 2))
    same = service.list(OWNER, home.id)[1]
    assert (
        store(here, home, same.name, same.up.replace("\n", "\r\n") + "\n", "select 1", 2) == 2
    )  # a way back may be mended
    assert service.list(OWNER, home.id)[1].down == "select 1"
    late = store(here, home, "late", "create table late (id integer)", None, 0)
    refused("out_of_order", lambda: service.apply(OWNER, home.id, QUICK))
    refused("migration_applied", lambda: service.delete(OWNER, same.id))
    assert apply(here, home, ApplyWish(snapshot=False, out_of_order=True))["applied"] == [late]
    wish = ApplyWish(to=0, snapshot=False, confirm="wrong")
    refused("confirm_mismatch", lambda: service.rollback(OWNER, home.id, wish))
    last = max(states(here, home))
    irreversible = ApplyWish(steps=last + 1, snapshot=False, confirm=home.name)
    refused("irreversible", lambda: service.rollback(OWNER, home.id, irreversible))


def test_scripts_that_are_none(here: World, home: Resource) -> None:
    """Refused when they are stored, not when they are run."""
    before = len(here.services.migrations.list(OWNER, home.id, limit=100))
    refused("script_transaction", lambda: store(here, home, "x", "create table x (a int); commit"))
    refused("script_unterminated", lambda: store(here, home, "x", "select 'a"))
    if home.engine == "postgresql":
        refused("script_command", lambda: store(here, home, "x", "select 1;\n\\! touch /tmp/pwned"))
    assert len(here.services.migrations.list(OWNER, home.id, limit=100)) == before


@pytest.mark.parametrize("on_clone", [False, True])
def test_a_rehearsal_keeps_nothing(here: World, home: Resource, on_clone: bool) -> None:
    number = store(here, home, "tried", "alter table orders add column more text; create index im on orders (more)")
    before = (states(here, home), [column.name for column in orders(here, home)])
    run = here.services.migrations.rehearse(OWNER, home.id, ApplyWish(on_clone=on_clone))
    result = dict(here.succeeded(run, 120).result or {})
    (tried,) = [each for each in result["rehearsed"] if each["number"] == number]
    assert tried["statements"] == 2
    assert bool(tried["locks"]) is not on_clone
    assert (states(here, home), [column.name for column in orders(here, home)]) == before
    assert list((here.settings.data / "scratch").glob("**/clone-*")) == []
    here.services.migrations.delete(OWNER, here.services.migrations.list(OWNER, home.id, limit=200)[-1].id)


def orders(here: World, resource: Resource) -> Any:
    return next(relation.columns for relation in inspect(here, resource) if relation.name == "orders")


def test_drift(here: World, home: Resource) -> None:
    """Whatever somebody changed beside the migrations is listed; a baseline takes it as it is."""
    service = here.services.migrations
    assert service.drift(OWNER, home.id)[1] == []
    here.write(
        home.id,
        "alter table orders add column sneaked integer",
        "create index sneaky on orders (sneaked)",
        "create table beside (id integer check (id > 0))",
        "drop table never",
    )
    found = {(each.change, each.name.rpartition(".")[2]) for each in service.drift(OWNER, home.id)[1]}
    assert {("added", "sneaked"), ("added", "sneaky"), ("added", "beside"), ("removed", "never")} <= found
    here.succeeded(service.baseline(OWNER, home.id, ApplyWish()))
    assert service.drift(OWNER, home.id)[1] == []
    here.write(home.id, "drop table beside", "create table beside (id integer check (id > 1))")
    assert service.drift(OWNER, home.id)[1] != []


def test_a_restored_database_knows_its_state(here: World, home: Resource) -> None:
    """The ledger came with it: nothing runs twice, and what is not stored here is named so."""
    snapshot = here.snapshot(home.id, level=1)
    copy = here.restore(snapshot.id, mode="new", name=f"back-{home.engine}", environment_id=here.environment.id)
    assert set(states(here, copy).values()) == {"unknown"}
    for each in here.services.migrations.list(OWNER, home.id, limit=200):
        store(here, copy, each.name, each.up, each.down, each.number)
    assert states(here, copy) == states(here, home)
    refused("nothing_pending", lambda: here.services.migrations.apply(OWNER, copy.id, QUICK))


def test_a_baseline_of_what_was_there(here: World, engine: str) -> None:
    made = here.create(engine, f"old-{engine}")
    here.write(made.id, "create table orders (id integer)")
    store(here, made, "orders", "create table orders (id integer)")
    store(here, made, "more", "create table more (id integer)")
    here.succeeded(here.services.migrations.baseline(OWNER, made.id, ApplyWish(to=1)))
    assert states(here, made) == {1: "applied", 2: "pending"}
    assert apply(here, made)["applied"] == [2]


def test_production_is_handled_with_care(here: World) -> None:
    wanted = Wanted(here.production.id, "sqlite", "live", {}, {})
    live, run = here.services.databases.create(OWNER, wanted)
    here.succeeded(run)
    live = here.database(live.id)
    store(here, live, "orders", "create table orders (id integer)")
    refused("confirm_mismatch", lambda: here.services.migrations.apply(OWNER, live.id, QUICK))
    assert states(here, live) == {1: "pending"}
    assert apply(here, live, ApplyWish(snapshot=False, confirm=live.name))["applied"] == [1]


def test_who_may(here: World, home: Resource) -> None:
    lacking = actor_with(*(ALL - {"migration.apply"}))
    service, before = here.services.migrations, (states(here, home), here.count("migrations"), here.count("runs"))
    wish = ApplyWish(steps=1, confirm=home.name)
    for act in (
        lambda: service.apply(lacking, home.id, QUICK),
        lambda: service.rollback(lacking, home.id, wish),
        lambda: service.rehearse(lacking, home.id, QUICK),
        lambda: service.baseline(lacking, home.id, QUICK),
        lambda: service.create(lacking, home.id, WantedMigration("x", "select 1")),
    ):
        refused("permission_denied", act)
    reader = actor_with(*(ALL - {"migration.read"}))
    for look in (service.status, service.drift, service.list):
        refused("permission_denied", lambda look=look: look(reader, home.id))
    assert (states(here, home), here.count("migrations"), here.count("runs")) == before
