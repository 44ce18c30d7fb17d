"""The second snapshot of a database reads what changed; what it left out is proven, and a lie is loud."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from dialects import DIALECTS
from world import OWNER, World, world

from holdfast.contract.catalog import Catalog
from holdfast.contract.snapshot import Manifest
from holdfast.engines.sqlite import capture, unchanged
from holdfast.features.backups.chaining import LONGEST, MISMATCH, Parent, decided


def rows_of(here: World, database_id: str, engine: str) -> list[list[object]]:
    return [list(row) for row in here.rows(database_id, DIALECTS[engine].sentences.kept.statement)]


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["sqlite", "postgresql", "valkey"])
def test_the_second_snapshot_reads_what_changed_and_is_whole(engine: str) -> None:
    with world() as here:
        made = here.create(engine, "chained")
        said = DIALECTS[engine].sentences
        here.write(made.id, *said.keep)
        first = here.snapshot(made.id, level=1)
        second = here.snapshot(made.id, level=1)
        third = here.snapshot(made.id, level=1, full=True)
        assert first.summary["type"] == "full"
        if engine == "valkey":
            assert second.summary["type"] == "full"
            assert "reads everything" in second.summary["why_full"]
            return
        assert second.summary["type"] == "incremental", second.summary
        assert (second.summary["parent"], second.summary["base"]) == (first.id, first.id)
        assert second.summary["read_bytes"] + second.summary["skipped_bytes"] == first.summary["read_bytes"]
        assert (second.source_bytes, second.rows, second.tables) == (first.source_bytes, first.rows, first.tables)
        assert (third.summary["type"], third.summary["why_full"]) == ("full", "asked for")
        assert (second.verification, third.verification) == ("green", "green")
        for older in (third, first):
            _, run = here.services.snapshots.delete(OWNER, older.id, older.id)
            here.succeeded(run)
        copy = here.restore(second.id, mode="new", name="copy")
        assert rows_of(here, copy.id, engine) == said.kept.rows


@pytest.mark.slow
def test_a_change_that_was_not_seen_is_loud_and_the_next_one_reads_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    with world() as here:
        made = here.create("sqlite", "deceived")
        here.write(made.id, "CREATE TABLE t (id integer primary key, body blob)")
        here.write(made.id, "INSERT INTO t SELECT 1, randomblob(300000)")
        first = here.snapshot(made.id, level=1)
        with monkeypatch.context() as lie:
            lie.setattr(unchanged, "needed", lambda *_: frozenset())
            lie.setattr(capture, "sampled", lambda cell, _: cell == 2)
            here.write(made.id, "UPDATE t SET body = randomblob(300000)")
            snapshot, run = here.services.snapshots.create(OWNER, made.id, level=1)
            ended = here.ended(run)
        assert ended.state == "failed"
        assert ended.error is not None
        assert ended.error["code"] == MISMATCH
        red = here.services.snapshots.get(OWNER, snapshot.id)
        assert (red.state, red.verification, (red.error or {}).get("code")) == ("ready", "red", MISMATCH)
        (proof,) = here.services.snapshots.verifications(OWNER, red.id)
        assert (proof.method, proof.ok, proof.checks[0]["name"]) == ("rolling sample", False, "database.sqlite cell 2")
        _, again = here.services.snapshots.verify(OWNER, red.id, 1)
        here.succeeded(again)
        assert here.services.snapshots.get(OWNER, red.id).verification == "red"
        after = here.snapshot(made.id, level=1)
        assert (after.summary["type"], after.verification) == ("full", "green")
        assert red.id in after.summary["why_full"]
        assert first.id != after.summary["base"] == after.id
        assert here.snapshot(made.id, level=1).summary["type"] == "incremental"


def parent(base_at: datetime) -> Parent:
    manifest = Manifest("e", "1", "d", {}, Catalog("e", "1", "d"), facts={"chain": {"base_at": base_at.isoformat()}})
    return Parent("r", "snap_1", manifest)


def test_a_chain_ends_after_two_weeks_and_when_the_clock_went_back() -> None:
    now = datetime(2026, 11, 21, tzinfo=UTC)
    assert decided(parent(now - LONGEST + timedelta(hours=1)), None, False, now).full is None
    assert decided(parent(now - LONGEST), None, False, now).full == "the chain is 14 days old"
    assert decided(parent(now + timedelta(days=1)), None, False, now).full is not None
