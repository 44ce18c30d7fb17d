"""Functions and objects that stay where they are while other workers call them: stubs, as Cloudflare's RPC has them."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import inspect
from abc import ABC, abstractmethod
from collections.abc import Generator, Mapping, Sequence
from typing import Any, Final

from holdfast.runtime.bindings.attributes import BindingError
from holdfast.runtime.python.workers import context
from holdfast.runtime.python.workers.entrypoints import python_from_rpc, python_to_rpc

DISPOSED: Final = "RPC stub used after being disposed."
_OURS: Final = frozenset(("dispose", "dup"))  # of a stub itself: never of what it stands for
_NO_METHODS: Final = frozenset(("then", "connect"))  # what JavaScript would ask a promise or a socket for


class RpcTarget:
    """Base of classes whose instances are passed to other workers by reference: those get a stub.

    Methods and properties of the class can be called and awaited through it, also ones that are not async; attributes
    of the instance and names that begin with an underscore cannot.
    """

    def dispose(self) -> Any:
        """Called once the last stub of one passing was disposed, or its session has ended. To be overridden."""


class Handle(ABC):
    """What a stub stands for, with the number of stubs that share it."""

    def __init__(self) -> None:
        self.stubs = 1

    @abstractmethod
    async def call(self, method: str | None, args: Sequence[Any], named: Mapping[str, Any]) -> Any:
        """Call it, or a method of it. Raises BindingError, and what the call raises."""

    @abstractmethod
    async def get(self, name: str) -> Any:
        """The value of a property, or a method as a function. Raises BindingError."""

    @abstractmethod
    def close(self) -> None:
        """Nobody holds it any more."""

    @abstractmethod
    def check(self) -> None:
        """Raises BindingError when whoever runs now cannot use it, so that it is not passed on in vain."""

    def release(self) -> None:
        """One stub less."""
        self.stubs -= 1
        if not self.stubs:
            self.close()


class LocalHandle(Handle):
    """A function or an RpcTarget of this worker."""

    def __init__(self, target: Any) -> None:
        super().__init__()
        self._target = target
        self._context = contextvars.copy_context()

    async def call(self, method: str | None, args: Sequence[Any], named: Mapping[str, Any]) -> Any:
        function = self._target if method is None else self._member(method, reading=False)
        if not callable(function):
            raise TypeError(f"this stub stands for a {type(function).__name__}, which is not a function")
        result = function(*args, **named)
        return await result if inspect.isawaitable(result) else result

    async def get(self, name: str) -> Any:
        result = self._member(name, reading=True)
        return await result if inspect.isawaitable(result) else result

    def check(self) -> None:
        """What is this worker's own can be used by whoever has it."""

    def _member(self, name: str, *, reading: bool) -> Any:
        target = self._target
        if isinstance(target, RpcTarget) and not name.startswith("_") and name not in _OURS:
            classes = [each for each in type(target).__mro__ if each not in (object, RpcTarget)]
            found = next((vars(each)[name] for each in classes if name in vars(each)), None)
            is_property = isinstance(found, property | functools.cached_property)
            if (is_property and reading) or (not is_property and inspect.isroutine(found)):
                return getattr(target, name)
        kind = type(target).__name__
        raise BindingError("TypeError", f"{kind[:100]} has no method or property {name[:100]!r} that can be called")

    def close(self) -> None:
        """The target hears of it in the invocation that passed it."""
        target, self._target = self._target, None
        if isinstance(target, RpcTarget) and type(target).dispose is not RpcTarget.dispose:
            task = self._context.run(asyncio.ensure_future, _dispose(target))
            _disposing.add(task)
            task.add_done_callback(_disposing.discard)


_disposing: set[asyncio.Future[None]] = set()  # the loop itself keeps no task alive


async def _dispose(target: RpcTarget) -> None:
    result = target.dispose()
    if inspect.isawaitable(result):
        await result


class RpcStub:
    """Stands for a function or an RpcTarget: `await stub(...)`, `await stub.method(...)`, `await stub.property`.

    It works as long as the call that got it is handled, and no longer than until `dispose()`, the end of a
    `with stub:`, or until nobody refers to it.
    """

    __slots__ = ("_handle",)

    def __init__(self, target: Any) -> None:
        if not isinstance(target, Handle | RpcTarget) and (not callable(target) or isinstance(target, type)):
            raise TypeError(f"a stub stands for a function or an RpcTarget, not for a {type(target).__name__}")
        self._handle: Handle | None = target if isinstance(target, Handle) else LocalHandle(target)

    async def __call__(self, *args: Any, **named: Any) -> Any:
        return await held(self).call(None, args, named)

    def __getattr__(self, name: str) -> RpcProperty:
        if name.startswith("_") or name in _NO_METHODS:
            raise AttributeError(name)
        return RpcProperty(self, name)

    def dup(self) -> RpcStub:
        """Another stub of the same: what it stands for is kept until both are disposed. Raises BindingError."""
        handle = held(self)
        handle.stubs += 1
        return RpcStub(handle)

    def dispose(self) -> None:
        """It is not needed any more. Does nothing the second time."""
        handle, self._handle = self._handle, None
        if handle is not None:
            handle.release()

    def __enter__(self) -> RpcStub:
        return self

    def __exit__(self, *_: object) -> None:
        self.dispose()

    def __repr__(self) -> str:
        return "RpcStub(disposed)" if self._handle is None else "RpcStub()"

    def __del__(self) -> None:
        handle = getattr(self, "_handle", None)
        if handle is not None and (loop := context.loop()) is not None and not loop.is_closed():
            loop.call_soon_threadsafe(handle.release)  # in whatever thread and turn it was collected


class RpcProperty:
    """A name of what a stub stands for: called, it is a method; awaited, a property."""

    __slots__ = ("_name", "_stub")

    def __init__(self, stub: RpcStub, name: str) -> None:
        self._stub, self._name = stub, name

    async def __call__(self, *args: Any, **named: Any) -> Any:
        return await held(self._stub).call(self._name, args, named)

    def __await__(self) -> Generator[Any, None, Any]:
        return self._value().__await__()

    async def _value(self) -> Any:
        """Refers to the stub until the value is there: otherwise it could be disposed before it is asked."""
        return await held(self._stub).get(self._name)


def held(stub: RpcStub) -> Handle:
    """What it stands for. Raises BindingError when it was disposed."""
    if stub._handle is None:
        raise BindingError("Error", DISPOSED)
    return stub._handle


def passable(value: Any) -> bool:
    """Whether a value is passed by reference."""
    return isinstance(value, RpcStub | RpcTarget) or (callable(value) and not isinstance(value, type))


def reference(value: Any) -> RpcStub:
    """A stub of its own for what is passed; a stub that is passed on lives until both sides have disposed theirs.
    Raises BindingError for one that cannot be used."""
    if not isinstance(value, RpcStub):
        return RpcStub(value)
    held(value).check()
    return value.dup()


__all__ = ["RpcProperty", "RpcStub", "RpcTarget", "python_from_rpc", "python_to_rpc"]
