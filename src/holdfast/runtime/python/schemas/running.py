"""One look at one value: where it is, what was found, what may still be spent."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any

from holdfast.runtime.python.schemas.patterns import Budget

MOST_FAULTS = 50
Place = tuple[str | int, ...]  # in a schema
_LONGEST_NAME = 100  # of a name that a client chose, in an answer


@dataclass(frozen=True)
class Fault:
    """`path`: names and places from the value down. `keyword`: what of the schema it offends."""

    path: tuple[str | int, ...]
    keyword: str
    message: str

    def named(self, where: str) -> str:
        """As people write it: `body.items[0].price`. `where`: body, query, params or headers."""
        text = where
        for part in self.path:
            text += f"[{part}]" if isinstance(part, int) else f".{part[:_LONGEST_NAME]}"
        return text


class Enough(Exception):
    """So many faults were found that more would help nobody."""


@dataclass
class Run:
    budget: Budget
    path: list[str | int] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)

    def fault(self, keyword: str, message: str) -> None:
        """Raises Enough."""
        self.faults.append(Fault(tuple(self.path), keyword, message))
        if len(self.faults) >= MOST_FAULTS:
            raise Enough

    def tried(self, check: Check, value: Any) -> list[Fault]:
        """What `check` would find, and nothing is written down."""
        outer, self.faults, depth = self.faults, [], len(self.path)
        try:
            check(value, self)
        except Enough:
            del self.path[depth:]
        finally:
            found, self.faults = self.faults, outer
        return found

    def inside(self, part: str | int, check: Check, value: Any) -> None:
        self.path.append(part)
        check(value, self)
        self.path.pop()


Check = Callable[[Any, Run], None]


def canonical(value: Any, budget: Budget) -> Hashable:
    """Equal where JSON Schema calls two values equal: 1 and 1.0 are, 1 and true are not. Raises TooCostly."""
    budget.spend(1)
    if isinstance(value, bool) or value is None:
        return ("is", value)
    if isinstance(value, list):
        return ("list", tuple(canonical(each, budget) for each in value))
    if isinstance(value, dict):
        return ("object", frozenset((name, canonical(each, budget)) for name, each in value.items()))
    return value  # type: ignore[no-any-return]


def kind_of(value: Any) -> str:
    """Its type in JSON Schema's words; a whole number is an `integer` however it is written."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int) or (isinstance(value, float) and value.is_integer()):
        return "integer"
    return {float: "number", str: "string", list: "array", dict: "object"}[type(value)]
