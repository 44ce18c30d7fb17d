"""Rows that go out into a file and come back are the same rows, for every engine and format, or the loss is said."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

import apsw
import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from pg_server import running

from holdfast.contract.bulk import BulkColumn, CanBulk, Load
from holdfast.contract.spec import Endpoint
from holdfast.engines.postgresql import engine as postgresql
from holdfast.engines.postgresql import link
from holdfast.engines.sqlite import engine as sqlite
from holdfast.features.transfers.importing import Importer, Report
from holdfast.features.transfers.mapping import ImportWish, mapped
from holdfast.features.transfers.reading import FileWish, open_table
from holdfast.features.transfers.writing import CsvWish, ExportWish, written
from holdfast.kernel.errors import Invalid
from holdfast.kernel.stop import Stop

WISHES = [
    ExportWish("csv"),
    ExportWish("csv", csv=CsvWish(";", "'", null="NULL")),
    ExportWish("json", squeeze="gzip"),
    ExportWish("ndjson"),
    ExportWish("parquet"),
]
HURRY = settings(
    max_examples=5,
    phases=[Phase.explicit, Phase.generate],  # an example has many rows and costs a second: none is searched for twice
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
ODD_TEXTS = [
    "",
    "NULL",
    "\\N",
    "\\.",
    "a\n\\.\nb",
    "\r\n",
    "'",
    '"',
    ";",
    ",",
    "=1+1",
    " lead",
    "\ufeff",
    "{}",
    "\\x41",
    "ü😀",
]
TEXT = st.one_of(
    st.sampled_from(ODD_TEXTS), st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=9)
)
BIG = st.sampled_from([2**63 - 1, -(2**63), 2**53 + 1, -(2**53) - 1, 0, -1])
INTEGERS = st.one_of(BIG, st.integers(-(2**63), 2**63 - 1))
FLOATS = st.one_of(
    st.sampled_from(["Infinity", "-Infinity", "NaN", "-0", "1e308", "5e-324"]), st.floats(allow_nan=False).map(repr)
)
DOCUMENTS = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**70), 2**70), TEXT.filter(lambda t: "\0" not in t)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.one_of(st.sampled_from(["$bytes", "$json"]), st.text("ab$", max_size=3)), inner, max_size=2),
    ),
    max_leaves=4,
).map(json.dumps)
ANY_DOCUMENT = st.one_of(DOCUMENTS, st.sampled_from(["0.10000000000000000000000001", '{"a": 1e400}', "null", '"x"']))
DECIMALS = st.one_of(
    st.sampled_from(["NaN", "0", "-0.000", "1" * 60, "0." + "0" * 40 + "1", "12345678901234567890.0010"]),
    st.decimals(allow_nan=False, allow_infinity=False, places=5).map(str),
)

# A PostgreSQL column: (type, texts any file must keep, texts that Parquet may refuse by name)
POSTGRESQL: dict[str, tuple[str, st.SearchStrategy[str], list[str]]] = {
    "i": ("bigint", INTEGERS.map(str), []),
    "n": ("numeric", DECIMALS, ["Infinity"]),
    "n2": ("numeric(20,3)", st.decimals(-(10**16), 10**16, places=3).map(str), ["NaN"]),
    "f": ("float8", FLOATS, []),
    "s": ("text", TEXT, []),
    "v": ("varchar(40)", TEXT, []),
    "b": ("bytea", st.binary(max_size=6).map(lambda raw: "\\x" + raw.hex()), []),
    "d": ("date", st.dates().map(str), ["0044-03-15 BC", "infinity", "10000-01-01", "5874897-12-31"]),
    "ts": (
        "timestamp",
        st.datetimes().map(str),
        ["0044-03-15 12:00:00 BC", "-infinity", "294276-12-31 23:59:59.999999"],
    ),
    "tz": ("timestamptz", st.datetimes().map(lambda at: f"{at}+00"), ["0044-03-15 12:00:00+00 BC", "infinity"]),
    "tm": ("time", st.times().map(str), ["24:00:00"]),
    "iv": ("interval", st.sampled_from(["1 year 2 mons -3 days", "00:00:00.000001", "-5 days +1:00"]), []),
    "u": ("uuid", st.uuids().map(str), []),
    "o": ("boolean", st.sampled_from(["t", "f"]), []),
    "j": ("jsonb", ANY_DOCUMENT.filter(lambda text: "\\u0000" not in text), []),
    "js": ("json", ANY_DOCUMENT.map(lambda text: text.replace(", ", ",\n ")), []),
    "ai": ("bigint[]", st.sampled_from(["{}", "{1,NULL,9223372036854775807}", "{{1,2},{3,4}}", "[0:1]={1,2}"]), []),
    "at": ("text[]", st.sampled_from(['{"",NULL,"NULL"}', '{"a\\"b","c\\\\d","e,f","{g}"}', '{"\\\\x41"," "}']), []),
    "ad": ("numeric[]", st.sampled_from(["{0.10,NaN,12345678901234567890.001}", "{}"]), []),
    "az": ("timestamptz[]", st.sampled_from(['{"2024-02-29 12:00:00+00",NULL,infinity}', "{}"]), []),
    "ab": ("bytea[]", st.sampled_from(['{"\\\\x00ff",NULL}', "{}"]), []),
    "fb": ("float8[]", st.sampled_from(["{NaN,Infinity,-0,1.5}", "{}"]), []),
}
ROW = st.tuples(*(st.one_of(st.none(), texts) for _, texts, _ in POSTGRESQL.values()))


class There:
    """A database with two tables alike, and how its rows are told apart to the last digit."""

    def __init__(self, session: CanBulk, schema: str) -> None:
        self.session, self.schema = session, schema

    def columns(self) -> Sequence[BulkColumn]:
        return self.session.bulk_columns((self.schema, "source"))

    def fill(self, rows: Sequence[Sequence[Any]]) -> None:
        names = tuple(column.name for column in self.columns())
        with self.session.bulk_load(Load((self.schema, "source"), names), Stop()) as loading:
            assert loading.put(rows) == []
            loading.commit()

    def through(self, wish: ExportWish, path: Path) -> None:
        """Out of one table and into the other, as the runs do it."""
        path.write_bytes(b"".join(written(self.session, wish, (self.schema, "source"), Stop())))
        there = self.session.bulk_columns((self.schema, "target"))
        csv = wish.csv
        file = (
            FileWish(wish.form, csv.delimiter, csv.quote, True, csv.null) if wish.form == "csv" else FileWish(wish.form)
        )
        asked = ImportWish("target", file=file)
        table = open_table(path, path.name, file)
        report = Report(path.with_suffix(".bad"), 0)
        importer = Importer(table, mapped(table, asked, (self.schema, "target"), there), report, lambda *_: None)
        tokens: list[str] = []
        try:
            importer.run(self.session, lambda token, _: tokens.append(token), Stop())
        except Invalid:
            raise AssertionError(path.with_suffix(".bad").read_text()) from None
        self.session.bulk_forget(tokens[0])


@pytest.fixture(scope="module")
def served_by_postgresql() -> Iterator[There]:
    with running("18") as cluster, cluster.fresh("files") as place:
        columns = ", ".join(f'"{name}" {type_}' for name, (type_, _, _) in POSTGRESQL.items())
        with link.connect(place.endpoint, "owner") as admin:
            admin.execute(link.statement(f"CREATE TABLE public.source ({columns})"))
            admin.execute("CREATE TABLE public.target (LIKE public.source)")
        made = There(cast(CanBulk, postgresql.connect(place.endpoint, place.tools)), "public")
        made.at = place.endpoint  # type: ignore[attr-defined]
        yield made


def emptied(there: There) -> None:
    with link.connect(there.at, "owner") as admin:  # type: ignore[attr-defined]
        admin.execute("TRUNCATE public.source, public.target")


def compared(there: There) -> tuple[list[Any], list[Any]]:
    """Rows as text; documents of type json by their value, because white space in them is nobody's."""
    values = ", ".join(
        f'"{name}"::{"jsonb::" if type_ == "json" else ""}text' for name, (type_, _, _) in POSTGRESQL.items()
    )
    with link.connect(there.at, "owner") as admin:  # type: ignore[attr-defined]
        found = [
            admin.execute(link.statement(f"SELECT {values} FROM public.{t}")).fetchall() for t in ("source", "target")
        ]
    return found[0], found[1]  # in the order they were put, in both


