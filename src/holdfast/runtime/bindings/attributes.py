"""What bindings hand out and raise inside a worker. Standard library only."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any, NoReturn


class JsDict(dict[str, Any]):
    """A dict whose keys are attributes too, where no method of dict has the name (as in Cloudflare's SDK)."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def to_py(self, **_: Any) -> JsDict:
        """Itself: older published workers convert what a binding gave."""
        return self


class JsList(list[Any]):
    """A list that published workers may convert as well."""

    def to_py(self, **_: Any) -> JsList:
        """Itself."""
        return self


class JsError(Exception):
    """JavaScript's Error: what published workers catch as `JsException`."""

    name = "Error"

    @property
    def message(self) -> str:
        return str(self)

    @classmethod
    def new(cls, message: str = "") -> JsError:
        """As `js.Error.new("...")`."""
        return JsError(message)

    @staticmethod
    def named(name: str, message: str) -> JsError:
        """An error that came from another worker as a value."""
        error = JsError(message)
        error.name = name
        return error


class NotAList:
    """A binding is one thing: iterating over it is told as the mistake it is, in Cloudflare's words."""

    def __iter__(self) -> NoReturn:
        raise TypeError(f"{type(self).__name__} object is not iterable")

    def __len__(self) -> NoReturn:
        raise TypeError(f"object of type {type(self).__name__} has no len()")

    def __bool__(self) -> bool:
        return True


class BindingError(JsError):
    """A binding refused a call, or could not make it. `name` is the error's type: "Error", "NotBound", "Overloaded",
    "Unavailable", "InternalError", and for a call of another worker whatever that raised."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name


class BindingLost(BindingError, ConnectionError):
    """The connection ended while a call was under way: a read may be repeated; a write may have been made or not."""


def raised(name: str, message: str) -> Exception:
    """The exception for an error that came back: Python's own where the worker used it wrongly."""
    if name == "TypeError":
        return TypeError(message)
    return BindingError(name, message)


def guarded(signal: Any) -> AbstractContextManager[None]:
    """What is awaited inside ends when `signal`, an AbortSignal or None, is aborted, and raises its reason."""
    return nullcontext() if signal is None else signal.guard()


def options(given: Any, named: dict[str, Any]) -> dict[str, Any]:
    """Options as JavaScript has them: one dict in the last place, or keyword arguments, or both."""
    if given is None:
        return named
    if not isinstance(given, dict):
        raise TypeError(f"options are a dict or keyword arguments, not {type(given).__name__}")
    return {**given, **named}
