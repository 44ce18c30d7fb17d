"""What published Python workers use of JavaScript's globals, as Python objects: the module `js` of a worker.

There is no JavaScript engine. `X.new(...)` calls the constructor; plain objects are dicts with attributes.
"""

from __future__ import annotations

import asyncio
import base64
import json
import math
import os
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from holdfast.runtime.bindings.attributes import JsError
from holdfast.runtime.python.workers.context import invocation as _current
from holdfast.runtime.python.workers.headers import Headers
from holdfast.runtime.python.workers.sockets import WebSocketPair

Error = JsError  # one class: bindings raise it, workers catch it


class JsObject(dict[str, Any]):
    """A plain object: items and attributes are the same."""

    def __getattr__(self, name: str) -> Any:
        if name in self:
            return self[name]
        if name.startswith("__"):
            raise AttributeError(name)
        return None

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def to_py(self, **options: Any) -> dict[str, Any]:
        return dict(self)

    def object_entries(self) -> list[tuple[str, Any]]:
        return list(self.items())


def to_object(value: Any) -> Any:
    """Dicts, also inner ones, as plain objects."""
    if isinstance(value, Mapping):
        return JsObject({key: to_object(each) for key, each in value.items()})
    if isinstance(value, list | tuple):
        return [to_object(each) for each in value]
    return value


class Object:
    @staticmethod
    def new(value: Any = None) -> JsObject:
        return JsObject(value or {})

    @staticmethod
    def fromEntries(entries: Iterable[Any]) -> JsObject:  # noqa: N802 - as published
        pairs = entries.items() if isinstance(entries, Mapping) else entries
        return JsObject({str(key): value for key, value in pairs})

    @staticmethod
    def entries(value: Any) -> list[list[Any]]:
        return [[key, each] for key, each in _items(value)]

    @staticmethod
    def keys(value: Any) -> list[Any]:
        return [key for key, _ in _items(value)]

    @staticmethod
    def values(value: Any) -> list[Any]:
        return [each for _, each in _items(value)]

    @staticmethod
    def assign(target: Any, *sources: Any) -> Any:
        for source in sources:
            target.update(dict(_items(source)))
        return target


def _items(value: Any) -> list[tuple[Any, Any]]:
    if isinstance(value, WebSocketPair):
        return [(str(at), end) for at, end in enumerate(value)]
    if isinstance(value, Mapping) or hasattr(value, "items"):
        return list(value.items())
    if isinstance(value, list | tuple | str):
        return [(str(at), each) for at, each in enumerate(value)]
    return list(vars(value).items())


class _JSON:
    @staticmethod
    def stringify(value: Any, replacer: Any = None, space: Any = None) -> str:
        separators = None if space else (",", ":")
        return json.dumps(value, indent=space or None, separators=separators, ensure_ascii=False, default=_plain)

    @staticmethod
    def parse(text: Any) -> Any:
        return to_object(json.loads(text))


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if isinstance(value, Date):
        return value.toISOString()
    if isinstance(value, Headers):
        return dict(value.items())
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} has no form in JSON")


class _Console:
    """Lines of the invocation's log, with their level."""

    @staticmethod
    def _say(level: str, parts: tuple[Any, ...]) -> None:
        text = " ".join(part if isinstance(part, str) else _shown(part) for part in parts)
        if (running := _current.get()) is not None:
            running.log(level, text)
        else:
            print(text)  # noqa: T201 - outside a request; captured

    def log(self, *parts: Any) -> None:
        self._say("info", parts)

    info = log

    def debug(self, *parts: Any) -> None:
        self._say("debug", parts)

    trace = debug

    def warn(self, *parts: Any) -> None:
        self._say("warn", parts)

    def error(self, *parts: Any) -> None:
        self._say("error", parts)


def _shown(value: Any) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, default=_plain)
    except (TypeError, ValueError):
        return repr(value)


