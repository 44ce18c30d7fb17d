"""Finding snapshots, doing the same to many of them, and the history of runs and plans as lists and files."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from world import OWNER, World, actor_with, refused

from holdfast.features.backups.model import snapshots
from holdfast.features.backups.searching import Search
from holdfast.features.plans.model import plan_members, plan_turns
from holdfast.features.plans.wanted import WantedPlan
from holdfast.features.retention.bulk import BulkWish, Report
from holdfast.features.runs.export import COLUMNS, written
from holdfast.features.runs.store import Filter
from holdfast.kernel.clock import SystemClock
from holdfast.kernel.ids import new_id

TAG = "a\"b'; --ü%_"
"""Awkward in SQL, in JSON and in LIKE."""


@pytest.fixture(scope="module")
def filled(here: World) -> dict[str, str]:
    """Rows of snapshots, as they would be after years: name -> id."""
    now = SystemClock().now()
    database = here.create("sqlite", "searched")
    made = here.snapshot(database.id, level=1)
    ids = {"real": made.id, "database": database.id}
    wanted: dict[str, dict[str, Any]] = {
        "tagged": {"tags": [TAG, "nightly"], "taken_at": now - timedelta(days=10)},
        "nightly": {"tags": ["nightly"], "taken_at": now - timedelta(days=20)},
        "imported": {"trigger": "import", "summary": {"imported": {"file": "Old_Shop%.dump"}}, "taken_at": now},
        "held": {"hold": True, "taken_at": now - timedelta(days=400)},
    }
    with here.db.write() as conn:
        for name, changes in wanted.items():
            ids[name] = new_id("snap")
            values = vars(made) | {"tags": [], "summary": {}, "id": ids[name], "version": 1} | changes
            conn.execute(snapshots.insert().values(**values))
    return ids


def found(here: World, filled: dict[str, str], **search: Any) -> set[str]:
    names = {value: name for name, value in filled.items()}
    rows = here.services.snapshots.list(OWNER, resource_id=filled["database"], search=Search(**search))
    return {names[row.id] for row in rows}


def test_a_search_finds_what_it_says(here: World, filled: dict[str, str]) -> None:
    now = SystemClock().now()
    assert found(here, filled) == {"real", "tagged", "nightly", "imported", "held"}
    assert found(here, filled, tags=["nightly"]) == {"tagged", "nightly"}
    assert found(here, filled, tags=["nightly", TAG]) == {"tagged"}
    assert found(here, filled, tags=["night"]) == set(), "a tag is whole"
    assert found(here, filled, text="NIGHT") == {"tagged", "nightly"}
    assert found(here, filled, text="ü%_") == {"tagged"}
    assert found(here, filled, text="shop%") == {"imported"}
    assert found(here, filled, text="%") == {"tagged", "imported"}, "no wildcard of its own"
    assert found(here, filled, text=filled["held"][5:]) == {"held"}
    assert found(here, filled, text="searched") == {"real", "tagged", "nightly", "imported", "held"}
    assert found(here, filled, triggers=["import"]) == {"imported"}
    assert found(here, filled, hold=True) == {"held"}
    assert found(here, filled, until=now - timedelta(days=15)) == {"nightly", "held"}
    assert found(here, filled, since=now - timedelta(days=15), until=now - timedelta(days=5)) == {"tagged"}
    assert found(here, filled, text="' OR 1=1 --") == set()


def test_the_history_of_runs_is_filtered_and_exported(here: World, filled: dict[str, str]) -> None:
    runs, now = here.services.runs, SystemClock().now()
    mine = Filter(resource_id=filled["database"])
    assert {run.kind for run in runs.list(OWNER, mine)} == {"database.create", "snapshot.create"}
    assert runs.list(OWNER, replace(mine, since=now)) == []
    assert len(runs.list(OWNER, replace(mine, until=now, triggers=["api"]))) == 2
    rows = json.loads(b"".join(written(runs.every(OWNER, mine), "json")))
    assert [row["kind"] for row in rows] == ["snapshot.create", "database.create"]
    assert rows[0]["input"] == {"snapshot_id": filled["real"]}
    table = list(csv.reader(io.StringIO(b"".join(written(runs.every(OWNER, mine), "csv")).decode())))
    assert table[0] == list(COLUMNS)
    assert len(table) == 3
    assert json.loads(b"".join(written(iter(()), "json"))) == []
    refused(
        "project_not_found",
        lambda: runs.list(actor_with("run.read", projects=frozenset({"prj_other"})), Filter(here.project.id)),
    )


def test_many_at_once_are_previewed_exactly_and_reported_each(here: World, filled: dict[str, str]) -> None:
    def done(**wish: Any) -> Report:
        return here.services.bulk.carry_out(OWNER, BulkWish(**({"resource_id": filled["database"]} | wish)))

    names = {value: name for name, value in filled.items()}
    before, audit = rows(here), here.count("audit_events")
    preview = done(act="forget")
    assert {names[item.snapshot_id]: item.why for item in preview.items} == {
        "real": None,
        "tagged": None,
        "nightly": None,
        "imported": None,
        "held": "it is held",
    }
    assert (rows(here), here.count("audit_events")) == (before, audit), "a preview changes nothing"
    refused("confirm_mismatch", lambda: done(act="forget", dry_run=False))
    refused("bulk_changed", lambda: done(act="forget", dry_run=False, confirm=preview.done + 1))
    assert rows(here) == before
    tagged = done(act="tag", search=Search(tags=["nightly"]), tags=["kept"], dry_run=False, confirm=2)
    assert tagged.done == 2
    assert found(here, filled, tags=["kept"]) == {"tagged", "nightly"}
    again = done(act="tag", ids=[filled["tagged"], "snap_absent"], tags=["kept"])
    assert [item.why for item in again.items] == ["nothing to change", "there is no such snapshot"]
    stranger = actor_with("snapshot.delete", projects=frozenset({"prj_other"}))
    unseen = here.services.bulk.carry_out(stranger, BulkWish("forget", ids=[filled["tagged"]]))
    assert [item.why for item in unseen.items] == ["there is no such snapshot"]
    reader = actor_with("snapshot.read")
    refused("permission_denied", lambda: here.services.bulk.carry_out(reader, BulkWish("hold", ids=[filled["tagged"]])))
    gone = done(act="forget", ids=[filled["tagged"], filled["nightly"]], dry_run=False, confirm=2)
    assert gone.done == 2
    assert here.services.snapshots.get(OWNER, filled["tagged"]).state == "forgotten"
    here.services.retention.undelete(OWNER, filled["tagged"])
    done(act="release", ids=[filled["held"]], dry_run=False, confirm=1)
    last = done(act="forget", search=Search())
    good = [names[item.snapshot_id] for item in last.items if item.why is None]
    assert set(good) == {"real", "tagged", "imported"}, "an imported one is not what may be left over"
    assert [item.why for item in last.items if names[item.snapshot_id] == "held"] == [
        "it is the only good one of its database"
    ]


def rows(here: World) -> list[Any]:
    with here.db.read() as conn:
        return [tuple(map(str, row)) for row in conn.execute(snapshots.select().order_by(snapshots.c.id))]


def test_gaps_longer_than_the_plan_allows_are_listed(here: World, filled: dict[str, str]) -> None:
    plans, now = here.services.plans, SystemClock().now()
    wish = WantedPlan(name="gappy", selection={"resources": [filled["database"]]}, max_gap_seconds=36 * 3600)
    plan = plans.service.create(OWNER, here.project.id, wish)
    turn, _ = plans.service.run(OWNER, plan.id, in_seconds=86_400)
    with here.db.write() as conn:
        for days in (200, 9, 8, 5, 4.2, 1):
            at, number = now - timedelta(days=days), new_id("turn")
            conn.execute(plan_turns.insert().values(**vars(turn) | {"id": number, "run_id": number}))
            facts = {"resource_id": filled["database"], "resource_name": "searched", "repository_id": ""}
            moments = {"due_at": at, "not_before": at, "settled_at": at}
            row = {"turn_id": number, "plan_id": plan.id, "state": "succeeded", **facts, **moments}
            conn.execute(plan_members.insert().values(**row))
    gaps = plans.gaps.gaps(OWNER, here.project.id, since=None, offset=0, limit=10)
    assert [round(gap.seconds / 86400, 1) for gap in gaps] == [3.2, 3.0]
    assert {gap.plan_name for gap in gaps} == {"gappy"}
    every = plans.gaps.gaps(OWNER, here.project.id, since=now - timedelta(days=400), offset=2, limit=10)
    assert [round(gap.seconds / 86400) for gap in every] == [191]
    stranger = actor_with("plan.read", "project.read", projects=frozenset({"prj_other"}))
    refused("project_not_found", lambda: plans.gaps.gaps(stranger, here.project.id, since=None, offset=0, limit=10))
