"""Snapshots that a policy does not keep: shown, forgotten, brought back, deleted, their space given back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from world import OWNER, World, actor_with, eventually, world

from holdfast.features.backups import store as backups
from holdfast.features.backups.model import Snapshot
from holdfast.features.databases.model import Resource
from holdfast.features.retention.policy import Policy
from holdfast.features.retention.service import apply
from holdfast.kernel.audit import audit_events
from holdfast.kernel.errors import Conflict, Denied, Invalid

pytestmark = pytest.mark.slow
NAME = "a\"b'; --"
TWO = Policy(daily=2, weekly=None, monthly=None, minimum=1)


@pytest.fixture(scope="module")
def here() -> Iterator[World]:
    with world(delete_grace_seconds=2) as made:
        yield made


def taken(here: World, name: str, count: int = 4) -> tuple[Resource, list[Snapshot]]:
    """A database and its snapshots, newest first, as if one was taken each day."""
    made, now = here.create("sqlite", name), datetime.now(UTC)
    here.write(made.id, "CREATE TABLE t (x)")
    found = []
    for day in range(count):
        here.write(made.id, f"INSERT INTO t VALUES (zeroblob({day + 1}000))")
        snapshot = here.snapshot(made.id, level=1)
        with here.db.write() as conn:
            at = now - timedelta(days=count - 1 - day, minutes=1)
            backups.change(conn, Snapshot, snapshot.id, taken_at=at)
        found.append(snapshot)
    return made, found[::-1]


def state(here: World, snapshot: Snapshot) -> str:
    return here.services.snapshots.get(OWNER, snapshot.id).state


def actions(here: World, snapshot: Snapshot) -> list[str]:
    with here.db.read() as conn:
        rows = conn.execute(audit_events.select().order_by(audit_events.c.id)).mappings()
        return [
            row["action"]
            for row in rows
            if snapshot.id in (row["details"].get("snapshot_id"), *row["details"].get("snapshots", ()))
        ]


def test_from_a_preview_to_the_space(here: World) -> None:
    retention, reader = here.services.retention, actor_with("snapshot.read")
    made, found = taken(here, NAME)
    before = here.count("audit_events")
    shown = retention.preview(reader, made.id, TWO)
    assert [verdict.keep for verdict in shown.verdicts] == [True, True, False, False]
    assert {verdict.reasons for verdict in shown.verdicts[2:]} == {("no rule keeps it",)}
    with pytest.raises(Denied):
        retention.apply(reader, made.id, policy=TWO, confirm=NAME)
    with pytest.raises(Denied):
        retention.set(reader, "database", made.id, TWO)
    with pytest.raises(Invalid):
        retention.apply(OWNER, made.id, policy=TWO, confirm="shop")
    assert {state(here, each) for each in found} == {"ready"}
    assert here.count("audit_events") <= before + 2, "only what was denied"

    retention.set(OWNER, "database", made.id, TWO, "Europe/Zurich")
    here.services.snapshots.update(OWNER, found[3].id, {"hold": True}, version=found[3].version)
    done = retention.apply(OWNER, made.id, confirm=NAME)
    assert list(done.forgotten) == [found[2].id]
    assert retention.apply(OWNER, made.id, confirm=NAME).forgotten == ()
    row = here.services.snapshots.get(OWNER, found[2].id)
    assert (row.state, row.forgotten["reasons"], row.forgotten["by"]) == ("forgotten", ["no rule keeps it"], OWNER.id)
    assert retention.undelete(OWNER, found[2].id).state == "ready"
    with pytest.raises(Conflict):
        retention.undelete(OWNER, found[2].id)

    retention.apply(OWNER, made.id, confirm=NAME)
    eventually(lambda: state(here, found[2]) == "deleted", 30)
    with pytest.raises(Conflict):
        retention.undelete(OWNER, found[2].id)
    assert actions(here, found[2])[-4:] == [
        "snapshot.forget",
        "snapshot.undelete",
        "snapshot.forget",
        "snapshot.delete",
    ]
    repository = here.services.keys.open(here.services.repositories.get(OWNER, found[0].repository_id))
    assert {info.id for info in repository.snapshots()} == {found[n].restic_id for n in (0, 1, 3)}

    dry = collected(here, found[0].repository_id, dry_run=True)
    assert (dry["state"], repository.store.exists("stream/gc/mark")) == ("dry_run", False)
    assert dry["free_bytes"] + dry["kept_bytes"] > 0
    assert collected(here, found[0].repository_id)["state"] == "marked"
    freed = eventually(lambda: (seen := collected(here, found[0].repository_id))["state"] == "freed" and seen)
    assert freed["freed_bytes"] == dry["free_bytes"]
    assert here.services.repositories.get(OWNER, found[0].repository_id).last_gc["state"] == "freed"
    assert repository.check(read_data=True).errors == []
    restored = here.restore(found[3].id, mode="new", name="again", environment_id=here.environment.id)
    assert here.rows(restored.id, "SELECT count(*) FROM t") == [(1,)]


def collected(here: World, repository_id: str, *, dry_run: bool = False) -> dict[str, object]:
    _, run = here.services.collecting.collect(OWNER, repository_id, dry_run=dry_run)
    result = here.succeeded(run).result
    assert result is not None
    return dict(result)


def test_the_last_good_one_comes_back_when_the_others_turn_red(here: World) -> None:
    """Between the mark and the end of the grace a newer one may be found damaged."""
    made, found = taken(here, "turned", 2)
    one = Policy(last=1, daily=None, weekly=None, monthly=None, minimum=1)
    assert list(here.services.retention.apply(OWNER, made.id, policy=one, confirm="turned").forgotten) == [found[1].id]
    with here.db.write() as conn:
        backups.change(conn, Snapshot, found[0].id, verification="red")
    eventually(lambda: state(here, found[1]) == "ready", 30)
    assert actions(here, found[1])[-1] == "snapshot.undelete"


def test_a_policy_is_inherited_and_a_plan_brings_its_own(here: World) -> None:
    retention = here.services.retention
    made, found = taken(here, "heir", 2)
    assert retention.show(OWNER, "database", made.id).scope == "default"
    retention.set(OWNER, "project", here.project.id, Policy(last=9), "Asia/Kathmandu")
    retention.set(OWNER, "environment", here.environment.id, Policy(last=1, daily=0, weekly=0, monthly=0, minimum=1))
    seen = retention.show(OWNER, "database", made.id)
    assert (seen.scope, seen.policy.last) == ("environment", 1)
    retention.set(OWNER, "environment", here.environment.id, None)
    assert retention.show(OWNER, "database", made.id).tz == "Asia/Kathmandu"
    retention.set(OWNER, "project", here.project.id, None)
    with pytest.raises(Invalid):
        retention.set(OWNER, "project", here.project.id, Policy(), "Europe/Atlantis")

    now, one = datetime.now(UTC), Policy(last=1, daily=0, weekly=0, monthly=0, minimum=1)
    with here.db.write() as conn:
        dry = apply(conn, "plan_x", made.id, found[0].repository_id, one, dry_run=True, now=now)
        assert [verdict.keep for verdict in dry.verdicts] == [True, False]
        later = now + timedelta(days=4000)
        within = Policy(within=1, daily=0, weekly=0, monthly=0, minimum=1)
        with pytest.raises(Conflict) as refused:
            apply(conn, "plan_x", made.id, None, within, dry_run=False, now=later)
        assert refused.value.code == "clock_implausible"
    assert {state(here, each) for each in found} == {"ready"}
