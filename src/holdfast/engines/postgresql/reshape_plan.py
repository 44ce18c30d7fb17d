"""The statements that change a table's shape."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from holdfast.contract.catalog import Column
from holdfast.contract.ddl_words import checked_expression, checked_type
from holdfast.contract.row_sql import unknown_column
from holdfast.contract.shapes import (
    CheckShape,
    ColumnChange,
    ColumnShape,
    Constraint,
    IndexShape,
    KeyShape,
    LinkShape,
    Shape,
    Steps,
    TableChange,
    TableShape,
    given,
)
from holdfast.engines.postgresql.names import identifier, identifiers, qualified
from holdfast.kernel.errors import Conflict, Invalid

_ALIASES = {
    "int": "integer", "int4": "integer", "int8": "bigint", "int2": "smallint", "bool": "boolean", "decimal": "numeric",
    "float8": "double precision", "float4": "real", "timestamptz": "timestamp with time zone", "varchar":
    "character varying", "char": "character", "timestamp": "timestamp without time zone", "timetz":
    "time with time zone", "time": "time without time zone", "varbit": "bit varying",
}  # fmt: skip


@dataclass(frozen=True)
class Facts:
    """The table, and which of its indexes belong to constraints."""

    shape: Shape
    of_constraints: frozenset[str]


def create(schema: str, shape: TableShape) -> Steps:
    there = {column.name: column for column in shape.columns}
    parts = [new_column(column) for column in shape.columns]
    if shape.primary_key:
        parts.append(f"PRIMARY KEY ({_list(shape.primary_key, there)})")
    parts += [f"{_named(unique.name)}UNIQUE ({_list(unique.columns, there)})" for unique in shape.unique]
    parts += [_link(schema, link, there) for link in shape.foreign_keys]
    parts += [_check(check) for check in shape.checks]
    table = qualified(schema, shape.name)
    made = [_index(table, index, there) for index in shape.indexes]
    body = ",\n  ".join(parts)
    return Steps((f"CREATE TABLE {table} (\n  {body}\n)", *made))


def alter(facts: Facts, change: TableChange) -> Steps:
    """Nothing to change = no statements."""
    there: dict[str, object] = {column.name: column for column in facts.shape.table.columns}
    taken = tuple(_taken_away(facts, change, there))
    there |= {column.name: column for column in change.add_columns}
    return Steps((*taken, *_put(facts, change, there), *_renamed(facts, change)))


def _taken_away(facts: Facts, change: TableChange, there: Mapping[str, object]) -> Iterator[str]:
    relation = facts.shape.table.relation
    table = qualified(relation.schema, relation.name)
    gone = [_find(facts.shape, kind, one) for kind, one in _dropped(change)]
    for constraint in gone:
        yield f"ALTER TABLE {table} DROP CONSTRAINT {identifier(constraint.name or '')}"
    for name in change.drop_indexes:
        if name not in {i.name for i in relation.indexes} - facts.of_constraints:
            raise Conflict(f"there is no index {name!r} of this table", code="constraint_unknown")
        yield f"DROP INDEX {qualified(relation.schema, name)}"
    for name in change.drop_columns:
        _known(name, there)
        _free(facts, name, gone, change)
        yield f"ALTER TABLE {table} DROP COLUMN {identifier(name)}"
    for each in change.columns:
        _known(each.column, there)
        column = next(c for c in relation.columns if c.name == each.column)
        for act in _changed(column, each):
            yield f"ALTER TABLE {table} ALTER COLUMN {identifier(each.column)} {act}"


def _put(facts: Facts, change: TableChange, there: Mapping[str, object]) -> Iterator[str]:
    relation = facts.shape.table.relation
    table = qualified(relation.schema, relation.name)
    for column in change.add_columns:
        yield f"ALTER TABLE {table} ADD COLUMN {new_column(column)}"
    for check in change.add_checks:
        yield f"ALTER TABLE {table} ADD {_check(check)}"
    for unique in change.add_unique:
        yield f"ALTER TABLE {table} ADD {_named(unique.name)}UNIQUE ({_list(unique.columns, there)})"
    for link in change.add_foreign_keys:
        yield f"ALTER TABLE {table} ADD {_link(relation.schema, link, there)}"
    for index in change.add_indexes:
        yield _index(table, index, there)


def _renamed(facts: Facts, change: TableChange) -> Iterator[str]:
    relation = facts.shape.table.relation
    table = qualified(relation.schema, relation.name)
    for each in change.columns:
        if each.rename is not None and each.rename != each.column:
            yield f"ALTER TABLE {table} RENAME COLUMN {identifier(each.column)} TO {identifier(each.rename)}"
    if change.rename is not None and change.rename != relation.name:
        yield f"ALTER TABLE {table} RENAME TO {identifier(change.rename)}"


def new_column(column: ColumnShape) -> str:
    if not column.type:
        raise Invalid(f"{column.name!r} needs a type", code="shape_invalid")
    text = f"{identifier(column.name)} {checked_type(column.type)}"
    if column.default is not None:
        text += f" DEFAULT {checked_expression(column.default, bare=True)}"
    return text if column.nullable else text + " NOT NULL"


def _changed(column: Column, change: ColumnChange) -> Iterator[str]:
    if change.type is not None and _plain(change.type) != _plain(column.type):
        kind = checked_type(change.type)
        yield f"TYPE {kind} USING {identifier(column.name)}::{kind}"
    if given(change, "default"):
        if change.default is None and column.default is not None:
            yield "DROP DEFAULT"
        elif change.default is not None and change.default.strip() != column.default:
            yield f"SET DEFAULT {checked_expression(change.default, bare=True)}"
    if change.nullable is not None and change.nullable != column.nullable:
        yield "DROP NOT NULL" if change.nullable else "SET NOT NULL"


def _plain(kind: str) -> str:
    """The server's own spelling of the common types."""
    name, bracket, rest = kind.strip().lower().replace(" (", "(").partition("(")
    base, array, more = name.partition("[")
    return _ALIASES.get(base.strip(), base.strip()) + array + more + bracket + rest.replace(" ", "")


