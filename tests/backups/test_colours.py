"""What a look at a whole repository says of its snapshots: red for those that damage reaches, never silently green."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from world import OWNER, World, eventually, world

from holdfast.features.alerts.model import alerts, events
from holdfast.features.backups import proofs, store
from holdfast.features.backups.care_service import CheckWish
from holdfast.features.backups.model import VerificationRow, snapshots
from holdfast.features.backups.searching import Search
from holdfast.features.backups.sweep import BackupSweep
from holdfast.jobs import Run
from holdfast.kernel.clock import ManualClock

pytestmark = pytest.mark.slow
FILL = (
    "INSERT INTO t (x) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40) "
    "SELECT randomblob(20000) FROM n"
)


@pytest.fixture(scope="module")
def filled() -> Iterator[tuple[World, str]]:
    """Two databases in one repository, two snapshots of each: the second holds part of the first."""
    with world() as here:
        for name in ("a\"b'; -- Ü", "second"):
            database = here.create(name=name)
            here.write(database.id, "CREATE TABLE t (id integer PRIMARY KEY, x blob)", FILL)
            for _ in range(2):
                repository = here.snapshot(database.id, level=1).repository_id
                here.write(database.id, "UPDATE t SET x = randomblob(20000) WHERE id < 9")
        yield here, repository


def looked(filled: tuple[World, str], state: str, act: str = "check", **wish: Any) -> Run:
    here, repository = filled
    if act == "check":
        run = here.services.care.check(OWNER, repository, CheckWish(**wish))[1]
    else:
        run = here.services.care.repair(OWNER, repository, act, **wish)[1]  # type: ignore[arg-type]
    run = here.ended(run)
    assert run.state == state, run.error
    return run


def packs(filled: tuple[World, str]) -> list[Path]:
    here, repository = filled
    data = here.settings.data / "repositories" / repository / "data"
    return sorted((path for path in data.rglob("*") if path.is_file()), key=lambda path: path.stat().st_size)


@contextmanager
def damaged(pack: Path) -> Iterator[None]:
    sound = pack.read_bytes()
    at = len(sound) // 3
    pack.write_bytes(sound[:at] + bytes([sound[at] ^ 1]) + sound[at + 1 :])
    try:
        yield
    finally:
        pack.write_bytes(sound)


def colours(filled: tuple[World, str]) -> dict[str, str]:
    here, repository = filled
    return {each.id: each.proof for each in here.services.snapshots.list(OWNER, repository_id=repository)}


def hit(filled: tuple[World, str]) -> set[str]:
    """Those that cannot be read back whole, asked one by one."""
    here, repository = filled
    with here.db.read() as conn:
        row = next(each for each in store.page(conn, store.RepositoryRow) if each.id == repository)
    opened = here.services.keys.open(row)
    rows = here.services.snapshots.list(OWNER, repository_id=repository)
    return {each.id for each in rows if opened.verify_snapshot(each.restic_id or "").errors}


def newest(here: World, snapshot_id: str) -> VerificationRow:
    return here.services.snapshots.verifications(OWNER, snapshot_id)[0]


def told(here: World, run: Run) -> dict[str, tuple[str, str]]:
    """What the runner's alerts made of the run's snapshots: by database, kind and severity."""
    e = events.c

    def seen() -> list[Any]:
        with here.db.read() as conn:
            if conn.execute(sa.select(e.id).where(e.source == f"run:{run.id}")).first() is None:
                return []
            return [list(conn.execute(sa.select(events).where(e.source.startswith(f"run:{run.id}:"))).mappings())]

    (found,) = eventually(seen)
    return {row["details"]["snapshot_id"]: (row["type"], row["severity"]) for row in found}


def standing(here: World) -> set[str]:
    with here.db.read() as conn:
        query = sa.select(alerts.c.key).where(alerts.c.type == "verification_failed", alerts.c.state == "open")
        return {str(key).partition(":")[2] for key in conn.scalars(query)}


@pytest.mark.parametrize("number", [0, 3, -1])
def test_exactly_those_turn_red_that_need_what_is_damaged(filled: tuple[World, str], number: int) -> None:
    """And green again by a look that read it sound: also one that was asked for the structure alone."""
    here, _ = filled
    pack = packs(filled)[number]
    assert set(colours(filled).values()) == {"verified"}
    with damaged(pack):
        run = looked(filled, "failed", read_data=True)
        wanted = hit(filled)
        assert wanted
        assert {each for each, word in colours(filled).items() if word == "failed"} == wanted
        for each in wanted:
            row, proof = here.services.snapshots.get(OWNER, each), newest(here, each)
            assert (row.verification, (row.error or {})["code"]) == ("red", "snapshot_damaged")
            assert pack.name[:12] in (row.error or {})["message"]
            assert (proof.method, proof.ok, proof.run_id, proof.error) == ("check", False, run.id, row.error)
        if number == -1:
            assert told(here, run) == dict.fromkeys(wanted, ("verification_failed", "critical"))
            assert standing(here) == wanted
        looked(filled, "failed")
        assert {each for each, word in colours(filled).items() if word == "failed"} == wanted, (
            "the suspect is read again"
        )
    run = looked(filled, "succeeded")
    assert set(colours(filled).values()) == {"verified"}
    for each in wanted:
        proof = newest(here, each)
        assert (proof.method, proof.ok, proof.run_id) == ("check", True, run.id)
        assert here.services.snapshots.get(OWNER, each).error is None
    if number == -1:
        assert told(here, run) == dict.fromkeys(wanted, ("verification_done", "info"))
        assert standing(here) == set()
        assert told(here, looked(filled, "succeeded")) == {}, "and said once"


def test_a_missing_pack_is_seen_without_reading_and_only_reading_makes_good(filled: tuple[World, str]) -> None:
    here, _ = filled
    pack = packs(filled)[-1]
    aside = pack.rename(here.settings.data / "aside")
    try:
        looked(filled, "failed")
        red = {each for each, word in colours(filled).items() if word == "failed"}
        assert red == hit(filled) != set()
    finally:
        sound = aside.read_bytes()
        pack.write_bytes(sound[:2000] + bytes([sound[2000] ^ 1]) + sound[2001:])  # it came back, and not whole
        aside.unlink()
    looked(filled, "failed")
    assert {each for each, word in colours(filled).items() if word == "failed"} == red
    pack.write_bytes(sound)
    one = sorted(red)[0]
    here.succeeded(here.services.snapshots.verify(OWNER, one, 1)[1])
    assert here.services.snapshots.get(OWNER, one).proof == "verified"
    assert here.services.snapshots.get(OWNER, one).error is None
    looked(filled, "succeeded", subset="1/1")
    assert set(colours(filled).values()) == {"verified"}


def test_the_report_of_a_repair_colours_too(filled: tuple[World, str]) -> None:
    with damaged(packs(filled)[-1]):
        looked(filled, "succeeded", "report", read_data=True)
        red = {each for each, word in colours(filled).items() if word == "failed"}
        assert red == hit(filled) != set()
        looked(filled, "succeeded", "index")
        assert {each for each, word in colours(filled).items() if word == "failed"} == red
    looked(filled, "succeeded", "report")
    assert {each for each, word in colours(filled).items() if word == "failed"} == red, "it read nothing"
    looked(filled, "succeeded", "report", read_data=True)
    assert set(colours(filled).values()) == {"verified"}


def test_a_proof_grows_stale_and_each_word_is_found(filled: tuple[World, str]) -> None:
    here, repository = filled
    rows = here.services.snapshots.list(OWNER, repository_id=repository)
    now = here.services.keys._clock.now()
    assert all(row.proof_due is not None and timedelta(29) < row.proof_due - now < timedelta(31) for row in rows)
    sweep = BackupSweep(here.db, here.services.jobs, None, ManualClock(now + timedelta(days=29)))  # type: ignore[arg-type]
    sweep.sweep()
    assert set(colours(filled).values()) == {"verified"}
    BackupSweep(here.db, here.services.jobs, None, ManualClock(now + timedelta(days=31))).sweep()  # type: ignore[arg-type]
    assert set(colours(filled).values()) == {"stale"}
    assert {each.verification for each in here.services.snapshots.list(OWNER, repository_id=repository)} == {"yellow"}
    with here.db.write() as conn:
        for row, values in zip(
            rows, ({"unproven": "skipped"}, {"unproven": None}, {"verification": "red"}), strict=False
        ):
            conn.execute(snapshots.update().where(snapshots.c.id == row.id).values(**values))
    for word, row in zip(("skipped", "pending", "failed", "stale"), rows, strict=True):
        found = here.services.snapshots.list(OWNER, repository_id=repository, search=Search(proof=word))
        assert [each.id for each in found] == [row.id], word
        assert found[0].proof == word
    assert not here.services.snapshots.list(OWNER, repository_id=repository, search=Search(proof="verified"))
    looked(filled, "succeeded", read_data=True)
    proof = newest(here, rows[3].id)
    assert (here.services.snapshots.get(OWNER, rows[3].id).proof, proof.method, proof.ok) == ("verified", "check", True)
    assert colours(filled)[rows[0].id] == "skipped", "a look at the repository is no proof to the level it wants"
    for row in rows[:3]:
        here.succeeded(here.services.snapshots.verify(OWNER, row.id, None)[1])
    assert set(colours(filled).values()) == {"verified"}


def test_what_a_snapshot_read_back_is_not_read_again_the_same_day(filled: tuple[World, str]) -> None:
    here, repository = filled
    looked(filled, "succeeded", read_data=True)
    before = {path.name for path in packs(filled)}
    database = here.create(name="third")
    here.write(database.id, "CREATE TABLE t (id integer PRIMARY KEY, x blob)", FILL)
    here.snapshot(database.id, level=1)
    new = {path.name for path in packs(filled)} - before
    with here.db.read() as conn:
        proven = {pack.hex() for pack in proofs.proven(conn, repository)}
    assert new
    assert new <= proven
    assert (looked(filled, "succeeded", within="30d").result or {})["packs_read"] == 0
