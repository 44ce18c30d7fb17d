"""Cases on making, changing and dropping tables without a language: CanReshape."""

from __future__ import annotations

import asyncio
from typing import Any

from holdfast.contract.conformance.helpers import able, contents, inspect, raises, relation, session_of, write
from holdfast.contract.conformance.subject import Place, Subject
from holdfast.contract.query import QueryLimits
from holdfast.contract.rows import TableName
from holdfast.contract.shapes import (
    Alter,
    CanReshape,
    CheckShape,
    ColumnChange,
    ColumnShape,
    Create,
    Drop,
    IndexShape,
    KeyShape,
    LinkShape,
    Reshape,
    Shape,
    Steps,
    TableChange,
    TableShape,
)
from holdfast.contract.spec import Access
from holdfast.kernel.errors import Conflict, Denied, HoldfastError, Invalid, NotFound

_NEW = 'so "new"; --'


def _reshape(subject: Subject, place: Place, act: Reshape, *, preview: bool = False, access: Access = "owner") -> Steps:
    with session_of(subject, place, access) as session:
        shaper: CanReshape = able(session, CanReshape)
        return asyncio.run(shaper.reshape(act, QueryLimits(write=True), preview=preview))


def _shape(subject: Subject, place: Place, name: str) -> Shape:
    with session_of(subject, place, "owner") as session:
        shaper: CanReshape = able(session, CanReshape)
        return asyncio.run(shaper.shape(TableName(name)))


def _child(name: str = "child", **more: Any) -> TableShape:
    return TableShape(
        name=name,
        columns=(
            ColumnShape(name="id", type="integer", nullable=False),
            ColumnShape(name="parent", type="integer"),
            ColumnShape(name="note", type="text", nullable=False, default="'none'"),
        ),
        primary_key=("id",),
        unique=(KeyShape(columns=("parent", "note")),),
        indexes=(IndexShape(columns=("note",), name=f"{name}_note"),),
        foreign_keys=(LinkShape(columns=("parent",), references="t", on_delete="CASCADE"),),
        checks=(CheckShape(expression="id > 0"),),
        **more,
    )


def reshape_create(subject: Subject) -> None:
    """What a shape says is what the catalog shows, and it holds: keys, links, checks and defaults."""
    with subject.fresh() as place:
        write(subject, place, subject.dialect.words.collection("t", 3))
        _reshape(subject, place, Create(_child()))
        found = relation(inspect(subject, place), "child")
        assert [(c.name, c.nullable) for c in found.columns] == [("id", False), ("parent", True), ("note", False)]
        assert [c.primary_key for c in found.columns] == [1, 0, 0]
        assert found.foreign_keys[0].references.split(".")[-1] == "t"
        assert any(index.name == "child_note" and not index.unique for index in found.indexes)
        shape = _shape(subject, place, "child")
        assert {one.kind for one in shape.constraints} >= {"check", "unique", "foreign key"}, shape.constraints
        write(subject, place, ["INSERT INTO child (id, parent) VALUES (1, 1)"])
        for wrong in (
            "INSERT INTO child (id, parent) VALUES (2, 1)",
            "INSERT INTO child (id, parent) VALUES (0, 2)",
            "INSERT INTO child (id, note) VALUES (5, NULL)",
        ):
            _refused(subject, place, wrong)
        with raises(Conflict, "table_exists"):
            _reshape(subject, place, Create(_child()))


def _by_which(shape: Shape, column: str) -> tuple[str, ...]:
    """What keeps a column unique, by name: a constraint, or an index where the engine makes that instead."""
    named = [one.name for one in shape.constraints if one.kind == "unique" and one.columns == (column,) and one.name]
    indexes = [index.name for index in shape.table.relation.indexes if index.unique and index.columns == (column,)]
    assert named or indexes, f"nothing keeps {column} unique: {shape}"
    return tuple(named or indexes)


def _refused(subject: Subject, place: Place, statement: str) -> None:
    """The database itself says no, whatever error its driver has for it."""
    try:
        write(subject, place, [statement])
    except Exception:  # noqa: BLE001  a driver's own error: the suite knows no drivers
        return
    raise AssertionError(f"{statement} went through")


def reshape_alter(subject: Subject) -> None:
    """Columns come, change and go, constraints too, the rows stay; the old name is free afterwards."""
    with subject.fresh() as place:
        write(subject, place, subject.dialect.words.collection("t", 3))
        before = contents(subject, place, "t")
        change = TableChange(
            columns=(ColumnChange(column="name", rename="title", nullable=False, default="'untitled'"),),
            add_columns=(ColumnShape(name=_NEW, type="integer", default="7"),),
            add_unique=(KeyShape(columns=("name",)),),
            add_indexes=(IndexShape(columns=(_NEW,), name="by_new"),),
            rename="renamed",
        )
        _reshape(subject, place, Alter(TableName("t"), change))
        found = relation(inspect(subject, place), "renamed")
        assert [(c.name, c.nullable) for c in found.columns][1:] == [("title", False), (_NEW, True)]
        assert any(index.name == "by_new" for index in found.indexes)
        new = subject.dialect.quote(_NEW)
        assert contents(subject, place, "(SELECT id, title FROM renamed) AS x") == before
        sums = contents(subject, place, f"(SELECT id, {new} FROM renamed) AS x")
        assert set(sums.values()) == {7}, sums
        back = TableChange(
            drop_indexes=("by_new",),
            drop_unique=_by_which(_shape(subject, place, "renamed"), "title"),
            drop_columns=(_NEW,),
            columns=(ColumnChange(column="title", rename="name", nullable=True, default=None),),
            rename="t",
        )
        _reshape(subject, place, Alter(TableName("renamed"), back))
        assert [c.name for c in relation(inspect(subject, place), "t").columns] == ["id", "name"]
        assert contents(subject, place, "t") == before
        assert _reshape(subject, place, Alter(TableName("t"), TableChange())).statements == ()


