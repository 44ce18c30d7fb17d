"""AbortSignal and AbortController (DOM standard, 3): what has begun can be told to end.

`await fetch(url, signal=AbortSignal.timeout(5000))`, or `controller.abort()` from somewhere else.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any
from weakref import WeakSet

from holdfast.runtime.bindings.attributes import JsError
from holdfast.runtime.python.workers.sockets import Event

_LOG = logging.getLogger("abort")


class AbortError(JsError):
    """What was waited for was aborted. `reason` is what `abort` was given, where that is no exception."""

    name = "AbortError"

    def __init__(self, message: str = "The operation was aborted", reason: Any = None) -> None:
        super().__init__(message)
        self.reason = reason


class SignalTimeoutError(JsError, TimeoutError):
    """The time of an `AbortSignal.timeout` is over. A TimeoutError for Python, a JsException named so for the rest."""

    name = "TimeoutError"


class AbortSignal:
    """Says once that something is to end, and why. Made by an AbortController, `timeout`, `abort` or `any`."""

    _onabort: Any = None

    def __init__(self) -> None:
        self.aborted: bool = False
        self.reason: Any = None
        self._listeners: list[Any] = []
        self._guards: list[Callable[[], None]] = []
        self._sources: list[AbortSignal] = []  # those that `any` joined
        self._joined: WeakSet[AbortSignal] = WeakSet()  # a signal for all requests does not keep those of each
        self._heard: set[AbortSignal] = set()  # of these, the ones that somebody listens to
        self._tasks: set[asyncio.Future[Any]] = set()

    @staticmethod
    def abort(reason: Any = None) -> AbortSignal:
        """One that is aborted already."""
        signal = AbortSignal()
        signal._abort(reason)
        return signal

    @staticmethod
    def timeout(milliseconds: float) -> AbortSignal:
        """One that is aborted with a TimeoutError after so many milliseconds. Needs the event loop."""
        signal = AbortSignal()
        over = SignalTimeoutError("The operation was aborted due to timeout")
        asyncio.get_running_loop().call_later(max(milliseconds, 0) / 1000, signal._abort, over)
        return signal

    @staticmethod
    def any(signals: Iterable[AbortSignal]) -> AbortSignal:
        """One that is aborted, with the same reason, as soon as one of `signals` is."""
        joined, sources = AbortSignal(), list(signals)
        for each in sources:
            if each.aborted:
                joined._abort(each.reason)
                return joined
        joined._sources = sources
        for each in sources:
            each._joined.add(joined)
        return joined

    def throwIfAborted(self) -> None:  # noqa: N802 - as published
        """Raises the reason; AbortError where that is no exception."""
        if self.aborted:
            raise self._error()

    def addEventListener(self, type: str, listener: Any, options: Any = None) -> None:  # noqa: N802 - as published
        """`abort` is the only event, and it comes once."""
        if type == "abort" and not self.aborted and listener not in self._listeners:
            self._listeners.append(listener)
            self._hold()

    def removeEventListener(self, type: str, listener: Any, options: Any = None) -> None:  # noqa: N802 - as published
        if type == "abort" and listener in self._listeners:
            self._listeners.remove(listener)
            self._let_go()

    @property
    def onabort(self) -> Any:
        """One listener more, which another takes the place of."""
        return self._onabort

    @onabort.setter
    def onabort(self, listener: Any) -> None:
        self.removeEventListener("abort", self._onabort)
        self._onabort = listener
        if listener is not None:
            self.addEventListener("abort", listener)

    def guard(self) -> AbstractContextManager[None]:
        """`with signal.guard():` what is awaited inside ends when the signal is aborted, and raises the reason."""
        return Guarded(self)

    def _hold(self) -> None:
        """Who is listened to lives as long as what he was joined of, also through others."""
        for source in self._sources:
            source._heard.add(self)
            source._hold()

    def _let_go(self) -> None:
        if not self._listeners and not self._heard:
            for source in self._sources:
                source._heard.discard(self)
                source._let_go()

    def _abort(self, reason: Any = None) -> None:
        if self.aborted:
            return
        self.aborted, self.reason = True, AbortError() if reason is None else reason
        guards, self._guards = self._guards, []
        for fire in guards:
            fire()
        joined, self._joined = list(self._joined), WeakSet()
        for each in joined:
            each._abort(self.reason)
        self._heard.clear()
        listeners, self._listeners = self._listeners, []
        for listener in listeners:
            self._tell(listener)

    def _tell(self, listener: Any) -> None:
        try:
            result = listener(Event("abort", target=self))
        except Exception as error:  # noqa: BLE001 - the other listeners are told as well
            _LOG.error("a listener of abort failed", exc_info=error)
            return
        if inspect.isawaitable(result):
            task = asyncio.ensure_future(result)
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _error(self) -> Exception:
        return self.reason if isinstance(self.reason, Exception) else AbortError(str(self.reason), self.reason)

    def __repr__(self) -> str:
        return f"AbortSignal(aborted={self.aborted})"


class AbortController:
    """`controller.abort()` ends what was given `controller.signal`."""

    def __init__(self) -> None:
        self.signal = AbortSignal()

    @classmethod
    def new(cls) -> AbortController:
        """As `js.AbortController.new()`."""
        return cls()

    def abort(self, reason: Any = None) -> None:
        """Once: a second call changes nothing. The reason is raised where it is an exception."""
        self.signal._abort(reason)


class Guarded:
    """As asyncio.timeout: the task is cancelled, and its cancellation becomes the signal's reason."""

    def __init__(self, signal: AbortSignal) -> None:
        self._signal = signal
        self._task: asyncio.Task[Any] | None = None
        self._before = 0
        self._fired = False

    def __enter__(self) -> None:
        self._signal.throwIfAborted()
        self._task = task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a signal guards what a task awaits: there is none here")
        self._before = task.cancelling()
        self._signal._guards.append(self._fire)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._fired:
            self._signal._guards.remove(self._fire)
        elif self._task is not None and self._task.uncancel() <= self._before and kind is asyncio.CancelledError:
            raise self._signal._error() from None

    def _fire(self) -> None:
        self._fired = True
        if self._task is not None:
            self._task.cancel()