def lost(source: Sequence[Any], target: Sequence[Any]) -> dict[str, Any]:
    """By column: (texts that did not arrive, texts that did instead)."""
    found = {}
    for name, was, now in zip(POSTGRESQL, zip(*source, strict=True), zip(*target, strict=True), strict=True):
        if was != now:
            found[name] = [pair for pair in zip(was, now, strict=True) if pair[0] != pair[1]][:5]
    return found


@pytest.mark.parametrize("wish", WISHES, ids=lambda wish: f"{wish.form}{wish.csv.delimiter}")
def test_rows_of_postgresql_survive_a_file(served_by_postgresql: There, tmp_path: Path, wish: ExportWish) -> None:
    there = served_by_postgresql

    @HURRY
    @given(st.lists(ROW, min_size=4, max_size=20))
    def hold(rows: list[Any]) -> None:
        emptied(there)
        there.fill(rows)
        there.through(wish, tmp_path / "x")
        source, target = compared(there)
        assert len(source) == len(target) == len(rows)
        assert lost(source, target) == {}

    hold()


@pytest.mark.parametrize("wish", WISHES, ids=lambda wish: f"{wish.form}{wish.csv.delimiter}")
def test_what_python_has_no_value_for_survives_or_is_named(
    served_by_postgresql: There, tmp_path: Path, wish: ExportWish
) -> None:
    odd = [(name, text) for name, (_, _, texts) in POSTGRESQL.items() for text in texts]
    rows = [[text if column == name else None for column in POSTGRESQL] for name, text in odd]
    if wish.form != "parquet":
        emptied(served_by_postgresql)
        served_by_postgresql.fill(rows)
        served_by_postgresql.through(wish, tmp_path / "x")
        source, target = compared(served_by_postgresql)
        assert len(source) == len(target) == len(rows)
        assert lost(source, target) == {}
        return
    for (name, _), row in zip(odd, rows, strict=True):
        emptied(served_by_postgresql)
        served_by_postgresql.fill([row])
        with suppress(Invalid):
            served_by_postgresql.through(wish, tmp_path / "x")
            source, target = compared(served_by_postgresql)
            assert source == target, name
            continue
        with pytest.raises(Invalid, match=f"column '{name}'") as caught:
            served_by_postgresql.through(wish, tmp_path / "x")
        assert caught.value.code == "value_unfit"


