"""What belongs to the invocation that runs: its environment, its log, and work that outlives the answer."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Protocol


class Running(Protocol):
    """The host's side of an invocation, as the `workers` module needs it."""

    def keep(self, task: asyncio.Future[Any]) -> None:
        """The invocation is not over before `task` is (within the host's bound)."""

    def log(self, level: str, text: str) -> None: ...


class Env:
    """The bindings, variables and secrets of a version, read as attributes or items."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.__dict__.update(values)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        known = ", ".join(sorted(self.__dict__)) or "none"
        raise AttributeError(f"this worker has no binding, variable or secret named {name!r} (it has: {known})")

    def __getitem__(self, name: str) -> Any:
        if name in self.__dict__:
            return self.__dict__[name]
        raise KeyError(name)

    def __contains__(self, name: object) -> bool:
        return name in self.__dict__

    def __iter__(self) -> Iterator[str]:
        return iter(self.__dict__)

    def get(self, name: str, default: Any = None) -> Any:
        return self.__dict__.get(name, default)

    def __repr__(self) -> str:
        """Names only: otherwise a printed `env` puts the secrets into the log."""
        return f"Env({', '.join(sorted(self.__dict__))})"


invocation: ContextVar[Running | None] = ContextVar("holdfast_invocation", default=None)
_env: ContextVar[Any] = ContextVar("holdfast_env")
_default_env: list[Any] = [Env({})]
_loop: list[asyncio.AbstractEventLoop | None] = [None]


def set_env(env: Any) -> None:
    """The environment of this process: what `workers.env` is outside `patch_env`."""
    _default_env[0] = env


def set_loop(loop: asyncio.AbstractEventLoop) -> None:
    """The loop of this process, for threads that wait for something on it."""
    _loop[0] = loop


def loop() -> asyncio.AbstractEventLoop | None:
    """The loop of this process, None before it runs."""
    return _loop[0]


def run_sync(awaitable: Any) -> Any:
    """Wait for `awaitable` in a thread of a synchronous application, as `pyodide.ffi.run_sync`; what it raises is
    raised here. Raises RuntimeError on the loop itself, which would wait for itself for ever."""
    ours = _loop[0]
    if ours is None or _on_a_loop():
        if inspect.iscoroutine(awaitable):
            awaitable.close()
        raise RuntimeError("run_sync cannot wait inside a running event loop here: make the function async and await")

    async def wait() -> Any:
        return await awaitable

    return asyncio.run_coroutine_threadsafe(wait(), ours).result()


def can_run_sync() -> bool:
    """Whether `run_sync` may wait here, as `pyodide.ffi.can_run_sync`."""
    return _loop[0] is not None and not _on_a_loop()


def _on_a_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def current_env() -> Any:
    return _env.get(_default_env[0])


class _EnvProxy:
    """`from workers import env`: the environment of whatever runs now."""

    def __getattr__(self, name: str) -> Any:
        return getattr(current_env(), name)

    def __getitem__(self, name: str) -> Any:
        return current_env()[name]

    def __contains__(self, name: object) -> bool:
        return name in current_env()

    def __iter__(self) -> Iterator[str]:
        return iter(current_env())

    def get(self, name: str, default: Any = None) -> Any:
        return getattr(current_env(), name, default)

    def __repr__(self) -> str:
        return repr(current_env())


env: Any = _EnvProxy()


@contextmanager
def patch_env(values: Mapping[str, Any] | Iterable[tuple[str, Any]] = (), **named: Any) -> Iterator[None]:
    """These values in place of the version's own in `workers.env` for the block: for tests of a worker."""
    token = _env.set(Env({**dict(values), **named}))
    try:
        yield
    finally:
        _env.reset(token)


def wait_until(awaitable: Any) -> Any:
    """Go on with `awaitable` after the answer was sent (at most 30 s). Returns its task.

    Raises RuntimeError outside a request, TypeError for what cannot be awaited.
    """
    if not inspect.isawaitable(awaitable):
        raise TypeError(f"waitUntil takes something to await, not {type(awaitable).__name__}")
    running = invocation.get()
    if running is None:
        if inspect.iscoroutine(awaitable):
            awaitable.close()
        raise RuntimeError("waitUntil works only while a request or an event is handled")
    task = asyncio.ensure_future(awaitable)
    running.keep(task)
    return task


waitUntil = wait_until  # noqa: N816 - as published


class Context:
    """`ctx` of an invocation."""

    def __init__(self, props: Mapping[str, Any] | None = None, exports: Callable[[str], Any] | None = None) -> None:
        self.props = dict(props or {})
        self._exports = exports

    def waitUntil(self, awaitable: Any) -> None:  # noqa: N802 - as published
        wait_until(awaitable)

    wait_until = waitUntil

    def passThroughOnException(self) -> None:  # noqa: N802 - as published
        """Accepted and without effect: there is no origin server behind a worker here to pass a request to."""

    pass_through_on_exception = passThroughOnException

    @property
    def storage(self) -> Any:
        raise NotImplementedError("storage belongs to durable objects, and those are not there yet")
