"""What is kept, as values. Times are milliseconds since 1970 (UTC), memory is bytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Outcome = Literal["ok", "exception", "timeout", "cancelled", "exceededCpu", "exceededMemory", "crashed"]


def path_of(data: Path) -> Path:
    """Where an installation keeps it."""
    return data / "telemetry" / "workers.db"


@dataclass(frozen=True)
class Invocation:
    """One request, call, tick or socket of a worker. `seq` rises in the order of writing (0 = not written yet).
    `error`: {"type", "message", "stack"}. `ray` is the edge's request id."""

    id: str
    worker_id: str
    version_id: str
    at: int
    trigger: str
    outcome: str
    wall_ms: float
    method: str | None = None
    path: str | None = None
    status: int | None = None
    cpu_ms: float | None = None
    memory_bytes: int | None = None
    error: Mapping[str, str] | None = None
    ray: str | None = None
    seq: int = 0


@dataclass(frozen=True)
class Tally:
    """Invocations of one version in one second that ended "ok" with one status, counted together; no row is kept of
    them.

    `wall_ms`, `cpu_ms`: of all of them. `memory_bytes`: the most. `durations`: how many took at most each of BOUNDS_MS
    and longer than the one before, the last of them longer than all.
    """

    worker_id: str
    version_id: str
    at: int
    trigger: str
    count: int
    wall_ms: float
    cpu_ms: float
    memory_bytes: int | None
    durations: tuple[int, ...]
    status: int | None = None


@dataclass(frozen=True)
class LogLine:
    """`invocation` None: said while it started, or by the pool about it (level "system")."""

    worker_id: str
    version_id: str
    at: int
    level: str
    text: str
    invocation: str | None = None
    seq: int = 0


@dataclass(frozen=True)
class CronRun:
    """One turn of one line. `attempt` counts from 1; `outcome` None while it runs, "missed" for a turn nobody made up
    for."""

    id: str
    worker_id: str
    version_id: str
    cron: str
    scheduled_at: int
    started_at: int
    attempt: int
    outcome: str | None = None
    wall_ms: float | None = None
    error: str | None = None
    seq: int = 0


@dataclass(frozen=True)
class VersionState:
    """How a version fares now. `state`: cold (no process; a request starts one), starting, running, backoff (it failed
    and is left alone until `retry_at`), stopping, gone. `error` is for people. The counters rise from its first start
    on."""

    version_id: str
    worker_id: str
    state: str
    since: int
    processes: int = 0
    memory_bytes: int | None = None
    cpu_seconds: float | None = None
    starts: int = 0
    crashes: int = 0
    oom_kills: int = 0
    error: str | None = None
    retry_at: int | None = None
    start_ms: float | None = None  # how long its last start took, until it was ready


@dataclass(frozen=True)
class Summary:
    """A version (or a worker) over a window. `count`, `errors`, `outcomes`, `statuses` and the sums are exact. So are
    the percentiles where each invocation is kept; else they are read from the histogram of all of them.

    `errors`: those that did not end "ok", and answers of 500 and above. `statuses`: {"2xx": count}, of those that gave
    an answer. `unfit`: answers that were not what their declared schemas say."""

    version_id: str | None
    worker_id: str
    count: int
    errors: int
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    cpu_ms: float
    memory_peak_bytes: int | None
    outcomes: Mapping[str, int]
    statuses: Mapping[str, int]
    unfit: int = 0


@dataclass(frozen=True)
class Point:
    """One step of a chart, from `at` on. The percentiles are read from a histogram: within the width of its bucket,
    a factor of two at most. `outcomes`, `statuses`: as in a Summary."""

    at: int
    count: int
    errors: int
    wall_ms: float  # sum
    cpu_ms: float  # sum
    memory_peak_bytes: int | None
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    outcomes: Mapping[str, int]
    statuses: Mapping[str, int]


@dataclass(frozen=True)
class Use:
    """A worker since some moment. `last_at`: the newest invocation that is kept, however old."""

    count: int
    errors: int
    outcomes: Mapping[str, int]
    statuses: Mapping[str, int]
    last_at: int | None


@dataclass(frozen=True)
class Retention:
    """Rows older than `days` go, and the oldest beyond `bytes` of the file. Sums per minute stay `minutes_days`."""

    days: float = 7.0
    bytes: int = 1024 * 1024 * 1024
    minutes_days: float = 90.0
