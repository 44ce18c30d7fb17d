"""What a request carries, as values a schema can look at: JSON without two meanings, and texts read by their type."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any

_INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,18})")
_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,3})?")
_TRUTH = {"true": True, "false": False}


class Unreadable(ValueError):
    """No JSON, or JSON that two readers could take for different things. The message is for whoever sent it."""


def read_json(raw: bytes) -> Any:
    """Raises Unreadable: also for a name that is there twice, NaN, and numbers no float holds: what is looked at here
    must be what the worker's code reads."""
    try:
        return json.loads(raw.decode("utf-8"), object_pairs_hook=_object, parse_constant=_constant, parse_float=_finite)
    except UnicodeDecodeError as error:
        raise Unreadable(f"is not UTF-8 at byte {error.start}") from None
    except json.JSONDecodeError as error:
        raise Unreadable(f"is no JSON: {error.msg} at line {error.lineno}, column {error.colno}") from None
    except RecursionError:
        raise Unreadable("is nested too deeply") from None
    except Unreadable:
        raise
    except ValueError:  # a whole number of more than 4300 digits
        raise Unreadable("has a number that is too large") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise Unreadable("has an object with the same name twice")
    return made


def _constant(text: str) -> Any:
    raise Unreadable(f"has {text}, which JSON has not")


def _finite(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise Unreadable("has a number that is too large")
    return value


def from_text(text: str, kinds: frozenset[str]) -> Any:
    """The value a text stands for where the schema speaks of `kinds`; itself when it stands for none of them, so that
    the schema says what is wrong with it."""
    if not kinds or "string" in kinds:
        return text
    if {"integer", "number"} & kinds and _INTEGER.fullmatch(text):
        return int(text)
    if "number" in kinds and _NUMBER.fullmatch(text) and not math.isinf(float(text)):
        return float(text)
    if "boolean" in kinds and text in _TRUTH:
        return _TRUTH[text]
    return None if "null" in kinds and text in ("", "null") else text


def from_pairs(
    pairs: list[tuple[str, str]], kinds: Mapping[str, tuple[frozenset[str], frozenset[str]]]
) -> tuple[dict[str, Any], list[str]]:
    """Members of a query by name, and the names that are there twice though they are no lists. `kinds`: by name, of
    the value and of a list's items."""
    made: dict[str, Any] = {}
    twice: list[str] = []
    for name, text in pairs:
        own, items = kinds.get(name, (frozenset(), frozenset()))
        if "array" in own:
            made.setdefault(name, []).append(from_text(text, items))
        elif name in made:
            twice.append(name)
        else:
            made[name] = from_text(text, own)
    return made, twice
