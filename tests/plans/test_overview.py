"""What the overview is made of: protection folded over every database, and growth day by day."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
import sqlalchemy as sa
from statements import statements
from stepped import Stepped
from world import OWNER, actor_with

from holdfast.features.backups.model import snapshots
from holdfast.features.databases.model import resources
from holdfast.kernel.errors import Denied, NotFound
from holdfast.kernel.ids import new_id


def whys(here: Stepped, **more: object) -> dict[str, str]:
    found = here.services.protection.of(OWNER, here.project.id, **more)  # type: ignore[arg-type]
    return {each.name: each.why for each in found.worst}


def change(here: Stepped, name: str, **values: object) -> None:
    with here.db.write() as conn:
        conn.execute(snapshots.update().where(snapshots.c.resource_name == name).values(**values))


def test_each_database_says_the_worst_that_is_true_of_it(here: Stepped) -> None:
    for name in ("fine", "red", "doubtful", "overdue"):
        here.database(name, labels={"plan": "yes"})
    here.plan(selection={"labels": ["plan=yes"]})
    here.at(datetime(2026, 3, 2, 2, 0, 1, tzinfo=UTC))
    here.work()
    here.database("never")
    here.database("unplanned")
    unplanned = next(each for each in here.services.databases.list(OWNER) if each.name == "unplanned")
    here.services.snapshots.create(OWNER, unplanned.id)
    here.work()
    change(here, "red", verification="red")
    change(here, "doubtful", verification="yellow")
    assert whys(here) == {
        "never": "never",
        "red": "damaged",
        "doubtful": "unverified",
        "unplanned": "unplanned",
        "fine": "fine",
        "overdue": "fine",
    }
    found = here.services.protection.of(OWNER, here.project.id, limit=2)
    assert [each.name for each in found.worst] == ["never", "red"]  # the worst, whatever their names
    assert dict(found.counts) == {"bad": 2, "warn": 2, "good": 2}
    assert found.source_bytes == sum(s.source_bytes or 0 for s in _ready(here))
    assert found.restored is False
    here.clock.advance(3 * 24 * 3600)  # nothing works meanwhile
    late = here.services.protection.of(OWNER, here.project.id)
    assert [(each.plan_name, each.at) for each in late.due] == [("nightly", datetime(2026, 3, 3, 2, tzinfo=UTC))]
    assert {each.name for each in late.worst if each.why == "late"} == {"fine", "doubtful", "overdue"}
    assert {each.at for each in late.worst if each.why == "late"} == {datetime(2026, 3, 4, 2, tzinfo=UTC)}
    assert whys(here, environment_id=here.production.id) == {}


def _ready(here: Stepped) -> list[sa.Row[tuple[int | None]]]:
    with here.db.read() as conn:
        return list(conn.execute(sa.select(snapshots.c.source_bytes).where(snapshots.c.state == "ready")))


def test_a_try_that_failed_after_the_newest_good_one_is_said(here: Stepped) -> None:
    shop = here.database("shop")
    here.services.snapshots.create(OWNER, shop.id)
    here.work()
    second, _ = here.services.snapshots.create(OWNER, shop.id)
    here.work()
    assert whys(here)["shop"] == "unplanned"
    with here.db.write() as conn:
        conn.execute(snapshots.update().where(snapshots.c.id == second.id).values(state="failed"))
    assert whys(here)["shop"] == "failed"
    with here.db.write() as conn:
        conn.execute(snapshots.update().where(snapshots.c.id != second.id).values(trigger="import"))
    assert whys(here)["shop"] == "never"  # what was loaded from a file never was the living database


def test_statements_do_not_grow_with_databases_and_all_of_them_count(here: Stepped) -> None:
    shop = here.database("shop")
    here.plan()

    def asked() -> int:
        with statements(here.db) as heard:
            here.services.protection.of(OWNER, here.project.id)
        return len(heard)

    few = asked()
    with here.db.write() as conn:
        row = dict(conn.execute(sa.select(resources).where(resources.c.id == shop.id)).mappings().one())
        many = [{**row, "id": new_id("db"), "name": f"more{number:04}"} for number in range(450)]
        conn.execute(resources.insert(), many)
    assert asked() == few <= 8
    found = here.services.protection.of(OWNER, here.project.id)
    assert found.counts["bad"] == 451
    assert len(found.worst) == 12


def test_growth_follows_what_was_taken_kept_and_deleted(here: Stepped) -> None:
    shop = here.database("shop")
    here.plan()
    for day in (2, 3, 4):
        here.at(datetime(2026, 3, day, 2, 0, 1, tzinfo=UTC))
        here.work()
    sizes = [(100, 10), (140, 5), (120, 7)]
    taken = here.snapshots(shop)
    with here.db.write() as conn:
        for snapshot, (source, stored) in zip(taken, sizes, strict=True):
            values = {"source_bytes": source, "stored_bytes": stored}
            conn.execute(snapshots.update().where(snapshots.c.id == snapshot.id).values(**values))
        gone = {"state": "deleted", "deleted_at": datetime(2026, 3, 4, 9, tzinfo=UTC)}
        conn.execute(snapshots.update().where(snapshots.c.id == taken[0].id).values(**gone))
    growth = here.services.growth

    def points(days: int = 90) -> list[tuple[int, int, int]]:
        found = growth.of(OWNER, here.project.id, days=days)
        return [(point.day.day, point.source_bytes, point.stored_bytes) for point in found]

    assert points() == [(2, 100, 10), (3, 140, 15), (4, 120, 12)]
    here.clock.advance(24 * 3600)
    assert points(2) == [(4, 120, 12), (5, 120, 12)]  # what was before the window counts in it
    with here.db.write() as conn:
        conn.execute(resources.update().values(deleted_at=here.clock.now()))
    assert points()[-1] == (5, 0, 12)  # its snapshots stay stored, but there is nothing more to protect
    assert growth.of(OWNER, here.project.id)[0].day == date(2026, 3, 2)
    assert growth.of(OWNER, here.project.id, environment_id=here.production.id) == []


def test_who_may_not_see_metrics_is_told_so_and_plans_count_for_who_sees_them(here: Stepped) -> None:
    here.database("shop")
    for service in (here.services.protection, here.services.growth):
        with pytest.raises(Denied):
            service.of(actor_with("project.read"), here.project.id)
        with pytest.raises(NotFound):
            service.of(actor_with("project.read", "metric.read", projects=frozenset({"prj_other"})), here.project.id)
    here.services.snapshots.create(OWNER, here.services.databases.list(OWNER)[0].id)
    here.work()
    blind = here.services.protection.of(actor_with("project.read", "metric.read"), here.project.id)
    assert [each.why for each in blind.worst] == ["fine"]
