"""Schedules of workers: when a line is due, its worker is called; never twice for one moment.

The last moment of each line is written before the call (the file is replaced and synced): a pool that is killed in
between loses that turn's outcome, and does not run it again.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from holdfast.kernel.errors import Invalid, NotFound
from holdfast.kernel.ids import new_id
from holdfast.runtime import cron
from holdfast.runtime.live import LiveVersion, Sockets
from holdfast.runtime.pool.calls import post
from holdfast.runtime.pool.policy import Policy
from holdfast.runtime.telemetry import CronRun, TelemetryWriter

_log = logging.getLogger("holdfast.pool")
_LONGEST_SLEEP = 30.0  # the system's clock may be set meanwhile
_OLDEST = timedelta(days=366)
_CLAIMS = 5  # tries while it cannot be asked who takes a turn
Claim = Callable[[str, str, datetime], bool]
"""(worker, line, moment): whether this node is the one that takes the turn. Asked in a thread; may raise anything."""


@dataclass(frozen=True)
class Turn:
    """One moment of one line, and who is called for it."""

    version: LiveVersion
    line: cron.Line
    at: datetime

    @property
    def key(self) -> str:
        return f"{self.version.worker_id} {self.line.text}"


class Schedules:
    """`set` says what there is; `run` calls. Of the worker's versions that have a line, the one with the most weight is
    called; one without weight takes no turns."""

    def __init__(
        self,
        path: Path,
        telemetry: TelemetryWriter,
        policy: Policy,
        runtime: Path,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        claim: Claim | None = None,
    ) -> None:
        self._path = path
        self._telemetry = telemetry
        self._policy = policy
        self._runtime = runtime
        self._clock = clock
        self._claim = claim
        self._lines: dict[str, tuple[LiveVersion, cron.Line]] = {}
        self._seen: tuple[tuple[str, tuple[str, ...]], ...] = ()
        self._last = _read(path)
        self._changed = asyncio.Event()
        self._calls: set[asyncio.Task[Any]] = set()

    def set(self, living: Sequence[LiveVersion]) -> None:
        """Versions as they are now. A line that is new is due from now on; one that is gone is forgotten."""
        found: dict[str, tuple[LiveVersion, cron.Line]] = {}
        for version in _by_share(living):
            for text in version.crons:
                if (key := f"{version.worker_id} {text}") in found:
                    continue
                try:
                    found[key] = version, cron.parse(text)
                except Invalid as error:
                    _log.warning("%s: %s", version.worker, error.message)
        self._lines = found
        now = self._clock()
        last = {key: self._last.get(key, now) for key in found}
        if last != self._last:
            self._last = last
            self._write()
            self._changed.set()

    def next(self) -> dict[str, datetime]:
        """ "worker line" -> its next turn."""
        now = self._clock()
        return {key: line.next(max(now, self._last[key]))[0] for key, (_, line) in self._lines.items()}

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                self.turn()
            except OSError as error:  # a full disk: a turn that cannot be written down must not be run
                _log.error("schedules wait, their file cannot be written: %s", error)
            self._changed.clear()
            moments = [*self.next().values()]
            soonest = min(moments, default=None)
            seconds = _LONGEST_SLEEP if soonest is None else (soonest - self._clock()).total_seconds()
            try:
                async with asyncio.timeout(min(_LONGEST_SLEEP, max(0.01, seconds))):
                    await self._changed.wait()
            except TimeoutError:
                continue

    def turn(self) -> list[Turn]:
        """Begin what is due now; the calls go on by themselves. Raises OSError, with nothing begun."""
        now = self._clock()
        due = [turn for key, (version, line) in self._lines.items() for turn in self._due(key, version, line, now)]
        if not due:
            return []
        before = dict(self._last)
        for turn in due:
            self._last[turn.key] = max(turn.at, self._last[turn.key])
        try:
            self._write()
        except OSError:
            self._last = before
            raise
        if self._claim is None:
            for turn in due:
                self._begin(turn)
        else:
            self._go(self._take(due, self._claim))
        return due

    async def now(self, worker_id: str, text: str) -> dict[str, Any]:
        """Run a line of a worker once, whenever it is due; who asked finds it among the turns at once. Raises NotFound
        ("schedule_not_found")."""
        found = self._lines.get(f"{worker_id} {text}")
        if found is None:
            raise NotFound("the worker has no such schedule", code="schedule_not_found")
        run = await self._call(Turn(*found, self._clock()), 1)
        await asyncio.to_thread(self._telemetry.flush)
        return {"outcome": run.outcome, "error": run.error, "wall_ms": run.wall_ms, "id": run.id}

    async def close(self) -> None:
        """Calls that run are given up: their processes are told to stop by now."""
        for task in self._calls:
            task.cancel()
        if self._calls:
            await asyncio.wait(self._calls)

    def _due(self, key: str, version: LiveVersion, line: cron.Line, now: datetime) -> list[Turn]:
        since = max(self._last[key], now - _OLDEST)
        late = timedelta(seconds=self._policy.cron_late_seconds)
        found = cron.due(line, since, now, version.missed, late=late, most=self._policy.cron_most)
        return [Turn(version, line, at) for at in found]

    async def _take(self, due: Sequence[Turn], claim: Claim) -> None:
        """In their order: a moment is not taken after a later one. A version whose code is on another node is left to
        that node."""
        for turn in due:
            if turn.version.code.is_dir() and await self._ours(turn, claim):
                self._begin(turn)

    async def _ours(self, turn: Turn, claim: Claim) -> bool:
        for attempt in range(_CLAIMS):
            try:
                return await asyncio.to_thread(claim, turn.version.worker_id, turn.line.text, turn.at)
            except Exception as error:  # noqa: BLE001 - the database is away: asked again, then told as missed
                _log.warning("it cannot be told who takes a turn of %s: %s", turn.version.worker, error)
            await asyncio.sleep(self._policy.cron_pause * 2**attempt)
        words = "the metadata database could not be asked which node takes this turn"
        self._telemetry.cron(replace(self._run(turn, 1), outcome="missed", wall_ms=0.0, error=words))
        return False

    def _begin(self, turn: Turn) -> None:
        self._go(self._attempts(turn))

    def _go(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._calls.add(task)
        task.add_done_callback(self._calls.discard)

    async def _attempts(self, turn: Turn) -> None:
        for attempt in range(1, self._policy.cron_retries + 2):
            run = await self._call(turn, attempt)
            if run.outcome in ("ok", "timeout"):
                return
            await asyncio.sleep(self._policy.cron_pause * 2 ** (attempt - 1))
            found = self._lines.get(turn.key)
            if found is None:
                return  # the worker or the line is gone
            turn = replace(turn, version=found[0])

    async def _call(self, turn: Turn, attempt: int) -> CronRun:
        version, began = turn.version, time.monotonic()
        run = self._run(turn, attempt)
        self._telemetry.cron(run)
        outcome, error = "cancelled", None
        try:
            outcome, error = await self._answer(run, Sockets.of(self._runtime, version.token))
        finally:
            run = replace(run, outcome=outcome, error=error, wall_ms=(time.monotonic() - began) * 1000)
            self._telemetry.cron(run)
        return run

    @staticmethod
    def _run(turn: Turn, attempt: int) -> CronRun:
        return CronRun(
            id=new_id("crn"),
            worker_id=turn.version.worker_id,
            version_id=turn.version.id,
            cron=turn.line.text,
            scheduled_at=int(turn.at.timestamp() * 1000),
            started_at=int(time.time() * 1000),
            attempt=attempt,
        )

    async def _answer(self, run: CronRun, sockets: Sockets) -> tuple[str, str | None]:
        body = json.dumps({"cron": run.cron, "scheduledTime": run.scheduled_at}).encode()
        try:
            async with asyncio.timeout(self._policy.cron_seconds):
                status, answer = await post(sockets.inner, "/scheduled", body)
            told = json.loads(answer) if status == 200 else {}
        except TimeoutError:
            return "timeout", f"it took longer than {self._policy.cron_seconds:.0f} s"
        except (OSError, ValueError) as error:
            return "unreachable", str(error) or type(error).__name__
        if status != 200:
            return "unreachable", f"it answered {status}"
        if isinstance(told, dict) and told.get("outcome") == "ok":
            return "ok", None
        return "exception", _words(told.get("error") if isinstance(told, dict) else None)

    def _write(self) -> None:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        temporary = self._path.with_suffix(".new")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump({key: moment.isoformat() for key, moment in self._last.items()}, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, self._path)


def _by_share(living: Sequence[LiveVersion]) -> list[LiveVersion]:
    """Those with a share of the requests, the most weight first, of equal ones the newest."""
    shared = [each for each in living if each.weight > 0]
    return sorted(shared, key=lambda each: (each.weight, each.number), reverse=True)


def _read(path: Path) -> dict[str, datetime]:
    """A file that is missing or damaged counts as none: its lines are due from now on."""
    try:
        return {str(key): datetime.fromisoformat(value) for key, value in json.loads(path.read_text()).items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, AttributeError, TypeError) as error:
        _log.error("%s cannot be read, schedules begin anew: %s", path, error)
        return {}


def _words(error: object) -> str:
    if isinstance(error, dict):
        return ": ".join(str(error[name]) for name in ("type", "message") if error.get(name))[:2000]
    return str(error)[:2000] if error else "it failed"
