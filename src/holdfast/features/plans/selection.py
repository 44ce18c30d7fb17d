"""Which databases a plan covers: all of them, some by id or name, some by their labels."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from holdfast.kernel.errors import Invalid

MOST = 500
_TERM = re.compile(r"(?P<no>!)?(?P<key>[^\s=!]{1,63})(?:(?P<how>!?=)(?P<value>.{0,255}))?", re.DOTALL)


@dataclass(frozen=True)
class Selection:
    """A database is covered when it is one of `resources` (ids) or `names`, or when there are `labels` and it meets
    every term of them: `key=value`, `key!=value`, `key` (it has one), `!key` (it has none). A database made later is
    covered as soon as it meets them. Raises Invalid("selection_invalid")."""

    all: bool = False
    resources: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not (self.all or self.resources or self.names or self.labels):
            raise _invalid("selection", "a plan names databases, labels, or all")
        for field in ("resources", "names", "labels"):
            values = getattr(self, field)
            if len(values) > MOST or not all(isinstance(value, str) and value for value in values):
                raise _invalid(field, f"at most {MOST} texts, none empty")
        for term in self.labels:
            if _TERM.fullmatch(term) is None or (term.startswith("!") and "=" in term):
                raise _invalid("labels", f"{term[:80]!r} is not key=value, key!=value, key or !key")

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Selection:
        """Inverse of `as_json`; names there are not are refused."""
        known = {field.name for field in fields(cls)}
        if odd := sorted(set(data) - known):
            raise _invalid(odd[0], "is no part of a selection")
        lists = {name: tuple(data.get(name) or ()) for name in ("resources", "names", "labels")}
        return cls(all=bool(data.get("all", False)), **lists)

    def as_json(self) -> dict[str, Any]:
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}

    def covers(self, resource_id: str, name: str, labels: Mapping[str, str]) -> bool:
        if self.all or resource_id in self.resources or name in self.names:
            return True
        return bool(self.labels) and all(meets(labels, term) for term in self.labels)


def meets(labels: Mapping[str, str], term: str) -> bool:
    """Whether labels meet one term."""
    found = _TERM.fullmatch(term)
    if found is None:
        return False
    key, how = found["key"], found["how"]
    if how is None:
        return (key in labels) is not bool(found["no"])
    return (labels.get(key) == found["value"]) is (how == "=")


def named(values: Sequence[str]) -> tuple[str, ...]:
    """Without repetitions, in order."""
    return tuple(dict.fromkeys(values))


def _invalid(field: str, text: str) -> Invalid:
    return Invalid(
        f"{field}: {text}", code="selection_invalid", details={"fields": [{"field": field, "message": text}]}
    )
