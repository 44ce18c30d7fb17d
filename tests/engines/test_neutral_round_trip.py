"""A database that goes to the other engine and back is what it was, or the loss was announced."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import apsw
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pg_server import Cluster, running
from test_pg_round_trip import build_nasty

from holdfast.contract.conformance import Place
from holdfast.contract.neutral import CanTranslate, Loss, Neutral, NeutralTable
from holdfast.contract.neutral_digest import NeutralDigest
from holdfast.contract.spec import Endpoint
from holdfast.engines.postgresql import engine as postgresql
from holdfast.engines.postgresql import link
from holdfast.engines.sqlite import engine as sqlite
from holdfast.kernel.errors import Conflict, Permanent
from holdfast.kernel.stop import Stop

AWKWARD = ["plain", "a\"b'; --", "größe 😀", "x" * 63, "x" * 70, "select", "Plain", " lead"]


@pytest.fixture(scope="module")
def server() -> Iterator[Cluster]:
    with running("18") as cluster:
        yield cluster


@contextmanager
def a_postgresql(server: Cluster) -> Iterator[CanTranslate]:
    with server.fresh("move") as place:
        made = cast(CanTranslate, postgresql.connect(place.endpoint, place.tools))
        made.at, made.tools = place.endpoint, place.tools  # type: ignore[attr-defined]
        yield made


@pytest.fixture(scope="module")
def two(server: Cluster) -> Iterator[tuple[CanTranslate, CanTranslate]]:
    """Two databases for all examples: making one takes longer than an example."""
    with a_postgresql(server) as one, a_postgresql(server) as other:
        yield one, other


def emptied(session: CanTranslate) -> CanTranslate:
    with link.connect(session.at) as admin:  # type: ignore[attr-defined]
        found = admin.execute(
            "SELECT format('%I', relname) FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'"
        ).fetchall()
        for (name,) in found:
            admin.execute(link.statement(f"DROP TABLE public.{name} CASCADE"))
    return session


def a_sqlite(path: Path) -> CanTranslate:
    apsw.Connection(str(path)).close()
    path.touch()
    return cast(CanTranslate, sqlite.connect(Endpoint(path=path, database="x"), None))  # type: ignore[arg-type]


def move(source: CanTranslate, target: CanTranslate) -> tuple[Neutral, Neutral, dict[str, str]]:
    """(what it was, what it became, digests by the name it became); both sides are compared."""
    stop, digests = Stop(), {}
    with source.reading() as reading:
        was = reading.describe(stop)
        accepted = target.accept(was)
        by_source = {table.source: table for table in was.tables}
        with target.writing(accepted.tables, stop) as writing:
            for table in accepted.tables:
                theirs, digest = as_read(by_source[cast(tuple[str, str], table.origin)], table), NeutralDigest()
                for batch in reading.rows(theirs, stop):
                    digest.add(batch)
                    writing.put(table, batch)
                digests[table.name] = digest.text
            writing.finish(accepted.tables)
    with target.reading() as reading:
        reading.describe(stop)
        for table in accepted.tables:
            digest = NeutralDigest()
            for batch in reading.rows(table, stop):
                digest.add(batch)
            assert digest.text == digests[table.name], table.name
    return was, accepted, digests


def as_read(theirs: NeutralTable, planned: NeutralTable) -> NeutralTable:
    """The source's table, its values of the kinds that were agreed on."""
    pairs = zip(theirs.columns, planned.columns, strict=True)
    return replace(theirs, columns=tuple(replace(own, type=agreed.type) for own, agreed in pairs))


def rows_of(session: CanTranslate, table: NeutralTable) -> list[tuple[Any, ...]]:
    with session.reading() as reading:
        reading.describe(Stop())
        return [tuple(row) for batch in reading.rows(table, Stop()) for row in batch]


