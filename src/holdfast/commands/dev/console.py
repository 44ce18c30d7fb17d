"""What `dev` says: requests, what they print, reloads and what went wrong, as they happen."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from holdfast.features.workers.wording import invocation_text, line_text
from holdfast.runtime.telemetry import TelemetryWriter
from holdfast.runtime.telemetry.records import Invocation, LogLine
from holdfast.terminal import output

NOT_STARTED = "the process did not start"


class Console:
    """Lines for people, or one JSON object each. Safe to call from any thread."""

    def __init__(self, *, as_json: bool) -> None:
        self._json = as_json

    def event(self, kind: str, text: str, **more: Any) -> None:
        """`kind`: ready, reloaded, failed, note."""
        if self._json:
            self._write(json.dumps({"type": kind, "message": text, **more}, ensure_ascii=False))
        else:
            self._write(output.visible(text))

    def log(self, line: LogLine) -> None:
        if self._json:
            facts = {"type": "log", "at": line.at, "worker": line.worker_id, "level": line.level, "message": line.text}
            self._write(json.dumps(facts | {"invocation": line.invocation}, ensure_ascii=False))
            return
        self._write(line_text(line.level, line.text))

    def invocation(self, each: Invocation) -> None:
        if self._json:
            facts: dict[str, Any] = {"type": "invocation", "worker": each.worker_id, "version": each.version_id}
            names = ("id", "at", "trigger", "method", "path", "status", "outcome", "wall_ms", "cpu_ms", "error")
            self._write(json.dumps(facts | {name: getattr(each, name) for name in names}, ensure_ascii=False))
            return
        self._write(invocation_text(vars(each)))

    @staticmethod
    def _write(text: str) -> None:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()  # a pipe gets it now, not when its buffer is full


class Telling(TelemetryWriter):
    """Telemetry that is kept as ever, and said at once."""

    def __init__(self, path: Path, console: Console) -> None:
        self._console = console
        self.traces: dict[str, str] = {}  # by version, what it said outside of any invocation: why an import failed
        super().__init__(path)

    def invocation(self, each: Invocation) -> None:
        self._console.invocation(each)
        super().invocation(each)

    def log(self, line: LogLine) -> None:
        if line.invocation is None and line.level == "error":
            self.traces[line.version_id] = line.text
        if not (line.level == "system" and line.text.startswith(NOT_STARTED)):  # `failed` says that
            self._console.log(line)
        super().log(line)


def milliseconds_since(began: float) -> str:
    return output.seconds_text(time.monotonic() - began)
