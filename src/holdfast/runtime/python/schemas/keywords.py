"""The keywords that look at a value themselves (JSON Schema 2020-12, validation vocabulary): what each takes, and the
check it becomes. A maker raises ValueError in words when its value is none."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

from holdfast.runtime.python.schemas.formats import NUMBERS, TEXTS, TOLD
from holdfast.runtime.python.schemas.patterns import Budget, Pattern
from holdfast.runtime.python.schemas.running import Check, Run, canonical, kind_of

Maker = Callable[[Any], Check]
TYPES = {
    "null": "null",
    "boolean": "true or false",
    "integer": "a whole number",
    "number": "a number",
    "string": "a text",
    "array": "a list",
    "object": "an object",
}
_DEPLOY = 1_000_000  # steps at a deploy, for values in the schema itself
_SHOWN = 200  # characters of a schema's values in a message


def _number(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("a number is expected")
    return value


def _count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError("a whole number from 0 is expected")
    return value


def _names(value: Any) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise ValueError("a list of names is expected")
    return value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def type_(value: Any) -> Check:
    kinds = [value] if isinstance(value, str) else value
    if not isinstance(kinds, list) or not kinds or any(not isinstance(each, str) for each in kinds):
        raise ValueError("a type or a list of types is expected")
    if unknown := [each for each in kinds if each not in TYPES]:
        raise ValueError(f"{unknown[0]!r} is no type: {', '.join(TYPES)}")
    taken = frozenset(kinds) | ({"integer"} if "number" in kinds else set())
    words = "must be " + " or ".join(TYPES[each] for each in kinds)

    def check(value: Any, run: Run) -> None:
        if kind_of(value) not in taken:
            run.fault("type", words)

    return check


def _shown(values: list[Any]) -> str:
    import json

    text = ", ".join(json.dumps(each, ensure_ascii=False) for each in values)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "..."


def enum(value: Any) -> Check:
    if not isinstance(value, list) or not value:
        raise ValueError("a list of values is expected")
    return _one_of("enum", value, f"must be one of {_shown(value)}")


def const(value: Any) -> Check:
    return _one_of("const", [value], f"must be {_shown([value])}")


def _one_of(keyword: str, values: list[Any], words: str) -> Check:
    taken = frozenset(canonical(each, Budget(_DEPLOY)) for each in values)

    def check(value: Any, run: Run) -> None:
        if canonical(value, run.budget) not in taken:
            run.fault(keyword, words)

    return check


def _bound(keyword: str, words: str, fits: Callable[[Any, Any], bool]) -> Maker:
    def make(value: Any) -> Check:
        bound = _number(value)

        def check(value: Any, run: Run) -> None:
            if _is_number(value) and not fits(value, bound):
                run.fault(keyword, f"{words} {bound}")

        return check

    return make


def multiple_of(value: Any) -> Check:
    if _number(value) <= 0:
        raise ValueError("a number above 0 is expected")
    step = Fraction(str(value))

    def check(given: Any, run: Run) -> None:
        if _is_number(given) and Fraction(str(given)) % step:
            run.fault("multipleOf", f"must be a multiple of {value}")

    return check


def _size(keyword: str, kind: type, words: str, most: bool) -> Maker:
    def make(value: Any) -> Check:
        bound = _count(value)
        text = words.format(bound)

        def check(value: Any, run: Run) -> None:
            if isinstance(value, kind) and (len(value) > bound if most else len(value) < bound):  # type: ignore[arg-type]
                run.fault(keyword, text)

        return check

    return make


def pattern(value: Any) -> Check:
    if not isinstance(value, str):
        raise ValueError("a pattern is a text")
    compiled = Pattern(value)
    words = f"must match {value[:_SHOWN]}"

    def check(value: Any, run: Run) -> None:
        if isinstance(value, str) and not compiled.found(value, run.budget):
            run.fault("pattern", words)

    return check


def format_(value: Any) -> Check:
    if not isinstance(value, str) or value not in {*TEXTS, *NUMBERS, *TOLD}:
        raise ValueError(f"no such format; there are {', '.join((*TEXTS, *NUMBERS, *sorted(TOLD)))}")
    if value in TEXTS:
        fits, words = TEXTS[value]

        def check_text(value: Any, run: Run) -> None:
            if isinstance(value, str):
                run.budget.spend(len(value))
                if not fits(value):
                    run.fault("format", f"must be {words}")

        return check_text
    if value in NUMBERS:
        within, told = NUMBERS[value]

        def check_number(value: Any, run: Run) -> None:
            if _is_number(value) and not within(value):
                run.fault("format", f"must be {told}")

        return check_number
    return lambda value, run: None  # noqa: ARG005


def required(value: Any) -> Check:
    names = _names(value)

    def check(value: Any, run: Run) -> None:
        if isinstance(value, dict):
            for name in names:
                if name not in value:
                    run.inside(name, _missing, None)

    return check


def _missing(_: Any, run: Run) -> None:
    run.fault("required", "is missing")


def dependent_required(value: Any) -> Check:
    if not isinstance(value, dict):
        raise ValueError("an object of lists of names is expected")
    rules = {name: _names(each) for name, each in value.items()}

    def check(value: Any, run: Run) -> None:
        if isinstance(value, dict):
            for name in rules.keys() & value.keys():
                for each in rules[name]:
                    if each not in value:
                        run.inside(each, lambda _, run, name=name: _needed(name, run), None)  # type: ignore[misc]

    return check


def _needed(name: str, run: Run) -> None:
    run.fault("dependentRequired", f"is missing: {name} needs it")


def unique_items(value: Any) -> Check:
    if not isinstance(value, bool):
        raise ValueError("true or false is expected")

    def check(given: Any, run: Run) -> None:
        if value and isinstance(given, list):
            seen = set()
            for place, each in enumerate(given):
                found = canonical(each, run.budget)
                if found in seen:
                    run.inside(place, lambda _, run: run.fault("uniqueItems", "is there twice"), None)
                seen.add(found)

    return check


KEYWORDS: dict[str, Maker] = {
    "type": type_,
    "enum": enum,
    "const": const,
    "minimum": _bound("minimum", "must be at least", lambda value, bound: value >= bound),
    "maximum": _bound("maximum", "must be at most", lambda value, bound: value <= bound),
    "exclusiveMinimum": _bound("exclusiveMinimum", "must be more than", lambda value, bound: value > bound),
    "exclusiveMaximum": _bound("exclusiveMaximum", "must be less than", lambda value, bound: value < bound),
    "multipleOf": multiple_of,
    "minLength": _size("minLength", str, "must have at least {} characters", most=False),
    "maxLength": _size("maxLength", str, "must have at most {} characters", most=True),
    "pattern": pattern,
    "format": format_,
    "minItems": _size("minItems", list, "must have at least {} items", most=False),
    "maxItems": _size("maxItems", list, "must have at most {} items", most=True),
    "uniqueItems": unique_items,
    "minProperties": _size("minProperties", dict, "must have at least {} members", most=False),
    "maxProperties": _size("maxProperties", dict, "must have at most {} members", most=True),
    "required": required,
    "dependentRequired": dependent_required,
}
