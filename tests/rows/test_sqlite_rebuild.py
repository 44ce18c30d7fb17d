"""SQLite's tables written anew: what ALTER cannot do, with nothing lost."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.contract.query import QueryLimits
from holdfast.contract.rows import TableName
from holdfast.contract.shapes import Alter, Steps, TableChange
from holdfast.engines.sqlite.definition import parse
from holdfast.engines.sqlite.reshape import reshape, shape
from holdfast.kernel.errors import HoldfastError

SCHEMA = """
create table parent (a int, b text collate nocase, primary key (a, b));
create table t (
  id integer primary key autoincrement, -- the number, of a row
  a int /* half, of the key */, b text collate nocase default 'x,(y' not null on conflict replace,
  "we,ird)" text default null check ("we,ird)" <> 'CHECK (1)'), c real unique on conflict ignore,
  g int generated always as (a * 2) virtual, s text as (upper(b)) stored,
  constraint "fk,1" foreign key (a, b) references parent (a, b) on delete set null deferrable initially deferred,
  unique (a, b) check (a < 1000)
);
create index ix on t (b desc, a) where a > 0;
create unique index ux on t (lower(b), id);
create table log (what text);
create trigger tr after insert on t begin insert into log values ('in ' || new.id); end;
create view v as select id, a from t;
create trigger far after insert on log when (select count(*) from t) > 100 begin delete from log; end;
create table child (id integer primary key, t int references t (id));
insert into parent values (1, 'one'), (2, 'two');
insert into t (id, a, b) values (5, 1, 'one'), (9, 2, 'two'), (11, null, 'k');
delete from t where id = 11;
insert into child values (1, 5);
"""


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    file = tmp_path / "a b.sqlite"
    with closing(apsw.Connection(str(file))) as connection:
        connection.execute(SCHEMA)
    yield file
    with closing(apsw.Connection(str(file))) as connection:
        assert connection.execute("pragma integrity_check").fetchall() == [("ok",)]
        assert connection.execute("pragma foreign_key_check").fetchall() == []
        assert not connection.execute("select name from sqlite_schema where name like '%rebuild%'").fetchall()


def ask(path: Path, text: str) -> list[Any]:
    with closing(apsw.Connection(str(path))) as connection:
        connection.execute("pragma foreign_keys = on")
        return connection.execute(text).fetchall()


def change(path: Path, table: str = "t", preview: bool = False, **wish: Any) -> Steps:
    act = Alter(TableName(table), TableChange.model_validate(wish))
    return asyncio.run(reshape(path, act, QueryLimits(write=True), preview=preview))


def objects(path: Path) -> dict[str, str]:
    return dict(ask(path, "select name, sql from sqlite_schema where sql not null and name <> 't'"))


def test_a_rebuild_keeps_everything(path: Path) -> None:
    rows, others = ask(path, "select *, g, s from t"), objects(path)
    steps = change(path, columns=[{"column": "c", "type": "integer", "default": "3"}])
    assert steps.rebuilt
    assert ask(path, "select *, g, s from t") == rows
    assert objects(path) == others
    definition = ask(path, "select sql from sqlite_schema where name = 't'")[0][0]
    for kept in ("-- the number, of a row", "on conflict replace", "collate nocase", "deferrable initially deferred",
                 "autoincrement", "check (a < 1000)", "'x,(y'", "on conflict ignore"):  # fmt: skip
        assert kept in definition
    ask(path, "insert into t (a, b) values (null, 'three')")
    assert ask(path, "select max(id) from t") == [(12,)], "the AUTOINCREMENT counter went back"
    assert ask(path, "select what from log order by rowid desc limit 1") == [("in 12",)]
    assert ask(path, "select count(*) from child join t on t.id = child.t") == [(1,)]
    assert [row[3:7] for row in ask(path, "select * from pragma_foreign_key_list('t')")] == [
        ("a", "a", "NO ACTION", "SET NULL"),
        ("b", "b", "NO ACTION", "SET NULL"),
    ]


def test_constraints_without_a_name_go_by_their_columns(path: Path) -> None:
    found = asyncio.run(shape(path, TableName("t")))
    assert {(each.kind, each.name, each.columns) for each in found.constraints} == {
        ("foreign key", "fk,1", ("a", "b")), ("unique", None, ("a", "b")), ("unique", None, ("c",)),
        ("check", None, ()), ("check", None, ("we,ird)",)),
    }  # fmt: skip
    with pytest.raises(HoldfastError) as caught:
        change(path, drop_columns=["b"])
    assert caught.value.code == "in_use"
    assert len(ask(path, "select * from pragma_foreign_key_list('t')")) == 2
    change(path, drop_unique=[{"columns": ["a", "b"]}, {"columns": ["c"]}], drop_columns=["c"])
    after = asyncio.run(shape(path, TableName("t")))
    assert {each.kind for each in after.constraints} == {"foreign key", "check"}
    assert "c" not in [column.name for column in after.table.columns]
    change(path, drop_foreign_keys=["fk,1"])
    assert ask(path, "select * from pragma_foreign_key_list('t')") == []


def test_rows_without_a_key_keep_their_numbers(path: Path) -> None:
    ask(path, "create table bare (x int)")
    ask(path, "insert into bare (rowid, x) values (3, 30), (70, 7)")
    assert change(path, "bare", columns=[{"column": "x", "nullable": False}]).rebuilt
    assert ask(path, "select rowid, x from bare") == [(3, 30), (70, 7)]


def test_a_computed_default_fills_rows_that_are_there(path: Path) -> None:
    assert change(path, add_columns=[{"name": "at", "type": "text", "default": "upper('now')"}]).rebuilt
    assert ask(path, "select distinct at from t") == [("NOW",)]


def test_a_foreign_key_that_rows_break_is_refused(path: Path) -> None:
    before = ask(path, "select sql from sqlite_schema order by name")
    wish = {"columns": ["id"], "references": "parent", "referenced": ["a"]}
    with pytest.raises(HoldfastError):
        change(path, add_foreign_keys=[wish])
    ask(path, "create table p2 (id integer primary key)")
    with pytest.raises(HoldfastError) as caught:
        change(path, add_foreign_keys=[{"columns": ["id"], "references": "p2"}])
    assert caught.value.code == "foreign_key_violation"
    ask(path, "drop table p2")
    assert ask(path, "select sql from sqlite_schema order by name") == before


def test_self_references_and_without_rowid(path: Path) -> None:
    ask(path, "create table tree (id text primary key, up text references tree (id)) without rowid")
    ask(path, "insert into tree values ('a', null)")
    ask(path, "insert into tree values ('b', 'a')")
    change(path, "tree", add_checks=[{"expression": "id <> ''", "name": "filled"}])
    assert ask(path, "select * from tree") == [("a", None), ("b", "a")]
    assert ask(path, "select \"table\" from pragma_foreign_key_list('tree')") == [("tree",)]
    assert ask(path, "select wr from pragma_table_list where name = 'tree'") == [(1,)]
    change(path, "tree", rename="wood")
    assert ask(path, "select \"table\" from pragma_foreign_key_list('wood')") == [("wood",)]


PIECES = ("not null", "default 5", "default (1 + (2))", "default null", "default -1.5", "unique", "check (a > 0)",
          "collate nocase", "references p (x) on delete set null on update set default", "constraint nn not null",
          "references p not deferrable", "check ('),--' <> a)", "/* c,( */", "-- it's\n", "default 'a''b,)'",
          'constraint "pk" unique on conflict rollback')  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.lists(st.lists(st.sampled_from(PIECES), max_size=4), min_size=1, max_size=4), st.booleans())
def test_what_is_taken_apart_goes_together_again(columns: list[list[str]], touched: bool) -> None:
    """SQLite reads the same table out of our text as out of its own."""
    listed = ", ".join(f'"c {n},(" int {" ".join(pieces)}' for n, pieces in enumerate(columns))
    with closing(apsw.Connection(":memory:")) as connection:
        try:
            connection.execute(
                f"create table t (a int, {listed}\n, unique (a) check (a <> 7), foreign key (a) references p (x)\n)"
            )
        except apsw.SQLError:
            return  # SQLite itself does not take it
        sql = connection.execute("select sql from sqlite_schema where name = 't'").fetchall()[0][0]
        definition = parse(sql)
        if touched:
            from dataclasses import replace

            definition = replace(definition, columns=tuple(replace(c, text=None) for c in definition.columns))
        connection.execute(definition.render("u"))

        def facts(name: str) -> list[Any]:
            asked = ("pragma_table_xinfo", "pragma_foreign_key_list")
            found = [connection.execute(f"select * from {each}(?)", (name,)).fetchall() for each in asked]
            indexes = 'select i."unique", i.origin, c.name from pragma_index_list(?) i, pragma_index_xinfo(i.name) c'
            return [*found, sorted(connection.execute(indexes, (name,)).fetchall(), key=repr)]

        assert facts("t") == facts("u")
        checks = sql.lower().count("check (")
        assert definition.render("u").lower().count("check (") == checks - sum(part.count("check (") for part in ())