def _dropped(change: TableChange) -> Iterator[tuple[str, KeyShape | str]]:
    yield from (("foreign key", one) for one in change.drop_foreign_keys)
    yield from (("unique", one) for one in change.drop_unique)
    yield from (("check", one) for one in change.drop_checks)


def _find(shape: Shape, kind: str, one: KeyShape | str) -> Constraint:
    for constraint in shape.constraints:
        if constraint.kind != kind:
            continue
        if one == constraint.name:
            return constraint
        if not isinstance(one, str) and one.columns == constraint.columns and one.name in (None, constraint.name):
            return constraint
    said = repr(one) if isinstance(one, str) else f"({', '.join(one.columns)})"
    raise Conflict(f"there is no {kind} {said} here", code="constraint_unknown")


def _free(facts: Facts, name: str, gone: Sequence[Constraint], change: TableChange) -> None:
    """The server drops a composite foreign key silently with one of its columns; we do not."""
    relation = facts.shape.table.relation
    users = [
        f"{each.kind} {each.name}" for each in facts.shape.constraints if each not in gone and name in each.columns
    ]
    if any(column.primary_key for column in relation.columns if column.name == name):
        users.append("primary key")
    users += [
        f"index {index.name}"
        for index in relation.indexes
        if name in index.columns and index.name not in (*change.drop_indexes, *facts.of_constraints)
    ]
    if users:
        raise Conflict(
            f"{name!r} is used by {'; '.join(users)}",
            code="in_use",
            hint="Drop these first: they may be named in the same change.",
            details={"column": name, "users": users},
        )


def _index(table: str, index: IndexShape, there: Mapping[str, object]) -> str:
    unique, name = "UNIQUE " if index.unique else "", f"{identifier(index.name)} " if index.name else ""
    return f"CREATE {unique}INDEX {name}ON {table} ({_list(index.columns, there)})"


def _link(schema: str, link: LinkShape, there: Mapping[str, object]) -> str:
    if link.referenced and len(link.referenced) != len(link.columns):
        raise Invalid("a foreign key has as many columns on both sides", code="shape_invalid")
    target = qualified(link.referenced_schema or schema, link.references)
    target += f" ({identifiers(link.referenced)})" if link.referenced else ""
    acts = f"ON UPDATE {link.on_update} ON DELETE {link.on_delete}"
    return f"{_named(link.name)}FOREIGN KEY ({_list(link.columns, there)}) REFERENCES {target} {acts}"


def _check(check: CheckShape) -> str:
    return f"{_named(check.name)}CHECK ({checked_expression(check.expression)})"


def _named(name: str | None) -> str:
    return f"CONSTRAINT {identifier(name)} " if name else ""


def _known(name: str, there: Mapping[str, object]) -> None:
    if name not in there:
        raise unknown_column(name, list(there))


def _list(names: Sequence[str], there: Mapping[str, object]) -> str:
    for name in names:
        _known(name, there)
    return identifiers(names)
