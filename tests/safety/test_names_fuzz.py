"""Any name at all, through everything that quotes one: it comes back letter by letter, and nothing else is touched."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

import pytest
from fuzzing import IMPOSSIBLE, NAMES, different, examples
from hypothesis import given
from hypothesis import strategies as st
from pg_server import Cluster

from holdfast.contract.bulk import CanBulk, Load, NewColumn, Unload
from holdfast.contract.conformance import Place, Subject
from holdfast.contract.conformance.helpers import capture, contents, inspect, relation, restore, session_of, write
from holdfast.contract.logins import CanAdmit, Login
from holdfast.contract.names import encodable
from holdfast.contract.query import QueryLimits
from holdfast.contract.rows import CanEdit, Change, Delete, Filter, Insert, Order, RowsWanted, TableName, Update
from holdfast.contract.shapes import (
    Alter,
    CanReshape,
    ColumnChange,
    ColumnShape,
    Create,
    Drop,
    IndexShape,
    Reshape,
    TableChange,
    TableShape,
)
from holdfast.contract.snapshot import RestoreRequest
from holdfast.contract.tools import Tools
from holdfast.contract.upkeep import CanExtend, CanMaintain, CanTune
from holdfast.engines.postgresql import engine
from holdfast.engines.postgresql.trial import DIALECT
from holdfast.engines.sqlite.trial import SqliteSubject
from holdfast.kernel.errors import HoldfastError, Invalid, NotFound
from holdfast.kernel.stop import Stop

_WRITE = QueryLimits(write=True)
_CANARY = {1: "n1", 2: "n2", 3: "n3"}


class Hosted:
    """Implements Subject over one cluster."""

    def __init__(self, cluster: Cluster) -> None:
        self.engine: Any = engine
        self.spec = cluster.spec
        self.dialect = DIALECT
        self.fresh = cluster.fresh


@pytest.fixture(scope="module", params=["embedded", "served"])
def subject(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Subject:
    if request.param == "served":
        return cast(Subject, Hosted(request.getfixturevalue("cluster")))
    root = tmp_path_factory.mktemp("names")

    class Scratch:
        scratch = root

    return SqliteSubject(root, cast(Tools, cast(Any, Scratch())))


@pytest.fixture(scope="module")
def places(subject: Subject) -> Iterator[tuple[Place, Place]]:
    with subject.fresh("one") as one, subject.fresh("two") as two:
        write(subject, one, subject.dialect.words.collection("canary", 3))
        yield one, two


def edit(subject: Subject, place: Place, table: TableName, *changes: Change) -> None:
    async def batches() -> Any:
        yield changes

    with session_of(subject, place, "owner") as session:
        asyncio.run(cast(CanEdit, session).edit(table, batches(), _WRITE))


def page(subject: Subject, place: Place, want: RowsWanted) -> list[tuple[Any, ...]]:
    with session_of(subject, place, "ro") as session:
        return list(asyncio.run(cast(CanEdit, session).rows(want, QueryLimits())).rows)


def reshape(subject: Subject, place: Place, act: Reshape) -> None:
    with session_of(subject, place, "owner") as session:
        asyncio.run(cast(CanReshape, session).reshape(act, _WRITE, preview=False))


@contextmanager
def canary(subject: Subject, place: Place, *dropped: str) -> Iterator[None]:
    """Afterwards, and once the tables made are dropped, the database is as it was."""
    before = inspect(subject, place)
    try:
        yield
    finally:
        made = [r.name for r in inspect(subject, place).relations if r.name in dropped]
        for name in made:
            reshape(subject, place, Drop(TableName(name)))
    after = inspect(subject, place)
    assert (after.relations, after.schemas, after.objects) == (before.relations, before.schemas, before.objects)
    assert contents(subject, place, "canary") == _CANARY


def rows_and_shapes(subject: Subject, place: Place, table: str, column: str, index: str) -> None:
    name = TableName(table, subject.dialect.schema)
    columns = (ColumnShape(name="id", type="integer", nullable=False), ColumnShape(name=column, type="text"))
    indexes = (IndexShape(columns=(column,), name=index),)
    reshape(subject, place, Create(TableShape(name=table, columns=columns, primary_key=("id",), indexes=indexes)))
    edit(subject, place, name, Insert({"id": 1, column: table}), Insert({"id": 2, column: column}))
    edit(subject, place, name, Update({"id": 2}, {column: index}), Insert({"id": 1, column: column}, or_update=True))
    edit(subject, place, name, Insert({"id": 3, column: "gone"}), Delete({"id": 3}))
    want = RowsWanted(name, (column, "id"), (Filter(column, "ne", "else"),), (Order(column),), count=10)
    assert sorted(page(subject, place, want)) == sorted([(column, 1), (index, 2)])
    found = relation(inspect(subject, place), table)
    assert ([c.name for c in found.columns], [i.name for i in found.indexes if i.name == index]) == (
        ["id", column],
        [index],
    )
    rename = TableChange(columns=(ColumnChange(column=column, rename="plain"),))
    back = TableChange(columns=(ColumnChange(column="plain", rename=column),))
    for change in (rename, back):
        reshape(subject, place, Alter(name, change))
    assert relation(inspect(subject, place), table).columns[1].name == column


def bulk(subject: Subject, place: Place, table: str, column: str) -> None:
    relation_ = (subject.dialect.schema, table)
    with session_of(subject, place) as session:
        able = cast(CanBulk, session)
        create = (NewColumn("id", "integer"), NewColumn(column, "text"))
        with able.bulk_load(Load(relation_, ("id", column), create), Stop()) as load:
            assert load.put([(1, table), (2, column), (3, None)]) == []
            token = load.token()
            load.commit()
        able.bulk_forget(token)
        assert [c.name for c in able.bulk_columns(relation_)] == ["id", column]
        with able.bulk_unload(Unload(relation_), Stop()) as unload:
            found = {row[0]: row[1] for batch in unload.rows() for row in batch}
    assert found == {1: table, 2: column, 3: None}


def upkeep(subject: Subject, place: Place, table: str, absent: str) -> None:
    able = subject.engine
    assert isinstance(able, CanMaintain)
    assert isinstance(able, CanTune)
    for chore in able.chores():
        if chore.targets and chore.name in ("analyze", "reindex"):
            able.maintain(place.endpoint, chore.name, f"{subject.dialect.schema}.{table}", Stop(), lambda *_: None)
            with pytest.raises(NotFound):
                able.maintain(place.endpoint, chore.name, f"nowhere.{absent}", Stop(), lambda *_: None)
    with pytest.raises(Invalid):
        able.tune(place.endpoint, {absent: "1"})
    if isinstance(able, CanExtend):
        with pytest.raises(NotFound):
            able.enable(place.endpoint, absent)


def logins(subject: Subject, place: Place, name: str) -> None:
    able = subject.engine
    if not isinstance(able, CanAdmit):
        return
    user = f"visit {name}".encode()[:63].decode(errors="ignore")
    able.admit(place.endpoint, Login(user, name, "ro"))
    able.suspend(place.endpoint, user)
    able.dismiss(place.endpoint, user, hand_over=False)


def carried(subject: Subject, place: Place, other: Place, table: str, column: str, new: str) -> None:
    """A snapshot restored with one table renamed, then a dump run as a script: both into a database of their own."""
    schema = subject.dialect.schema
    for left in inspect(subject, other).relations:  # by an example that failed
        reshape(subject, other, Drop(TableName(left.name)))
    restore(subject, other, capture(subject, place), RestoreRequest(rename={f"{schema}.{table}": new}))
    emptied(subject, other, {new: column})
    with session_of(subject, place) as session:
        dump = b"".join(cast(CanBulk, session).bulk_dump((), Stop()))
    tokens: list[str] = []
    with session_of(subject, other) as session:
        able = cast(CanBulk, session)
        able.bulk_script(iter((dump,)), lambda token, _: tokens.append(token), Stop())
        able.bulk_forget(tokens[0])
    emptied(subject, other, {table: column})


def emptied(subject: Subject, place: Place, tables: dict[str, str]) -> None:
    """Nothing but these and the canary is there, with their rows; then nothing at all."""
    found = {r.name: r for r in inspect(subject, place).relations}
    assert set(found) == {*tables, "canary"}
    assert contents(subject, place, "canary") == _CANARY
    for table, column in tables.items():
        assert [c.name for c in found[table].columns] == ["id", column]
        assert found[table].rows == 3
    for name in found:
        reshape(subject, place, Drop(TableName(name)))
    assert inspect(subject, place).relations == ()


@pytest.mark.slow
@examples(2)
@given(names=st.lists(NAMES, min_size=4, max_size=4, unique=True))
def test_any_name_is_only_a_name(subject: Subject, places: tuple[Place, Place], names: list[str]) -> None:
    place, other = places
    names = [name for name in different(names) if name.lower() not in ("canary", "id", "plain")]
    names = [name for name in names if not name.lower().startswith("sqlite_")]
    if len(names) < 3:
        return
    table, column, index, *_ = names
    with canary(subject, place, table, column):
        rows_and_shapes(subject, place, table, column, index)
        upkeep(subject, place, table, column)
        reshape(subject, place, Drop(TableName(table)))
        bulk(subject, place, column, table)
        carried(subject, place, other, column, table, index)
        reshape(subject, place, Drop(TableName(column)))
        logins(subject, place, index)


def made_of(name: str) -> Iterator[Reshape]:
    """Every shape a name can have a place in."""
    plain, odd = ColumnShape(name="id", type="integer"), {"name": name, "type": "text"}
    canary_ = TableName("canary")
    yield Create(TableShape(name=name, columns=(plain,)))
    yield Create(TableShape(name="t", columns=(plain, ColumnShape(**odd))))
    yield Create(TableShape(name="t", columns=(plain,), indexes=(IndexShape(columns=("id",), name=name),)))
    yield Alter(canary_, TableChange(rename=name))
    yield Alter(canary_, TableChange(columns=(ColumnChange(column="name", rename=name),)))
    yield Alter(canary_, TableChange(add_columns=(ColumnShape(**odd),)))


def load(subject: Subject, place: Place, name: str) -> None:
    create = (NewColumn("id", "integer"), NewColumn(name, "text"))
    with session_of(subject, place) as session:
        want = Load((subject.dialect.schema, "t"), ("id", name), create)
        with cast(CanBulk, session).bulk_load(want, Stop()) as loading:
            loading.put([(1, "x")])
            loading.commit()


@pytest.mark.slow
def test_a_name_that_cannot_be_is_refused_and_never_cut(subject: Subject, places: tuple[Place, Place]) -> None:
    """A server that cuts a name at 63 bytes would make two tables one; half a surrogate pair is no text at all."""
    place, _ = places
    longest = isinstance(subject, SqliteSubject)
    source = capture(subject, place)
    with subject.fresh("three") as other, canary(subject, place):
        for name in IMPOSSIBLE:
            if longest and name.isprintable():
                continue  # this engine has names of any length, and none at all
            for act in made_of(name) if encodable(name) else ():  # half a pair is refused by the shape already
                refused(lambda act=act: reshape(subject, place, act))
            refused(lambda name=name: load(subject, place, name))
            refused(lambda name=name: page(subject, place, RowsWanted(TableName(name))))
            rename = {f"{subject.dialect.schema}.canary": name}
            refused(lambda rename=rename: restore(subject, other, source, RestoreRequest(rename=rename)))
            assert inspect(subject, other).relations == ()
            if isinstance(subject.engine, CanAdmit):
                refused(lambda name=name: subject.engine.admit(place.endpoint, Login(name, "pw", "ro")))


def refused(act: Callable[[], object]) -> None:
    """By a clear word. Half a surrogate pair may end as Python's own error, which http.py answers by 422."""
    with pytest.raises((HoldfastError, UnicodeEncodeError)) as caught:
        act()
    assert getattr(caught.value, "status", 422) < 500, repr(caught.value)
