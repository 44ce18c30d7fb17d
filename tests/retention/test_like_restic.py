"""The same snapshots and the same rules, asked of stock restic."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from kit import PASSWORD, BytesCapture, restic, snapshot

from holdfast.features.retention.policy import Item, Policy, decide
from holdfast.kernel.clock import ManualClock, parse_timestamp
from holdfast.vault.repository import Repository
from holdfast.vault.stores.local import LocalStore

OFF = Policy(daily=None, weekly=None, monthly=None, minimum=1)
RULES: list[dict[str, int]] = [
    {"last": 4},
    {"hourly": 9},
    {"daily": 7, "weekly": 4, "monthly": 12},
    {"weekly": 60, "yearly": 3},
    {"within": 40},
    {"last": 2, "hourly": 3, "daily": 5, "weekly": 2, "monthly": 30, "yearly": 9, "within": 3},
]


@pytest.mark.slow
def test_stock_restic_keeps_the_same(tmp_path: Path) -> None:
    rng, now = random.Random(5), datetime.now(UTC).replace(microsecond=0)
    clock = ManualClock(now)
    repo = Repository.create(LocalStore(tmp_path / "r"), PASSWORD, clock)
    hours = [rng.randrange(30 * 24) for _ in range(25)] + [rng.randrange(3 * 365 * 24) for _ in range(25)]
    for number, back in enumerate(sorted(set(hours), reverse=True)):
        clock.set_wall(now - timedelta(hours=back, minutes=rng.randrange(60)))
        snapshot(repo, BytesCapture({"x": bytes([number])}))
    items = [Item(info.id, parse_timestamp(info.time)) for info in repo.snapshots()]
    for rule in RULES:
        policy = Policy.from_json({**OFF.as_json(), **rule})
        ours = {each.id for each in decide(items, policy, now, UTC, trust_clock=True) if each.keep}
        said = [f"--keep-{name}={number}{'d' if name == 'within' else ''}" for name, number in rule.items()]
        (group,) = json.loads(restic(tmp_path / "r", "forget", "--dry-run", "--json", *said).stdout)
        assert ours == {each["id"] for each in group["keep"]}, rule
