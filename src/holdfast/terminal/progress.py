"""A run's progress on one line of stderr, with rate and time left."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping
from typing import Any, TextIO

from holdfast.client import Client, Event
from holdfast.kernel.errors import HoldfastError
from holdfast.terminal.output import note, seconds_text, size_text, visible

_BAR = 20


class RunFailed(HoldfastError):
    """A run ended without success; carries the run's own error."""

    default_code = "run_failed"


class WatchInterrupted(KeyboardInterrupt):
    """Ctrl-C while watching: the run goes on, and the message says so."""


def progress_text(progress: Mapping[str, Any]) -> str:
    """`capture  [#####---------------]  25%  12.0 MiB/48.0 MiB  4.0 MiB/s  0:09 left`."""
    done, total, unit = progress.get("done") or 0, progress.get("total"), progress.get("unit", "steps")
    shown = size_text if unit == "bytes" else lambda count: f"{count:,.0f}"
    parts = [visible(str(progress.get("phase") or "working"))]
    if total:
        share = min(1.0, done / total)
        filled = round(share * _BAR)
        parts += [f"[{'#' * filled}{'-' * (_BAR - filled)}]", f"{share:4.0%}", f"{shown(done)}/{shown(total)}"]
    elif done:
        parts.append(shown(done))
    if unit != "bytes" and (total or done):
        parts[-1] += f" {unit}"
    if progress.get("rate"):
        parts.append(f"{shown(progress['rate'])}/s")
    if progress.get("eta_seconds") is not None and total:
        parts.append(f"{seconds_text(progress['eta_seconds'])} left")
    return "  ".join(parts)


class ProgressLine:
    """Redraws in place on a terminal; elsewhere writes a line per phase, so that a log stays readable."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._live = self._stream.isatty()
        self._phase = ""
        self._drawn = False

    def see(self, event: Event) -> None:
        data: dict[str, Any] = event.data if isinstance(event.data, dict) else {}
        nested = data.get("progress")
        progress: dict[str, Any] = nested if isinstance(nested, dict) else data
        if "phase" not in progress:
            return
        if self._live:
            width = shutil.get_terminal_size().columns - 1
            self._stream.write("\r\x1b[K" + progress_text(progress)[:width])
            self._drawn = True
        elif progress["phase"] != self._phase:
            self._stream.write(f"{visible(str(progress['phase']))}\n")
        self._phase = progress["phase"]
        self._stream.flush()

    def clear(self) -> None:
        if self._drawn:
            self._stream.write("\r\x1b[K")
            self._stream.flush()
            self._drawn = False


def follow(client: Client, run_id: str, *, quiet: bool = False) -> dict[str, Any]:
    """Watch a run to its end and return it. Raises RunFailed when it did not succeed; Ctrl-C only stops watching."""
    line = ProgressLine()
    try:
        run = client.wait(run_id, (lambda _: None) if quiet else line.see)
    except KeyboardInterrupt:
        line.clear()
        note(f"\nStopped watching; the run goes on.\n  watch it:  holdfast run watch {run_id}")
        note(f"  cancel it: holdfast run cancel {run_id}")
        raise WatchInterrupted from None
    finally:
        line.clear()
    if run["state"] != "succeeded":
        raise run_error(run)
    return run


def run_error(run: Mapping[str, Any]) -> RunFailed:
    """Why a run did not succeed, in its own words."""
    error = run.get("error") or {}
    what = f"{run.get('kind', 'run')} {run.get('state')}"
    message = f"{what}: {error['message']}" if error.get("message") else f"{what} ({run.get('id')})"
    details = dict(error.get("details") or {}) | {"run_id": run.get("id"), "state": run.get("state")}
    hint = error.get("hint") or f"see its log: holdfast run show {run.get('id')}"
    return RunFailed(message, code=str(error.get("code") or run.get("state")), hint=hint, details=details)
