"""A month of nights over forty databases: failures, damage, holds, a wrong clock; each night held to the model."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import metadata_home
import pytest
import sqlalchemy as sa
from policy_model import model

from holdfast.features.backups import store as backups
from holdfast.features.backups.model import RepositoryRow, Snapshot, snapshots
from holdfast.features.retention.policy import SKEW, Item, Policy
from holdfast.features.retention.service import apply
from holdfast.kernel.db import Database
from holdfast.kernel.errors import Conflict
from holdfast.kernel.ids import new_id

TZ = "Europe/Berlin"
POLICIES = (
    Policy(),
    Policy(last=3, daily=None, weekly=2, monthly=None),
    Policy(hourly=30, daily=5, weekly=None, monthly=1, minimum=2),
    Policy(daily=None, weekly=None, monthly=None, within=9, tags=("release",)),
)


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    made = Database(metadata_home.url(tmp_path / "meta.db"))
    made.migrate()
    yield made
    made.close()


def row(resource: int, repository_id: str, at: datetime, rng: random.Random) -> Snapshot:
    values = dict.fromkeys(Snapshot.__dataclass_fields__)
    values |= {"project_id": "prj_a", "environment_id": "env_a", "resource_id": f"db_{resource}", "engine": "sqlite"}
    values |= {"resource_name": "a\"b'; --", "spec": {}, "repository_id": repository_id, "trigger": "schedule"}
    values |= {"summary": {}, "wanted_level": 1, "hold": rng.random() < 0.02, "version": 1, "created_by": "plan_x"}
    values |= {"verification": rng.choice(("green", "green", "green", "yellow", "red")), "stored_bytes": 7}
    values |= {"state": "failed" if rng.random() < 0.1 else "ready", "tags": ["release"] * (rng.random() < 0.05)}
    return Snapshot(**{**values, "id": new_id("snap"), "created_at": at, "taken_at": at})  # type: ignore[arg-type]


def item(found: Snapshot) -> Item:
    good, proven = found.verification != "red", found.verification == "green"
    return Item(found.id, found.taken_at or found.created_at, good, proven, found.hold, tuple(found.tags))


@pytest.mark.slow
def test_forty_databases_for_a_month(db: Database) -> None:
    rng, midnight = random.Random(7), datetime(2026, 10, 10, 1, 0, tzinfo=UTC)
    repository = RepositoryRow("repo_a", "prj_a", "a", "local", "ready", True, None, None, "usr", midnight)
    there: dict[int, dict[str, Item]] = {number: {} for number in range(40)}
    refused = forgotten = 0
    with db.write() as conn:
        backups.insert(conn, repository)
    for night in range(31):
        for number, mine in there.items():
            jumped = rng.random() < 0.02
            now = midnight + timedelta(days=night, minutes=rng.randrange(90)) + timedelta(days=3000) * jumped
            policy = POLICIES[number % len(POLICIES)]
            with db.write() as conn:
                taken = row(number, repository.id, now, rng)
                backups.insert(conn, taken)
                if taken.state == "ready":
                    mine[taken.id] = item(taken)
                try:
                    done = apply(conn, "plan_x", f"db_{number}", repository.id, policy, dry_run=False, now=now, tz=TZ)
                except Conflict:
                    refused += 1
                    continue
            keep = model(list(mine.values()), policy, ZoneInfo(TZ), now)
            assert set(done.forgotten) == set(mine) - keep
            good = [each for each in mine.values() if each.good and each.at <= now + SKEW]
            assert sum(each.id in keep for each in good) >= min(policy.minimum, len(good))
            assert not good or max(good, key=lambda each: each.at).id in keep
            forgotten += len(done.forgotten)
            there[number] = {each: mine[each] for each in keep}
    with db.read() as conn:
        kept = set(conn.scalars(sa.select(snapshots.c.id).where(snapshots.c.state == "ready")))
        why = conn.scalars(sa.select(snapshots.c.forgotten).where(snapshots.c.state == "forgotten")).all()
    assert kept == {each for mine in there.values() for each in mine}
    assert refused > 0
    assert len(why) == forgotten > 400
    assert all(each["reasons"] and each["by"] == "plan_x" for each in why)
