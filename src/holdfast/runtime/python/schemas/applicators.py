"""The keywords that apply schemas (JSON Schema 2020-12, applicator vocabulary)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from holdfast.runtime.python.schemas.patterns import Pattern
from holdfast.runtime.python.schemas.running import Check, Fault, Place, Run

if TYPE_CHECKING:
    from holdfast.runtime.python.schemas.schema import Compiler


class At(NamedTuple):
    """The schema a keyword stands in, where the keyword is, and what refers here without a step down."""

    raw: dict[str, Any]
    place: Place
    inplace: frozenset[str]


Applicator = Callable[["Compiler", Any, At], Check | None]
_DOWN: frozenset[str] = frozenset()


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list) or not value:
        raise ValueError("a list of schemas is expected")
    return value


def _table(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError("an object of schemas is expected")
    return value


def _properties(compiler: Compiler, value: Any, at: At) -> Check:
    checks = {name: compiler.compiled(each, (*at.place, name), _DOWN) for name, each in _table(value).items()}

    def check(value: Any, run: Run) -> None:
        if isinstance(value, dict):
            for name, each in checks.items():
                if name in value:
                    run.inside(name, each, value[name])

    return check


def _pattern_properties(compiler: Compiler, value: Any, at: At) -> Check:
    checks = [
        (Pattern(name), compiler.compiled(each, (*at.place, name), _DOWN)) for name, each in _table(value).items()
    ]

    def check(value: Any, run: Run) -> None:
        if isinstance(value, dict):
            for name, each in value.items():
                for pattern, rule in checks:
                    if pattern.found(name, run.budget):
                        run.inside(name, rule, each)

    return check


def _additional(compiler: Compiler, value: Any, at: At) -> Check:
    rule, refused = compiler.compiled(value, at.place, _DOWN), value is False
    named = at.raw.get("properties")
    known = frozenset(named) if isinstance(named, dict) else frozenset()
    matched = at.raw.get("patternProperties")
    patterns = [Pattern(each) for each in matched] if isinstance(matched, dict) else []

    def check(value: Any, run: Run) -> None:
        if not isinstance(value, dict):
            return
        run.budget.spend(len(value))
        for name, each in value.items():
            if name in known or any(pattern.found(name, run.budget) for pattern in patterns):
                continue
            run.inside(name, _unknown if refused else rule, each)

    return check


def _unknown(_: Any, run: Run) -> None:
    run.fault("additionalProperties", "is not known here")


def _property_names(compiler: Compiler, value: Any, at: At) -> Check:
    rule = compiler.compiled(value, at.place, _DOWN)

    def check(value: Any, run: Run) -> None:
        if isinstance(value, dict):
            for name in value:
                if found := run.tried(rule, name):
                    words = f"has a name that {found[0].message}"
                    run.inside(name, lambda _, run, words=words: run.fault("propertyNames", words), None)  # type: ignore[misc]

    return check


def _dependent(compiler: Compiler, value: Any, at: At) -> Check:
    checks = {name: compiler.compiled(each, (*at.place, name), at.inplace) for name, each in _table(value).items()}

    def check(value: Any, run: Run) -> None:
        if isinstance(value, dict):
            for name, each in checks.items():
                if name in value:
                    each(value, run)

    return check


def _prefix_items(compiler: Compiler, value: Any, at: At) -> Check:
    checks = [compiler.compiled(each, (*at.place, number), _DOWN) for number, each in enumerate(_list(value))]

    def check(value: Any, run: Run) -> None:
        if isinstance(value, list):
            for number, (rule, each) in enumerate(zip(checks, value, strict=False)):
                run.inside(number, rule, each)

    return check


def _items(compiler: Compiler, value: Any, at: At) -> Check:
    if isinstance(value, list):
        raise ValueError("a list of schemas is written prefixItems now")
    rule = compiler.compiled(value, at.place, _DOWN)
    before = at.raw.get("prefixItems")
    first = len(before) if isinstance(before, list) else 0

    def check(value: Any, run: Run) -> None:
        if isinstance(value, list):
            for number in range(first, len(value)):
                run.inside(number, rule, value[number])

    return check


def _contains(compiler: Compiler, value: Any, at: At) -> Check:
    rule = compiler.compiled(value, at.place, _DOWN)
    least, most = at.raw.get("minContains", 1), at.raw.get("maxContains")

    def check(value: Any, run: Run) -> None:
        if isinstance(value, list):
            count = sum(1 for each in value if not run.tried(rule, each))
            if count < least:
                run.fault("contains", f"must have at least {least} items of the kind asked for")
            elif most is not None and count > most:
                run.fault("contains", f"must have at most {most} items of the kind asked for")

    return check


def _bound_of_contains(_compiler: Compiler, value: Any, _at: At) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError("a whole number from 0 is expected")


def _all_of(compiler: Compiler, value: Any, at: At) -> Check:
    checks = [compiler.compiled(each, (*at.place, number), at.inplace) for number, each in enumerate(_list(value))]

    def check(value: Any, run: Run) -> None:
        for each in checks:
            each(value, run)

    return check


def _any_of(compiler: Compiler, value: Any, at: At) -> Check:
    checks = [compiler.compiled(each, (*at.place, number), at.inplace) for number, each in enumerate(_list(value))]

    def check(value: Any, run: Run) -> None:
        tried = []
        for each in checks:
            if not (found := run.tried(each, value)):
                return
            tried.append(found)
        _tell("anyOf", tried, run)

    return check


def _one_of(compiler: Compiler, value: Any, at: At) -> Check:
    checks = [compiler.compiled(each, (*at.place, number), at.inplace) for number, each in enumerate(_list(value))]

    def check(value: Any, run: Run) -> None:
        tried = [run.tried(each, value) for each in checks]
        fits = sum(1 for each in tried if not each)
        if fits > 1:
            run.fault("oneOf", f"must fit one of {len(checks)} forms, and fits {fits}")
        elif not fits:
            _tell("oneOf", tried, run)

    return check


def _tell(keyword: str, tried: list[list[Fault]], run: Run) -> None:
    """The faults of the one form that was meant: the only one of the value's type, or with its fixed values right."""
    here = tuple(run.path)

    def meant(found: list[Fault]) -> bool:
        return not any(
            (each.keyword == "type" and each.path == here)
            or (each.keyword in ("const", "enum") and len(each.path) <= len(here) + 1)
            for each in found
        )

    likely = [found for found in tried if meant(found)]
    if len(likely) == 1:
        for each in likely[0]:
            run.faults.append(each)
        return
    types = [found[0].message for found in tried if found[0].keyword == "type" and found[0].path == here]
    if len(types) == len(tried):
        run.fault("type", "must be " + " or ".join(each.removeprefix("must be ") for each in dict.fromkeys(types)))
    else:
        run.fault(keyword, f"fits none of the {len(tried)} forms it may have")


