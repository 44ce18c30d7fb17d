"""`pyodide.ffi`: conversions that have nothing to convert, because both sides are Python."""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable
from typing import Any

from holdfast.runtime.python.javascript import Error as _Error
from holdfast.runtime.python.javascript import Object as _Object
from holdfast.runtime.python.javascript import Uint8Array as _Uint8Array
from holdfast.runtime.python.javascript import to_object as _to_object
from holdfast.runtime.python.workers.context import can_run_sync as can_run_sync  # noqa: PLC0414 - published here
from holdfast.runtime.python.workers.context import run_sync as run_sync  # noqa: PLC0414
from holdfast.runtime.python.workers.streams import Chunk as _Chunk

JsException = _Error
JsError = _Error
jsnull = None


class JsProxy:
    """What JavaScript would hand out. Nothing here is one: `isinstance` says no, and what would convert it is left."""

    def __class_getitem__(cls, parts: Any) -> types.GenericAlias:
        return types.GenericAlias(cls, parts)


JsArray = JsBuffer = JsCallable = JsDoubleProxy = JsFetchResponse = JsGenerator = JsIterable = JsIterator = JsProxy
JsMap = JsMutableMap = JsPromise = JsTypedArray = JsAsyncGenerator = JsAsyncIterable = JsAsyncIterator = JsProxy


class ConversionError(TypeError):
    """A value that could not be converted."""


def to_js(value: Any, /, *, dict_converter: Callable[..., Any] | None = None, **options: Any) -> Any:
    """The value; with `dict_converter=Object.fromEntries` its dicts can be read by attributes too. Bytes have the
    methods of a typed array, such as `to_js(data).buffer` for a body."""
    if isinstance(value, bytes):
        return _Chunk(value)
    if isinstance(value, bytearray | memoryview):
        return value if isinstance(value, _Uint8Array) else _Uint8Array(value)
    if dict_converter is _Object.fromEntries:
        return _to_object(value)
    return value


def create_proxy(value: Any, /, **options: Any) -> Any:
    """The value itself: what is called by Python needs no proxy. `destroy()` is there for what can carry it."""
    if inspect.ismethod(value) or not callable(value):
        return value
    try:
        value.destroy = _nothing
    except (AttributeError, TypeError):
        return value
    return value


create_once_callable = create_proxy


def destroy_proxies(proxies: Any) -> None:
    """Nothing to free."""


def _nothing() -> None:
    """Nothing to free."""
