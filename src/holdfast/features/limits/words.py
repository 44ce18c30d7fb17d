"""What is limited, for whom, and how much of it Holdfast allows as shipped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

What = Literal["calls", "burst", "backups", "downloads", "storage", "workers", "versions"]
SubjectKind = Literal["key", "user", "project", "address"]

HOUR, DAY = 3600, 24 * 3600
BURST = 10  # seconds
LONGEST_WINDOW = 31 * DAY
MOST = 2**53 - 1  # larger numbers do not pass through JSON unharmed
NEAR = 80  # percent of a limit from which on usage says so
UNITS: Mapping[What, str] = MappingProxyType(
    {
        "calls": "calls",
        "burst": "calls at once",
        "backups": "backups",
        "downloads": "downloads",
        "storage": "bytes stored",
        "workers": "workers",
        "versions": "versions of workers uploaded",
    }
)


@dataclass(frozen=True)
class Subject:
    """Who is counted. `id` "" = the default for all of that kind."""

    kind: SubjectKind
    id: str = ""


@dataclass(frozen=True)
class Limit:
    """At most `amount` within any `window` seconds; `amount` None = no limit. Window 0 = what is there now."""

    amount: int | None
    window: int


# A browser's page makes many calls, a script few; a project is what all of its keys and people do together.
SHIPPED: Mapping[SubjectKind, Mapping[What, Limit]] = MappingProxyType(
    {
        "key": {
            "calls": Limit(1_000, HOUR),
            "burst": Limit(200, BURST),
            "backups": Limit(50, DAY),
            "downloads": Limit(20, HOUR),
            "versions": Limit(500, DAY),
        },
        "user": {
            "calls": Limit(10_000, HOUR),
            "burst": Limit(500, BURST),
            "backups": Limit(200, DAY),
            "downloads": Limit(100, HOUR),
            "versions": Limit(500, DAY),
        },
        "project": {
            "calls": Limit(50_000, HOUR),
            "burst": Limit(2_000, BURST),
            "backups": Limit(1_000, DAY),
            "downloads": Limit(500, HOUR),
            "storage": Limit(None, 0),
            "workers": Limit(500, 0),
            "versions": Limit(2_000, DAY),
        },
        "address": {"calls": Limit(2_000, HOUR), "burst": Limit(200, BURST)},
    }
)
