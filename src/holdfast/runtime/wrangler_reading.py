"""Typed reads out of a parsed file: a wrong value is written down with its place and reading goes on, so that people
see every fault at once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import PurePosixPath
from typing import Any, Literal

from holdfast.kernel.errors import Invalid
from holdfast.runtime.declared import Declarations
from holdfast.runtime.jsonc import Document, Place
from holdfast.runtime.wrangler_config import Finding, Own

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
ENVIRONMENT = re.compile(r"[A-Za-z0-9_-]{1,63}")
BINDING = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_ROOM = 200  # faults and findings of one file


def DATE(text: str) -> bool:  # noqa: N802 - read as a pattern beside the others
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


class Reading:
    """Faults and findings of one file."""

    def __init__(self, document: Document, where: str) -> None:
        self._document = document
        self._where = where
        self.faults: list[dict[str, Any]] = []
        self.findings: list[Finding] = []

    @staticmethod
    def path(place: Place) -> str:
        """As people write it: `env.staging.kv_namespaces[0].id`."""
        text = ""
        for part in place:
            text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
        return text

    def fault(self, place: Place, message: str) -> None:
        found = self._document.position(place)
        where = {"line": found[0], "column": found[1]} if found else {}
        if len(self.faults) < _ROOM:
            self.faults.append({"field": self.path(place), "message": message, **where})

    def find(
        self, kind: Literal["unknown", "unsupported", "no_effect", "not_inherited"], place: Place, message: str
    ) -> None:
        line, column = self._document.position(place) or (None, None)
        if len(self.findings) < _ROOM:
            self.findings.append(Finding(kind, self.path(place), message, line, column))

    def failure(self) -> Invalid:
        first = self.faults[0]
        at = f":{first['line']}:{first['column']}" if "line" in first else ""
        more = f" (and {len(self.faults) - 1} more)" if len(self.faults) > 1 else ""
        text = f"{self._where}{at}: {first['field'] or 'the file'}: {first['message']}{more}"
        return Invalid(text, code="wrangler_invalid", details={"fields": self.faults})

    def only(
        self, table: Mapping[str, Any], place: Place, keys: Iterable[str], quiet: Mapping[str, str] | None = None
    ) -> None:
        """Findings for every key that is not among `keys`."""
        known = set(keys)
        for key in table:
            if quiet is not None and key in quiet:
                self.find("no_effect", (*place, key), quiet[key])
            elif key not in known:
                self.find("unknown", (*place, key), "no such key")

    def table(self, value: Any, place: Place) -> dict[str, Any]:
        """Empty when absent."""
        if value is None:
            return {}
        if not isinstance(value, dict):
            self.fault(place, "a table of keys is expected")
            return {}
        return value

    def items(self, value: Any, place: Place) -> list[tuple[Any, Place]]:
        """Empty when absent."""
        if value is None:
            return []
        if not isinstance(value, list):
            self.fault(place, "a list is expected")
            return []
        return [(each, (*place, index)) for index, each in enumerate(value)]

    def text(self, value: Any, place: Place, *, required: bool = False) -> str:
        """ "" when absent."""
        if value is None and not required:
            return ""
        if not isinstance(value, str) or (required and not value):
            self.fault(place, "is missing" if value is None else "a text is expected")
            return ""
        if not value.isprintable() or len(value) > 1024:
            self.fault(place, "a printable text of at most 1024 characters is expected")
            return ""
        return value

    def strings(self, value: Any, place: Place) -> tuple[str, ...]:
        return tuple(self.text(each, at, required=True) for each, at in self.items(value, place))

    def number(self, value: Any, place: Place, low: int, high: int) -> int | None:
        if type(value) is int and low <= value <= high:
            return value
        self.fault(place, "is missing" if value is None else f"a whole number from {low} to {high} is expected")
        return None

    def flag(self, value: Any, place: Place) -> bool:
        """False when absent."""
        if value is None or isinstance(value, bool):
            return bool(value)
        self.fault(place, "true or false is expected")
        return False

    def inside(self, value: str, place: Place) -> str:
        """A path below the project, without `..`."""
        path = PurePosixPath(value)
        if path.is_absolute() or ".." in path.parts or "\\" in value:
            self.fault(place, "a path below the project is expected")
            return ""
        return str(path) if value else ""

    def json(self, value: Any, place: Place) -> None:
        """Faults for what JSON cannot carry: the dates and times of TOML."""
        if isinstance(value, dict):
            for key, each in value.items():
                self.json(each, (*place, key))
        elif isinstance(value, list):
            for index, each in enumerate(value):
                self.json(each, (*place, index))
        elif not isinstance(value, None | bool | int | float | str):
            self.fault(place, "put dates and times in quotes")
        elif isinstance(value, float) and value - value != 0:
            self.fault(place, "not a number that JSON has")

    def own(self, table: dict[str, Any], place: Place) -> Own:
        """The `holdfast` table."""
        bounds = {
            "memory_mb": (32, 1024 * 1024),
            "timeout_seconds": (1, 3600),
            "concurrency": (1, 10_000),
            "warm": (0, 64),
            "idle_seconds": (1, 86400),
        }
        self.only(table, place, ("network", "subprocess", "routes", "schemas", *bounds))
        found: dict[str, Any] = {
            key: self.number(table[key], (*place, key), *limit) for key, limit in bounds.items() if key in table
        }
        if "network" in table:
            found["network"] = self.strings(table["network"], (*place, "network"))
        if "subprocess" in table:
            found["subprocess"] = self.flag(table["subprocess"], (*place, "subprocess"))
        if "routes" in table or "schemas" in table:
            found |= self._declared(table, place)
        return Own(**found)

    def _declared(self, table: dict[str, Any], place: Place) -> dict[str, Any]:
        before = len(self.faults)
        for key in ("routes", "schemas"):
            self.json(table.get(key), (*place, key))
        if len(self.faults) > before:
            return {}
        reading = Declarations(lambda where, message: self.fault((*place, *where), message))
        declared = reading.declared(table.get("routes"), table.get("schemas"))
        return {"routes": declared.routes, "schemas": declared.schemas}
