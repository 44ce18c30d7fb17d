"""Every statement of the corpus with every right: no other file changes, none appears, a reader changes nothing."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apsw
import pytest
from corpus_sqlite import CASES
from fuzzing import examples
from hypothesis import given
from hypothesis import strategies as st
from mutations import written_otherwise

from holdfast.contract.query import QueryLimits
from holdfast.contract.spec import Endpoint
from holdfast.engines.sqlite.session import SqliteSession
from holdfast.kernel.errors import HoldfastError

LONGEST = 3.0
_SETUP = """
PRAGMA journal_mode = WAL;
CREATE TABLE IF NOT EXISTS t (id integer primary key autoincrement, note text);
INSERT OR REPLACE INTO t (id, note) VALUES (1, 'a'), (2, 'b'), (3, 'c');
"""
_PROBE = (
    "SELECT (SELECT count(*) FROM t WHERE id = 666), (SELECT count(*) FROM sqlite_temp_schema),"
    " (SELECT foreign_keys FROM pragma_foreign_keys), (SELECT journal_mode FROM pragma_journal_mode),"
    " (SELECT synchronous FROM pragma_synchronous), (SELECT cache_size FROM pragma_cache_size),"
    " (SELECT max_page_count FROM pragma_max_page_count)"
)


@dataclass
class There:
    directory: Path
    file: Path
    other: Path

    def outside(self) -> dict[str, bytes]:
        own = {self.file.name, f"{self.file.name}-wal", f"{self.file.name}-shm"}
        return {path.name: path.read_bytes() for path in self.directory.iterdir() if path.name not in own}

    def inside(self) -> list[Any]:
        with closing(apsw.Connection(str(self.file), flags=apsw.SQLITE_OPEN_READONLY)) as connection:
            schema = connection.execute("SELECT * FROM sqlite_schema ORDER BY name").fetchall()
            found: list[Any] = [*schema, *connection.execute("SELECT * FROM t").fetchall()]
            return [*found, *connection.execute("PRAGMA user_version; PRAGMA application_id").fetchall()]

    def written(self, case: str) -> str:
        return case.replace("{dir}", str(self.directory)).replace("{other}", str(self.other))

    def restore(self) -> None:
        with closing(apsw.Connection(str(self.file))) as connection:
            connection.execute(_SETUP).fetchall()


@pytest.fixture
def there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[There]:
    monkeypatch.chdir(tmp_path)
    made = There(tmp_path, tmp_path / "app.sqlite", tmp_path / "other.sqlite")
    made.restore()
    with closing(apsw.Connection(str(made.other))) as connection:
        connection.execute("CREATE TABLE canary AS SELECT 'alive' AS word")
    yield made
    with closing(apsw.Connection(str(made.file))) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert not os.environ.get("SQLITE_TMPDIR")


async def one(there: There, statement: str, *, write: bool) -> list[str]:
    session = SqliteSession(Endpoint(path=there.file, database="app"), None, "owner" if write else "ro")  # type: ignore[arg-type]
    limits = QueryLimits(seconds=0.3, rows=50, bytes=1 << 20, write=write)
    outside, inside = there.outside(), there.inside() if not write else None
    started, ended = time.monotonic(), "ok"
    try:
        async for _ in session.query(statement, (), limits):
            pass
    except HoldfastError as error:
        ended = error.code if error.status < 500 or error.retryable else f"{error.code}, which is no refusal"
    took, wrong = time.monotonic() - started, ["no refusal"] if "no refusal" in ended else list[str]()
    if took > LONGEST:
        wrong.append(f"took {took:.1f} s")
    if there.outside() != outside:
        wrong.append("another file changed")
    if not write and there.inside() != inside:
        wrong.append("a reader changed the database")
    rows: list[Any] = []
    try:
        async for batch in session.query(_PROBE, (), QueryLimits()):
            rows += batch.rows
    except HoldfastError as error:
        rows = [error.message]
    if not write and rows != _expected(there):
        wrong.append(f"left behind: {rows}")
    return [f"{'owner' if write else 'ro'}: {statement[:90]!r} ({ended}): {each}" for each in wrong]


_clean: dict[Path, list[Any]] = {}


def _expected(there: There) -> list[Any]:
    """What the probe says in a database nobody touched."""
    if there.file not in _clean:

        async def ask() -> list[Any]:
            session = SqliteSession(Endpoint(path=there.file, database="app"), None, "ro")  # type: ignore[arg-type]
            return [row async for batch in session.query(_PROBE, (), QueryLimits()) for row in batch.rows]

        import threading

        box: list[Any] = []
        thread = threading.Thread(target=lambda: box.append(asyncio.run(ask())))
        thread.start()
        thread.join()
        _clean[there.file] = box[0]
    return _clean[there.file]


def trial(there: There, statements: Sequence[str], *, write: bool) -> list[str]:
    async def run() -> list[str]:
        wrong: list[str] = []
        for statement in statements:
            if write:
                there.restore()
            wrong += await one(there, there.written(statement), write=write)
        return wrong

    return asyncio.run(run())


def test_the_corpus_is_large() -> None:
    assert len(set(CASES)) == len(CASES) >= 80


@pytest.mark.slow
@pytest.mark.parametrize("write", [False, True])
def test_every_case_is_refused_or_harmless(there: There, write: bool) -> None:
    _expected(there)
    wrong = trial(there, CASES, write=write)
    assert not wrong, "\n".join(wrong)


_QUICK = tuple(case for case in CASES if len(case) < 1000 and "RECURSIVE" not in case)


@pytest.mark.slow
@examples(60)
@given(statement=written_otherwise(_QUICK), write=st.booleans())
def test_written_otherwise_it_is_the_same(there: There, statement: str, write: bool) -> None:
    _expected(there)
    wrong = trial(there, [statement], write=write)
    assert not wrong, wrong
