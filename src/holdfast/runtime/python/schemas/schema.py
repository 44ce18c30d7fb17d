"""JSON Schema 2020-12 as checks: the common vocabulary, local references, nothing ignored.

A keyword that is not known here is a fault of the schema: to ignore one would let in what its writer meant to refuse.
`$ref` reads `#`, `#/...` within the schema, or `#/components/schemas/NAME` of the worker's shared ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from holdfast.runtime.python.schemas.applicators import APPLICATORS, At
from holdfast.runtime.python.schemas.keywords import KEYWORDS
from holdfast.runtime.python.schemas.patterns import BadPattern, Budget, TooCostly
from holdfast.runtime.python.schemas.running import Check, Enough, Fault, Place, Run

SHARED = "#/components/schemas/"
MOST_NODES = 5000
MOST_STEPS = 3_000_000  # of one request: a third of a second, at worst
_MOST_DEPTH = 60
TOLD = frozenset(
    {
        "$schema", "$id", "$comment", "$defs", "definitions", "title", "description", "default", "example", "examples",
        "deprecated", "readOnly", "writeOnly", "contentEncoding", "contentMediaType", "contentSchema", "discriminator",
        "externalDocs", "xml",
    }
)  # fmt: skip
_INSTEAD = {
    "nullable": 'write "type": ["string", "null"]',
    "additionalItems": "write prefixItems and items",
    "dependencies": "write dependentRequired or dependentSchemas",
    "$anchor": "write $ref with a path: #/$defs/NAME",
    "$dynamicRef": "write $ref",
    "unevaluatedProperties": "write additionalProperties",
    "unevaluatedItems": "write items",
    "errorMessage": "the messages are made here",
}


class BadSchema(ValueError):
    """`faults`: (place in the schema, what is wrong there)."""

    def __init__(self, faults: list[tuple[Place, str]]) -> None:
        super().__init__("; ".join(f"{'/'.join(map(str, place))}: {text}" for place, text in faults))
        self.faults = faults


class Schema:
    """Raises BadSchema."""

    def __init__(self, raw: Any, shared: Mapping[str, Any] | None = None) -> None:
        compiler = Compiler(raw, shared or {})
        self._check = compiler.compiled(raw, (), frozenset())
        if compiler.faults:
            raise BadSchema(compiler.faults)

    def faults(self, value: Any, budget: Budget | None = None) -> list[Fault]:
        """What is wrong with a value as `json.loads` makes it; at most fifty. Never raises for any value."""
        run = Run(budget or Budget(MOST_STEPS))
        try:
            self._check(value, run)
        except Enough:
            pass
        except TooCostly:
            run.faults.append(Fault((), "cost", "is too large to be looked at"))
        except RecursionError:
            run.faults.append(Fault((), "depth", "is nested too deeply"))
        return run.faults


class Compiler:
    """`inplace`: the references that lead here without a step down into the value."""

    def __init__(self, root: Any, shared: Mapping[str, Any]) -> None:
        self._root, self._shared = root, shared
        self._base = ""  # the shared schema that is being compiled: `#` is its beginning
        self._references: dict[tuple[str, str], list[Check]] = {}
        self._nodes = 0
        self.faults: list[tuple[Place, str]] = []

    def fault(self, place: Place, text: str) -> None:
        if len(self.faults) < 50:
            self.faults.append((place, text))

    def compiled(self, raw: Any, place: Place, inplace: frozenset[str]) -> Check:
        self._nodes += 1
        if self._nodes > MOST_NODES or len(place) > 2 * _MOST_DEPTH:
            if self._nodes <= MOST_NODES + 1 or len(place) > 2 * _MOST_DEPTH:
                self.fault(place, f"a schema has at most {MOST_NODES} parts and {_MOST_DEPTH} levels")
            return _all
        if raw is True:
            return _all
        if raw is False:
            return _none
        if not isinstance(raw, dict):
            self.fault(place, "a schema is an object, or true or false")
            return _all
        checks = []
        for name, value in raw.items():
            check = self._keyword(name, value, raw, (*place, name), inplace)
            if check is not None:
                checks.append(check)
        return _together(checks)

    def _keyword(
        self, name: str, value: Any, raw: dict[str, Any], place: Place, inplace: frozenset[str]
    ) -> Check | None:
        try:
            if name in KEYWORDS:
                return KEYWORDS[name](value)
            if name == "$ref":
                return self._reference(value, place, inplace)
            if name in APPLICATORS:
                return APPLICATORS[name](self, value, At(raw, place, inplace))
            if name in ("$defs", "definitions"):
                self._definitions(value, place)
            elif name not in TOLD and not name.startswith("x-"):
                instead = f": {_INSTEAD[name]}" if name in _INSTEAD else ""
                self.fault(place, f"this keyword is not known here, and none is ignored{instead}")
            elif name == "$id" and len(place) > 1:
                self.fault(place, "$id counts only at the top of a schema")
        except BadPattern as error:
            self.fault(place, f"the pattern {error}")
        except (ValueError, TooCostly) as error:
            self.fault(place, str(error) or "too large")
        return None

    def _definitions(self, value: Any, place: Place) -> None:
        """Looked at although nothing refers to them: a fault there is a fault."""
        if not isinstance(value, dict):
            raise ValueError("an object of schemas is expected")
        for name, each in value.items():
            self.compiled(each, (*place, name), frozenset())

    def _reference(self, value: Any, place: Place, inplace: frozenset[str]) -> Check:
        if not isinstance(value, str) or not value.startswith("#"):
            raise ValueError("a reference reads #/$defs/NAME, or #/components/schemas/NAME of `schemas`")
        base, path = parted(value, self._base)
        if (mark := f"{base}#{path}") in inplace:
            raise ValueError(f"{value} refers to itself without end")
        cell = self._references.get((base, path))
        if cell is None:
            target = found(self._root if not base else self._shared.get(base, _ABSENT), path, value)
            cell = self._references[base, path] = []
            outer, self._base = self._base, base
            try:
                cell.append(self.compiled(target, (*place, value), inplace | {mark}))
            finally:
                self._base = outer
        known = cell

        def check(value: Any, run: Run) -> None:
            known[0](value, run)

        return check


_ABSENT: Any = object()


def parted(pointer: str, base: str) -> tuple[str, str]:
    """The shared schema a reference leads to ("": the one it began in), and the path within (RFC 6901)."""
    if not pointer.startswith(SHARED):
        return base, pointer[1:]
    name, slash, rest = pointer[len(SHARED) :].partition("/")
    return _unescaped(name), slash + rest


def found(value: Any, path: str, pointer: str) -> Any:
    """What lies at `path`. Raises ValueError when nothing does."""
    if value is _ABSENT:
        raise ValueError(f"{pointer} is not in `schemas`")
    if path and not path.startswith("/"):
        raise ValueError(f"{pointer}: names of places begin with #/")
    for part in map(_unescaped, path.split("/")[1:]):
        if isinstance(value, dict) and part in value:
            value = value[part]
        elif isinstance(value, list) and part.isdigit() and int(part) < len(value):
            value = value[int(part)]
        else:
            raise ValueError(f"{pointer} is not there")
    return value


def _unescaped(part: str) -> str:
    return unquote(part).replace("~1", "/").replace("~0", "~")


def kinds(raw: Any, root: Any, shared: Mapping[str, Any], base: str = "", depth: int = 0) -> frozenset[str]:
    """Which types a schema speaks of, references followed: how a text from a query is to be read. Empty: of none."""
    if not isinstance(raw, dict) or depth > 8:
        return frozenset()
    if isinstance(raw.get("type"), str | list):
        return frozenset([raw["type"]] if isinstance(raw["type"], str) else raw["type"])
    made: set[str] = set()
    if isinstance(pointer := raw.get("$ref"), str):
        there, path = parted(pointer, base)
        target = found(shared.get(there, _ABSENT) if there else root, path, pointer)
        made |= kinds(target, root, shared, there, depth + 1)
    for name in ("anyOf", "oneOf", "allOf"):
        for each in raw.get(name) or ():
            made |= kinds(each, root, shared, base, depth + 1)
    return frozenset(made)


def _together(checks: list[Check]) -> Check:
    if len(checks) == 1:
        only = checks[0]

        def check_one(value: Any, run: Run) -> None:
            run.budget.spend(1)
            only(value, run)

        return check_one

    def check(value: Any, run: Run) -> None:
        run.budget.spend(1 + len(checks))
        for each in checks:
            each(value, run)

    return check


def _all(value: Any, run: Run) -> None:
    """true, {}: anything."""


def _none(_: Any, run: Run) -> None:
    run.fault("false", "is not allowed here")
