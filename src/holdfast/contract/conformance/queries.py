"""Cases on statements: parameters, limits, cancelling, and what a reader is refused."""

from __future__ import annotations

import asyncio
import time

from holdfast.contract.conformance.helpers import collect, contents, counted, inspect, refusal, run, session_of, write
from holdfast.contract.conformance.subject import Place, Subject
from holdfast.contract.query import QueryLimits
from holdfast.kernel.errors import Cancelled, Denied, HoldfastError, Invalid, LimitExceeded
from holdfast.kernel.stop import Stop


def _table(subject: Subject, place: Place, rows: int = 3) -> None:
    write(subject, place, subject.dialect.words.collection("t", rows))


def query_parameters(subject: Subject) -> None:
    """Positional and named parameters are bound, never pasted; a wrong number is Invalid(params_invalid)."""
    words = subject.dialect.words
    nasty = "x'; DROP TABLE t; --\r\n\u00e9\U0001f600"
    with subject.fresh() as place:
        _table(subject, place)
        assert run(subject, place, words.add_bound("t"), (9, nasty), QueryLimits(write=True)).affected == 1
        assert run(subject, place, words.text_of("t"), (9,)).rows == [(nasty,)]
        assert run(subject, place, words.text_of("t", "wanted"), {"wanted": 9}).rows == [(nasty,)]
        for params in ((), (1, 2, 3)):
            try:
                run(subject, place, words.both_of("t"), params)
            except Invalid as error:
                assert error.code == "params_invalid", error.code
            else:
                raise AssertionError(f"{len(params)} parameters went through where 2 were asked for")
        assert counted(subject, place, "t") == 4


def query_shape(subject: Subject) -> None:
    """Columns come even with no rows; writes report `affected`; rows come in batches."""
    words = subject.dialect.words
    with subject.fresh() as place:
        _table(subject, place, 25)
        empty = run(subject, place, words.nothing.statement)
        assert (empty.columns, empty.rows) == (words.nothing.columns, [])
        batched = run(subject, place, words.rows("t"), (), QueryLimits(batch_rows=10))
        assert sorted(int(row[0]) for row in batched.rows) == list(range(1, 26))
        assert batched.batches >= 3
        assert batched.truncated is None
        assert run(subject, place, words.touch_first("t", 4), (), QueryLimits(write=True)).affected == 4


def query_types(subject: Subject) -> None:
    """Values arrive as the Python types they are."""
    with subject.fresh() as place:
        for expression, expected in subject.dialect.values:
            value = run(subject, place, subject.dialect.words.value(expression)).rows[0][0]
            assert type(value) is type(expected), f"{expression}: {type(value)} is not {type(expected)}"
            assert value == expected, f"{expression}: {value!r} is not {expected!r}"


def query_row_limit(subject: Subject) -> None:
    """`rows` ends an endless result with truncated="rows"; exactly that many rows is not truncated."""
    words = subject.dialect.words
    with subject.fresh() as place:
        write(subject, place, words.flooded())
        flood = run(subject, place, subject.dialect.flood, (), QueryLimits(rows=1234, batch_rows=100))
        assert len(flood.rows) == 1234
        assert flood.truncated == "rows"
        _table(subject, place, 10)
        exact = run(subject, place, words.rows("t"), (), QueryLimits(rows=10))
        assert (len(exact.rows), exact.truncated) == (10, None)


def query_byte_limit(subject: Subject) -> None:
    """`bytes` ends the result with truncated="bytes"."""
    words = subject.dialect.words
    with subject.fresh() as place:
        write(subject, place, words.collection("wide", 500, 1000))
        wide = run(subject, place, words.rows("wide"), (), QueryLimits(rows=10_000, bytes=100_000))
        assert wide.truncated == "bytes"
        assert 10 <= len(wide.rows) <= 100


def query_time_limit(subject: Subject) -> None:
    """`seconds` ends an endless statement within 2 s after, and the session goes on working."""
    ping = subject.dialect.words.ping
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
            assert tuple((await collect(session, ping.statement)).rows) == ping.rows

        asyncio.run(use())


def query_stop(subject: Subject) -> None:
    """`stop` ends a statement as Cancelled; a stop that came before the statement does too."""
    ping = subject.dialect.words.ping
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
            assert tuple((await collect(session, ping.statement)).rows) == ping.rows

        asyncio.run(use())


def query_closed_early(subject: Subject) -> None:
    """Closing the iterator after the first batch frees the session for the next statement at once."""
    ping = subject.dialect.words.ping
    with subject.fresh() as place, session_of(subject, place) as session:
        write(subject, place, subject.dialect.words.flooded())

        async def use() -> None:
            for _ in range(3):
                batches = session.query(subject.dialect.flood, (), QueryLimits(rows=10_000_000, batch_rows=10))
                async for batch in batches:
                    assert batch.rows
                    break
                await batches.aclose()  # type: ignore[attr-defined]
                assert tuple((await collect(session, ping.statement)).rows) == ping.rows

        asyncio.run(use())


def query_many_statements(subject: Subject) -> None:
    """Two statements in one text are refused before the first runs; what only looks like a second is not one."""
    words = subject.dialect.words
    with subject.fresh() as place:
        _table(subject, place)
        for text in words.two:
            for writing in (False, True):
                error = refusal(subject, place, text, write=writing)
                assert error is not None, f"{text!r} went through"
                wanted = {"many_statements", "statement_denied" if writing else "read_only"}
                assert error.code in wanted, f"{text!r}: {error.code}"
        assert counted(subject, place, "t") == 3
        for one in words.whole:
            assert tuple(run(subject, place, one.statement).rows) == one.rows, one.statement


def query_errors(subject: Subject) -> None:
    """Nonsense is Invalid(statement_invalid) with the engine's own words; so is nothing at all."""
    with subject.fresh() as place:
        for text in subject.dialect.words.nonsense:
            error = refusal(subject, place, text)
            assert isinstance(error, Invalid), f"{text!r}: {error!r}"
            assert error.code == "statement_invalid", f"{text!r}: {error.code}"


def query_read_only(subject: Subject) -> None:
    """A reader's writes are refused by the engine as Denied(read_only), and nothing hostile changes anything."""
    words = subject.dialect.words
    with subject.fresh() as place:
        _table(subject, place)
        before = (contents(subject, place, "t"), inspect(subject, place))
        for text in (*words.writes, *subject.dialect.refused):
            error = refusal(subject, place, text)
            assert isinstance(error, Denied), f"{text!r}: {error!r}"
            assert error.code == "read_only", f"{text!r}: {error.code}"
        for text in subject.dialect.hostile:
            refusal(subject, place, text)
        after = (contents(subject, place, "t"), inspect(subject, place))
        assert before[0] == after[0], "a reader changed rows"
        assert before[1].relations == after[1].relations, "a reader changed the catalog"


def query_read_only_session(subject: Subject) -> None:
    """What a reader sets in one statement does not open the next one, on the same session."""
    words = subject.dialect.words
    with subject.fresh() as place:
        _table(subject, place)
        with session_of(subject, place, "ro") as session:

            async def use() -> None:
                for text in (*subject.dialect.hostile, *words.writes):
                    try:
                        await collect(session, text, (), QueryLimits(seconds=3))
                    except HoldfastError:
                        continue
                assert (await collect(session, words.count("t"))).rows == [(3,)]

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
