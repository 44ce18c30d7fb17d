"""Writing: what is handed over waits in a bounded queue; one thread writes it in batches. Nobody who hands over waits.

What does not fit, or is more than a version's share, is dropped, counted per version and told in its log.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Set
from dataclasses import astuple
from pathlib import Path
from typing import Any

import apsw

from holdfast.runtime.telemetry.keeping import sweep
from holdfast.runtime.telemetry.records import CronRun, Invocation, LogLine, Retention, Tally, VersionState
from holdfast.runtime.telemetry.schema import open_writer
from holdfast.runtime.telemetry.sums import Sums

_log = logging.getLogger("holdfast.telemetry")
_FLUSH_SECONDS = 0.25
_SWEEP_SECONDS = 300.0
_BATCH = 5000
_SHARE = 4  # one version may fill a quarter of the room: the others' lines find a place
_TEXT = 64 * 1024
_Item = Invocation | LogLine | CronRun | VersionState

_INVOCATION = (
    "insert into invocations (id, worker_id, version_id, at, trigger, outcome, wall_ms, method, path, status, cpu_ms, "
    "memory_bytes, error, ray) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_LOG = "insert into logs (worker_id, version_id, at, level, text, invocation) values (?, ?, ?, ?, ?, ?)"
_CRON = (
    "insert into crons (id, worker_id, version_id, cron, scheduled_at, started_at, attempt, outcome, wall_ms, error) "
    "values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) on conflict (id) do update set outcome = excluded.outcome, "
    "wall_ms = excluded.wall_ms, error = excluded.error"
)
_STATE = "insert or replace into states values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"


class TelemetryWriter:
    """Safe to call from any thread. `room`: how many items may wait; `kept_per_second`: of one version's invocations
    that went well, the rest is only counted. A full disk or a locked file drops a batch, says so and goes on."""

    def __init__(
        self,
        path: Path,
        retention: Retention = Retention(),  # noqa: B008 - frozen
        *,
        room: int = 50_000,
        kept_per_second: int = 200,
        clock: Callable[[], float] = time.time,
        written: Callable[[Set[str]], None] | None = None,
    ) -> None:
        """`written` is called in the writing thread with the ids of workers that have new invocations or lines."""
        self._path = path
        self._tell_written = written
        self._retention = retention
        self._room = room
        self._kept_per_second = kept_per_second
        self._clock = clock
        self._waiting: deque[_Item] = deque()
        self._of_each: Counter[tuple[str, str]] = Counter()
        self._kept: Counter[tuple[str, int]] = Counter()
        self._sums = Sums()
        self._dropped: Counter[tuple[str, str]] = Counter()
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._idle = threading.Condition()
        self._handed, self._written = 0, 0
        self._ending = False
        self._swept = 0.0
        self._thread = threading.Thread(target=self._run, name="telemetry", daemon=True)
        self._connection = open_writer(path)
        self._thread.start()

    def invocation(self, each: Invocation) -> None:
        """Counted always, kept unless the version is very busy and it went well."""
        with self._lock:
            self._sums.add(each)
            second = (each.version_id, each.at // 1000)
            self._kept[second] += 1
            many = self._kept[second] > self._kept_per_second
        if not (many and each.outcome == "ok"):
            self._put(each)

    def tally(self, each: Tally) -> None:
        """Counted like as many invocations."""
        with self._lock:
            self._sums.add_tally(each)

    def unfit(self, worker_id: str, version_id: str, at: int, count: int) -> None:
        """Answers that were not what their declared schemas say."""
        with self._lock:
            self._sums.add_unfit(worker_id, version_id, at, count)

    def log(self, line: LogLine) -> None:
        self._put(line)

    def cron(self, run: CronRun) -> None:
        """Written again under the same id, it is that run's end."""
        self._put(run)

    def state(self, state: VersionState) -> None:
        self._put(state)

    def dropped(self, worker_id: str, version_id: str, count: int) -> None:
        """Log lines that were lost before they came here."""
        with self._lock:
            self._dropped[worker_id, version_id] += count

    def flush(self, timeout: float = 5.0) -> bool:
        """Wait until all that was handed over is written; False when that took longer."""
        with self._idle:
            goal = self._handed
            self._wake.set()
            return self._idle.wait_for(lambda: self._written >= goal, timeout)

    def close(self) -> None:
        """Write what waits and close the file. Idempotent."""
        self._ending = True
        self._wake.set()
        self._thread.join(10.0)

    def _put(self, item: _Item) -> None:
        with self._lock:
            whose = item.worker_id, item.version_id
            full = self._of_each[whose] >= self._room // _SHARE and not _ours(item)
            if full or len(self._waiting) >= self._room:
                self._dropped[whose] += 1
                return
            self._waiting.append(item)
            self._of_each[whose] += 1
            self._handed += 1
            enough = len(self._waiting) >= _BATCH
        if enough:
            self._wake.set()

    def _run(self) -> None:
        while not self._ending:
            self._wake.wait(_FLUSH_SECONDS)
            self._wake.clear()
            self._turn()
        for _ in range(self._room // _BATCH + 2):  # bounded: a disk that stays full must not keep the pool from ending
            if not self._turn():
                break
        self._connection.close()

    def _turn(self) -> bool:
        """Whether there was anything to write."""
        with self._lock:
            items = [self._waiting.popleft() for _ in range(min(_BATCH, len(self._waiting)))]
            more = bool(self._waiting)
            self._of_each -= Counter((each.worker_id, each.version_id) for each in items)
            sums, self._sums = self._sums, Sums()
            dropped, self._dropped = self._dropped, Counter()
            if self._kept:
                second = int(self._clock()) - 2
                self._kept = Counter({key: n for key, n in self._kept.items() if key[1] >= second})
        if items or sums or dropped:
            self._write(items, sums, dropped)
        if more:
            self._wake.set()
        with self._idle:
            self._written += len(items)
            self._idle.notify_all()
        self._sweep()
        return bool(items or sums or dropped)

    def _write(self, items: list[_Item], sums: Sums, dropped: Counter[tuple[str, str]]) -> None:
        try:
            with self._connection:
                self._many(_INVOCATION, (_invocation(each) for each in items if isinstance(each, Invocation)))
                self._many(_LOG, (_line(each) for each in items if isinstance(each, LogLine)))
                self._many(_CRON, (astuple(each)[:-1] for each in items if isinstance(each, CronRun)))
                self._many(_STATE, (astuple(each) for each in items if isinstance(each, VersionState)))
                sums.write(self._connection)
                self._tell(dropped)
        except (apsw.Error, ValueError, TypeError, OverflowError) as error:  # one odd value must not end the thread
            _log.error("telemetry of %d items is lost: %s", len(items), error)
            with self._lock:
                for item in items:
                    self._dropped[item.worker_id, item.version_id] += 1
                self._dropped.update(dropped)
            return
        told = {each.worker_id for each in items if isinstance(each, Invocation | LogLine)}
        if told and self._tell_written is not None:
            self._tell_written(told)

    def _many(self, statement: str, rows: Iterable[tuple[Any, ...]]) -> None:
        self._connection.executemany(statement, rows)

    def _tell(self, dropped: Counter[tuple[str, str]]) -> None:
        at = int(self._clock() * 1000)
        for (worker_id, version_id), count in dropped.items():
            text = f"{count} log lines or invocations were not kept: more came than could be written"
            self._connection.execute(_LOG, (worker_id, version_id, at, "system", text, None))
            self._connection.execute(
                "insert into dropped values (?, ?, ?) on conflict (version_id) do update "
                "set count = count + excluded.count",
                (version_id, worker_id, count),
            )

    def _sweep(self) -> None:
        if time.monotonic() - self._swept < _SWEEP_SECONDS and self._swept:
            return
        self._swept = time.monotonic()
        self._remove_old()

    def _remove_old(self) -> None:
        """Let old rows go; done by itself every five minutes, in the writing thread."""
        try:
            sweep(self._connection, self._retention, int(self._clock() * 1000))
        except apsw.Error as error:
            _log.warning("old telemetry could not be removed: %s", error)


def _ours(item: _Item) -> bool:
    """Said by the pool, not by the worker: what explains a flood must not drown in it."""
    return isinstance(item, VersionState | CronRun) or (isinstance(item, LogLine) and item.level == "system")


def _invocation(each: Invocation) -> tuple[Any, ...]:
    error = None if each.error is None else json.dumps(dict(each.error))[:_TEXT]
    path = each.path[:2048] if each.path else each.path
    return (
        each.id, each.worker_id, each.version_id, each.at, each.trigger, each.outcome, each.wall_ms, each.method, path,
        each.status, each.cpu_ms, each.memory_bytes, error, each.ray,
    )  # fmt: skip


def _line(each: LogLine) -> tuple[Any, ...]:
    return (each.worker_id, each.version_id, each.at, each.level, each.text[:_TEXT], each.invocation)
