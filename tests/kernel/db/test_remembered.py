"""What was read is remembered exactly as long as it is true: no commit, by whatever process, goes unnoticed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from holdfast.kernel.db import Database, Remembered
from holdfast.kernel.db.remembered import CommitMark


@pytest.fixture
def db(tmp_path: Path):
    db = Database(f"sqlite+apsw:///{tmp_path / 'a b#c.sqlite'}")
    with db.write() as conn:
        conn.exec_driver_sql("create table t (a)")
    yield db
    db.close()


def reading(db: Database) -> str:
    with db.read() as conn:
        return str(conn.exec_driver_sql("select count(*) from t").scalar())


def test_forgets_at_a_commit_of_this_process_and_of_another(db: Database) -> None:
    held: Remembered[str, str] = Remembered(db.mark)
    assert held.get("n") is None
    assert held.read("n", lambda: reading(db)) == held.get("n") == "0"
    with db.write() as conn:
        conn.exec_driver_sql("insert into t values (1)")
        assert held.get("n") == "0"  # not committed: nobody sees it
    assert held.get("n") is None
    assert held.read("n", lambda: reading(db)) == held.get("n") == "1"
    script = f"import apsw; apsw.Connection({db.url.database!r}).execute('insert into t values (2)')"
    subprocess.run([sys.executable, "-c", script], check=True)
    assert held.get("n") is None
    assert held.read("n", lambda: reading(db)) == held.get("n") == "2"


def test_a_rollback_changes_nothing(db: Database) -> None:
    held: Remembered[str, str] = Remembered(db.mark)
    held.read("n", lambda: reading(db))
    with db.write() as conn:
        conn.exec_driver_sql("insert into t values (1)")
        conn.rollback()
    assert held.get("n") == "0"


def test_a_commit_during_the_reading_makes_it_old(db: Database) -> None:
    held: Remembered[str, str] = Remembered(db.mark)

    def slow() -> str:
        found = reading(db)
        with db.write() as conn:
            conn.exec_driver_sql("insert into t values (1)")
        return found

    assert held.read("n", slow) == "0"
    assert held.get("n") is None


def test_keeps_the_keys_asked_last_and_nothing_that_is_none(db: Database) -> None:
    held: Remembered[int, str] = Remembered(db.mark, most=2)
    for key in (1, 2):
        held.read(key, lambda: "found")
    held.get(1)
    held.read(3, lambda: "found")
    assert [held.get(key) for key in (1, 2, 3)] == ["found", None, "found"]
    nothing: Remembered[int, str | None] = Remembered(db.mark)
    assert nothing.read(1, lambda: None) is None
    assert nothing.get(1) is None


def test_without_a_mark_nothing_is_remembered(tmp_path: Path) -> None:
    for mark in (None, CommitMark(tmp_path / "absent")):
        held: Remembered[int, str] = Remembered(mark)
        assert held.read(1, lambda: "found") == "found"
        assert held.get(1) is None


def test_nothing_counts_after_the_end(db: Database) -> None:
    held: Remembered[str, str] = Remembered(db.mark)
    held.read("n", lambda: reading(db))
    assert db.mark is not None
    db.mark.close()
    assert held.get("n") is None
