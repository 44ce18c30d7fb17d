"""Digests of rows: what they tell apart, that they never change, and that those of older snapshots still count."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import apsw
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.contract.catalog import Column, Relation
from holdfast.contract.snapshot import Level, Manifest
from holdfast.engines.sqlite import digest
from holdfast.engines.sqlite.digest import METHOD, METHODS, table_digests
from holdfast.engines.sqlite.look import look
from holdfast.engines.sqlite.verify import verify_database
from holdfast.kernel.stop import Stop

NAME = "a\"b'; -- ü"
QUOTED = '"' + NAME.replace('"', '""') + '"'
OLD = "sum128-blake2b-ascii/1"
VALUES = st.one_of(
    st.none(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40),
    st.binary(max_size=40),
)
ROWS = st.lists(st.tuples(VALUES, VALUES), max_size=6)


def made(path: str, rows: list[tuple[object, ...]]) -> apsw.Connection:
    connection = apsw.Connection(path)
    connection.execute(f"CREATE TABLE {QUOTED} (a, b)")
    connection.executemany(f"INSERT INTO {QUOTED} VALUES (?, ?)", rows)
    return connection


def of(rows: list[tuple[object, ...]], method: str = METHOD) -> str | None:
    relation = Relation("main", NAME, "table", (Column("a", ""), Column("b", "")))
    connection = made(":memory:", rows)
    (facts,) = table_digests(connection, [relation], Stop(), {f"main.{NAME}": method})
    connection.close()
    assert (facts.rows, facts.method) == (len(rows), method)
    return facts.digest


def kinds(rows: list[tuple[object, ...]]) -> list[tuple[str, ...]]:
    """Rows as SQLite keeps them apart: by type and by every bit of a number."""
    return sorted(tuple(f"{type(v).__name__}{v!r}" for v in row) for row in rows)


@pytest.mark.parametrize("method", METHODS)
@settings(deadline=None, max_examples=80)
@given(one=ROWS, other=ROWS, data=st.data())
def test_equal_for_equal_rows_in_any_order_and_else_different(
    method: str, one: list[tuple[object, ...]], other: list[tuple[object, ...]], data: st.DataObject
) -> None:
    assert of(data.draw(st.permutations(one)), method) == of(one, method)
    assert (of(one, method) == of(other, method)) == (kinds(one) == kinds(other))


@pytest.mark.parametrize("method", METHODS)
def test_types_and_repetitions_differ(method: str) -> None:
    sets = [[(v, None)] for v in (1, 1.0, "1", b"1", True + 1, 0.0, -0.0, "", b"", None, float("inf"), 2**62)]
    sets += [[], [(1, None), (1, None)], [(None, 1)], [("1", "1")], [("11", "")]]
    found = [of(rows, method) for rows in sets]
    assert len(set(found)) == len(found)


def test_they_are_what_they_always_were() -> None:
    """Stored in manifests: another Python or another marshal must give the same."""
    rows = [
        (1, "x"), (-1, "ü" * 3), (2**31, b"\0\xff"), (2**63 - 1, 1.5), (-(2**63), -0.0), (None, "\U0001f600"), (0, "")
    ]  # fmt: skip
    assert of(rows, METHOD) == "56d51ea4adbb34ce61766172fa13e054"
    assert of(rows, OLD) == "842620d1fac724ce51f09249a2a241d8"


@pytest.mark.parametrize("method", METHODS)
def test_what_is_large_is_hashed_first_whether_or_not_that_was_looked_for(
    method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file's size spares the looking; the digest is the same."""
    monkeypatch.setitem(METHODS, method, replace(METHODS[method], large=5000))
    small = [(b"x" * 4000, "y" * 5000), (1, "z")]
    relation = Relation("main", NAME, "table", (Column("a", ""), Column("b", "")))
    rows = digest._rows(made(":memory:", small), f"SELECT a, b FROM {QUOTED}", 5000)
    with_looking = digest._sum(rows, METHODS[method].written)
    assert with_looking[1] == of(small, method)
    connection = made(":memory:", small)
    assert not digest._may_hold(connection, relation, ["a", "b"], METHODS[method], 5000)
    assert of([(b"x" * 5001, None)], method) != of([(b"x" * 5000 + b"y", None)], method)


def test_text_that_is_no_text(tmp_path: Path) -> None:
    connection = made(str(tmp_path / "t"), [])
    connection.execute(f"INSERT INTO {QUOTED} VALUES (CAST(x'ff41' AS TEXT), 1)")
    (facts,) = table_digests(connection, look(connection, "", "shallow").relations, Stop())
    assert facts.digest is not None
    assert facts.digest.startswith("raw:")


@pytest.mark.parametrize(("method", "change"), [(OLD, False), (OLD, True), (METHOD, False), (METHOD, True)])
def test_a_snapshot_of_either_time_is_compared(tmp_path: Path, method: str, change: bool) -> None:
    path = tmp_path / "d.sqlite"
    connection = made(str(path), [(1, b"a"), (2, "b")])
    catalog = look(connection, "d", "full")
    facts = tuple(table_digests(connection, catalog.relations, Stop(), {f"main.{NAME}": method}))
    if change:
        connection.execute(f"UPDATE {QUOTED} SET b = 'a' WHERE a = 1")
    connection.close()
    expected = Manifest("sqlite", "3", "d", {}, catalog, tables=facts, options={"digests": True, "triggers": {}})
    checks = {check.name: check.ok for check in verify_database(path, expected, Level.RESTORED, Stop()).checks}
    assert checks[f"content of {NAME}"] is not change