def test_everything_postgresql_has_arrives_or_is_announced(server: Cluster, tmp_path: Path) -> None:
    with a_postgresql(server) as source:
        build_nasty(Place("nasty", source.at, source.tools))  # type: ignore[attr-defined]
        was, accepted, _ = move(source, a_sqlite(tmp_path / "nasty.db"))
    said = {(loss.what, loss.where, loss.text) for loss in (*was.losses, *accepted.losses)}
    text = "\n".join(sorted(" ".join(each) for each in said))
    for expected in (
        "a view",
        "a materialized view",
        "its partitions become one table",
        "inheritance ends",
        "a table without columns",
        "function",
        "CHECK",
        "numeric",
        "mood becomes text",
        "its domain",
    ):
        assert expected in text, (expected, text)
    assert {table.rows for table in was.tables if table.name.endswith("Ta ble")} == {3000}


def test_a_target_that_is_not_empty_is_left_alone(server: Cluster, tmp_path: Path) -> None:
    full, other = a_sqlite(tmp_path / "full.db"), a_sqlite(tmp_path / "other.db")
    for path in ("full.db", "other.db"):
        apsw.Connection(str(tmp_path / path)).execute("CREATE TABLE t (a); INSERT INTO t VALUES (1)")
    with pytest.raises(Conflict, match="not empty"):
        move(other, full)
    with a_postgresql(server) as target:
        move(other, target)
        with pytest.raises(Conflict, match="not empty"):
            move(other, target)


def test_half_a_move_leaves_nothing(server: Cluster, tmp_path: Path) -> None:
    source = a_sqlite(tmp_path / "source.db")
    apsw.Connection(str(tmp_path / "source.db")).execute(
        "CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT); INSERT INTO t (b) VALUES ('one'), ('two')"
    )
    stop = Stop()
    with source.reading() as reading, a_postgresql(server) as target:
        plan = target.accept(reading.describe(stop))
        with target.writing(plan.tables, stop) as writing:
            writing.put(plan.tables[0], [(1, "one")])  # and no finish
        with target.writing(plan.tables, stop) as writing, pytest.raises(Permanent, match="does not fit"):
            writing.put(plan.tables[0], [("no number", "one")])


def test_counting_goes_on_after_the_largest(server: Cluster, tmp_path: Path) -> None:
    source = a_sqlite(tmp_path / "source.db")
    connection = apsw.Connection(str(tmp_path / "source.db"))
    connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, b TEXT DEFAULT 'it''s')")
    connection.execute("INSERT INTO t (id, b) VALUES (41, 'x')")
    with a_postgresql(server) as target:
        move(source, target)
        with link.connect(target.at) as admin:  # type: ignore[attr-defined]
            assert admin.execute("INSERT INTO public.t DEFAULT VALUES RETURNING id, b").fetchone() == (42, "it's")


# -- random databases -------------------------------------------------------------------------------------------------

names = st.sampled_from(AWKWARD) | st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12)
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
SQLITE_TYPES = ["INTEGER", "BIGINT", "TEXT", "REAL", "BLOB", "NUMERIC", "BOOLEAN", "VARCHAR(9)", "DATE", "DATETIME", "",
                "DECIMAL(10,2)", "INT2", "JSON", "int", "double precision"]  # fmt: skip
