"""What is counted of every invocation, also of those whose row is not kept."""

from __future__ import annotations

import bisect
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import apsw

from holdfast.runtime.python.tally import BOUNDS_MS
from holdfast.runtime.telemetry.records import Invocation, Tally
from holdfast.runtime.telemetry.schema import BUCKETS

_ADDED = ", ".join(f"{name} = {name} + excluded.{name}" for name in ("count", "wall_ms", "cpu_ms"))
_MINUTES = (
    f"insert into minutes values ({', '.join('?' * (9 + len(BUCKETS)))}) "
    f"on conflict (version_id, minute, outcome, class) do update set {_ADDED}, "
    "memory_bytes = nullif(max(coalesce(memory_bytes, -1), coalesce(excluded.memory_bytes, -1)), -1), "
    + ", ".join(f"{name} = {name} + excluded.{name}" for name in BUCKETS)
)
_TOTALS = (
    "insert into totals values (?, ?, ?, ?, ?, ?, ?, ?) "
    f"on conflict (version_id, trigger, outcome, class) do update set {_ADDED}"
)


def class_of(status: int | None) -> int:
    """1 to 5; 0 for what has no status, or none of HTTP's."""
    return status // 100 if status is not None and 100 <= status < 600 else 0


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
class _Minute(_Sum):
    durations: list[int] = field(default_factory=lambda: [0] * len(BUCKETS))


@dataclass
class Sums:
    """Between two writes. Not thread-safe."""

    _minutes: dict[tuple[str, str, int, str, int], _Minute] = field(default_factory=dict)
    _totals: dict[tuple[str, str, str, str, int], _Sum] = field(default_factory=dict)
    _durations: Counter[tuple[str, str, int]] = field(default_factory=Counter)
    _unfit: Counter[tuple[str, str, int]] = field(default_factory=Counter)

    def __bool__(self) -> bool:
        return bool(self._minutes or self._unfit)

    def add(self, each: Invocation) -> None:
        minute = self._both(each, each.outcome, 1)
        bound = bisect.bisect_left(BOUNDS_MS, each.wall_ms)
        minute.durations[bound] += 1
        self._durations[each.version_id, each.worker_id, bound] += 1

    def add_tally(self, each: Tally) -> None:
        minute = self._both(each, "ok", each.count)
        for bound, count in enumerate(each.durations):
            if count:
                minute.durations[bound] += count
                self._durations[each.version_id, each.worker_id, bound] += count

    def add_unfit(self, worker_id: str, version_id: str, at: int, count: int) -> None:
        self._unfit[version_id, worker_id, at // 60_000] += count

    def _both(self, each: Invocation | Tally, outcome: str, count: int) -> _Minute:
        version, worker, kind = each.version_id, each.worker_id, class_of(each.status)
        minute = self._minutes.setdefault((version, worker, each.at // 60_000, outcome, kind), _Minute())
        minute.add(each, count)
        self._totals.setdefault((version, worker, each.trigger, outcome, kind), _Sum()).add(each, count)
        return minute

    def write(self, connection: apsw.Connection) -> None:
        connection.executemany(
            _MINUTES,
            (
                (*key, each.count, each.wall_ms, each.cpu_ms, each.memory_bytes, *each.durations)
                for key, each in self._minutes.items()
            ),
        )
        connection.executemany(
            _TOTALS, ((*key, each.count, each.wall_ms, each.cpu_ms) for key, each in self._totals.items())
        )
        connection.executemany(
            "insert into durations values (?, ?, ?, ?) on conflict (version_id, bound) do update set "
            "count = count + excluded.count",
            ((*key, count) for key, count in self._durations.items()),
        )
        connection.executemany(
            "insert into unfit values (?, ?, ?, ?) on conflict (version_id, minute) do update set "
            "count = count + excluded.count",
            ((*key, count) for key, count in self._unfit.items()),
        )
        connection.executemany(
            "insert into unfit_totals values (?, ?, ?) on conflict (version_id) do update set "
            "count = count + excluded.count",
            ((version, worker, count) for (version, worker, _), count in self._unfit.items()),
        )


def percentile(durations: Sequence[int], per_cent: int) -> float | None:
    """Milliseconds, spread evenly within the bucket it falls into; None of nothing. Beyond the last bound: that
    bound, for nothing is known of how far."""
    total = sum(durations)
    if not total:
        return None
    rank, below = max(1, -(-total * per_cent // 100)), 0
    for bound, count in enumerate(durations[: len(BOUNDS_MS)]):
        if below + count >= rank:
            low = BOUNDS_MS[bound - 1] if bound else 0
            return round(low + (BOUNDS_MS[bound] - low) * (rank - below) / count, 3)
        below += count
    return float(BOUNDS_MS[-1])
