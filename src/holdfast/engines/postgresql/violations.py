"""What the server says about a row it refuses, as errors that name the constraint and the columns."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import psycopg

from holdfast.contract.rows import Table
from holdfast.engines.postgresql import faults
from holdfast.kernel.errors import Conflict, HoldfastError, Invalid

_PARAMETER = re.compile(r"portal parameter \$(\d+)")
_SIZED = re.compile(r"^(?:character varying|character|bit|bit varying)\((\d+)\)$")
_VALUE = ("22P02", "22003", "22007", "22008", "42804", "22P03", "22021", "22023", "22030", "22032", "22000")


def typed(error: psycopg.Error, table: Table, names: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> HoldfastError:
    """`names` are the columns of the statement's parameters in their order, `rows` what was to be written."""
    state, diag = error.sqlstate or "", error.diag
    message = diag.message_primary or str(error)
    details: dict[str, Any] = {"sqlstate": state, "constraint": diag.constraint_name}
    if state in ("23505", "23P01"):
        columns = _indexed(table, diag.constraint_name)
        code = "unique_violation" if state == "23505" else "exclusion_violation"
        return Conflict(message, code=code, details=details | {"columns": columns})
    if state == "23503":
        found = [key for key in table.relation.foreign_keys if key.name == diag.constraint_name]
        columns = list(found[0].columns) if found and diag.table_name == table.relation.name else []
        hint = "The other table has no such row." if columns else f"Rows of {diag.table_name!r} still point here."
        return Conflict(message, code="foreign_key_violation", hint=hint, details=details | {"columns": columns})
    if state == "23502":
        return Invalid(message, code="not_null_violation", details=details | {"columns": _one(diag.column_name)})
    if state == "23514":
        return Invalid(message, code="check_violation", details=details | {"columns": _one(diag.column_name)})
    if state == "428C9":
        return Invalid(message, code="column_fixed", details=details | {"columns": _one(diag.column_name)})
    if state == "22001":
        return Invalid(message, code="value_too_long", details=details | {"columns": _too_long(table, rows)})
    if state in _VALUE:
        return Invalid(message, code="value_type", details=details | {"columns": _bound(diag.context, names)})
    return faults.from_statement(error, write=True)


def _one(name: str | None) -> list[str]:
    return [name] if name else []


def _indexed(table: Table, constraint: str | None) -> list[str]:
    return next((list(index.columns) for index in table.relation.indexes if index.name == constraint), [])


def _bound(context: str | None, names: Sequence[str]) -> list[str]:
    match = _PARAMETER.search(context or "")
    return [names[int(match[1]) - 1]] if match and int(match[1]) <= len(names) else []


def _too_long(table: Table, rows: Sequence[Mapping[str, Any]]) -> list[str]:
    found = []
    for column in table.columns:
        sized = _SIZED.match(column.type)
        if sized and any(len(str(row.get(column.name) or "")) > int(sized[1]) for row in rows):
            found.append(column.name)
    return found
