"""One claim's execution of one run, from the first line to the written end."""

from __future__ import annotations

import json
import logging
import shutil
import time
import traceback
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from holdfast.jobs import deadline, store
from holdfast.jobs.context import Context
from holdfast.jobs.giving_up import FAIL_AFTER, REASON, error_of
from holdfast.jobs.registry import Registered
from holdfast.kernel.clock import Clock
from holdfast.kernel.crashpoints import crash_point
from holdfast.kernel.db import Database
from holdfast.kernel.errors import Cancelled, Conflict, HoldfastError, Retryable

_log = logging.getLogger("holdfast.jobs")
RETRY_WAITS = (1.0, 4.0, 15.0)
_GIVE_UP_SECONDS = 10.0


class Attempt:
    """Runs the task, obeys `retryable`, and writes the end. Never raises: a task's error becomes the run's."""

    def __init__(self, db: Database, clock: Clock, context: Context, registered: Registered) -> None:
        self._db = db
        self._clock = clock
        self._context = context
        self._registered = registered

    def carry_out(self) -> None:
        deaths = self._context.run.deaths
        if deaths >= FAIL_AFTER:
            self._finish("failed", error=error_of(deaths, undone=False).as_dict())
            return
        try:
            shutil.rmtree(self._context.scratch.parent, ignore_errors=True)  # what a killed claim left
            self._context.scratch.mkdir(parents=True, exist_ok=True, mode=0o700)
            result = self._with_retries()
            json.dumps(result)
        except Cancelled as error:
            self._stopped(error)
        except HoldfastError as error:
            if error.code != "claim_lost":
                self._finish("failed", error=error.as_dict())
        except Exception as error:  # noqa: BLE001 - whatever a task throws ends its run, not the runner
            self._unknown(error)
        else:
            crash_point("run.before_end")
            self._finish("succeeded", result=result)

    def _with_retries(self) -> Mapping[str, Any] | None:
        for wait in RETRY_WAITS:
            try:
                return self._registered.task(self._context)
            except Retryable as error:
                self._context.stop.check()
                self._note("warning", f"trying again in {wait:g} s: {error.message}", {"code": error.code})
                self._context.stop.wait(wait)
                self._context.stop.check()
        return self._registered.task(self._context)

    def _stopped(self, error: Cancelled) -> None:
        """Cancelled when someone asked; back to the queue when only this runner goes away."""

        def end(conn: sa.Connection) -> None:
            current = store.get(conn, self._context.run.id)
            asked = current is not None and current.cancel_requested_at is not None
            gave_up = self._context.stop.reason == REASON
            late = self._context.stop.reason == deadline.REASON
            if self._context.stop.stopped and not asked and not gave_up and not late:
                store.release(conn, self._context.run)
                return
            ended, why = "cancelled", error.as_dict()
            if gave_up:
                ended, why = "failed", error_of(self._context.run.deaths, undone=True).as_dict()
            elif late:
                why = deadline.error_of(self._context.run.deadline_seconds).as_dict()
            store.finish(conn, self._context.run, state=ended, now=self._clock.now(), error=why)

        self._surely(end)

    def _unknown(self, error: Exception) -> None:
        """A fault of ours: the traceback goes into the run's log only, since it may show values."""
        self._note("error", "the task failed", {"traceback": traceback.format_exc()})
        message = f"{type(error).__name__}: {error}"
        self._finish("failed", error=HoldfastError(message, code="internal").as_dict())

    def _finish(
        self, state: str, *, result: Mapping[str, Any] | None = None, error: Mapping[str, Any] | None = None
    ) -> None:
        last = self._context.meter.take()

        def end(conn: sa.Connection) -> None:
            store.finish(
                conn,
                self._context.run,
                state=state,
                now=self._clock.now(),
                result=result,
                error=error,
                progress=last,
            )

        self._surely(end)

    def _note(self, level: str, message: str, fields: dict[str, Any]) -> None:
        try:
            self._context.log_line(level, message, fields)
        except (Conflict, Retryable, sa.exc.SQLAlchemyError):
            _log.warning("a line of the run's log was not written", extra={"run": self._context.run.id})

    def _surely(self, end: Any) -> None:
        """Write the end however long the database takes: otherwise finished work would be done again.

        Only a runner that is shutting down gives up, after ten seconds; the run is then taken over.
        """
        wait, stopping_since = 0.1, None
        while True:
            try:
                with self._db.write() as conn:
                    end(conn)
                return
            except (Retryable, sa.exc.SQLAlchemyError):
                _log.exception("the end of a run could not be written; trying again")
            if self._context.stop.stopped:
                stopping_since = stopping_since or time.monotonic()
                if time.monotonic() - stopping_since > _GIVE_UP_SECONDS:
                    return
            time.sleep(wait)
            wait = min(5.0, wait * 2)
