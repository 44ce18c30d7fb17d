"""Reading, from any process and thread; every call opens the file for itself and sees one moment of it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any

import apsw

from holdfast.runtime.telemetry import charts
from holdfast.runtime.telemetry.records import CronRun, Invocation, LogLine, Point, Summary, Use, VersionState
from holdfast.runtime.telemetry.schema import open_reader

_INVOCATION = (
    "select id, worker_id, version_id, at, trigger, outcome, wall_ms, method, path, status, cpu_ms, memory_bytes, "
    "error, ray, seq from invocations"
)
_LOG = "select worker_id, version_id, at, level, text, invocation, seq from logs"
_CRON = (
    "select id, worker_id, version_id, cron, scheduled_at, started_at, attempt, outcome, wall_ms, error, seq from crons"
)
MOST = 1000
_FIELDS = tuple(each.name for each in fields(Invocation))


class TelemetryReader:
    """Newest first, at most `limit` (1 to 1000); `before` is the `seq` of the last one seen. With `after` the order is
    the other way round: what was written since, for a tail. Nothing written yet reads as nothing."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def invocations(
        self,
        worker_id: str,
        *,
        version_id: str | None = None,
        outcome: str | None = None,
        errors: bool = False,
        trigger: str | None = None,
        ray: str | None = None,
        since: int | None = None,
        until: int | None = None,
        before: int | None = None,
        after: int | None = None,
        limit: int = 100,
    ) -> list[Invocation]:
        """`errors`: only those that did not end "ok" or ended with status 500 and above. `since`/`until` in ms."""
        where = _Where("worker_id = ?", worker_id)
        where.also("version_id = ?", version_id)
        where.also("outcome = ?", outcome)
        where.also("trigger = ?", trigger)
        where.also("ray = ?", ray)
        where.window(since, until)
        if errors:
            where.words.append("(outcome != 'ok' or status >= 500)")
        return [_invocation(row) for row in self._page(_INVOCATION, where, before, after, limit)]

    def invocation(self, worker_id: str, invocation_id: str) -> Invocation | None:
        where = _Where("id = ?", invocation_id)
        where.also("worker_id = ?", worker_id)
        return next((_invocation(row) for row in self._page(_INVOCATION, where, None, None, 1)), None)

    def logs(
        self,
        worker_id: str,
        *,
        version_id: str | None = None,
        invocation: str | None = None,
        level: str | None = None,
        text: str | None = None,
        since: int | None = None,
        until: int | None = None,
        before: int | None = None,
        after: int | None = None,
        limit: int = 100,
    ) -> list[LogLine]:
        """`text`: lines that contain it, in any case of ASCII letters."""
        where = _Where("worker_id = ?", worker_id)
        where.also("version_id = ?", version_id)
        where.also("invocation = ?", invocation)
        where.also("level = ?", level)
        where.window(since, until)
        if text:
            escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
            where.also("text like ? escape '\\'", f"%{escaped}%")
        return [LogLine(*row) for row in self._page(_LOG, where, before, after, limit)]

    def crons(
        self, worker_id: str, *, cron: str | None = None, before: int | None = None, limit: int = 100
    ) -> list[CronRun]:
        """The history of its schedules."""
        where = _Where("worker_id = ?", worker_id)
        where.also("cron = ?", cron)
        return [CronRun(*row) for row in self._page(_CRON, where, before, None, limit)]

    def states(self, worker_id: str | None = None) -> list[VersionState]:
        """How versions fare; of one that was never alive there is none."""
        where, values = ("where worker_id = ?", (worker_id,)) if worker_id else ("", ())
        with self._open() as connection:
            return [VersionState(*row) for row in _rows(connection, f"select * from states {where}", values)]

    def last_seq(self) -> tuple[int, int]:
        """Where tails of invocations and of logs begin."""
        with self._open() as connection:
            found = dict(_rows(connection, "select name, seq from sqlite_sequence", ()))
        return found.get("invocations", 0), found.get("logs", 0)

    def summaries(self, worker_id: str, since: int, until: int, *, by_version: bool = True) -> list[Summary]:
        """One per version that was used in the window, most used first; or one of the whole worker."""
        with self._open() as connection:
            window = charts.Window(worker_id, since, until)
            return [] if connection is None else charts.summaries(connection, window, by_version=by_version)

    def uses(self, worker_ids: Sequence[str], since: int) -> dict[str, Use]:
        """Of each what it did since, and when it was last called. Those that were never called are left out."""
        with self._open() as connection:
            return {} if connection is None else charts.uses(connection, worker_ids, since)

    def series(
        self, worker_id: str, since: int, until: int, *, step_minutes: int = 1, version_id: str | None = None
    ) -> list[Point]:
        """For charts; steps without an invocation are left out."""
        with self._open() as connection:
            window = charts.Window(worker_id, since, until, version_id)
            return [] if connection is None else charts.series(connection, window, step_minutes)

    def totals(self) -> Totals:
        """All counters, for Prometheus."""
        with self._open() as connection:
            return Totals(
                _rows(
                    connection,
                    "select worker_id, version_id, trigger, outcome, class, count, wall_ms, cpu_ms from totals",
                ),
                _rows(connection, "select worker_id, version_id, bound, count from durations"),
                _rows(connection, "select worker_id, version_id, count from dropped"),
                _rows(connection, "select worker_id, version_id, count from unfit_totals"),
                [VersionState(*row) for row in _rows(connection, "select * from states")],
            )

    def _page(
        self, select: str, where: _Where, before: int | None, after: int | None, limit: int
    ) -> Sequence[tuple[Any, ...]]:
        where.also("seq < ?", before)
        where.also("seq > ?", after)
        order = "asc" if after is not None else "desc"
        values = (*where.values, max(1, min(limit, MOST)))
        with self._open() as connection:
            return _rows(connection, f"{select} where {where.text} order by seq {order} limit ?", values)

    @contextmanager
    def _open(self) -> Iterator[apsw.Connection | None]:
        connection = open_reader(self._path)
        try:
            yield connection
        finally:
            if connection is not None:
                connection.close()


class Totals:
    """Rows as they are kept: see `TelemetryReader.totals`."""

    def __init__(
        self,
        ended: Sequence[tuple[Any, ...]],
        durations: Sequence[tuple[Any, ...]],
        dropped: Sequence[tuple[Any, ...]],
        unfit: Sequence[tuple[Any, ...]],
        states: Sequence[VersionState],
    ) -> None:
        self.ended = ended
        self.durations = durations
        self.dropped = dropped
        self.unfit = unfit
        self.states = states


class _Where:
    def __init__(self, words: str, value: Any) -> None:
        self.words = [words]
        self.values: tuple[Any, ...] = (value,)

    def also(self, words: str, value: Any) -> None:
        if value is not None:
            self.words.append(words)
            self.values = (*self.values, value)

    def window(self, since: int | None, until: int | None) -> None:
        self.also("at >= ?", since)
        self.also("at < ?", until)

    @property
    def text(self) -> str:
        return " and ".join(self.words)


def _rows(
    connection: apsw.Connection | None, statement: str, values: tuple[Any, ...] = ()
) -> Sequence[tuple[Any, ...]]:
    return [] if connection is None else connection.execute(statement, values).fetchall()


def _invocation(row: tuple[Any, ...]) -> Invocation:
    return Invocation(**dict(zip(_FIELDS, row, strict=True)) | {"error": _error(row[12])})


def _error(text: str | None) -> Any:
    if text is None:
        return None
    try:
        return json.loads(text)
    except ValueError:  # longer than is kept
        return {"type": "", "message": text, "stack": ""}
