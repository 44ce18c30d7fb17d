"""`pyodide.ffi`: conversions that have nothing to convert, because both sides are Python."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from holdfast.runtime.python.javascript import Error as _Error
from holdfast.runtime.python.javascript import Object as _Object
from holdfast.runtime.python.javascript import to_object as _to_object
from holdfast.runtime.python.workers.context import run_sync as run_sync  # noqa: PLC0414 - published here

JsException = _Error
JsError = _Error
jsnull = None


class JsArray(list[Any]):
    """Named in annotations only."""


class JsPromise:
    """Named in annotations only."""


class ConversionError(TypeError):
    """A value that could not be converted."""


def to_js(value: Any, /, *, dict_converter: Callable[..., Any] | None = None, **options: Any) -> Any:
    """The value; with `dict_converter=Object.fromEntries` its dicts can be read by attributes too."""
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
