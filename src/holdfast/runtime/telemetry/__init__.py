"""What workers did: invocations, log lines, cron runs, states; written by the pool, read by whoever shows them.

One SQLite file, `<data>/telemetry/workers.db` (WAL, synchronous NORMAL): after a power cut the last moments may be
missing, the file never is.
"""

from holdfast.runtime.python.tally import BOUNDS_MS
from holdfast.runtime.telemetry.families import families
from holdfast.runtime.telemetry.reader import TelemetryReader
from holdfast.runtime.telemetry.records import (
    CronRun,
    Invocation,
    LogLine,
    Point,
    Retention,
    Summary,
    Tally,
    Use,
    VersionState,
    path_of,
)
from holdfast.runtime.telemetry.writer import TelemetryWriter

__all__ = [
    "BOUNDS_MS",
    "CronRun",
    "Invocation",
    "LogLine",
    "Point",
    "Retention",
    "Summary",
    "Tally",
    "TelemetryReader",
    "TelemetryWriter",
    "Use",
    "VersionState",
    "families",
    "path_of",
]
