"""Cases on statements: parameters, limits, cancelling, and what a reader is refused."""

from __future__ import annotations

import asyncio
import time

from holdfast.contract.conformance.helpers import collect, inspect, numbers, refusal, run, scalar, session_of, write
from holdfast.contract.conformance.subject import Place, Subject
from holdfast.contract.query import QueryLimits
from holdfast.kernel.errors import Cancelled, Denied, HoldfastError, Invalid, LimitExceeded
from holdfast.kernel.stop import Stop


def _table(subject: Subject, place: Place, rows: int = 3) -> None:
    write(
        subject,
        place,
        [
            "CREATE TABLE t (id integer PRIMARY KEY, name text)",
            f"INSERT INTO t SELECT n, 'n' || n FROM {numbers(rows)}",
        ],
    )


def query_parameters(subject: Subject) -> None:
    """Positional and named parameters are bound, never pasted; a wrong number is Invalid(params_invalid)."""
    one, two = subject.dialect.placeholder(1), subject.dialect.placeholder(2)
    nasty = "x'; DROP TABLE t; --\u00e9\U0001f600"
    with subject.fresh() as place:
        _table(subject, place)
        limits = QueryLimits(write=True)
        assert run(subject, place, f"INSERT INTO t VALUES ({one}, {two})", (9, nasty), limits).affected == 1
        assert run(subject, place, f"SELECT name FROM t WHERE id = {one}", (9,)).rows == [(nasty,)]
        name = subject.dialect.named("name")
        assert run(subject, place, f"SELECT id FROM t WHERE name = {name}", {"name": nasty}).rows == [(9,)]
        for params in ((), (1, 2, 3)):
            try:
                run(subject, place, f"SELECT name FROM t WHERE id = {one} AND name = {two}", params)
            except Invalid as error:
                assert error.code == "params_invalid", error.code
            else:
                raise AssertionError(f"{len(params)} parameters went through where 2 were asked for")


def query_shape(subject: Subject) -> None:
    """Columns come even with no rows; writes report `affected`; rows come in batches."""
    with subject.fresh() as place:
        _table(subject, place, 25)
        empty = run(subject, place, "SELECT id, name AS title FROM t WHERE id < 0")
        assert (empty.columns, empty.rows) == (("id", "title"), [])
        assert run(subject, place, "UPDATE t SET name = 'x' WHERE id <= 4", (), QueryLimits(write=True)).affected == 4
        batched = run(subject, place, "SELECT id FROM t ORDER BY id", (), QueryLimits(batch_rows=10))
        assert [row[0] for row in batched.rows] == list(range(1, 26))
        assert batched.batches >= 3
        assert batched.truncated is None


def query_types(subject: Subject) -> None:
    """Values arrive as the Python types they are."""
    with subject.fresh() as place:
        for expression, expected in subject.dialect.values:
            value = run(subject, place, f"SELECT {expression}").rows[0][0]
            assert type(value) is type(expected), f"{expression}: {type(value)} is not {type(expected)}"
            assert value == expected, f"{expression}: {value!r} is not {expected!r}"


def query_row_limit(subject: Subject) -> None:
    """`rows` ends an endless result with truncated="rows"; exactly that many rows is not truncated."""
    with subject.fresh() as place:
        flood = run(subject, place, subject.dialect.flood, (), QueryLimits(rows=1234, batch_rows=100))
        assert len(flood.rows) == 1234
        assert flood.truncated == "rows"
        _table(subject, place, 10)
        exact = run(subject, place, "SELECT id FROM t", (), QueryLimits(rows=10))
        assert (len(exact.rows), exact.truncated) == (10, None)


def query_byte_limit(subject: Subject) -> None:
    """`bytes` ends the result with truncated="bytes"."""
    with subject.fresh() as place:
        write(
            subject,
            place,
            [
                "CREATE TABLE wide (id integer, body text)",
                f"INSERT INTO wide SELECT n, '{'x' * 1000}' FROM {numbers(500)}",
            ],
        )
        wide = run(subject, place, "SELECT * FROM wide", (), QueryLimits(rows=10_000, bytes=100_000))
        assert wide.truncated == "bytes"
        assert 10 <= len(wide.rows) <= 100


def query_time_limit(subject: Subject) -> None:
    """`seconds` ends an endless statement within 2 s after, and the session goes on working."""
    with subject.fresh() as place, session_of(subject, place) as session:

        async def use() -> None:
            started = time.monotonic()
            try:
                await collect(session, subject.dialect.endless, (), QueryLimits(seconds=0.5))
            except LimitExceeded as error:
                assert error.code == "query_timeout", error.code
            else:
                raise AssertionError("an endless statement came to an end")
            assert time.monotonic() - started < 2.5
            assert (await collect(session, "SELECT 1")).rows == [(1,)]

        asyncio.run(use())