sqlite_values = (
    st.none()
    | st.integers(-(2**63), 2**63 - 1)
    | st.integers(0, 1)
    | st.floats(allow_nan=False)
    | texts
    | st.binary(max_size=8)
    | st.dates().map(str)
    | st.datetimes().map(lambda moment: moment.isoformat())
)
PG_TYPES: dict[str, Any] = {
    "boolean": st.booleans(),
    "smallint": st.integers(-(2**15), 2**15 - 1),
    "integer": st.integers(-(2**31), 2**31 - 1),
    "bigint": st.integers(-(2**63), 2**63 - 1),
    "real": st.floats(width=32),
    "double precision": st.floats(),
    "numeric": st.decimals(allow_nan=False, allow_infinity=False, places=3).map(str) | st.just("NaN"),
    "numeric(12,4)": st.decimals(-9999999, 9999999, places=4).map(str),
    "text": texts,
    "character varying(12)": texts,
    "character(12)": texts,
    "bytea": st.binary(max_size=9),
    "date": st.dates().map(str) | st.sampled_from(["infinity", "-infinity", "4713-01-01 BC", "5874897-12-31"]),
    "time": st.times().map(str) | st.just("24:00:00"),
    "timestamp": st.datetimes().map(str),
    "timestamp with time zone": st.datetimes().map(lambda moment: f"{moment}+03:30") | st.just("infinity"),
    "interval": st.timedeltas().map(lambda span: f"{span.days} days {span.seconds} seconds"),
    "uuid": st.uuids().map(str),
    "json": st.just('{"a": [1.10, null]}'),
    "jsonb": st.just('{"a": [1.10, null]}'),
    "integer[]": st.just("{1,NULL,3}"),
    "inet": st.ip_addresses().map(str),
    "bit(3)": st.sampled_from(["101", "000"]),
}


def different(names_: Sequence[str]) -> bool:
    return len({name.lower() for name in names_}) == len(names_)


@st.composite
def sqlite_tables(draw: Any) -> list[tuple[str, list[tuple[str, str]], list[list[Any]]]]:
    made = []
    for table in draw(st.lists(names, min_size=1, max_size=2).filter(different)):
        columns = draw(st.lists(st.tuples(names, st.sampled_from(SQLITE_TYPES)), min_size=1, max_size=4))
        columns = [each for at, each in enumerate(columns) if different([c[0] for c in columns[: at + 1]])] or columns[
            :1
        ]
        rows = draw(st.lists(st.lists(sqlite_values, min_size=len(columns), max_size=len(columns)), max_size=5))
        made.append((table, columns, rows))
    return made


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(wanted=sqlite_tables())
def test_sqlite_there_and_back(two: Any, tmp_path_factory: pytest.TempPathFactory, wanted: Any) -> None:
    base = tmp_path_factory.mktemp("there")
    source = a_sqlite(base / "source.db")
    connection = apsw.Connection(str(base / "source.db"))
    for table, columns, rows in wanted:
        if table.lower().startswith("sqlite_"):
            return
        shown = ", ".join(f"{quoted(name)} {kind}" for name, kind in columns)
        connection.execute(f"CREATE TABLE {quoted(table)} ({shown})")
        marks = ", ".join("?" for _ in columns)
        connection.executemany(f"INSERT INTO {quoted(table)} VALUES ({marks})", rows)
    back = a_sqlite(base / "back.db")
    between = emptied(two[0])
    was, became, _ = move(source, between)
    again, accepted, _ = move(between, back)
    losses = (*was.losses, *became.losses, *again.losses, *accepted.losses)
    for table in was.tables:
        there = next(each for each in became.tables if each.origin == table.source)
        other = next(each for each in accepted.tables if each.origin == there.source)
        assert other.name == table.name or said(losses, table.name)
        before = raw(base / "source.db", table.source[1])
        after = raw(base / "back.db", other.source[1])
        for at, column in enumerate(table.columns):
            one, two = sorted(map(repr, (row[at] for row in before))), sorted(map(repr, (row[at] for row in after)))
            assert one == two or said(
                losses, f"{table.name}.{column.name}", f"{there.name}.{there.columns[at].name}"
            ), (column, one, two, losses)


def raw(path: Path, table: str) -> list[tuple[Any, ...]]:
    found = apsw.Connection(str(path)).execute(f"SELECT * FROM main.{quoted(table)}").fetchall()
    return [tuple(0.0 if value == 0 and isinstance(value, float) else value for value in row) for row in found]


def said(losses: Sequence[Loss], *wheres: str) -> bool:
    return any(loss.where in wheres or any(loss.where.startswith(f"{where}:") for where in wheres) for loss in losses)


