"""Changing the shape of one table in one transaction, as the database's owner."""

from __future__ import annotations

from typing import Any

import psycopg

from holdfast.contract.query import Batch, QueryLimits
from holdfast.contract.rows import Table, TableName
from holdfast.contract.shapes import Constraint, Create, Drop, Reshape, Shape, Steps
from holdfast.contract.spec import Access
from holdfast.engines.postgresql import faults
from holdfast.engines.postgresql.lines import Lines
from holdfast.engines.postgresql.names import qualified
from holdfast.engines.postgresql.reshape_plan import Facts, alter, create
from holdfast.engines.postgresql.rows import Line, line_to
from holdfast.engines.postgresql.table import FACTS, NAMES, SCHEMA, absent, constraints_of, params, table_of
from holdfast.engines.postgresql.violations import typed
from holdfast.kernel.errors import Conflict, HoldfastError, Invalid, NotFound

_KINDS: dict[str, Any] = {"c": "check", "u": "unique", "f": "foreign key", "x": "exclusion"}
_TRIGGERS = (
    "SELECT t.tgname FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid "
    "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
    "WHERE n.nspname = $1 AND c.relname = $2 AND NOT t.tgisinternal ORDER BY 1"
)
_TAKEN = {"42P07": "table_exists", "42701": "column_exists", "42710": "constraint_exists"}
_WRONG = frozenset({"42601", "42704", "42830", "42P16", "42P17", "42883", "42611", "42703", "0A000", "42804", "22023"})


async def shape(lines: Lines, name: TableName) -> Shape:
    async with line_to(lines, "ro", QueryLimits()) as line:
        return (await _facts(line, name)).shape


async def reshape(lines: Lines, access: Access, act: Reshape, limits: QueryLimits, *, preview: bool) -> Steps:
    async with line_to(lines, "ro" if preview else access, limits) as line:
        await line.all("BEGIN")
        steps, table = await _plan(line, act)
        if not preview:
            for statement in steps.statements:
                await _one(line, statement, table)
        await line.all("ROLLBACK" if preview or not steps.statements else "COMMIT")
        return steps


async def _plan(line: Line, act: Reshape) -> tuple[Steps, Table | None]:
    if isinstance(act, Create):
        return create(act.schema or SCHEMA, act.shape), None
    facts = await _facts(line, act.table)
    relation = facts.shape.table.relation
    if relation.kind != "table":
        raise Conflict(f"{relation.name!r} is a {relation.kind}: it is not changed here", code="not_editable")
    if isinstance(act, Drop):
        return Steps((f"DROP TABLE {qualified(relation.schema, relation.name)}",)), facts.shape.table
    return alter(facts, act.change), facts.shape.table


async def _facts(line: Line, name: TableName) -> Facts:
    answer: Batch = await line.all(FACTS, params(name))
    if not answer.rows:
        raise absent(name, list((await line.all(NAMES, params(name)[:1])).rows))
    told = constraints_of(answer.rows[0])
    constraints = tuple(
        Constraint(_KINDS[kind], constraint, tuple(columns), text)
        for constraint, kind, columns, text in told
        if kind in _KINDS
    )
    triggers = await line.all(_TRIGGERS, params(name))
    own = frozenset(constraint for constraint, kind, _, _ in told if kind in ("p", "u", "x"))
    return Facts(Shape(table_of(name, answer.rows[0]), constraints, tuple(row[0] for row in triggers.rows)), own)


async def _one(line: Line, statement: str, table: Table | None) -> None:
    try:
        await line.raw(statement)
    except psycopg.Error as error:
        raise line.failure() or _refused(error, table) from error


def _refused(error: psycopg.Error, table: Table | None) -> HoldfastError:
    state, diag = error.sqlstate or "", error.diag
    message = diag.message_primary or str(error)
    details: dict[str, Any] = {"sqlstate": state}
    if state == "2BP01":
        users = [part for part in (diag.message_detail or "").splitlines() if part]
        return Conflict(message, code="in_use", hint="Drop or change these first.", details=details | {"users": users})
    if state in _TAKEN:
        return Conflict(message, code=_TAKEN[state], details=details)
    if state in ("42P01", "3F000"):
        return NotFound(message, code="table_unknown", details=details)
    if state in _WRONG:
        return Invalid(message, code="shape_invalid", hint=diag.message_hint, details=details)
    if table is not None and state[:2] in ("23", "22"):
        return typed(error, table, (), ())
    return faults.from_statement(error, write=True)
