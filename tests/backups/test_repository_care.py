"""Checks of a part, what a repository takes, and what damage reaches: over HTTP, by a real runner."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from stock_restic import stock
from world import OWNER, World, actor_with, world

from holdfast.features.backups import proofs
from holdfast.features.backups.care_service import CheckWish
from holdfast.features.backups.model import pack_proofs
from holdfast.jobs import Run
from holdfast.kernel.errors import Conflict, Denied, Invalid

pytestmark = pytest.mark.slow
AWKWARD = "sh\"op'; --"


@pytest.fixture(scope="module")
def filled() -> Iterator[tuple[World, str]]:
    """Two databases in one repository."""
    with world() as here:
        for name in ("first", "second"):
            database = here.create(name=name)
            here.write(database.id, "CREATE TABLE t (id integer PRIMARY KEY, x blob)")
            here.write(database.id, "INSERT INTO t (x) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n "
                       "WHERE i < 60) SELECT randomblob(20000) FROM n")  # fmt: skip
            for _ in range(2):
                repository = here.snapshot(database.id, level=1).repository_id
                here.write(database.id, "UPDATE t SET x = randomblob(20000) WHERE id < 9")
        yield here, repository


def checked(filled: tuple[World, str], state: str = "succeeded", **wish: Any) -> Run:
    here, repository = filled
    run = here.ended(here.services.care.check(OWNER, repository, CheckWish(**wish))[1])
    assert run.state == state, run.error
    return run


def result(run: Run) -> dict[str, Any]:
    return dict(run.result or {})


def place(filled: tuple[World, str]) -> Path:
    here, repository = filled
    return here.settings.data / "repositories" / repository


def packs(filled: tuple[World, str]) -> list[Path]:
    return sorted((p for p in (place(filled) / "data").rglob("*") if p.is_file()), key=lambda p: p.stat().st_size)


def proven(filled: tuple[World, str]) -> dict[bytes, datetime]:
    here, repository = filled
    with here.db.read() as conn:
        return proofs.proven(conn, repository)


def aged(filled: tuple[World, str], days: float) -> None:
    """As if everything known had been proven so long ago, and the last check made a day ago."""
    here, repository = filled
    with here.db.write() as conn:
        at = here.services.keys._clock.now() - timedelta(days=days)
        conn.execute(pack_proofs.update().where(pack_proofs.c.repository_id == repository).values(proven_at=at))
        checks = proofs.repository_checks
        conn.execute(checks.update().values(at=here.services.keys._clock.now() - timedelta(days=1)))


def test_each_check_is_recorded_with_what_and_how_much(filled: tuple[World, str]) -> None:
    here, repository = filled
    size = sum(p.stat().st_size for p in packs(filled))
    structure, everything = result(checked(filled)), result(checked(filled, read_data=True))
    assert (structure["method"], structure["packs_read"], structure["bytes"]) == ("structure", 0, 0)
    assert (everything["method"], everything["bytes"], everything["bytes_total"]) == ("all data", size, size)
    rows = here.services.care.checks(OWNER, repository)
    assert [row.method for row in rows[:2]] == ["all data", "structure"]
    assert rows[0].id == everything["check_id"]
    assert (rows[0].packs_read, rows[0].packs, rows[0].ok, rows[0].errors) == (len(packs(filled)),) * 2 + (True, [])
    assert rows[0].seconds > 0
    assert here.services.care.checks(OWNER, repository, rows[0].id, 1) == rows[1:2]
    assert set(proven(filled)) == {bytes.fromhex(p.name) for p in packs(filled)}
    last = here.services.repositories.get(OWNER, repository).last_check
    assert last is not None
    assert last["ok"]


def test_parts_and_shares(filled: tuple[World, str]) -> None:
    read = [result(checked(filled, subset=f"{n}/3"))["packs_read"] for n in (1, 2, 3)]
    assert sum(read) == len(packs(filled))
    assert 1 <= result(checked(filled, subset="10%"))["packs_read"] < len(packs(filled))


def test_the_longest_unproven_comes_first_and_all_within_its_days(filled: tuple[World, str]) -> None:
    """One a day: what was proven 2 days ago is not read, what was proven 29 days ago is, and nothing is read twice."""
    checked(filled, read_data=True)
    total = len(packs(filled))
    aged(filled, 2)
    assert 0 < result(checked(filled, within="30d"))["packs_read"] < total  # a thirtieth of the bytes, in whole packs
    aged(filled, 2)
    before = proven(filled)
    assert result(checked(filled, within=f"{total}d"))["packs_read"] < total
    assert sum(at > before[pack] for pack, at in proven(filled).items()) >= 1
    aged(filled, 29.5)
    assert result(checked(filled, within="30d"))["packs_read"] == total
    assert result(checked(filled, within="30d"))["packs_read"] == 0, "what was read today is not read again"


def test_a_damaged_pack_is_no_longer_proven_and_named_down_to_the_entry(filled: tuple[World, str]) -> None:
    here, repository = filled
    checked(filled, read_data=True)
    pack = packs(filled)[-1]
    sound = pack.read_bytes()
    pack.write_bytes(sound[:5000] + bytes([sound[5000] ^ 1]) + sound[5001:])
    try:
        run = checked(filled, "failed", read_data=True)
        assert run.error is not None
        assert "repo repair" in str(run.error["hint"])
        assert bytes.fromhex(pack.name) not in proven(filled)
        (row,) = here.services.care.checks(OWNER, repository, limit=1)
        assert (row.ok, row.errors_total) == (False, len(row.errors))
        quick = result(here.succeeded(here.services.care.repair(OWNER, repository, "report")[1]))
        assert quick["sound"], "the structure alone does not show it"
        report = result(here.succeeded(here.services.care.repair(OWNER, repository, "report", read_data=True)[1]))
        assert (report["sound"], report["packs_damaged"]) == (False, [pack.name])
        (affected, *_) = report["snapshots"]
        assert affected["resource_name"] in ("first", "second")
        assert here.services.snapshots.get(OWNER, affected["snapshot_id"]).restic_id == affected["restic_id"]
        assert affected["entries"][0]["lost"] >= 1
    finally:
        pack.write_bytes(sound)
    checked(filled, read_data=True)
    assert bytes.fromhex(pack.name) in proven(filled)


def test_a_lost_index_is_made_again_and_stock_restic_agrees(filled: tuple[World, str], tmp_path: Path) -> None:
    here, repository = filled
    for file in (place(filled) / "index").iterdir():
        file.unlink()
    report = result(here.succeeded(here.services.care.repair(OWNER, repository, "report")[1]))
    assert report["snapshots_affected"] == 4
    assert report["packs_unindexed_total"] == len(packs(filled))
    done = result(here.succeeded(here.services.care.repair(OWNER, repository, "index")[1]))
    assert (done["packs_added"], done["unreadable"]) == (len(packs(filled)), [])
    checked(filled, read_data=True)
    password, path, _ = here.services.repositories.key(OWNER, repository)
    stock(path, "check", "--read-data", password=password)


def test_usage_adds_up_and_says_what_a_forgotten_snapshot_leaves(filled: tuple[World, str]) -> None:
    here, repository = filled
    usage = result(here.succeeded(here.services.care.usage(OWNER, repository)[1]))
    assert {one["resource_name"]: one["snapshots"] for one in usage["resources"]} == {"first": 2, "second": 2}
    assert usage["kinds"]["data"]["files"] == len(packs(filled))
    assert usage["bytes"] == sum(kind["bytes"] for kind in usage["kinds"].values())
    assert usage["unreferenced_bytes"] == 0
    assert usage["referenced_bytes"] <= sum(one["bytes"] for one in usage["resources"])
    assert all(1_000_000 < one["bytes"] < usage["referenced_bytes"] for one in usage["resources"])
    assert json.dumps(usage)


def test_who_may_not_and_what_cannot_be(filled: tuple[World, str]) -> None:
    here, repository = filled
    care, runs = here.services.care, here.count("runs")
    reader, checker = actor_with("repository.read"), actor_with("repository.read", "repository.check")
    for act in (
        lambda: care.check(reader, repository, CheckWish()),
        lambda: care.usage(reader, repository),
        lambda: care.repair(reader, repository, "report"),
        lambda: care.repair(checker, repository, "index"),
        lambda: care.checks(actor_with(), repository),
    ):
        with pytest.raises(Denied):
            act()
    for wish in (
        {"subset": AWKWARD},
        {"within": "ten"},
        {"subset": "1/2", "within": "3d"},
        {"read_data": True, "within": "3d"},
    ):
        with pytest.raises(Invalid):
            CheckWish(**wish)  # type: ignore[arg-type]
    empty = here.services.keys
    with here.db.write() as conn:
        row = empty.insert(conn, here.project.id, "empty", OWNER.id)
    for act in (lambda: care.check(OWNER, row.id, CheckWish()), lambda: care.repair(OWNER, row.id, "index")):
        with pytest.raises(Conflict):
            act()
    assert here.count("runs") == runs


def test_the_index_is_kept_for_the_next_process(filled: tuple[World, str]) -> None:
    here, _ = filled
    kept = list((here.settings.data / "cache" / "index").rglob("*.index"))
    assert kept
    assert all(file.stat().st_mode & 0o777 == 0o600 for file in kept)


def test_proofs_survive_a_prune(filled: tuple[World, str]) -> None:
    """Of packs that stay; those that are gone are forgotten."""
    here, repository = filled
    checked(filled, read_data=True)
    before = proven(filled)
    stay, gone = list(before)[:-1], list(before)[-1]
    with here.db.write() as conn:
        at = here.services.keys._clock.now()
        proofs.keep(conn, repository, sound=[], damaged=[], present=stay, at=at)
    after = proven(filled)
    assert gone not in after
    assert after == {pack: before[pack] for pack in stay}
