"""Parameters of a saved query: declared with types, filled in from what is given and their defaults."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from holdfast.features.databases.encoding import decode_value
from holdfast.features.saved.model import TYPES
from holdfast.kernel.errors import Invalid

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")
_WHOLE = re.compile(r"[+-]?\d{1,100}")
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|NaN|-?Infinity")
MOST = 100


def checked(parameters: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """As they are stored. Raises Invalid("parameters_invalid") naming the first that is wrong."""
    made: list[dict[str, Any]] = []
    if len(parameters) > MOST:
        raise _wrong("parameters", f"at most {MOST}")
    for given in parameters:
        name, kind = str(given.get("name", "")), given.get("type", "any")
        if not _NAME.fullmatch(name):
            raise _wrong(name, "a name is letters, digits and _")
        if kind not in TYPES:
            raise _wrong(name, f"a type is one of {', '.join(TYPES)}")
        if any(each["name"] == name for each in made):
            raise _wrong(name, "is there twice")
        one = {
            "name": name,
            "type": kind,
            "required": bool(given.get("required", "default" not in given)),
            "default": given.get("default"),
            "description": str(given.get("description", ""))[:500],
        }
        if one["default"] is not None:
            fitting(one, one["default"])
        made.append(one)
    return made


def filled(parameters: Sequence[Mapping[str, Any]], given: Mapping[str, Any]) -> dict[str, Any]:
    """The values to bind. Raises Invalid("params_invalid") for one that is missing, unknown or of another type."""
    names = [each["name"] for each in parameters]
    if unknown := [name for name in given if name not in names]:
        raise Invalid(
            f"no such parameter: {', '.join(unknown)}",
            code="params_invalid",
            hint=f"It takes {', '.join(names) or 'none'}.",
            details={"unused": unknown, "missing": []},
        )
    missing = [each["name"] for each in parameters if each["required"] and each["name"] not in given]
    if missing:
        raise Invalid(
            f"no value for {', '.join(missing)}", code="params_invalid", details={"missing": missing, "unused": []}
        )
    return {each["name"]: fitting(each, given.get(each["name"], each["default"])) for each in parameters}


def fitting(parameter: Mapping[str, Any], value: Any) -> Any:
    """The value as it is bound: a whole number may come as text, as results give it."""
    kind, name = parameter["type"], parameter["name"]
    if value is None:
        return None
    if not _fits(kind, value):
        raise Invalid(
            f"{name} is {kind}", code="params_invalid", details={"fields": [{"field": name, "message": f"not {kind}"}]}
        )
    if kind == "integer":
        return int(value)
    return decode_value(value)


def _fits(kind: str, value: Any) -> bool:
    if kind == "text":
        return isinstance(value, str)
    if kind == "integer":
        return _is_whole(value)
    if kind == "number":
        return _is_number(value)
    if kind == "boolean":
        return isinstance(value, bool)
    return kind != "bytes" or (isinstance(value, dict) and set(value) == {"$bytes"})


def _is_whole(value: Any) -> bool:
    if isinstance(value, bool):
        return False
    return isinstance(value, int) or (isinstance(value, str) and bool(_WHOLE.fullmatch(value)))


def _is_number(value: Any) -> bool:
    if isinstance(value, bool):
        return False
    return isinstance(value, (int, float)) or (isinstance(value, str) and bool(_NUMBER.fullmatch(value)))


def _wrong(name: str, message: str) -> Invalid:
    return Invalid(
        f"parameter {name!r}: {message}",
        code="parameters_invalid",
        details={"fields": [{"field": "parameters", "message": f"{name}: {message}"}]},
    )
