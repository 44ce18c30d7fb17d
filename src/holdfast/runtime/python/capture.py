"""`print`, stderr and `logging` as lines of the invocation that wrote them."""

from __future__ import annotations

import io
import logging
import sys
from typing import Any

from holdfast.runtime.python.invocations import Invocation, Invocations
from holdfast.runtime.python.workers.context import invocation as current

_LEVELS = ((logging.ERROR, "error"), (logging.WARNING, "warn"), (logging.INFO, "info"))
_LONGEST_PART = 64 * 1024  # characters without a line end before they are passed on anyway


class Lines(io.TextIOBase):
    """A text stream whose whole lines go to the log. Parts of lines wait for their end, apart for each invocation."""

    def __init__(self, registry: Invocations, level: str) -> None:
        self._registry = registry
        self._level = level
        self._parts: dict[Any, str] = {}

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return "utf-8"

    def write(self, text: str) -> int:
        running = current.get()
        if not isinstance(text, str):
            raise TypeError(f"write() takes text, not {type(text).__name__}")
        whole = self._parts.pop(running, "") + text
        *lines, rest = whole.split("\n")
        for line in lines:
            self._say(running, line)
        if len(rest) > _LONGEST_PART:
            self._say(running, rest)
        elif rest:
            self._parts[running] = rest
        return len(text)

    def end(self, running: Invocation | None) -> None:
        """The invocation is over: what has no line end yet is a line."""
        if self._parts and (rest := self._parts.pop(running, "")):
            self._say(running, rest)

    def _say(self, running: Any, line: str) -> None:
        line = line.rstrip("\r")
        if running is not None:
            running.log(self._level, line)
        else:
            self._registry.line(None, self._level, line)

    def writable(self) -> bool:
        return True

    def flush(self) -> None:
        """Whole lines are passed on at once."""

    def isatty(self) -> bool:
        return False


class LogHandler(logging.Handler):
    """Records of the standard library's logging, with their level."""

    def __init__(self, registry: Invocations) -> None:
        super().__init__()
        self._registry = registry

    def emit(self, record: logging.LogRecord) -> None:
        try:
            text = self.format(record)
        except (TypeError, ValueError) as error:
            text = f"a log record could not be written: {error}: {record.msg!r}"
        level = next((name for least, name in _LEVELS if record.levelno >= least), "debug")
        running = current.get()
        if running is not None:
            running.log(level, text)
        else:
            self._registry.line(None, level, text)


def capture(registry: Invocations) -> tuple[Lines, Lines]:
    """From now on. `logging.basicConfig` sets level and format of our handler instead of writing to stderr."""
    out, err = Lines(registry, "info"), Lines(registry, "error")
    sys.stdout, sys.stderr = out, err
    ours = LogHandler(registry)
    root = logging.getLogger()
    root.addHandler(ours)
    original = logging.basicConfig

    def basic_config(**options: Any) -> None:
        own_ways = {"filename", "stream", "handlers"} & options.keys()
        if own_ways or root.handlers != [ours]:
            original(**options)
            return
        if options.get("level") is not None:
            root.setLevel(options["level"])
        if "format" in options:
            style = options.get("style", "%")
            ours.setFormatter(logging.Formatter(options["format"], options.get("datefmt"), style))

    logging.basicConfig = basic_config
    return out, err
