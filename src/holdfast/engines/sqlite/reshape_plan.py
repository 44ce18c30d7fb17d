"""The statements that change a table's shape: ALTER where SQLite has it, the table written anew where it has not.

The second way is https://www.sqlite.org/lang_altertable.html#otheralter: rows keep their numbers, and indexes,
triggers and the AUTOINCREMENT counter are put back.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from holdfast.contract.ddl_words import checked_expression, checked_type
from holdfast.contract.row_sql import unknown_column
from holdfast.contract.shapes import (
    CheckShape,
    ColumnChange,
    ColumnShape,
    IndexShape,
    KeyShape,
    LinkShape,
    Steps,
    TableChange,
    TableShape,
    given,
)
from holdfast.engines.sqlite.connections import literal, quote
from holdfast.engines.sqlite.definition import Clause, ColumnText, Definition
from holdfast.kernel.errors import Conflict, Invalid

_CONSTANT = re.compile(r"(?:[+-]?\d[\d.eE+-]*|'(?:[^']|'')*'|[xX]'[0-9a-fA-F]*'|NULL|TRUE|FALSE)", re.I)
_ACTED = "ON UPDATE {} ON DELETE {}"


@dataclass(frozen=True)
class Facts:
    """What a plan needs of the table as it is. `indexes` have a text of their own; `copied` columns hold data."""

    name: str
    definition: Definition
    indexes: dict[str, tuple[tuple[str, ...], str]]
    triggers: tuple[str, ...]
    copied: tuple[str, ...]
    rowid: str | None
    sequence: int | None


def create(shape: TableShape) -> Steps:
    columns = [new_column(column) for column in shape.columns]
    there = {column.name: column for column in shape.columns}
    primary = _known(shape.primary_key, there)
    constraints = []
    if primary:
        constraints.append(Clause("primary key", None, f"PRIMARY KEY ({_list(primary)})"))
    for unique in shape.unique:
        text = f"{_named(unique.name)}UNIQUE ({_list(_known(unique.columns, there))})"
        constraints.append(Clause("unique", unique.name, text))
    constraints += [_link(link, there) for link in shape.foreign_keys]
    constraints += [_check(check) for check in shape.checks]
    single = len(primary) == 1 and there[primary[0]].type.upper() == "INTEGER"
    definition = Definition(tuple(columns), tuple(constraints))
    if single:  # only a column's own PRIMARY KEY reads well; to SQLite both are the row's number
        text = f"{definition.column(primary[0]).render()} PRIMARY KEY"
        column = replace(definition.column(primary[0]), text=text)
        definition = replace(definition.with_column(primary[0], column), constraints=tuple(constraints[1:]))
    made = [_index(shape.name, index, there) for index in shape.indexes]
    return Steps((definition.render(shape.name), *made))


def alter(facts: Facts, change: TableChange) -> Steps:
    """Nothing to change = no statements."""
    wanted, statements = facts.definition, list[str]()
    there = {column.name: column for column in wanted.columns}
    dropped_indexes = _drop_indexes(facts, change)
    for kind, one in _dropped(change):
        clause = _find(wanted, kind, one)
        if clause is None and kind == "unique" and isinstance(one, str) and one in facts.indexes:
            dropped_indexes.append(one)
        elif clause is None:
            raise Conflict(f"there is no {kind} {_said(one)} here", code="constraint_unknown")
        else:
            wanted = wanted.without(clause)
    for each in change.columns:
        wanted = _changed(wanted, each, there)
    wanted, added = _added(wanted, change, there)
    for check in change.add_checks:
        wanted = replace(wanted, constraints=(*wanted.constraints, _check(check)))
    later: dict[str, object] = {**there} | {column.name: column for column in change.add_columns}
    for link in change.add_foreign_keys:
        wanted = replace(wanted, constraints=(*wanted.constraints, _link(link, later)))
    _free(wanted, facts, change, dropped_indexes)
    statements += [f"DROP INDEX main.{quote(name)}" for name in dropped_indexes]
    rebuilt = wanted != facts.definition
    if rebuilt:
        statements += _rebuild(facts, wanted, dropped_indexes)
    table = f"main.{quote(facts.name)}"
    statements += [f"ALTER TABLE {table} DROP COLUMN {quote(name)}" for name in change.drop_columns]
    statements += [f"ALTER TABLE {table} ADD COLUMN {column.render()}" for column in added]
    for unique in change.add_unique:
        index = IndexShape(columns=unique.columns, name=unique.name, unique=True)
        statements.append(_index(facts.name, index, later))
    statements += [_index(facts.name, index, later) for index in change.add_indexes]
    for each in change.columns:
        if each.rename is not None and each.rename != each.column:
            statements.append(f"ALTER TABLE {table} RENAME COLUMN {quote(each.column)} TO {quote(each.rename)}")
    if change.rename is not None and change.rename != facts.name:
        statements.append(f"ALTER TABLE {table} RENAME TO {quote(change.rename)}")
    return Steps(tuple(statements), rebuilt)


def _rebuild(facts: Facts, wanted: Definition, dropped: Sequence[str]) -> Iterator[str]:
    beside = f"holdfast rebuild {facts.name}"
    yield wanted.render(beside)
    names = [*([facts.rowid] if facts.rowid else []), *map(quote, facts.copied)]
    listed = ", ".join(names)
    yield f"INSERT INTO main.{quote(beside)} ({listed}) SELECT {listed} FROM main.{quote(facts.name)}"
    yield f"DROP TABLE main.{quote(facts.name)}"
    yield f"ALTER TABLE main.{quote(beside)} RENAME TO {quote(facts.name)}"
    yield from (sql for name, (_, sql) in facts.indexes.items() if name not in dropped)
    yield from facts.triggers
    if facts.sequence is not None:
        yield f"UPDATE sqlite_sequence SET seq = {facts.sequence} WHERE name = {literal(facts.name)}"


def new_column(column: ColumnShape) -> ColumnText:
    clauses = []
    if not column.nullable:
        clauses.append(Clause("not null", None, "NOT NULL"))
    if column.default is not None:
        clauses.append(_default(column.default))
    return ColumnText(column.name, checked_type(column.type), tuple(clauses))


def _default(text: str) -> Clause:
    text = checked_expression(text)
    return Clause("default", None, f"DEFAULT {text}" if _CONSTANT.fullmatch(text) else f"DEFAULT ({text})")


def _changed(wanted: Definition, change: ColumnChange, there: dict[str, ColumnText]) -> Definition:
    _known((change.column,), there)
    column = wanted.column(change.column)
    clauses = list(column.clauses)
    if change.nullable is not None:
        has = [clause for clause in clauses if clause.kind == "not null"]
        if change.nullable and has:
            clauses = [clause for clause in clauses if clause.kind != "not null"]
        elif not change.nullable and not has:
            clauses.append(Clause("not null", None, "NOT NULL"))
    if given(change, "default"):
        wish = None if change.default is None else _default(change.default)
        has = [clause for clause in clauses if clause.kind == "default"]
        if wish is None or not has or _same(has[0].text) != _same(wish.text):
            clauses = [clause for clause in clauses if clause.kind != "default"] + ([wish] if wish else [])
    kind = column.type
    if change.type is not None and change.type.upper() != kind.upper():
        kind = checked_type(change.type)
    if kind == column.type and clauses == list(column.clauses):
        return wanted
    return wanted.with_column(change.column, ColumnText(column.name, kind, tuple(clauses)))


def _same(text: str) -> str:
    text = text.removeprefix("DEFAULT").strip()
    return text[1:-1].strip() if text.startswith("(") and text.endswith(")") else text


def _added(
    wanted: Definition, change: TableChange, there: dict[str, ColumnText]
) -> tuple[Definition, list[ColumnText]]:
    """Columns ADD COLUMN can make, and those that need the table written anew: defaults it must compute."""
    plain = []
    for column in change.add_columns:
        if column.name.lower() in {name.lower() for name in there}:
            raise Conflict(f"there is a column {column.name!r} already", code="column_exists")
        made = new_column(column)
        if column.default is None or _CONSTANT.fullmatch(column.default.strip()):
            plain.append(made)
        else:
            wanted = replace(wanted, columns=(*wanted.columns, made))
    return wanted, plain


def _drop_indexes(facts: Facts, change: TableChange) -> list[str]:
    for name in change.drop_indexes:
        if name not in facts.indexes:
            raise Conflict(f"there is no index {name!r} of this table", code="constraint_unknown")
    return list(change.drop_indexes)


def _dropped(change: TableChange) -> Iterator[tuple[str, KeyShape | str]]:
    yield from (("foreign key", one) for one in change.drop_foreign_keys)
    yield from (("unique", one) for one in change.drop_unique)
    yield from (("check", one) for one in change.drop_checks)


def _find(wanted: Definition, kind: str, one: KeyShape | str) -> Clause | None:
    for _, clause in wanted.every():
        if clause.kind == kind and (
            clause.name == one if isinstance(one, str) else one.name in (None, clause.name)
            and [c.lower() for c in clause.columns] == [c.lower() for c in one.columns]
        ):  # fmt: skip
            return clause
    return None


def _free(wanted: Definition, facts: Facts, change: TableChange, dropped: Sequence[str]) -> None:
    """Nothing goes silently with a column: a composite foreign key least of all."""
    for name in change.drop_columns:
        _known((name,), {column.name: column for column in wanted.columns})
        users = [
            f"{clause.kind} ({', '.join(clause.columns)})"
            for _, clause in wanted.every()
            if clause.kind in ("primary key", "foreign key", "unique") and _has(clause.columns, name)
        ]
        users += [
            f"index {index}"
            for index, (columns, _) in facts.indexes.items()
            if index not in dropped and _has(columns, name)
        ]
        if users:
            raise Conflict(
                f"{name!r} is used by {'; '.join(users)}",
                code="in_use",
                hint="Drop these first: they may be named in the same change.",
                details={"column": name, "users": users},
            )


def _has(columns: Sequence[str], name: str) -> bool:
    return name.lower() in (column.lower() for column in columns)


def _index(table: str, index: IndexShape, there: Mapping[str, object]) -> str:
    names = _known(index.columns, there)
    made = index.name or f"{'uq' if index.unique else 'ix'}_{table}_{'_'.join(names)}"
    unique = "UNIQUE " if index.unique else ""
    return f"CREATE {unique}INDEX main.{quote(made)} ON {quote(table)} ({_list(names)})"


def _link(link: LinkShape, there: Mapping[str, object]) -> Clause:
    columns = _known(link.columns, there)
    if link.referenced and len(link.referenced) != len(columns):
        raise Invalid("a foreign key has as many columns on both sides", code="shape_invalid")
    target = quote(link.references) + (f" ({_list(link.referenced)})" if link.referenced else "")
    acts = _ACTED.format(link.on_update, link.on_delete)
    text = f"{_named(link.name)}FOREIGN KEY ({_list(columns)}) REFERENCES {target} {acts}"
    return Clause("foreign key", link.name, text, tuple(columns))


def _check(check: CheckShape) -> Clause:
    return Clause("check", check.name, f"{_named(check.name)}CHECK ({checked_expression(check.expression)})")


def _named(name: str | None) -> str:
    return f"CONSTRAINT {quote(name)} " if name else ""


def _known(names: Sequence[str], there: Mapping[str, object]) -> list[str]:
    by_lower = {name.lower(): name for name in there}
    for name in names:
        if name.lower() not in by_lower:
            raise unknown_column(name, list(there))
    return [by_lower[name.lower()] for name in names]


def _list(names: Sequence[str]) -> str:
    return ", ".join(quote(name) for name in names)


def _said(one: KeyShape | str) -> str:
    return repr(one) if isinstance(one, str) else f"({', '.join(one.columns)})"
