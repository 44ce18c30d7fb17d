"""Sums of the minutes: of a window, of its steps, of many workers at once."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import apsw

from holdfast.runtime.telemetry.records import Point, Summary, Use
from holdfast.runtime.telemetry.schema import BUCKETS
from holdfast.runtime.telemetry.sums import percentile

_MINUTE = 60_000
_PARTS = (50, 95, 99)
_Percentiles = tuple[float | None, float | None, float | None]
_DURATIONS = ", ".join(f"sum({name})" for name in BUCKETS)
_SUMS = f"outcome, class, sum(count), sum(wall_ms), sum(cpu_ms), max(memory_bytes), {_DURATIONS}"


@dataclass(frozen=True)
class Window:
    """Whole minutes: those that `since` and `until` (milliseconds since 1970) lie in are in it."""

    worker_id: str
    since: int
    until: int
    version_id: str | None = None

    def where(self, column: str, unit: int) -> tuple[str, tuple[Any, ...]]:
        """Of a column that counts in `unit` milliseconds."""
        first, end = self.since // _MINUTE * _MINUTE, (self.until // _MINUTE + 1) * _MINUTE
        words = f"worker_id = ? and {column} >= ? and {column} < ?"
        values: tuple[Any, ...] = (self.worker_id, first // unit, end // unit)
        if self.version_id is None:
            return words, values
        return f"{words} and version_id = ?", (*values, self.version_id)


@dataclass
class _Gathered:
    count: int = 0
    errors: int = 0
    wall_ms: float = 0.0
    cpu_ms: float = 0.0
    memory_bytes: int | None = None
    outcomes: Counter[str] = field(default_factory=Counter)
    statuses: Counter[str] = field(default_factory=Counter)
    durations: list[int] = field(default_factory=lambda: [0] * len(BUCKETS))

    def add(self, row: Sequence[Any]) -> None:
        outcome, kind, count, wall_ms, cpu_ms, memory, *durations = row
        self.counted(outcome, kind, count)
        self.wall_ms += wall_ms
        self.cpu_ms += cpu_ms
        if memory is not None:
            self.memory_bytes = max(self.memory_bytes or 0, memory)
        self.durations = [each + more for each, more in zip(self.durations, durations, strict=True)]

    def counted(self, outcome: str, kind: int, count: int | None) -> None:
        """`count` None: there was none, of a worker that is asked for all the same."""
        if not count:
            return
        self.count += count
        self.errors += count if outcome != "ok" or kind == 5 else 0
        self.outcomes[outcome] += count
        if kind:
            self.statuses[f"{kind}xx"] += count

    def percentiles(self) -> _Percentiles:
        p50, p95, p99 = (percentile(self.durations, part) for part in _PARTS)
        return p50, p95, p99


def _gathered(connection: apsw.Connection, by: str, window: Window) -> dict[Any, _Gathered]:
    words, values = window.where("minute", _MINUTE)
    found: dict[Any, _Gathered] = {}
    query = f"select {by}, {_SUMS} from minutes where {words} group by 1, outcome, class order by 1"
    for key, *row in _rows(connection, query, values):
        found.setdefault(key, _Gathered()).add(row)
    return found


def summaries(connection: apsw.Connection, window: Window, *, by_version: bool) -> list[Summary]:
    """Most used first."""
    key = "version_id" if by_version else "null"
    found, unfit = _gathered(connection, key, window), _unfit(connection, key, window)
    made = [
        _summary(connection, replace(window, version_id=version_id), each, unfit.get(version_id, 0))
        for version_id, each in found.items()
    ]
    return sorted(made, key=lambda each: -each.count)


def _unfit(connection: apsw.Connection, by: str, window: Window) -> dict[str | None, int]:
    words, values = window.where("minute", _MINUTE)
    query = f"select {by}, sum(count) from unfit where {words} group by 1"
    return dict(_rows(connection, query, values))


def _summary(connection: apsw.Connection, window: Window, each: _Gathered, unfit: int) -> Summary:
    p50, p95, p99 = _exact(connection, window, each.count) or each.percentiles()
    sums = (each.cpu_ms, each.memory_bytes, dict(each.outcomes), dict(each.statuses))
    return Summary(window.version_id, window.worker_id, each.count, each.errors, p50, p95, p99, *sums, unfit)


def _exact(connection: apsw.Connection, window: Window, count: int) -> _Percentiles | None:
    """Nearest rank, in one sort; None where not each of `count` is kept: the rows that are would mislead, for of a
    busy version every failure is among them."""
    words, values = window.where("at", 1)
    kept = int(_rows(connection, f"select count(*) from invocations where {words}", values)[0][0])
    if kept < count:
        return None
    ranks = [max(1, -(-kept * part // 100)) for part in _PARTS]
    rows = _rows(
        connection,
        "select rank, wall_ms from (select wall_ms, row_number() over (order by wall_ms) as rank from invocations "
        f"where {words}) where rank in (?, ?, ?)",
        (*values, *ranks),
    )
    found: dict[int, float] = dict(rows)
    p50, p95, p99 = (found.get(rank) for rank in ranks)
    return p50, p95, p99


def series(connection: apsw.Connection, window: Window, step_minutes: int) -> list[Point]:
    """Steps without an invocation are left out."""
    step = max(1, step_minutes)
    return [
        Point(
            at * step * _MINUTE,
            each.count,
            each.errors,
            each.wall_ms,
            each.cpu_ms,
            each.memory_bytes,
            *each.percentiles(),
            dict(each.outcomes),
            dict(each.statuses),
        )
        for at, each in _gathered(connection, f"minute / {step}", window).items()
    ]


def uses(connection: apsw.Connection, worker_ids: Sequence[str], since: int) -> dict[str, Use]:
    """Those that were never called are left out."""
    rows = _rows(
        connection,
        "select w.value, (select max(at) from invocations where worker_id = w.value), outcome, class, sum(count) "
        "from json_each(?) w left join minutes on worker_id = w.value and minute >= ? group by 1, 3, 4",
        (json.dumps(list(worker_ids)), since // _MINUTE),
    )
    found: dict[str, tuple[_Gathered, int | None]] = {}
    for worker_id, at, outcome, kind, count in rows:
        if count is not None or at is not None:
            gathered, _ = found.setdefault(worker_id, (_Gathered(), at))
            gathered.counted(outcome, kind, count)
    return {
        key: Use(each.count, each.errors, dict(each.outcomes), dict(each.statuses), at)
        for key, (each, at) in found.items()
    }


def _rows(connection: apsw.Connection, statement: str, values: tuple[Any, ...]) -> Sequence[tuple[Any, ...]]:
    return connection.execute(statement, values).fetchall()
