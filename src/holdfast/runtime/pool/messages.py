"""What a process says on its channel, read with distrust: whoever runs in the sandbox may write there.

Wrong types, oversized or endless texts and half surrogate pairs become something that can be stored, or nothing.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any

from holdfast.runtime.live import LiveVersion
from holdfast.runtime.telemetry import BOUNDS_MS, Invocation, LogLine, Tally

LARGEST = 64 * 1024
_OUTCOMES = frozenset({"ok", "exception", "timeout", "cancelled", "exceededCpu", "exceededMemory"})
_TRIGGERS = frozenset({"http", "scheduled", "rpc", "websocket"})
_LEVELS = frozenset({"debug", "log", "info", "warn", "warning", "error"})  # "system" is ours
_BIGGEST = 2**53
_MOST_MODULES = 1000
_MODULE = re.compile(r"[A-Za-z_][A-Za-z0-9_.]{0,199}")
_MOST_TALLIED = 1_000_000  # invocations of one process in a second: more is a lie


def read(packet: bytes) -> Mapping[str, Any] | None:
    """The message, or None for what is none."""
    try:
        message = json.loads(packet)
    except (ValueError, RecursionError):
        return None
    return message if isinstance(message, dict) and isinstance(message.get("t"), str) else None


def modules(value: Any) -> tuple[str, ...]:
    """Names of modules, of what may be anything. They are only ever told to processes of the same version."""
    if not isinstance(value, list):
        return ()
    return tuple(each for each in value[:_MOST_MODULES] if isinstance(each, str) and _MODULE.fullmatch(each))


def line(version: LiveVersion, message: Mapping[str, Any], now_ms: int) -> LogLine:
    level = message.get("level")
    return LogLine(
        worker_id=version.worker_id,
        version_id=version.id,
        at=_moment(message.get("at"), now_ms),
        level=level if isinstance(level, str) and level in _LEVELS else "log",
        text=text(message.get("text"), 32 * 1024) or "",
        invocation=text(message.get("invocation"), 64),
    )


def invocation(version: LiveVersion, message: Mapping[str, Any], now_ms: int) -> Invocation:
    trigger, outcome = message.get("trigger"), message.get("outcome")
    memory = number(message.get("memory_bytes"))
    return Invocation(
        id=text(message.get("id"), 64) or "",
        worker_id=version.worker_id,
        version_id=version.id,
        at=_moment(message.get("at"), now_ms),
        trigger=trigger if isinstance(trigger, str) and trigger in _TRIGGERS else "http",
        outcome=outcome if isinstance(outcome, str) and outcome in _OUTCOMES else "exception",
        wall_ms=max(0.0, number(message.get("wall_ms")) or 0.0),
        method=text(message.get("method"), 32),
        path=text(message.get("path"), 2048),
        status=_status(message.get("status")),
        cpu_ms=number(message.get("cpu_ms")),
        memory_bytes=None if memory is None else int(memory),
        error=error(message.get("error")),
        ray=text(message.get("ray"), 64),
    )


def tally(version: LiveVersion, message: Mapping[str, Any], now_ms: int) -> Tally | None:
    """None for what cannot be one."""
    trigger, durations = message.get("trigger"), message.get("durations")
    if not isinstance(durations, list) or len(durations) != len(BOUNDS_MS) + 1:
        return None
    counts = tuple(each for each in durations if type(each) is int and 0 <= each <= _MOST_TALLIED)
    if len(counts) != len(durations) or not 0 < sum(counts) <= _MOST_TALLIED or message.get("count") != sum(counts):
        return None
    memory = number(message.get("memory_bytes"))
    return Tally(
        worker_id=version.worker_id,
        version_id=version.id,
        at=_moment(message.get("at"), now_ms),
        trigger=trigger if isinstance(trigger, str) and trigger in _TRIGGERS else "http",
        count=sum(counts),
        wall_ms=max(0.0, number(message.get("wall_ms")) or 0.0),
        cpu_ms=max(0.0, number(message.get("cpu_ms")) or 0.0),
        memory_bytes=None if memory is None else int(memory),
        durations=counts,
        status=_status(message.get("status")),
    )


def unfit(message: Mapping[str, Any], now_ms: int) -> tuple[int, int] | None:
    """When, and how many answers were not what their schemas say. None for what cannot be so many."""
    count = message.get("count")
    if type(count) is not int or not 0 < count <= _MOST_TALLIED:
        return None
    return _moment(message.get("at"), now_ms), count


def error(value: object) -> dict[str, str] | None:
    """{"type", "message", "stack"}, each a text; None when there is none."""
    if not isinstance(value, Mapping):
        return None
    return {name: text(value.get(name), 16 * 1024) or "" for name in ("type", "message", "stack")}


def words(value: object) -> str:
    """An error for people, in one paragraph."""
    found = error(value) or {}
    said = ": ".join(part for part in (found.get("type"), found.get("message")) if part)
    return said[:2000] or "it ended while it was loaded"


def text(value: object, most: int) -> str | None:
    """None for what is no text. Storable: whole characters, no half pairs, no zero bytes."""
    if not isinstance(value, str):
        return None
    return value[:most].encode("utf-8", "replace").decode().replace("\x00", "\ufffd")


def number(value: object) -> float | None:
    """None for what is no number, or none that can be kept."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        found = float(value)
    except OverflowError:
        return None
    return found if math.isfinite(found) and abs(found) <= _BIGGEST else None


def _status(value: object) -> int | None:
    found = number(value)
    return None if found is None else int(found)


def _moment(value: object, now_ms: int) -> int:
    """Its own clock, where that is near ours: rows of the year 9999 would never be removed."""
    found = number(value)
    return int(found) if found is not None and now_ms - 3_600_000 <= found <= now_ms + 60_000 else now_ms
