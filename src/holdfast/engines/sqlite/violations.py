"""What SQLite says about a row it refuses, as errors that name the constraint and the columns.

The texts are in its source (sqlite3_errmsg of SQLITE_CONSTRAINT_*): "UNIQUE constraint failed: t.a, t.b".
"""

from __future__ import annotations

import re

import apsw

from holdfast.contract.rows import Table
from holdfast.engines.sqlite.errors import translate
from holdfast.kernel.errors import Conflict, HoldfastError, Invalid

_FAILED = re.compile(r"^(UNIQUE|NOT NULL|CHECK|FOREIGN KEY) constraint failed(?:: (.*))?$", re.S)
_STORE = re.compile(r"^cannot store (\w+) value in (\w+) column (.*)$", re.S)


def typed(error: apsw.Error, table: Table) -> HoldfastError:
    """The error to raise instead of `error`."""
    text = str(error).removeprefix("ConstraintError: ")
    if match := _STORE.match(text):
        return Invalid(text, code="value_type", details={"constraint": None, "columns": _columns(table, match[3])})
    if isinstance(error, apsw.MismatchError):
        keys = [c.name for c in table.columns if c.primary_key]
        return Invalid(
            "the key of this table is a whole number", code="value_type", details={"constraint": None, "columns": keys}
        )
    if isinstance(error, apsw.TooBigError):
        return Invalid(text, code="value_too_long", details={"constraint": None, "columns": []})
    match = _FAILED.match(text)
    if match is None or not isinstance(error, apsw.ConstraintError):
        return translate(error)
    kind, rest = match[1], match[2] or ""
    if kind == "UNIQUE":
        unique, name = _unique(table, rest)
        return Conflict(text, code="unique_violation", details={"constraint": name, "columns": unique})
    if kind == "FOREIGN KEY":
        links = table.relation.foreign_keys
        pointing = list(links[0].columns) if len(links) == 1 else []
        hint = "A row it points to is not there, or rows still point to it."
        details = {"constraint": None, "columns": pointing}
        return Conflict(text, code="foreign_key_violation", hint=hint, details=details)
    if kind == "NOT NULL":
        details = {"constraint": None, "columns": _columns(table, rest)}
        return Invalid(text, code="not_null_violation", details=details)
    checked = [rest] if any(c.name == rest for c in table.columns) else []
    return Invalid(text, code="check_violation", details={"constraint": rest, "columns": checked})


def _columns(table: Table, text: str) -> list[str]:
    """ "t.a" as ["a"]; the table's name may hold dots and commas, so the columns are looked for, longest first."""
    prefix = f"{table.relation.name}."
    names = sorted((c.name for c in table.columns), key=len, reverse=True)
    found, rest = [], text
    while rest.startswith(prefix):
        rest = rest[len(prefix) :]
        name = next((n for n in names if rest == n or rest.startswith(f"{n}, {prefix}")), None)
        if name is None:
            break
        found.append(name)
        rest = rest[len(name) :].removeprefix(", ")
    return found


def _unique(table: Table, text: str) -> tuple[list[str], str | None]:
    if text.startswith("index '") and text.endswith("'"):
        name = text[7:-1]
        return [], name
    columns = _columns(table, text)
    named = next((i.name for i in table.relation.indexes if i.unique and list(i.columns) == columns), None)
    return columns, named
