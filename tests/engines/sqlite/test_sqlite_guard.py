"""The hostile corpus, beyond what every engine is asked."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from holdfast.contract.conformance.helpers import collect, refusal, run, session_of, write
from holdfast.contract.query import QueryLimits
from holdfast.engines.sqlite.query import _NOTHING
from holdfast.engines.sqlite.trial import SqliteSubject
from holdfast.kernel.errors import Denied, LimitExceeded


@pytest.mark.parametrize("writing", [False, True])
@pytest.mark.parametrize(
    "statement",
    [
        "ATTACH 'other.sqlite' AS other",
        "ATTACH '' AS other",
        "VACUUM INTO 'other.sqlite'",
        "SELECT load_extension('other.so')",
        "PRAGMA writable_schema = 1",
        "PRAGMA temp_store_directory = '.'",
        "PRAGMA database_list",
        "PRAGMA wal_checkpoint(TRUNCATE)",
        "COMMIT",
        "ROLLBACK",
        "CREATE TEMP TABLE x (a)",
    ],
)
def test_refused_to_everyone(
    subject: SqliteSubject, statement: str, writing: bool, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    before = set(tmp_path.iterdir())
    with subject.fresh() as place:
        error = refusal(subject, place, statement, write=writing)
    assert isinstance(error, Denied)
    assert error.code == ("statement_denied" if writing else "read_only")
    assert set(tmp_path.iterdir()) == before


def test_a_giant_value_is_refused_at_once(subject: SqliteSubject) -> None:
    with subject.fresh() as place:
        started = time.monotonic()
        for statement in (
            "SELECT zeroblob(900000000)",
            "SELECT hex(zeroblob(90000000))",
            "SELECT printf('%900000000d', 1)",
        ):
            error = refusal(subject, place, statement)
            assert isinstance(error, LimitExceeded), statement
            assert error.code == "value_too_large"
        assert time.monotonic() - started < 15


@pytest.mark.parametrize(
    "statement",
    [
        "WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s) SELECT count(*) FROM s",
        "SELECT count(*) FROM t a, t b, t c, t d WHERE a.x + b.x + c.x + d.x < 0",
        "SELECT a.x FROM t a, t b, t c ORDER BY random()",
    ],
)
def test_endless_work_ends_in_time(subject: SqliteSubject, statement: str) -> None:
    with subject.fresh() as place:
        write(
            subject,
            place,
            [
                "CREATE TABLE t (x)",
                "INSERT INTO t WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT 1+n FROM s LIMIT 999) SELECT * FROM s",
            ],
        )
        started = time.monotonic()
        with pytest.raises(LimitExceeded) as caught:
            run(subject, place, statement, (), QueryLimits(seconds=0.4))
        assert caught.value.code == "query_timeout"
        assert time.monotonic() - started < 15


def test_an_endless_write_is_undone(subject: SqliteSubject) -> None:
    with subject.fresh() as place:
        write(subject, place, ["CREATE TABLE t (x)"])
        with pytest.raises(LimitExceeded):
            run(
                subject,
                place,
                "INSERT INTO t WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s) SELECT n FROM s",
                (),
                QueryLimits(seconds=0.3, write=True),
            )
        assert run(subject, place, "SELECT count(*) FROM t").rows == [(0,)]


def test_a_full_text_index_can_be_made_and_read(subject: SqliteSubject) -> None:
    """The guard lets virtual tables do their inner work."""
    with subject.fresh() as place, session_of(subject, place) as session:

        async def use() -> None:
            writing = QueryLimits(write=True)
            await collect(session, "CREATE VIRTUAL TABLE f USING fts5(body)", (), writing)
            await collect(session, "INSERT INTO f VALUES (?)", ("the quick fox",), writing)
            assert (await collect(session, "SELECT body FROM f WHERE f MATCH 'quick'")).rows == [("the quick fox",)]
            await collect(session, "DROP TABLE f", (), writing)

        asyncio.run(use())


@pytest.mark.parametrize("text", ["", " ;; ", "-- x", "-- x\n;", "/* a */", "/* a */ -- b\n ; /* open", "/**/"])
def test_nothing_left(text: str) -> None:
    assert _NOTHING.match(text)


@pytest.mark.parametrize("text", ["x", "/* a */ x /* b */", "-- a\nx", "/* a */; x -- */", "/*/ x", "; 1"])
def test_something_left(text: str) -> None:
    assert bool(_NOTHING.match(text)) is (text == "/*/ x")