class Date:
    """A moment in milliseconds."""

    def __init__(self, value: Any = None) -> None:
        if value is None:
            self._ms = time.time() * 1000
        elif isinstance(value, int | float):
            self._ms = float(value)
        elif isinstance(value, datetime):
            self._ms = value.timestamp() * 1000
        else:
            moment = datetime.fromisoformat(str(value))
            self._ms = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000

    @classmethod
    def new(cls, value: Any = None) -> Date:
        return cls(value)

    @staticmethod
    def now() -> int:
        return int(time.time() * 1000)

    def getTime(self) -> int:  # noqa: N802 - as published
        return int(self._ms)

    valueOf = getTime  # noqa: N815 - as published

    def toISOString(self) -> str:  # noqa: N802 - as published
        return self.to_py().isoformat(timespec="milliseconds").replace("+00:00", "Z")

    toJSON = toString = __str__ = toISOString  # noqa: N815 - as published

    def to_py(self) -> datetime:
        return datetime.fromtimestamp(self._ms / 1000, UTC)


class _Crypto:
    @staticmethod
    def randomUUID() -> str:  # noqa: N802 - as published
        return str(uuid.uuid4())

    @staticmethod
    def getRandomValues(array: Any) -> Any:  # noqa: N802 - as published
        view = memoryview(array).cast("B")
        view[:] = os.urandom(len(view))
        return array


class _Array:
    @staticmethod
    def new(*items: Any) -> list[Any]:
        return list(items)

    @staticmethod
    def isArray(value: Any) -> bool:  # noqa: N802 - as published
        return isinstance(value, list | tuple)


setattr(_Array, "from", staticmethod(list))  # a keyword in Python, reached by getattr


class Uint8Array(bytearray):
    """Bytes that can be written."""

    @classmethod
    def new(cls, value: Any = 0) -> Uint8Array:
        return cls(value)

    @property
    def buffer(self) -> Uint8Array:
        """Itself: what takes an ArrayBuffer takes this."""
        return self

    def to_py(self) -> memoryview:
        return memoryview(self)

    def to_bytes(self) -> bytes:
        return bytes(self)


class TextEncoder:
    @classmethod
    def new(cls) -> TextEncoder:
        return cls()

    def encode(self, text: str = "") -> bytes:
        return text.encode()


class TextDecoder:
    """Text from bytes, also when a character is split between two pieces."""

    def __init__(self, label: str = "utf-8") -> None:
        import codecs

        self._decoder = codecs.getincrementaldecoder(label)("replace")

    @classmethod
    def new(cls, label: str = "utf-8", options: Any = None) -> TextDecoder:
        return cls(label)

    def decode(self, data: Any = b"", options: Any = None, *, stream: bool = False) -> str:
        more = stream or bool((options or {}).get("stream"))
        text = self._decoder.decode(bytes(data), final=not more)
        if not more:
            self._decoder.reset()
        return text


def setTimeout(callback: Callable[..., Any], milliseconds: float = 0, *arguments: Any) -> asyncio.TimerHandle:  # noqa: N802
    return asyncio.get_running_loop().call_later(milliseconds / 1000, callback, *arguments)


def clearTimeout(handle: asyncio.TimerHandle | None) -> None:  # noqa: N802 - as published
    if handle is not None:
        handle.cancel()


def atob(text: str) -> str:
    return base64.b64decode(text).decode("latin-1")


def btoa(text: str) -> str:
    return base64.b64encode(text.encode("latin-1")).decode()


def encodeURIComponent(text: Any) -> str:  # noqa: N802 - as published
    from urllib.parse import quote

    return quote(str(text), safe="!'()*-._~")


def decodeURIComponent(text: str) -> str:  # noqa: N802 - as published
    from urllib.parse import unquote

    return unquote(text, errors="strict")


class _Promise:
    @staticmethod
    async def all(awaitables: Iterable[Any]) -> list[Any]:
        return list(await asyncio.gather(*awaitables))

    @staticmethod
    async def resolve(value: Any = None) -> Any:
        return value


class _Performance:
    @staticmethod
    def now() -> float:
        return time.monotonic() * 1000


JSON = _JSON()
console = _Console()
crypto = _Crypto()
Array = _Array()
Promise = _Promise()
performance = _Performance()
Math = math
undefined = None
