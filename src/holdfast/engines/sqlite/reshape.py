"""Changing the shape of one table in one transaction; what cannot be kept is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import apsw

from holdfast.contract.query import QueryLimits
from holdfast.contract.rows import TableName
from holdfast.contract.shapes import Alter, Constraint, Create, Drop, Reshape, Shape, Steps
from holdfast.engines.sqlite.connections import quote
from holdfast.engines.sqlite.connections import rows as all_rows
from holdfast.engines.sqlite.definition import parse
from holdfast.engines.sqlite.reshape_plan import Facts, alter, create
from holdfast.engines.sqlite.rows import Line, line_to
from holdfast.engines.sqlite.spec import SCHEMA
from holdfast.engines.sqlite.table import has_rowid, rowid_of, table_of
from holdfast.engines.sqlite.violations import typed
from holdfast.kernel.errors import Conflict, HoldfastError, Invalid, NotFound

_KINDS = ("check", "unique", "foreign key")


async def shape(path: Path, name: TableName) -> Shape:
    async with line_to(path, QueryLimits()) as line:
        return await line.do(lambda: _shape(line.connection, name))


async def reshape(path: Path, act: Reshape, limits: QueryLimits, *, preview: bool) -> Steps:
    async with line_to(path, replace(limits, write=not preview)) as line:
        if preview:
            return await line.do(lambda: _plan(line.connection, act))
        return await line.do(lambda: _run(line, act))


def _shape(connection: apsw.Connection, name: TableName) -> Shape:
    table = table_of(connection, name)
    if table.relation.kind != "table":
        return Shape(table)
    definition = parse(str(table.relation.definition))
    found = tuple(
        Constraint(clause.kind, clause.name, clause.columns, clause.text)  # type: ignore[arg-type]
        for _, clause in definition.every()
        if clause.kind in _KINDS
    )
    named = "SELECT name FROM main.sqlite_schema WHERE type = 'trigger' AND tbl_name = ? COLLATE NOCASE ORDER BY name"
    triggers = tuple(row[0] for row in all_rows(connection, named, (table.relation.name,)))
    return Shape(table, found, triggers)


def _plan(connection: apsw.Connection, act: Reshape) -> Steps:
    if isinstance(act, Create):
        if act.schema not in (None, SCHEMA):
            raise NotFound(f"there is no schema {act.schema!r}", code="table_unknown")
        if act.shape.name.lower().startswith("sqlite_"):
            raise Invalid("names that begin with sqlite_ are SQLite's own", code="shape_invalid")
        if _taken(connection, act.shape.name):
            raise Conflict(f"there is {act.shape.name!r} already", code="table_exists")
        return create(act.shape)
    table = table_of(connection, act.table).relation
    if table.kind != "table":
        raise Conflict(f"{table.name!r} is a {table.kind}: it is not changed here", code="not_editable")
    if isinstance(act, Drop):
        _unused(connection, table.name)
        return Steps((f"DROP TABLE main.{quote(table.name)}",))
    if act.change.rename and act.change.rename.lower() != table.name.lower() and _taken(connection, act.change.rename):
        raise Conflict(f"there is {act.change.rename!r} already", code="table_exists")
    return alter(_facts(connection, table.name, str(table.definition)), act.change)


def _run(line: Line, act: Reshape) -> Steps:
    connection = line.connection
    # Both are ignored inside a transaction: foreign keys would act on the old table's end.
    line.setting("foreign_keys", isinstance(act, Drop))
    line.transaction("BEGIN IMMEDIATE")
    steps = _plan(connection, act)
    table = act.shape.name if isinstance(act, Create) else act.table.name
    before = _broken(connection) if steps.rebuilt else set()
    views = _views(connection) if steps.statements else set()
    for statement in steps.statements:
        _one(line, act, statement, table, rebuilt=steps.rebuilt)
    if steps.rebuilt and (broken := _broken(connection) - before):
        raise Conflict(
            f"{len(broken)} rows would point to rows that are not there",
            code="foreign_key_violation",
            details={"constraint": None, "columns": [], "tables": sorted({row[0] for row in broken})},
        )
    if lost := views - _views(connection):
        raise Conflict(
            f"views would no longer work: {', '.join(sorted(lost))}",
            code="in_use",
            details={"users": [f"view {name}" for name in sorted(lost)]},
        )
    line.transaction("COMMIT" if steps.statements else "ROLLBACK")
    return steps


def _one(line: Line, act: Reshape, statement: str, table: str, *, rebuilt: bool) -> None:
    """A rename looks at every view and trigger; not the one by which the rebuilt table takes its old place."""
    back = rebuilt and statement.startswith('ALTER TABLE main."holdfast rebuild ')
    line.setting("legacy_alter_table", back)
    try:
        line.connection.execute(statement).fetchall()
    except apsw.Error as error:
        raise line.reason(error) or _refused(error, line, act, table) from error
    finally:
        line.setting("legacy_alter_table", False)


def _refused(error: apsw.Error, line: Line, act: Reshape, table: str) -> HoldfastError:
    text = str(error)
    if isinstance(error, apsw.ConstraintError) and not isinstance(act, Create):
        beside = f"holdfast rebuild {table}."
        told = apsw.ConstraintError(text.replace(beside, f"{table}."))
        return typed(told, table_of(line.connection, TableName(table)))
    if "NOT NULL" in text and "ADD COLUMN" not in text.upper():
        return Invalid(text, code="not_null_violation", details={"constraint": None, "columns": []})
    if "already exists" in text:
        return Conflict(text, code="table_exists")
    if text.startswith(("error in ", "cannot drop column", "error after")):
        return Conflict(text, code="in_use")
    return Invalid(text, code="shape_invalid")


def _facts(connection: apsw.Connection, name: str, sql: str) -> Facts:
    definition = parse(sql)
    indexes = {}
    for index, text in all_rows(
        connection,
        "SELECT name, sql FROM main.sqlite_schema WHERE type = 'index' AND sql NOT NULL "
        "AND tbl_name = ? COLLATE NOCASE",
        (name,),
    ):
        columns = all_rows(connection, "SELECT name FROM pragma_index_info(?) ORDER BY seqno", (index,))
        indexes[index] = (tuple(row[0] or "(expression)" for row in columns), text)
    triggers = all_rows(
        connection, "SELECT sql FROM main.sqlite_schema WHERE type = 'trigger' AND tbl_name = ? COLLATE NOCASE", (name,)
    )
    table = table_of(connection, TableName(name))
    alias = [c for c in table.columns if c.primary_key]
    numbered = len(alias) == 1 and alias[0].type.upper() == "INTEGER"
    rowid = rowid_of(table) if has_rowid(connection, name) and not numbered else None
    return Facts(
        name=name,
        definition=definition,
        indexes=indexes,
        triggers=tuple(row[0] for row in triggers),
        copied=tuple(column.name for column in table.columns if not column.generated),
        rowid=rowid,
        sequence=_sequence(connection, name),
    )


def _sequence(connection: apsw.Connection, name: str) -> int | None:
    there = all_rows(connection, "SELECT 1 FROM main.sqlite_schema WHERE name = 'sqlite_sequence'")
    found = all_rows(connection, "SELECT seq FROM sqlite_sequence WHERE name = ?", (name,)) if there else []
    return int(found[0][0]) if found else None


def _taken(connection: apsw.Connection, name: str) -> bool:
    return bool(all_rows(connection, "SELECT 1 FROM main.sqlite_schema WHERE name = ? COLLATE NOCASE", (name,)))


def _broken(connection: apsw.Connection) -> set[tuple[object, ...]]:
    return set(all_rows(connection, "PRAGMA foreign_key_check"))


def _views(connection: apsw.Connection) -> set[str]:
    """The views that can be asked."""
    found = set()
    for (name,) in all_rows(connection, "SELECT name FROM main.sqlite_schema WHERE type = 'view'"):
        try:
            connection.execute(f"SELECT * FROM main.{quote(name)} LIMIT 0").fetchall()
        except apsw.SQLError:
            continue
        found.add(name)
    return found


def _unused(connection: apsw.Connection, name: str) -> None:
    """SQLite would drop a table that others point to, and leave them pointing at nothing."""
    users = all_rows(
        connection,
        "SELECT DISTINCT l.name FROM pragma_table_list AS l, pragma_foreign_key_list(l.name) AS f "
        "WHERE l.schema = 'main' AND l.type = 'table' AND f.\"table\" = ?1 COLLATE NOCASE "
        "AND l.name <> ?1 COLLATE NOCASE",
        (name,),
    )
    if users:
        told = [f"foreign key of {row[0]}" for row in users]
        raise Conflict(f"{name!r} is used by {'; '.join(told)}", code="in_use", details={"users": told})


__all__ = ["Alter", "reshape", "shape"]
