"""Questions of a drill: a reading statement, and what its first value must be."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from holdfast.contract.snapshot import Check
from holdfast.kernel.errors import Invalid

EXPECTATIONS = ("equals", "at_least", "at_most")
MAX_CHECKS, MAX_STATEMENT, MAX_NAME, MAX_VALUE = 50, 20_000, 100, 200
_NUMBER = re.compile(r"[+-]?\d{1,40}(\.\d{1,40})?([eE][+-]?\d{1,3})?", re.ASCII)
_WORDS = {"equals": "", "at_least": "at least ", "at_most": "at most "}


def checked(given: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The checks as they are kept: name, statement, and exactly one expectation. Raises Invalid naming the field."""
    if len(given) > MAX_CHECKS:
        raise _invalid("checks", f"at most {MAX_CHECKS} of them")
    kept = [_checked(f"checks.{number}", check) for number, check in enumerate(given)]
    names = [check["name"] for check in kept]
    if len(set(names)) < len(names):
        raise _invalid("checks", "two have the same name")
    return kept


def _checked(field: str, check: Mapping[str, Any]) -> dict[str, Any]:
    name, statement = str(check.get("name") or "").strip(), str(check.get("statement") or "")
    if not 1 <= len(name) <= MAX_NAME or not name.isprintable():
        raise _invalid(f"{field}.name", f"is 1 to {MAX_NAME} printable characters")
    if not statement.strip() or len(statement) > MAX_STATEMENT or "\0" in statement:
        raise _invalid(f"{field}.statement", f"is a statement of at most {MAX_STATEMENT} characters")
    wanted = [kind for kind in EXPECTATIONS if check.get(kind) is not None]
    if len(wanted) != 1:
        raise _invalid(field, f"has exactly one of {', '.join(EXPECTATIONS)}")
    value = str(check[wanted[0]])
    if len(value) > MAX_VALUE or (wanted[0] != "equals" and _number(value) is None):
        raise _invalid(f"{field}.{wanted[0]}", f"is a number, or for equals a text of at most {MAX_VALUE} characters")
    return {"name": name, "statement": statement, wanted[0]: value}


def judged(check: Mapping[str, Any], value: object) -> Check:
    """The check against what came back. A value that is no number meets no bound."""
    kind = next(kind for kind in EXPECTATIONS if kind in check)
    wanted, actual = str(check[kind]), text_of(value)
    return Check(check["name"], _meets(kind, wanted, actual), _WORDS[kind] + wanted, actual[:MAX_VALUE])


def _meets(kind: str, wanted: str, actual: str) -> bool:
    have, want = _number(actual), _number(wanted)
    if kind == "equals":
        return actual == wanted or (have is not None and have == want)
    if have is None or want is None:
        return False
    return have >= want if kind == "at_least" else have <= want


def text_of(value: object) -> str:
    """As people type it: null, true, 12, 3.50, text."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    return str(value)


def _number(text: str) -> Decimal | None:
    return Decimal(text) if _NUMBER.fullmatch(text) else None


def _invalid(field: str, why: str) -> Invalid:
    return Invalid(
        f"{field}: {why}", code="drill_check_invalid", details={"fields": [{"field": field, "message": why}]}
    )
