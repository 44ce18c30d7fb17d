"""What is counted while pages pass is what SQLite itself counts, for every shape of tree."""

from __future__ import annotations

import random
from pathlib import Path

import apsw
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.contract.snapshot import CaptureRequest, Pages
from holdfast.contract.spec import Endpoint
from holdfast.engines.sqlite import look as looking
from holdfast.engines.sqlite.capture import SqliteCapture
from holdfast.engines.sqlite.look import count_rows, look
from holdfast.engines.sqlite.tally import Tally, Unclear
from holdfast.kernel.errors import HoldfastError
from holdfast.kernel.stop import Stop

AWKWARD = "a\"b'; -- ñ"
CELL = 64 << 10
NUMBERS = "WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {}) "


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def made(path: Path, page: int, rows: int, *, overflow: bool = False, vacuum: int = 0) -> Path:
    """Tables of every kind of tree, some rows taken away again so that pages are free."""
    db, awkward = apsw.Connection(str(path)), quoted(AWKWARD)
    db.pragma("page_size", page)
    db.pragma("auto_vacuum", vacuum)
    with db:
        db.execute(f"CREATE TABLE {awkward} (id INTEGER PRIMARY KEY, body TEXT, x BLOB)")
        db.execute(f"INSERT INTO {awkward} {NUMBERS.format(rows)} SELECT n, 'row ' || n, randomblob(90) FROM s")
        db.execute(f"CREATE INDEX of_body ON {awkward} (body, x)")
        db.execute("CREATE TABLE plain (name TEXT PRIMARY KEY, n INTEGER) WITHOUT ROWID")
        db.execute(f"INSERT INTO plain {NUMBERS.format(rows)} SELECT hex(n * 7919) || 'x', n FROM s")
        db.execute("CREATE TABLE void (id INTEGER PRIMARY KEY AUTOINCREMENT, body TEXT)")
        db.execute("CREATE VIRTUAL TABLE words USING fts5(body)")
        db.execute(f"INSERT INTO words {NUMBERS.format(rows // 10)} SELECT 'word ' || n FROM s")
        if overflow:
            db.execute("CREATE TABLE large (id INTEGER PRIMARY KEY, body BLOB)")
            db.execute(f"INSERT INTO large {NUMBERS.format(3)} SELECT n, randomblob({page * 5}) FROM s")
        db.execute(f"DELETE FROM {awkward} WHERE id % 3 = 0 OR id > {rows * 3 // 4}")
    db.close()
    return path


def tally_of(data: bytes, page: int, *, backwards: bool = False) -> Tally:
    found = Tally(len(data) // page, page, CELL)
    cells = range(-(-len(data) // CELL))
    for cell in reversed(cells) if backwards else cells:
        found.take(cell, memoryview(data)[cell * CELL : (cell + 1) * CELL])
    return found


def read_whole(capture: SqliteCapture) -> int:
    """Bytes of all cells."""
    (entry,) = capture.entries()
    assert entry.open is not None
    pages = entry.open()
    assert isinstance(pages, Pages)
    return sum(len(cell) for _, cell in pages.cells())


@settings(max_examples=25, deadline=None)
@given(
    page=st.sampled_from([512, 1024, 4096, 65536]),
    rows=st.integers(0, 3000),
    overflow=st.booleans(),
    vacuum=st.sampled_from([0, 1, 2]),
    backwards=st.booleans(),
)
def test_it_counts_what_sqlite_counts(
    tmp_path_factory: pytest.TempPathFactory, page: int, rows: int, overflow: bool, vacuum: int, backwards: bool
) -> None:
    path = made(tmp_path_factory.mktemp("tally") / "t.sqlite", page, rows, overflow=overflow, vacuum=vacuum)
    tally = tally_of(path.read_bytes(), page, backwards=backwards)
    db = apsw.Connection(str(path))
    with db:
        assert look(db, "t", "full", tally) == look(db, "t", "full")
    db.close()


def test_a_capture_counts_without_reading_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, asked = made(tmp_path / "t.sqlite", 4096, 4000), list[str]()

    def refused(*_: object) -> dict[str, int]:
        asked.append("count")
        return {}

    monkeypatch.setattr(looking, "count_rows", refused)
    monkeypatch.setattr(looking, "_sizes", refused)
    with SqliteCapture(Endpoint(path=path), None, CaptureRequest(digests="never"), Stop()) as capture:
        assert read_whole(capture) == path.stat().st_size
        manifest = capture.finish()
    assert asked == []
    db = apsw.Connection(str(path))
    relations = [r for r in manifest.catalog.relations if r.kind == "table"]
    monkeypatch.undo()
    assert {r.name: r.rows for r in relations} == count_rows(db, relations)
    assert {fact.name for fact in manifest.tables} >= {AWKWARD, "plain", "void", "words"}
    db.close()


def test_what_did_not_pass_is_asked_of_sqlite(tmp_path: Path) -> None:
    path = made(tmp_path / "t.sqlite", 4096, 4000)
    db = apsw.Connection(str(path))
    nothing_passed = Tally(path.stat().st_size // 4096, 4096, CELL)
    with db:
        assert look(db, "t", "full", nothing_passed) == look(db, "t", "full")
    db.close()


@settings(max_examples=60, deadline=None)
@given(seed=st.randoms(use_true_random=False))
def test_damage_never_counts_wrong_silently_or_hangs(
    tmp_path_factory: pytest.TempPathFactory, seed: random.Random
) -> None:
    """A tree that loops, meets itself or leaves the file is unclear; what is left is of the right shape."""
    path = _damaged_once(tmp_path_factory)
    data, page = bytearray(path.read_bytes()), 512
    interior = [at for at in range(page, len(data), page) if data[at] in (2, 5)]
    at = seed.choice(interior)
    target = seed.randrange(0, 1 << 32) if seed.random() < 0.3 else seed.randrange(1, len(data) // page)
    data[at + 8 : at + 12] = target.to_bytes(4, "big")
    db = apsw.Connection(str(path))
    roots = dict(db.execute("SELECT name, rootpage FROM sqlite_schema WHERE rootpage > 0"))
    db.close()
    tally = tally_of(bytes(data), page)
    before = tally_of(path.read_bytes(), page).trees(roots)
    try:
        after = tally.trees(roots)
    except Unclear:
        return
    assert sum(tree.pages for tree in after.values()) <= len(data) // page * len(roots)
    assert after.keys() == before.keys()


_kept: list[Path] = []


def _damaged_once(factory: pytest.TempPathFactory) -> Path:
    if not _kept:
        _kept.append(made(factory.mktemp("damaged") / "t.sqlite", 512, 2000))
    return _kept[0]


def test_a_damaged_tree_is_told_by_sqlite(tmp_path: Path) -> None:
    path = made(tmp_path / "t.sqlite", 4096, 20_000)
    db = apsw.Connection(str(path))
    root = dict(db.execute("SELECT name, rootpage FROM sqlite_schema"))[AWKWARD]
    db.close()
    data = bytearray(path.read_bytes())
    data[(root - 1) * 4096] = 99
    path.write_bytes(data)
    with SqliteCapture(Endpoint(path=path), None, CaptureRequest(digests="never"), Stop()) as capture:
        read_whole(capture)
        with pytest.raises(HoldfastError):
            capture.finish()
