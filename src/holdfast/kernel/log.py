"""The log: JSON lines (a readable form on a terminal), the request's and run's id on each, no secret on any.

Every line of every library passes the same redaction, whichever logger wrote it.
"""

from __future__ import annotations

import json as jsons
import logging
import re
import sys
import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, TextIO

import structlog

_HIDDEN = "[hidden]"
_SECRET_KEY = re.compile(
    r"(^|_|-)(password|passwd|token|secret|authorization|cookie|master_key|private_key|api_key)(s)?$", re.IGNORECASE
)
_MIN_LENGTH = 8
_MAX_VALUES = 4096
_values: OrderedDict[str, None] = OrderedDict()
_lock = threading.Lock()
_ids: ContextVar[Mapping[str, str]] = ContextVar("holdfast_log_ids", default={})  # noqa: B039 - never changed in place
_plain_lines: logging.Handler | None = None  # where `told` may write by itself: JSON lines, and nobody else listens


def register_secret(value: str) -> None:
    """From now on `value` is cut out of every log line of this process.

    Values under 8 characters are not taken: cutting them out would make ordinary lines unreadable.
    The newest 4096 are kept.
    """
    if len(value) < _MIN_LENGTH:
        return
    with _lock:
        _values[value] = None
        _values.move_to_end(value)
        if len(_values) > _MAX_VALUES:
            _values.popitem(last=False)


def redact(value: Any) -> Any:
    """`value` with registered secrets and secret-named keys hidden, at any depth."""
    with _lock:
        known = tuple(_values)
    return _redact(value, known)


def _redact(value: Any, known: tuple[str, ...]) -> Any:
    if isinstance(value, str):
        for secret in known:
            if secret in value:
                value = value.replace(secret, _HIDDEN)
        return value
    if isinstance(value, bytes):
        return _redact(value.decode("utf-8", "replace"), known)
    if isinstance(value, Mapping):
        return {
            _redact(key, known): _HIDDEN if _names_secret(key) and item else _redact(item, known)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple | set | frozenset):
        return [_redact(item, known) for item in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    return _redact(str(value), known)


def _names_secret(key: object) -> bool:
    return isinstance(key, str) and _is_secrets_name(key)


@lru_cache(maxsize=1024)
def _is_secrets_name(key: str) -> bool:
    return _SECRET_KEY.search(key) is not None


def _with_ids(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return {**_ids.get(), **event}


def _redact_line(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
    kept = {key: event[key] for key in ("_record", "_from_structlog", "exc_info") if key in event}
    rest = {key: item for key, item in event.items() if key not in kept}
    return {**redact(rest), **kept}


def configure(level: str = "info", *, stream: TextIO | None = None, json: bool | None = None) -> None:
    """Send this process's log to `stream` (standard error), as JSON unless it is a terminal."""
    out = stream or sys.stderr
    as_json = json if json is not None else not out.isatty()
    first: list[Any] = [
        _with_ids,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*first, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    # The traceback becomes text before redaction: an exception's message may quote a connection string.
    last: list[Any] = [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        structlog.processors.format_exc_info,
        _redact_line,
        structlog.processors.JSONRenderer(default=str)
        if as_json
        else structlog.dev.ConsoleRenderer(colors=out.isatty()),
    ]
    handler = logging.StreamHandler(out)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=first, processors=last))
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level.upper())
    global _plain_lines  # noqa: PLW0603 - the root logger is one per process, and so is this
    _plain_lines = handler if as_json else None
    _through_root(("uvicorn", "uvicorn.error", "uvicorn.access"))
    for name in ("httpx", "httpcore"):  # they log whole addresses: a webhook's may hold its secret
        logging.getLogger(name).setLevel(logging.WARNING)


def _through_root(names: Iterable[str]) -> None:
    """Libraries that bring their own handlers would write past the redaction."""
    for name in names:
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
        logger.disabled = False
        logger.setLevel(logging.NOTSET)  # the root's level decides for all


def get(name: str) -> structlog.stdlib.BoundLogger:
    """A logger; `log.info("what happened", key=value)`."""
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return logger


def told(name: str, event: str, **fields: Any) -> None:
    """`get(name).info(event, ...)`, the same line with the same redaction, at a third of its cost: for what every
    request says."""
    handler, root = _plain_lines, logging.getLogger()
    if not isinstance(handler, logging.StreamHandler) or root.handlers != [handler]:
        get(name).info(event, **fields)
        return
    if not logging.getLogger(name).isEnabledFor(logging.INFO):
        return
    at = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    line = {**_ids.get(), **fields, "event": event, "level": "info", "logger": name, "timestamp": at}
    text = jsons.dumps(redact(line), default=str) + handler.terminator
    with handler.lock or threading.Lock():
        handler.stream.write(text)
        handler.flush()


@contextmanager
def bound(**ids: str | None) -> Iterator[None]:
    """Within it every line of this thread or task carries these ids (`request_id`, `run_id`, `address`)."""
    token = _ids.set({**_ids.get(), **{key: item for key, item in ids.items() if item is not None}})
    try:
        yield
    finally:
        _ids.reset(token)


def current(name: str) -> str | None:
    """The id bound in this context, as `audit.record` uses it."""
    return _ids.get().get(name)
