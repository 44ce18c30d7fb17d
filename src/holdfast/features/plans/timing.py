"""When a plan's turn is due: a cron line or a preset in a time zone, spread, and what becomes of a missed one."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, Literal

from holdfast.jobs.cron import next_after, occurrences
from holdfast.kernel.errors import Invalid

PRESETS = {"hourly": "0 * * * *", "daily": "0 2 * * *", "weekly": "0 2 * * 0", "monthly": "0 2 1 * *"}
MAX_JITTER = 6 * 3600
MAX_LATE = 366 * 24 * 3600
# How far back the latest turn is looked for, nearest first: lines of every minute are not walked through for a year.
_BACK = tuple(timedelta(hours=hours) for hours in (2, 26, 8 * 24, 32 * 24, 370 * 24))


@dataclass(frozen=True)
class Timing:
    """One schedule of a plan. `jitter_seconds`: each database starts so much later at most, always the same for it.
    `missed`: a turn that is more than `late_seconds` late is made up for once, or skipped. `mode` full: its turns read
    everything again, also what is known to be unchanged; else that is left to what can be known. Raises
    Invalid("schedule_invalid")."""

    name: str
    cron: str
    tz: str = "UTC"
    jitter_seconds: int = 0
    missed: Literal["once", "skip"] = "once"
    late_seconds: int = 3600
    mode: Literal["full", "incremental"] | None = None

    def __post_init__(self) -> None:
        if not self.name or len(self.name.encode()) > 63 or not self.name.isprintable():
            raise _invalid("name", "1 to 63 bytes, printable")
        if type(self.jitter_seconds) is not int or not 0 <= self.jitter_seconds <= MAX_JITTER:
            raise _invalid("jitter_seconds", f"0 to {MAX_JITTER} seconds")
        if type(self.late_seconds) is not int or not 0 <= self.late_seconds <= MAX_LATE:
            raise _invalid("late_seconds", f"0 to {MAX_LATE} seconds")
        if self.missed not in ("once", "skip"):
            raise _invalid("missed", "once or skip")
        if self.mode not in ("full", "incremental", None):
            raise _invalid("mode", "full, incremental or absent")

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Timing:
        """Inverse of `as_json`. A `preset` stands for its line; without a name it is called after that."""
        values = {name: value for name, value in data.items() if name != "preset"}
        preset = data.get("preset")
        if preset is not None:
            if preset not in PRESETS or data.get("cron"):
                raise _invalid("preset", f"one of {', '.join(PRESETS)}, and then no cron")
            values |= {"cron": PRESETS[preset], "name": data.get("name") or preset}
        if odd := sorted(set(values) - {field.name for field in fields(cls)}):
            raise _invalid(odd[0], "is no part of a schedule")
        if not isinstance(values.get("cron"), str):
            raise _invalid("cron", "a schedule has cron or preset")
        return cls(**{**values, "name": values.get("name") or values["cron"]})

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    def check(self, now: datetime) -> None:
        """Raises Invalid unless the line and the zone are understood here and it is due some day."""
        next_after(self.cron, self.tz, now)

    def next(self, now: datetime, count: int = 1) -> list[datetime]:
        """The next turns, before the jitter."""
        return list(islice(occurrences(self.cron, self.tz, now), count))

    def latest(self, until: datetime) -> datetime | None:
        """The last turn at or before `until`; None when there was none for a year."""
        for back in _BACK:
            last = None
            for moment in occurrences(self.cron, self.tz, until - back):
                if moment > until:
                    break
                last = moment
            if last is not None:
                return last
        return None

    def jitter(self, plan_id: str, resource_id: str) -> timedelta:
        """Of one database: the same at every turn, so that the time between its snapshots stays even."""
        if not self.jitter_seconds:
            return timedelta(0)
        digest = hashlib.sha256(f"{plan_id}/{self.name}/{resource_id}".encode()).digest()
        return timedelta(milliseconds=int.from_bytes(digest[:8], "big") % (self.jitter_seconds * 1000))


def _invalid(field: str, text: str) -> Invalid:
    return Invalid(f"{field}: {text}", code="schedule_invalid", details={"fields": [{"field": field, "message": text}]})