def _not(compiler: Compiler, value: Any, at: At) -> Check:
    rule = compiler.compiled(value, at.place, at.inplace)

    def check(value: Any, run: Run) -> None:
        if not run.tried(rule, value):
            run.fault("not", "has a form that is not allowed")

    return check


def _if(compiler: Compiler, value: Any, at: At) -> Check:
    rule = compiler.compiled(value, at.place, at.inplace)
    ways = [compiler.compiled(at.raw.get(name, True), (*at.place[:-1], name), at.inplace) for name in ("then", "else")]

    def check(value: Any, run: Run) -> None:
        ways[bool(run.tried(rule, value))](value, run)

    return check


def _of_if(_compiler: Compiler, _value: Any, at: At) -> None:
    if "if" not in at.raw:
        raise ValueError("there is no `if` beside it")


APPLICATORS: dict[str, Applicator] = {
    "properties": _properties,
    "patternProperties": _pattern_properties,
    "additionalProperties": _additional,
    "propertyNames": _property_names,
    "dependentSchemas": _dependent,
    "prefixItems": _prefix_items,
    "items": _items,
    "contains": _contains,
    "minContains": _bound_of_contains,
    "maxContains": _bound_of_contains,
    "allOf": _all_of,
    "anyOf": _any_of,
    "oneOf": _one_of,
    "not": _not,
    "if": _if,
    "then": _of_if,
    "else": _of_if,
}
