"""What is counted of every invocation, also of those whose row is not kept."""

from __future__ import annotations

import bisect
from collections import Counter
from dataclasses import dataclass, field

import apsw

from holdfast.runtime.python.tally import BOUNDS_MS
from holdfast.runtime.telemetry.records import Invocation, Tally


@dataclass
class _Sum:
    count: int = 0
    wall_ms: float = 0.0
    cpu_ms: float = 0.0
    memory_bytes: int | None = None

    def add(self, each: Invocation | Tally, count: int = 1) -> None:
        self.count += count
        self.wall_ms += each.wall_ms
        self.cpu_ms += each.cpu_ms or 0.0
        if each.memory_bytes is not None:
            self.memory_bytes = max(self.memory_bytes or 0, each.memory_bytes)


@dataclass
class Sums:
    """Between two writes. Not thread-safe."""

    _minutes: dict[tuple[str, str, int, str], _Sum] = field(default_factory=dict)
    _totals: dict[tuple[str, str, str, str], _Sum] = field(default_factory=dict)
    _durations: Counter[tuple[str, str, int]] = field(default_factory=Counter)

    def __bool__(self) -> bool:
        return bool(self._minutes)

    def add(self, each: Invocation) -> None:
        version, worker = each.version_id, each.worker_id
        self._minutes.setdefault((version, worker, each.at // 60_000, each.outcome), _Sum()).add(each)
        self._totals.setdefault((version, worker, each.trigger, each.outcome), _Sum()).add(each)
        self._durations[version, worker, bisect.bisect_left(BOUNDS_MS, each.wall_ms)] += 1

    def add_tally(self, each: Tally) -> None:
        version, worker = each.version_id, each.worker_id
        self._minutes.setdefault((version, worker, each.at // 60_000, "ok"), _Sum()).add(each, each.count)
        self._totals.setdefault((version, worker, each.trigger, "ok"), _Sum()).add(each, each.count)
        for bound, count in enumerate(each.durations):
            if count:
                self._durations[version, worker, bound] += count

    def write(self, connection: apsw.Connection) -> None:
        connection.executemany(
            "insert into minutes values (?, ?, ?, ?, ?, ?, ?, ?) on conflict (version_id, minute, outcome) do update "
            "set count = count + excluded.count, wall_ms = wall_ms + excluded.wall_ms, "
            "cpu_ms = cpu_ms + excluded.cpu_ms, "
            "memory_bytes = nullif(max(coalesce(memory_bytes, -1), coalesce(excluded.memory_bytes, -1)), -1)",
            ((*key, each.count, each.wall_ms, each.cpu_ms, each.memory_bytes) for key, each in self._minutes.items()),
        )
        connection.executemany(
            "insert into totals values (?, ?, ?, ?, ?, ?, ?) on conflict (version_id, trigger, outcome) do update set "
            "count = count + excluded.count, wall_ms = wall_ms + excluded.wall_ms, cpu_ms = cpu_ms + excluded.cpu_ms",
            ((*key, each.count, each.wall_ms, each.cpu_ms) for key, each in self._totals.items()),
        )
        connection.executemany(
            "insert into durations values (?, ?, ?, ?) on conflict (version_id, bound) do update set "
            "count = count + excluded.count",
            ((*key, count) for key, count in self._durations.items()),
        )
