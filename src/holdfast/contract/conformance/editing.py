"""Cases on reading and changing rows without a language: CanEdit."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from holdfast.contract.conformance.helpers import able, contents, raises, session_of, write
from holdfast.contract.conformance.subject import Place, Subject
from holdfast.contract.query import QueryLimits
from holdfast.contract.rows import (
    CanEdit,
    Change,
    Delete,
    Edited,
    Filter,
    Insert,
    Order,
    RowsFound,
    RowsWanted,
    TableName,
    Update,
)
from holdfast.kernel.errors import Conflict, Denied, Invalid, NotFound, PreconditionFailed

_T = TableName("t")
_WRITE = QueryLimits(write=True)


async def _batches(*batches: Sequence[Change]) -> AsyncIterator[Sequence[Change]]:
    for batch in batches:
        yield batch


@contextmanager
def _editor(subject: Subject, place: Place) -> Iterator[CanEdit]:
    with session_of(subject, place, "owner") as session:
        yield able(session, CanEdit)


def _edit(subject: Subject, place: Place, *batches: Sequence[Change], name: TableName = _T) -> Edited:
    with _editor(subject, place) as editor:
        return asyncio.run(editor.edit(name, _batches(*batches), _WRITE))


def _page(subject: Subject, place: Place, want: RowsWanted) -> RowsFound:
    with _editor(subject, place) as editor:
        return asyncio.run(editor.rows(want, QueryLimits(rows=10_000)))


def edit_changes(subject: Subject) -> None:
    """Rows are added, changed by key, upserted and removed; the answer holds them as they are now."""
    text = 'it\'s "so"; -- \\ %s ${x} naïve 😀\n'
    with subject.fresh() as place:
        write(subject, place, subject.dialect.words.collection("t", 3))
        before = contents(subject, place, "t")
        done = _edit(
            subject,
            place,
            [Insert({"id": 10, "name": text}), Insert({"id": 11, "name": None})],
            [Update({"id": 1}, {"name": text}), Delete({"id": 2}), Insert({"id": 3, "name": "new"}, or_update=True)],
        )
        assert done.affected == 5, done.affected
        assert [column.name for column in done.columns] == ["id", "name"]
        assert (10, text) in done.rows
        assert (2, before[2]) in done.rows, "a removed row comes back as it was"
        assert contents(subject, place, "t") == {1: text, 3: "new", 10: text, 11: None}


def edit_all_or_nothing(subject: Subject) -> None:
    """One change that fails undoes those before it, of other batches too, and says which row it was."""
    with subject.fresh() as place:
        write(subject, place, subject.dialect.words.collection("t", 3))
        before = contents(subject, place, "t")
        good: list[Change] = [Insert({"id": 20, "name": "x"}), Update({"id": 1}, {"name": "x"}), Delete({"id": 2})]
        failures: list[tuple[Change, Any, str]] = [
            (Insert({"id": 3, "name": "x"}), Conflict, "unique_violation"),
            (Update({"id": 404}, {"name": "x"}), NotFound, "row_unknown"),
            (Delete({"id": 404}), NotFound, "row_unknown"),
            (Update({"id": 3}, {"nme": "x"}), Invalid, "column_unknown"),
            (Delete({"name": "n3"}), Invalid, "key_invalid"),
        ]
        for change, kind, code in failures:
            with raises(kind, code) as caught:
                _edit(subject, place, good, [change])
            assert caught[0].details.get("row") in (None, 3), caught[0].details
            assert contents(subject, place, "t") == before, f"{change} left something behind"
        with raises(PreconditionFailed):
            _edit(subject, place, good, [Update({"id": 3}, {"name": "x"}, check=lambda row: row["name"] == "else")])
        assert contents(subject, place, "t") == before


def edit_pages(subject: Subject) -> None:
    """Pages by key give every row once, whatever the order; filters, search and counts agree with the rows."""
    with subject.fresh() as place:
        write(subject, place, subject.dialect.words.collection("t", 25))
        rows: list[Change] = [Insert({"id": n, "name": "same" if n % 2 else None}) for n in range(26, 40)]
        _edit(subject, place, rows)
        for order in ((), (Order("name"),), (Order("name", descending=True), Order("id"))):
            seen: list[Any] = []
            after: tuple[Any, ...] | None = None
            while True:
                page = _page(subject, place, RowsWanted(_T, order=order, after=after, limit=7, count=5))
                seen += [row[0] for row in page.rows]
                assert (page.count, page.count_capped) == (5, True)
                if not page.more:
                    break
                after = page.positions[-1]
            assert len(seen) == 39, f"{order}: {len(seen)} rows"
            assert sorted(seen) == list(range(1, 40)), order
        for filters, wanted in (
            ((Filter("id", "le", 3),), {1, 2, 3}),
            ((Filter("name", "null", True), Filter("id", "lt", 30)), {26, 28}),
            ((Filter("id", "in", [5, 7, 404]),), {5, 7}),
            ((Filter("name", "contains", "SAME"), Filter("id", "ge", 38)), {39}),
        ):
            found = _page(subject, place, RowsWanted(_T, filters=filters, count=100))
            assert {row[0] for row in found.rows} == wanted, filters
            assert (found.count, found.count_capped, found.more) == (len(wanted), False, False), filters
        assert {row[0] for row in _page(subject, place, RowsWanted(_T, search="n25")).rows} == {25}


def edit_awkward_names(subject: Subject) -> None:
    """Tables and columns of any name are read and changed, and nothing else is."""
    quote = subject.dialect.quote
    with subject.fresh() as place:
        write(subject, place, subject.dialect.words.collection("t", 2))
        for name in subject.dialect.names:
            write(subject, place, [f"CREATE TABLE {quote(name)} (id integer PRIMARY KEY, {quote(name)} text NOT NULL)"])
            table = TableName(name, subject.dialect.schema)
            _edit(subject, place, [Insert({"id": 1, name: name}), Insert({"id": 2, name: "x"})], name=table)
            _edit(subject, place, [Update({"id": 2}, {name: "y"})], name=table)
            want = RowsWanted(table, (name,), (Filter(name, "ne", "z"),), (Order(name),))
            found = _page(subject, place, want)
            assert {row[0] for row in found.rows} == {name, "y"}, name
            assert found.table.relation.name == name
        assert len(contents(subject, place, "t")) == 2


def edit_keys(subject: Subject) -> None:
    """A composite key needs all its columns; a view is read but not changed; a missing table is NotFound."""
    with subject.fresh() as place:
        write(
            subject,
            place,
            [
                "CREATE TABLE pairs (a integer NOT NULL, b integer NOT NULL, note text, PRIMARY KEY (a, b))",
                "INSERT INTO pairs VALUES (1, 1, 'x'), (1, 2, 'y')",
                "CREATE VIEW seen AS SELECT a, note FROM pairs",
            ],
        )
        pairs = TableName("pairs")
        with _editor(subject, place) as editor:
            table = asyncio.run(editor.table(pairs))
        assert (table.key, table.key_kind, table.editable) == (("a", "b"), "primary", True)
        _edit(subject, place, [Update({"a": 1, "b": 2}, {"note": "z"})], name=pairs)
        with raises(Invalid, "key_invalid"):
            _edit(subject, place, [Delete({"a": 1})], name=pairs)
        rows = _page(subject, place, RowsWanted(pairs, order=(Order("b"),))).rows
        assert rows == ((1, 1, "x"), (1, 2, "z")), rows
        assert len(_page(subject, place, RowsWanted(TableName("seen"))).rows) == 2
        with raises(Conflict, "not_editable"):
            _edit(subject, place, [Insert({"a": 5, "note": "x"})], name=TableName("seen"))
        for missing in (TableName("nowhere"), TableName("pairs", "nowhere")):
            with raises(NotFound, "table_unknown"):
                _page(subject, place, RowsWanted(missing))


def edit_read_only(subject: Subject) -> None:
    """A reader's session shows rows and changes none."""
    with subject.fresh() as place:
        write(subject, place, subject.dialect.words.collection("t", 3))
        before = contents(subject, place, "t")
        with session_of(subject, place, "ro") as session:
            reader: CanEdit = able(session, CanEdit)
            assert len(asyncio.run(reader.rows(RowsWanted(_T), QueryLimits())).rows) == 3
            for change in (Insert({"id": 9, "name": "x"}), Update({"id": 1}, {"name": "x"}), Delete({"id": 1})):
                with raises(Denied, "read_only"):
                    asyncio.run(reader.edit(_T, _batches([change]), _WRITE))
        assert contents(subject, place, "t") == before


CASES = {CanEdit: (edit_changes, edit_all_or_nothing, edit_pages, edit_awkward_names, edit_keys, edit_read_only)}