def reshape_all_or_nothing(subject: Subject) -> None:
    """A change that does not fit, or a preview, leaves the table as it was; each says why by its code."""
    words = subject.dialect.words
    with subject.fresh() as place:
        write(subject, place, [*words.collection("t", 3), words.add("t", 4, "n1")])
        before = (contents(subject, place, "t"), inspect(subject, place).relations)
        new = (ColumnShape(name="extra", type="integer"),)
        for change, kind, code in (
            (TableChange(add_columns=new, add_unique=(KeyShape(columns=("name",)),)), HoldfastError, None),
            (TableChange(add_columns=new, drop_indexes=("nowhere",)), Conflict, "constraint_unknown"),
            (TableChange(add_columns=new, drop_columns=("nowhere",)), Invalid, "column_unknown"),
            (TableChange(add_columns=(ColumnShape(name="name", type="text"),)), Conflict, "column_exists"),
        ):
            with raises(kind, code):
                _reshape(subject, place, Alter(TableName("t"), change))
            assert (contents(subject, place, "t"), inspect(subject, place).relations) == before, change
        with raises(NotFound, "table_unknown"):
            _reshape(subject, place, Drop(TableName("nowhere")))
        shown = _reshape(subject, place, Alter(TableName("t"), TableChange(add_columns=new)), preview=True)
        assert shown.statements, "a preview says what would run"
        assert _reshape(subject, place, Create(_child()), preview=True).statements
        assert (contents(subject, place, "t"), inspect(subject, place).relations) == before


def reshape_drop(subject: Subject) -> None:
    """A table is dropped unless something points to it or looks at it."""
    with subject.fresh() as place:
        write(
            subject,
            place,
            [*subject.dialect.words.collection("t", 3), "CREATE VIEW looking AS SELECT id FROM t"],
        )
        with raises(Conflict, "in_use"):
            _reshape(subject, place, Drop(TableName("t")))
        write(subject, place, ["DROP VIEW looking"])
        _reshape(subject, place, Create(_child()))
        write(subject, place, ["INSERT INTO child (id, parent) VALUES (1, 1)"])
        with raises(Conflict):
            _reshape(subject, place, Drop(TableName("t")))
        assert len(contents(subject, place, "t")) == 3
        _reshape(subject, place, Drop(TableName("child")))
        _reshape(subject, place, Drop(TableName("t")))
        assert inspect(subject, place).relations == ()


def reshape_awkward_names(subject: Subject) -> None:
    """Tables, columns and indexes get any legal name, letter by letter, and lose it again."""
    with subject.fresh() as place:
        for name in subject.dialect.names:
            shape = TableShape(
                name=name,
                columns=(ColumnShape(name="id", type="integer", nullable=False), ColumnShape(name=name, type="text")),
                primary_key=("id",),
                indexes=(IndexShape(columns=(name,), name=f"i{name}"[:40]),),
            )
            _reshape(subject, place, Create(shape))
            change = TableChange(columns=(ColumnChange(column=name, rename="plain"),))
            _reshape(subject, place, Alter(TableName(name), change))
            _reshape(subject, place, Alter(TableName(name), TableChange(add_columns=(shape.columns[1],))))
        relations = inspect(subject, place).relations
        assert sorted(r.name for r in relations) == sorted(subject.dialect.names)
        for found in relations:
            assert [c.name for c in found.columns] == ["id", "plain", found.name]
            assert [index.name for index in found.indexes if index.name == f"i{found.name}"[:40]], found.indexes
        for name in subject.dialect.names:
            _reshape(subject, place, Drop(TableName(name)))
        assert inspect(subject, place).relations == ()


def reshape_read_only(subject: Subject) -> None:
    """A reader may see what would run, and runs none of it."""
    with subject.fresh() as place:
        write(subject, place, subject.dialect.words.collection("t", 3))
        before = inspect(subject, place).relations
        new = TableChange(add_columns=(ColumnShape(name="extra", type="integer"),))
        for act in (Create(_child()), Alter(TableName("t"), new), Drop(TableName("t"))):
            with raises(Denied, "read_only"):
                _reshape(subject, place, act, access="ro")
        assert _reshape(subject, place, Drop(TableName("t")), preview=True, access="ro").statements
        assert inspect(subject, place).relations == before


CASES = {
    CanReshape: (
        reshape_create,
        reshape_alter,
        reshape_all_or_nothing,
        reshape_drop,
        reshape_awkward_names,
        reshape_read_only,
    )
}
