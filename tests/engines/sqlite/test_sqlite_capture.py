"""What only SQLite can get wrong in a capture: logs, checkpoints, page sizes, the lock page."""

from __future__ import annotations

import shutil
import threading
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import apsw
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.contract.conformance import MemorySource, Place
from holdfast.contract.conformance.helpers import capture, restore, run, scalar, session_of, verify, write
from holdfast.contract.conformance.memory_source import read_entry
from holdfast.contract.snapshot import CaptureRequest, Level
from holdfast.engines.sqlite.capture import grid
from holdfast.engines.sqlite.sink import CellSink
from holdfast.engines.sqlite.spec import ENTRY, SqliteSpec
from holdfast.engines.sqlite.trial import SqliteSubject
from holdfast.kernel.errors import Corrupt, HoldfastError, Permanent
from holdfast.kernel.stop import Stop

ROWS = "WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {}) "


def fill(subject: SqliteSubject, place: Place, rows: int = 5000) -> None:
    write(
        subject,
        place,
        [
            "CREATE TABLE t (id INTEGER PRIMARY KEY, body BLOB)",
            f"INSERT INTO t {ROWS.format(rows)} SELECT n, randomblob(200) FROM s",
        ],
    )


def test_frames_not_yet_checkpointed_are_captured(subject: SqliteSubject) -> None:
    with subject.fresh() as place, subject.fresh("target") as target:
        assert place.endpoint.path is not None
        with closing(apsw.Connection(str(place.endpoint.path))) as holder:
            holder.execute("PRAGMA wal_autocheckpoint = 0")
            holder.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, body BLOB)")
            holder.execute(f"INSERT INTO t {ROWS.format(2000)} SELECT n, randomblob(500) FROM s")
            assert place.endpoint.path.stat().st_size < 20_000 < Path(f"{place.endpoint.path}-wal").stat().st_size
            source = capture(subject, place)
        restore(subject, target, source)
        assert verify(subject, target, source).ok
        assert scalar(subject, target, "SELECT count(*) FROM t") == 2000


def test_checkpoints_and_vacuum_by_others_do_not_move_the_moment(subject: SqliteSubject) -> None:
    with subject.fresh() as place, subject.fresh("target") as target:
        fill(subject, place)
        with session_of(subject, place) as session, session.capture(None, CaptureRequest(), Stop()) as captured:
            with closing(apsw.Connection(str(place.endpoint.path))) as other:
                other.set_busy_timeout(200)
                for number in range(5):
                    other.execute("UPDATE t SET body = randomblob(300) WHERE id % 5 = ?", (number,))
                    other.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
                other.execute("DROP TABLE t")
                other.execute("CREATE TABLE later (x)")
                other.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
            source = MemorySource.read(captured)
        restore(subject, target, source)
        assert verify(subject, target, source).ok
        assert scalar(subject, target, "SELECT count(*) FROM t") == 5000


def test_a_writer_checkpointing_all_the_while(subject: SqliteSubject) -> None:
    with subject.fresh() as place:
        fill(subject, place, 20_000)
        halt = threading.Event()

        def disturb() -> None:
            with closing(apsw.Connection(str(place.endpoint.path))) as other:
                other.set_busy_timeout(5000)
                while not halt.is_set():
                    other.execute("UPDATE t SET body = randomblob(200) WHERE id = 1 + abs(random()) % 20000")
                    other.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)

        thread = threading.Thread(target=disturb)
        thread.start()
        try:
            with session_of(subject, place) as session, session.capture(None, CaptureRequest(), Stop()) as captured:
                (entry,) = captured.entries()
                copies = {read_entry(entry) for _ in range(5)}
        finally:
            halt.set()
            thread.join()
        assert len(copies) == 1


def test_rollback_journal_mode(subject: SqliteSubject) -> None:
    with subject.fresh() as place, subject.fresh("target") as target:
        fill(subject, place, 500)
        with closing(apsw.Connection(str(place.endpoint.path))) as connection:
            assert connection.execute("PRAGMA journal_mode = DELETE").fetchall() == [("delete",)]
        source = capture(subject, place)
        assert source.manifest.position["journal_mode"] == "delete"
        restore(subject, target, source)
        assert verify(subject, target, source).ok


@pytest.mark.parametrize("page_size", [512, 1024, 2048, 4096, 8192, 16384, 32768, 65536])
def test_every_page_size(tmp_path: Path, tools, page_size: int) -> None:
    subject = SqliteSubject(tmp_path, tools, SqliteSpec(page_size=page_size))
    with subject.fresh() as place, subject.fresh("target") as target:
        fill(subject, place, 300)
        source = capture(subject, place)
        assert source.manifest.position["page_size"] == page_size
        restore(subject, target, source)
        assert target.endpoint.path is not None
        assert target.endpoint.path.read_bytes() == source.files[ENTRY]
        assert verify(subject, target, source).ok
        assert scalar(subject, target, "PRAGMA page_size") == page_size