SQLITE = {
    "i": ("INTEGER", INTEGERS),
    "r": ("REAL", st.floats(allow_nan=False)),
    "s": ("TEXT", TEXT),
    "b": ("BLOB", st.binary(max_size=6)),
    "n": ("NUMERIC", st.one_of(st.integers(-(2**53), 2**53), st.floats(-1e9, 1e9, allow_nan=False))),
    "d": ("DATE", st.one_of(st.dates().map(str), st.sampled_from(["-0044-03-15", "12000-01-01"]))),
    "o": ("BOOLEAN", st.sampled_from([0, 1])),
    "j": ("JSON TEXT", DOCUMENTS),
}


@pytest.mark.parametrize("wish", WISHES, ids=lambda wish: f"{wish.form}{wish.csv.delimiter}")
def test_rows_of_sqlite_survive_a_file(tmp_path: Path, wish: ExportWish) -> None:
    path = tmp_path / "x.db"
    connection = apsw.Connection(str(path))
    columns = ", ".join(f'"{name}" {type_}' for name, (type_, _) in SQLITE.items())
    for table in ("source", "target"):
        connection.execute(f"CREATE TABLE {table} ({columns})")
    session = cast(CanBulk, sqlite.connect(Endpoint(path=path, database="x"), None))  # type: ignore[arg-type]
    there = There(session, "main")
    marks = ", ".join("?" * len(SQLITE))
    values = ", ".join(f"typeof({name}) || ' ' || coalesce(quote({name}), '')" for name in SQLITE)
    odd = tuple([None] * 5 + ["12000-01-01"] + [None] * 2)

    @HURRY
    @given(st.lists(st.tuples(*(st.one_of(st.none(), made) for _, made in SQLITE.values())), min_size=1, max_size=12))
    @example([odd])
    def hold(rows: list[Any]) -> None:
        connection.execute("DELETE FROM source; DELETE FROM target")
        connection.executemany(f"INSERT INTO source VALUES ({marks})", rows)
        dates = [row[5] for row in rows if row[5] is not None]
        if wish.form == "parquet" and not all(len(date) == 10 and date[0] != "-" for date in dates):
            with pytest.raises(Invalid, match="column 'd'") as caught:
                there.through(wish, tmp_path / "x.file")
            assert caught.value.code == "value_unfit"
            return
        there.through(wish, tmp_path / "x.file")
        source, target = (sorted(connection.execute(f"SELECT {values} FROM {t}")) for t in ("source", "target"))
        assert source == target

    hold()