def query_stop(subject: Subject) -> None:
    """`stop` ends a statement as Cancelled; a stop that came before the statement does too."""
    with subject.fresh() as place, session_of(subject, place) as session:

        async def use() -> None:
            stop = Stop()
            asyncio.get_running_loop().call_later(0.3, stop.stop)
            started = time.monotonic()
            for _ in range(2):
                try:
                    await collect(session, subject.dialect.endless, (), QueryLimits(stop=stop))
                except Cancelled:
                    pass
                else:
                    raise AssertionError("a stopped statement came to an end")
            assert time.monotonic() - started < 3
            assert (await collect(session, "SELECT 1")).rows == [(1,)]

        asyncio.run(use())


def query_closed_early(subject: Subject) -> None:
    """Closing the iterator after the first batch frees the session for the next statement at once."""
    with subject.fresh() as place, session_of(subject, place) as session:

        async def use() -> None:
            for _ in range(3):
                batches = session.query(subject.dialect.flood, (), QueryLimits(rows=10_000_000, batch_rows=10))
                async for batch in batches:
                    assert batch.rows
                    break
                await batches.aclose()  # type: ignore[attr-defined]
                assert (await collect(session, "SELECT 1")).rows == [(1,)]

        asyncio.run(use())


def query_many_statements(subject: Subject) -> None:
    """Two statements in one text are refused before the first runs; a trailing semicolon or comment is not a second."""
    with subject.fresh() as place:
        _table(subject, place)
        for text in (
            "SELECT 1; DROP TABLE t",
            "DELETE FROM t; SELECT 1",
            "SELECT 1;; SELECT 2",
            "COMMIT; DROP TABLE t",
        ):
            for writing in (False, True):
                error = refusal(subject, place, text, write=writing)
                assert error is not None, f"{text!r} went through"
                wanted = {"many_statements", "statement_denied" if writing else "read_only"}
                assert error.code in wanted, f"{text!r}: {error.code}"
        assert scalar(subject, place, "SELECT count(*) FROM t") == 3
        assert run(subject, place, "SELECT ';', '--' ; -- that was all; really\n").rows == [(";", "--")]
        assert run(subject, place, "SELECT 1 /* one; two */ ; ").rows == [(1,)]


def query_errors(subject: Subject) -> None:
    """Nonsense is Invalid(statement_invalid) with the engine's own words; so is nothing at all."""
    with subject.fresh() as place:
        for text in ("SELEC 1", "SELECT * FROM missing_table", "", "   ", "-- nothing"):
            error = refusal(subject, place, text)
            assert isinstance(error, Invalid), f"{text!r}: {error!r}"
            assert error.code == "statement_invalid", f"{text!r}: {error.code}"


_WRITES = (
    "INSERT INTO t VALUES (99, 'x')",
    "UPDATE t SET name = 'gone'",
    "DELETE FROM t",
    "WITH x AS (SELECT 1 AS id) DELETE FROM t WHERE id IN (SELECT id FROM x)",
    "/* SELECT */ DELETE FROM t",
    "-- SELECT\nDROP TABLE t",
    "CREATE TABLE u (id integer)",
    "CREATE VIEW v AS SELECT 1",
    "CREATE INDEX i ON t (name)",
    "ALTER TABLE t ADD COLUMN extra text",
    "ALTER TABLE t RENAME TO t2",
    "DROP TABLE t",
)


def query_read_only(subject: Subject) -> None:
    """A reader's writes are refused by the engine as Denied(read_only), and nothing hostile changes anything."""
    with subject.fresh() as place:
        _table(subject, place)
        before = (run(subject, place, "SELECT * FROM t ORDER BY id").rows, inspect(subject, place))
        for text in (*_WRITES, *subject.dialect.refused):
            error = refusal(subject, place, text)
            assert isinstance(error, Denied), f"{text!r}: {error!r}"
            assert error.code == "read_only", f"{text!r}: {error.code}"
        for text in subject.dialect.hostile:
            refusal(subject, place, text)
        after = (run(subject, place, "SELECT * FROM t ORDER BY id").rows, inspect(subject, place))
        assert before[0] == after[0], "a reader changed rows"
        assert before[1].relations == after[1].relations, "a reader changed the catalog"


def query_read_only_session(subject: Subject) -> None:
    """What a reader sets in one statement does not open the next one, on the same session."""
    with subject.fresh() as place:
        _table(subject, place)
        with session_of(subject, place, "ro") as session:

            async def use() -> None:
                for text in (*subject.dialect.hostile, "DELETE FROM t"):
                    try:
                        await collect(session, text, (), QueryLimits(seconds=3))
                    except HoldfastError:
                        continue
                assert (await collect(session, "SELECT count(*) FROM t")).rows == [(3,)]

            asyncio.run(use())


def query_denied_to_writers(subject: Subject) -> None:
    """Files, programs and other databases are out of reach of a writer too."""
    with subject.fresh() as place:
        _table(subject, place)
        for text in subject.dialect.denied:
            assert refusal(subject, place, text, write=True) is not None, f"{text!r} went through"


CASES = (
    query_parameters,
    query_shape,
    query_types,
    query_row_limit,
    query_byte_limit,
    query_time_limit,
    query_stop,
    query_closed_early,
    query_many_statements,
    query_errors,
    query_read_only,
    query_read_only_session,
    query_denied_to_writers,
)
