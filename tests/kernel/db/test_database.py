"""Transactions, hooks, types and faults of the metadata database."""

import subprocess
import threading
import time
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
import sqlalchemy as sa
from needs import need

from holdfast.kernel.db import FEW, Database, Json, Timestamp
from holdfast.kernel.errors import DiskFull, NeedsOperator, Retryable

things = sa.Table(
    "things",
    sa.MetaData(),
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("at", Timestamp),
    sa.Column("j", Json),
)


@pytest.fixture
def db(tmp_path: Path):
    made = Database(f"sqlite+apsw:///{tmp_path}/meta/holdfast.db")
    with made.write() as conn:
        things.create(conn)
    yield made
    made.close()


def count(db: Database) -> int:
    with db.read() as conn:
        return conn.execute(sa.select(sa.func.count()).select_from(things)).scalar_one()


def test_commit_on_success_rollback_on_error_and_hooks_only_after_a_commit(db: Database) -> None:
    heard = []
    with db.write() as conn:
        conn.execute(things.insert().values(j={}))
        db.after_commit(conn, lambda: heard.append(count(db)))
    with pytest.raises(RuntimeError), db.write() as conn:  # noqa: PT012
        conn.execute(things.insert().values(j={}))
        db.after_commit(conn, lambda: heard.append("never"))
        raise RuntimeError
    assert (count(db), heard) == (1, [1])


def test_a_failing_hook_does_not_look_like_a_failed_commit(db: Database) -> None:
    heard = []
    with db.write() as conn:
        db.after_commit(conn, lambda: 1 / 0)
        db.after_commit(conn, lambda: heard.append(1))
    assert heard == [1]
    with db.read() as conn, pytest.raises(ValueError, match="write"):
        db.after_commit(conn, lambda: None)


def test_a_reader_sees_one_moment_and_does_not_wait_for_a_writer(db: Database) -> None:
    with db.write() as conn:
        conn.execute(things.insert().values(j={}))
    with db.read() as reader:
        assert reader.execute(sa.select(sa.func.count()).select_from(things)).scalar() == 1
        with db.write() as writer:
            writer.execute(things.insert().values(j={}))
            assert count(db) == 1
        assert reader.execute(sa.select(sa.func.count()).select_from(things)).scalar() == 1
    assert count(db) == 2


def test_a_process_that_asks_now_and_then_opens_few_connections(tmp_path: Path) -> None:
    """Six at most, as the page on PostgreSQL counts them; who comes then waits for one."""
    db = Database(f"sqlite+apsw:///{tmp_path}/meta/few.db", pool_size=FEW)
    inside, most, lock, enough = [0], [0], threading.Lock(), threading.Event()

    def read() -> None:
        with db.read():
            with lock:
                inside[0] += 1
                most[0] = max(most[0], inside[0])
            enough.wait(10)
            with lock:
                inside[0] -= 1

    threads = [threading.Thread(target=read) for _ in range(12)]
    for each in threads:
        each.start()
    time.sleep(0.5)
    enough.set()
    for each in threads:
        each.join(20)
    db.close()
    assert most[0] == 6


def test_a_reader_cannot_write(db: Database) -> None:
    with db.read() as conn, pytest.raises(sa.exc.OperationalError, match="readonly"):
        conn.execute(things.insert().values(j={}))


def test_durable_and_checked_on_every_connection(db: Database) -> None:
    def look() -> list[object]:
        with db.write() as conn:
            names = ("journal_mode", "synchronous", "foreign_keys")
            return [conn.exec_driver_sql(f"PRAGMA {name}").scalar() for name in names]

    seen: list[object] = [look()]
    thread = threading.Thread(target=lambda: seen.append(look()))
    thread.start()
    thread.join()
    assert seen == [["wal", 2, 1]] * 2


def test_moments_and_json_come_back_as_they_went(db: Database) -> None:
    at = datetime(2026, 3, 1, 12, 0, 0, 5, timezone(timedelta(hours=2)))
    with db.write() as conn:
        conn.execute(things.insert().values(at=at, j={"ü": [1, None, {"x": 1.5}]}))
        conn.execute(things.insert().values(at=None, j=None))
    with db.read() as conn:
        first, second = conn.execute(sa.select(things).order_by(things.c.id)).all()
        raw = conn.exec_driver_sql("SELECT at, j FROM things ORDER BY id").all()
    assert (first.at, first.at.tzinfo, first.j) == (at, UTC, {"ü": [1, None, {"x": 1.5}]})
    assert (second.at, second.j) == (None, None)
    assert raw[0][0] == "2026-03-01T10:00:00.000005Z"
    assert raw[1] == (None, None)
    with pytest.raises(sa.exc.StatementError, match="time zone"), db.write() as conn:
        conn.execute(things.insert().values(at=datetime(2026, 1, 1)))


def test_a_busy_database_is_retryable(db: Database, tmp_path: Path) -> None:
    impatient = Database(f"sqlite+apsw:///{tmp_path}/meta/holdfast.db?timeout=0.1")
    failed = []

    def write() -> None:
        try:
            with impatient.write():
                pass
        except Retryable as error:
            failed.append(error.code)

    with db.write():
        thread = threading.Thread(target=write)
        thread.start()
        thread.join()
    impatient.close()
    assert failed == ["database_busy"]


def test_a_postgresql_url_makes_an_engine_and_connects_to_nothing() -> None:
    db = Database("postgresql+psycopg://nobody@127.0.0.1:1/none")
    assert db.engine.dialect.name == "postgresql"
    db.close()


def test_only_its_owner_reads_it_and_an_impossible_place_is_said(db: Database, tmp_path: Path) -> None:
    with db.write() as conn:
        conn.execute(things.insert().values(j={}))
    assert {file.stat().st_mode & 0o777 for file in (tmp_path / "meta").iterdir()} == {0o600}
    (tmp_path / "file").write_text("")
    with pytest.raises(NeedsOperator, match="cannot be written") as raised:
        Database(f"sqlite+apsw:///{tmp_path}/file/holdfast.db")
    assert raised.value.hint


def test_a_database_in_memory_is_refused() -> None:
    with pytest.raises(ValueError, match="file"):
        Database("sqlite+apsw://")


@pytest.mark.faults
@pytest.mark.needs_root
def test_a_full_disk_is_said_and_nothing_is_half_written(tmp_path: Path) -> None:
    disk = tmp_path / "small"
    disk.mkdir()
    mount = ["/bin/mount", "-t", "tmpfs", "-o", "size=2m", "none", str(disk)]
    need(subprocess.run(mount, check=False).returncode == 0, "leave to mount a tmpfs")
    try:
        db = Database(f"sqlite+apsw:///{disk}/holdfast.db")
        with db.write() as conn:
            things.create(conn)
            conn.execute(things.insert().values(j={}))
        with pytest.raises(DiskFull), db.write() as conn:  # noqa: PT012
            for _ in range(100):
                conn.execute(things.insert().values(j={"x": "y" * 100_000}))
        assert count(db) == 1
        with db.write() as conn:
            conn.execute(things.insert().values(j={}))
        assert count(db) == 2
        db.close()
    finally:
        subprocess.run(["/bin/umount", str(disk)], check=True)