def test_the_restored_file_needs_no_neighbour(subject: SqliteSubject, tmp_path: Path) -> None:
    """What stock tools take out of a snapshot is a whole database on its own."""
    with subject.fresh() as place:
        fill(subject, place)
        alone = tmp_path / "alone.sqlite"
        alone.write_bytes(capture(subject, place).files[ENTRY])
    with closing(apsw.Connection(str(alone), flags=apsw.SQLITE_OPEN_READWRITE)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("SELECT count(*) FROM t").fetchall() == [(5000,)]


def test_a_huge_row(subject: SqliteSubject) -> None:
    with subject.fresh() as place, subject.fresh("target") as target:
        write(
            subject,
            place,
            ["CREATE TABLE t (a, b)", "INSERT INTO t VALUES (zeroblob(40000000), printf('%.*c', 5000000, 'x'))"],
        )
        source = capture(subject, place)
        restore(subject, target, source)
        assert verify(subject, target, source).ok
        write(subject, target, ["UPDATE t SET b = b || 'y'"])
        assert not verify(subject, target, source).ok


def test_a_corrupt_file_is_said_to_be_corrupt(subject: SqliteSubject) -> None:
    with subject.fresh() as place:
        fill(subject, place)
        assert place.endpoint.path is not None
        damaged = place.endpoint.path.with_name("damaged.sqlite")
        shutil.copy(place.endpoint.path, damaged)
        with damaged.open("r+b") as file:
            file.seek(4096)
            file.write(b"\xee" * 8192)
        broken = replace(place, endpoint=replace(place.endpoint, path=damaged))
        with pytest.raises(Corrupt) as caught:
            capture(subject, broken)
        assert caught.value.code == "database_corrupt"
        source = capture(subject, place)
        assert not verify(subject, broken, source, Level.READABLE).ok
        damaged.write_bytes(b"this is not a database at all" * 100)
        with pytest.raises(Corrupt):
            run(subject, broken, "SELECT 1 FROM t")


def test_a_missing_file_is_not_made(subject: SqliteSubject, tmp_path: Path) -> None:
    with subject.fresh() as place:
        nowhere = replace(place, endpoint=replace(place.endpoint, path=tmp_path / "nowhere.sqlite"))
        for act in (lambda: run(subject, nowhere, "SELECT 1"), lambda: capture(subject, nowhere)):
            with pytest.raises(HoldfastError) as caught:
                act()
            assert caught.value.code == "database_missing"
        assert not (tmp_path / "nowhere.sqlite").exists()


def test_a_capture_that_was_left_gives_nothing_more(subject: SqliteSubject) -> None:
    with subject.fresh() as place, session_of(subject, place) as session:
        with session.capture(None, CaptureRequest(), Stop()) as captured:
            (entry,) = captured.entries()
        with pytest.raises(Permanent):
            read_entry(entry)
        with pytest.raises(Permanent):
            captured.finish()


def test_digests_above_the_bound_are_left_out_and_said_so(
    subject: SqliteSubject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("holdfast.engines.sqlite.capture.AUTO_BYTES", 1000)
    with subject.fresh() as place:
        fill(subject, place, 100)
        (facts,) = capture(subject, place, CaptureRequest()).manifest.tables
        assert (facts.rows, facts.digest) == (100, None)
        assert "not computed" in str(facts.method)


def test_grid() -> None:
    assert [grid(size) for size in (0, (1 << 30) - 1, 1 << 30, 100 << 30)] == [1 << 16, 1 << 16, 1 << 18, 1 << 20]


@given(
    pages=st.integers(1, 60), page=st.sampled_from([512, 4096]), cells=st.sampled_from([4096, 16384]), data=st.data()
)
@settings(max_examples=60, deadline=None)
def test_a_sink_gives_every_byte_once_in_any_order(pages: int, page: int, cells: int, data: st.DataObject) -> None:
    size = pages * page
    sink = CellSink(size, page, cells)
    out = bytearray(size)
    wanted = bytes(n % 251 for n in range(size))
    seen: list[int] = []
    for number in data.draw(st.permutations(range(pages))):
        sink.write(wanted[number * page : (number + 1) * page], number * page)
        seen += [
            index
            for index, cell in sink.take()
            if not out.__setitem__(slice(index * cells, index * cells + len(cell)), cell)
        ]
    for index, cell in sink.finish():
        out[index * cells : index * cells + len(cell)] = cell
        seen.append(index)
    assert bytes(out) == wanted
    assert sorted(seen) == list(range(-(-size // cells)))


def test_a_sink_notices_a_page_that_never_came() -> None:
    sink = CellSink(8 * 4096, 4096, 16384)
    for number in (0, 1, 2, 3, 4, 5, 6):
        sink.write(b"\1" * 4096, number * 4096)
    with pytest.raises(Permanent):
        sink.finish()


def test_a_sink_leaves_the_lock_page_empty() -> None:
    """SQLite never writes the page at 1 GiB; its cell is whole without it, any other is not."""
    size = (1 << 30) + (1 << 18)
    sink = CellSink(size, 4096, 1 << 18)
    for offset in range(1 << 30, size, 4096):
        if offset != 1 << 30:
            sink.write(b"\7" * 4096, offset)
    assert sink.take() == []
    sink._left.update(range(4096))  # the other cells, which would take a gigabyte to write
    ((index, cell),) = sink.finish()
    assert index == 4096
    assert bytes(cell[:4096]) == bytes(4096)
    assert bytes(cell[4096:]) == b"\7" * ((1 << 18) - 4096)
