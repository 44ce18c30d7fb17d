"""Reading the file itself: only when it holds the whole moment, and without letting go of anybody's lock."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import apsw
import pytest

from holdfast.contract.snapshot import CaptureRequest, Pages
from holdfast.contract.spec import Endpoint
from holdfast.engines.sqlite import capture as capturing
from holdfast.engines.sqlite import direct
from holdfast.engines.sqlite.capture import SqliteCapture
from holdfast.kernel.errors import HoldfastError
from holdfast.kernel.stop import Stop

AWKWARD = "a\"b'; -- ü.sqlite"


def made(tmp_path: Path, mode: str) -> Path:
    path = tmp_path / AWKWARD
    db = apsw.Connection(str(path))
    db.pragma("journal_mode", mode)
    db.execute("CREATE TABLE t (a text)")
    with db:
        db.executemany("INSERT INTO t VALUES (?)", [(f"{n} " * 40,) for n in range(20_000)])
    db.close()
    return path


def captured(capture: SqliteCapture) -> bytes:
    (entry,) = capture.entries()
    assert entry.open is not None
    pages = entry.open()
    assert isinstance(pages, Pages)
    out = bytearray(entry.size or 0)
    for index, cell in pages.cells():
        out[index * entry.page : index * entry.page + len(cell)] = cell
    pages.close()
    return bytes(out)


def rows_of(image: bytes, tmp_path: Path) -> int:
    copy = tmp_path / "copy.sqlite"
    copy.write_bytes(image)
    db = apsw.Connection(str(copy))
    assert db.pragma("integrity_check") == "ok"
    rows = db.execute("SELECT count(*) FROM t").fetchall()[0][0]
    db.close()
    return int(rows)


def through_backup(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    used: list[bool] = []
    plain = capturing.backup_cells

    def watched(*args: object) -> object:
        used.append(True)
        return plain(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(capturing, "backup_cells", watched)
    return used


@pytest.mark.parametrize("mode", ["wal", "delete", "truncate", "persist"])
def test_a_quiet_file_is_read_as_it_is(tmp_path: Path, mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path, used = made(tmp_path, mode), through_backup(monkeypatch)
    with SqliteCapture(Endpoint(path=path), None, CaptureRequest(), Stop()) as capture:
        image = captured(capture)
        capture.look_ahead()
        manifest = capture.finish()
    assert used == []
    assert image == path.read_bytes()
    assert rows_of(image, tmp_path) == 20_000
    assert [table.rows for table in manifest.tables] == [20_000]


def test_commits_during_the_capture_are_not_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, used = made(tmp_path, "wal"), through_backup(monkeypatch)
    with SqliteCapture(Endpoint(path=path), None, CaptureRequest(), Stop()) as capture:
        other = apsw.Connection(str(path))
        with other:
            other.execute("DELETE FROM t WHERE rowid % 2")
        other.pragma("wal_checkpoint(TRUNCATE)")
        image = captured(capture)
        assert capture.finish().tables[0].rows == 20_000
        other.close()
    assert used == []
    assert rows_of(image, tmp_path) == 20_000


def test_what_lies_in_the_log_is_asked_of_sqlite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, used = made(tmp_path, "wal"), through_backup(monkeypatch)
    writer = apsw.Connection(str(path))
    writer.pragma("wal_autocheckpoint", 0)
    with writer:
        writer.execute("INSERT INTO t VALUES ('in the log')")
    with SqliteCapture(Endpoint(path=path), None, CaptureRequest(), Stop()) as capture:
        capture.look_ahead()
        image = captured(capture)
    writer.close()
    assert used == [True]
    assert rows_of(image, tmp_path) == 20_001


def test_the_locks_of_this_process_stay(tmp_path: Path) -> None:
    """Closing a file drops all POSIX locks a process has on it; SQLite's own closing knows."""
    path = made(tmp_path, "delete")
    reader = apsw.Connection(str(path))
    reader.execute("BEGIN; SELECT count(*) FROM t").fetchall()
    with SqliteCapture(Endpoint(path=path), None, CaptureRequest(), Stop()) as capture:
        captured(capture)
    script = "import apsw, sys; apsw.Connection(sys.argv[1]).execute('DELETE FROM t')"
    done = subprocess.run([sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=False)
    assert "BusyError" in done.stderr
    reader.close()


def test_the_file_is_read_by_sqlites_own_descriptor_only_when_that_is_sure(tmp_path: Path) -> None:
    path, other = made(tmp_path, "delete"), tmp_path / "other.sqlite"
    other.write_bytes(path.read_bytes())
    reader = apsw.Connection(str(path))
    found = direct.own_descriptor(reader, path)
    assert found is not None
    assert os.path.samefile(f"/proc/self/fd/{found}", path)
    assert direct.own_descriptor(reader, other) is None
    assert direct.own_descriptor(apsw.Connection(":memory:"), path) is None
    path.rename(tmp_path / "moved.sqlite")
    other.rename(path)
    assert direct.own_descriptor(reader, path) is None
    reader.close()


def test_without_a_descriptor_the_bytes_are_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = made(tmp_path, "delete")
    monkeypatch.setattr(direct, "own_descriptor", lambda *_: None)
    with SqliteCapture(Endpoint(path=path), None, CaptureRequest(), Stop()) as capture:
        assert captured(capture) == path.read_bytes()


def test_what_is_read_after_the_capture_has_ended_is_thrown_away(tmp_path: Path) -> None:
    """Its descriptor may be another file's by then."""
    path = made(tmp_path, "delete")
    with SqliteCapture(Endpoint(path=path), None, CaptureRequest(), Stop()) as capture:
        (entry,) = capture.entries()
        assert entry.open is not None
        pages = entry.open()
        assert isinstance(pages, Pages)
        cells = pages.cells()
        next(cells)
    with pytest.raises(HoldfastError):
        next(cells)
