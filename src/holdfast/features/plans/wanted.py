"""What a plan may be: its fields, their defaults, and what is refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any

from holdfast.features.plans.selection import Selection, named
from holdfast.features.plans.timing import Timing
from holdfast.features.projects.names import checked_name
from holdfast.features.retention.policy import Policy
from holdfast.kernel.errors import Invalid
from holdfast.vault.options import SnapshotOptions
from holdfast.vault.plain.settings import FILE_WORDS

MAX_SCHEDULES, MAX_PLACES = 20, 20
_NUMBERS = {
    "verify_level": (1, 3),
    "concurrency": (1, 100),
    "per_node": (1, 100),
    "deadline_seconds": (10, 30 * 24 * 3600),
    "max_gap_seconds": (60, 366 * 24 * 3600),
}


@dataclass(frozen=True)
class WantedPlan:
    """See `Plan`; without `enabled` False it runs by itself from now on."""

    name: str
    selection: Mapping[str, Any]
    description: str = ""
    environment_ids: Sequence[str] = ()
    repository_ids: Sequence[str] = ()
    schedules: Sequence[Mapping[str, Any]] = ()
    retention: Mapping[str, Any] | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    verify_level: int | None = None
    concurrency: int = 2
    per_node: int | None = None
    deadline_seconds: int | None = None
    max_gap_seconds: int | None = None
    enabled: bool = True


FIELDS = tuple(each.name for each in fields(WantedPlan))


def checked(given: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """All fields as they are stored. Raises Invalid naming the field."""
    for name, (low, high) in _NUMBERS.items():
        value = given[name]
        if value is None and name != "concurrency":
            continue
        if type(value) is not int or not low <= value <= high:
            raise _invalid(name, f"{low} to {high}")
    for name in ("environment_ids", "repository_ids"):
        if len(given[name]) > MAX_PLACES:
            raise _invalid(name, f"at most {MAX_PLACES}")
    retention = given["retention"]
    return {
        **given,
        "name": checked_name(given["name"]),
        "selection": Selection.from_json(given["selection"]).as_json(),
        "environment_ids": list(named(given["environment_ids"])),
        "repository_ids": list(named(given["repository_ids"])),
        "schedules": _schedules(given["schedules"], now),
        "retention": None if retention is None else Policy.from_json(retention).as_json(),
        "options": _options(given["options"]),
    }


def _schedules(given: Sequence[Mapping[str, Any]], now: datetime) -> list[dict[str, Any]]:
    timings = [Timing.from_json(each) for each in given]
    for timing in timings:
        timing.check(now)
    if len(timings) > MAX_SCHEDULES or len({each.name for each in timings}) < len(timings):
        raise _invalid("schedules", f"at most {MAX_SCHEDULES}, each with a name of its own")
    return [each.as_json() for each in timings]


def _options(given: Mapping[str, Any]) -> dict[str, Any]:
    """`level`, `bandwidth` (bytes a second), `workers`, `nice` and `verify_within` (days), and the words of plain
    files, which each repository judges for itself."""
    if odd := sorted(set(given) - {"level", "bandwidth", "workers", "nice", "verify_within", *FILE_WORDS}):
        raise _invalid(f"options.{odd[0][:40]}", "is no option of a plan")
    options = {name: value for name, value in given.items() if value is not None}
    try:
        SnapshotOptions.of(options)
    except Invalid as error:
        field = error.details["fields"][0]
        raise _invalid(field["field"], field["message"]) from None
    return options


def _invalid(field_name: str, text: str) -> Invalid:
    return Invalid(
        f"{field_name}: {text}", code="plan_invalid", details={"fields": [{"field": field_name, "message": text}]}
    )