@st.composite
def pg_tables(draw: Any) -> tuple[list[tuple[str, str]], list[list[Any]]]:
    kinds = draw(st.lists(st.sampled_from(sorted(PG_TYPES)), min_size=1, max_size=5))
    rows = draw(st.lists(st.tuples(*(st.none() | PG_TYPES[kind] for kind in kinds)), max_size=5))
    fitting = [name for name in AWKWARD if len(name.encode()) <= 63]
    chosen = draw(st.permutations(fitting))[: len(kinds)]
    return list(zip(chosen, kinds, strict=False)), [list(row) for row in rows]


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(wanted=pg_tables())
def test_postgresql_there_and_back(two: Any, tmp_path_factory: pytest.TempPathFactory, wanted: Any) -> None:
    """Types and values come back exactly: what SQLite lacks is remembered in its declarations."""
    columns, rows = wanted
    rows = [row[: len(columns)] for row in rows]
    base = tmp_path_factory.mktemp("back")
    between = a_sqlite(base / "between.db")
    source, back = map(emptied, two)
    with link.connect(source.at) as admin:  # type: ignore[attr-defined]
        shown = ", ".join(f"{quoted(name)} {kind}" for name, kind in columns)
        admin.execute(link.statement(f"CREATE TABLE public.t ({shown})"))
        marks = ", ".join(f"%s::{kind}" for _, kind in columns)
        for row in rows:
            admin.execute(link.statement(f"INSERT INTO public.t VALUES ({marks})"), row)
    was, became, _ = move(source, between)
    again, _, _ = move(between, back)
    losses = (*was.losses, *became.losses, *again.losses)
    (first,) = was.tables
    with back.reading() as reading:
        (last,) = reading.describe(Stop()).tables
    for one, two in zip(first.columns, last.columns, strict=True):
        assert one.name == two.name or said(losses, f"t: {one.name}")
        assert one.type == two.type or not rows, (one.type, two.type)
    assert sorted(map(repr, map(plain, rows_of(source, first)))) == sorted(map(repr, map(plain, rows_of(back, last))))


def plain(row: Sequence[Any]) -> list[Any]:
    return ["nan" if isinstance(v, float) and math.isnan(v) else v + 0.0 if isinstance(v, float) else v for v in row]


def test_losses_name_what_they_mean(server: Cluster, tmp_path: Path) -> None:
    """A person must be able to find the thing in their own database."""
    source = a_sqlite(tmp_path / "source.db")
    apsw.Connection(str(tmp_path / "source.db")).execute(
        """CREATE TABLE p (id INTEGER PRIMARY KEY, n INTEGER CHECK (n > 0), e TEXT COLLATE NOCASE,
             d DATE DEFAULT (1 + 1));
           CREATE TABLE c (p_id INTEGER REFERENCES p ON DELETE CASCADE, odd INTEGER);
           INSERT INTO p VALUES (1, 5, 'x', '2026-01-31'); INSERT INTO c VALUES (7, 'seven');
           CREATE VIEW v AS SELECT 1; CREATE TRIGGER g AFTER INSERT ON p BEGIN SELECT 1; END;
           CREATE INDEX i ON p (lower(e)); CREATE INDEX plain ON p (n DESC);"""
    )
    with source.reading() as reading:
        found = reading.describe(Stop())
    said_ = {(loss.what, re.sub(r"\d+", "N", f"{loss.where}: {loss.text}")) for loss in found.losses}
    assert said_ == {
        ("dropped", "p: its CHECK constraints"),
        ("changed", "p: its COLLATE rules are not kept"),
        ("dropped", "p.d: its default: N + N"),
        ("dropped", "p: i: an index on an expression or on part of the rows"),
        ("dropped", "c: foreign key to p: N rows break it"),
        ("changed", "c.odd: declared INTEGER, holds text: becomes text"),
        ("dropped", "v: a view"),
        ("dropped", "g: a trigger"),
    }
    (key,) = next(table for table in found.tables if table.name == "p").indexes
    assert (key.name, key.columns, key.descending) == ("plain", ("n",), (True,))
