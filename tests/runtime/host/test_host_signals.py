"""AbortSignal and AbortController: what waits is ended, with the reason, and nothing else is."""

from __future__ import annotations

import asyncio
import gc
import weakref
from typing import Any

import pytest
from outside import Site, Worker

from holdfast.runtime.bindings.attributes import JsError
from holdfast.runtime.python.workers import AbortController, AbortError, AbortSignal, Request


def test_a_signal_says_once_that_it_is_over() -> None:
    heard: list[Any] = []
    controller = AbortController.new()
    signal = controller.signal
    signal.onabort = heard.append
    signal.onabort = lambda event: heard.append("on")
    signal.addEventListener("abort", lambda event: heard.append(event.target.reason))
    forgotten = heard.append
    signal.addEventListener("abort", forgotten)
    signal.removeEventListener("abort", forgotten)
    signal.addEventListener("other", heard.append)
    signal.throwIfAborted()
    assert (signal.aborted, signal.reason) == (False, None)
    controller.abort("enough")
    controller.abort("again")
    assert (signal.aborted, signal.reason, heard) == (True, "enough", ["on", "enough"])
    signal.addEventListener("abort", heard.append)
    with pytest.raises(AbortError, match="enough") as raised:
        signal.throwIfAborted()
    assert (raised.value.name, raised.value.reason, len(heard)) == ("AbortError", "enough", 2)
    assert isinstance(raised.value, JsError)
    with pytest.raises(AbortError, match="The operation was aborted"):
        AbortSignal.abort().throwIfAborted()
    with pytest.raises(KeyError):
        AbortSignal.abort(KeyError("mine")).throwIfAborted()


def test_a_listener_that_fails_does_not_keep_the_others_from_hearing() -> None:
    async def main() -> None:
        heard: list[str] = []
        signal = (controller := AbortController()).signal

        async def later(event: Any) -> None:
            heard.append("later")

        signal.addEventListener("abort", lambda event: 1 / 0)
        signal.addEventListener("abort", later)
        controller.abort()
        await asyncio.sleep(0)
        assert heard == ["later"]

    asyncio.run(main())


def test_joined_signals_follow_the_first_and_are_not_kept() -> None:
    first, second = AbortController(), AbortController()
    joined = AbortSignal.any([first.signal, second.signal])
    beyond = AbortSignal.any([joined])
    second.abort("second")
    first.abort("first")
    assert [joined.reason, beyond.reason] == ["second", "second"]
    assert AbortSignal.any([AbortSignal(), first.signal]).reason == "first"
    for_all, heard = AbortController(), []
    forgotten = weakref.ref(AbortSignal.any([for_all.signal]))
    AbortSignal.any([AbortSignal.any([for_all.signal])]).addEventListener("abort", heard.append)
    left = AbortSignal.any([AbortSignal.any([for_all.signal])])
    left.onabort = heard.append
    left.onabort = None
    unheard = weakref.ref(left)
    del left
    gc.collect()
    assert [forgotten(), unheard()] == [None, None], "a signal for all requests keeps those of each"
    for_all.abort()
    assert len(heard) == 1, "one that is listened to is kept"


def test_what_a_guard_lets_through() -> None:
    async def main() -> None:
        with AbortSignal().guard():
            await asyncio.sleep(0)
        controller = AbortController()
        asyncio.get_running_loop().call_soon(controller.abort, "now")
        with pytest.raises(AbortError, match="now"), controller.signal.guard(), controller.signal.guard():
            await asyncio.sleep(30)
        task = asyncio.current_task()
        assert task is not None
        assert task.cancelling() == 0
        await asyncio.sleep(0)
        with pytest.raises(AbortError), controller.signal.guard():
            raise AssertionError("not begun")

        async def cancelled() -> None:
            with AbortSignal().guard():
                await asyncio.sleep(30)

        other = asyncio.ensure_future(cancelled())
        await asyncio.sleep(0)
        other.cancel()
        with pytest.raises(asyncio.CancelledError):
            await other

    asyncio.run(main())


def test_a_request_carries_its_signal() -> None:
    signal = AbortSignal()
    request = Request("https://a.test/", signal=signal)
    assert [each.signal for each in (request, request.clone(), Request(request))] == [signal] * 3
    assert Request(request, signal=None).signal is None
    with pytest.raises(TypeError, match="signal is an AbortSignal, not dict"):
        Request("https://a.test/", signal={})


def test_a_fetch_ends_when_it_is_told_to(worker: Worker) -> None:
    told = worker.run("""
        import asyncio, time
        from js import AbortController, AbortSignal, fetch
        from pyodide.ffi import JsException, to_js
        told, began = [], time.monotonic()

        async def tried(**options):
            try:
                return (await fetch(plain + "/slow", **options)).status
            except JsException as error:
                return [error.name, str(error), isinstance(error, TimeoutError)]

        told.append(await tried(signal=AbortSignal.abort()))
        told.append(await tried(signal=AbortSignal.timeout(100)))
        controller = AbortController.new()
        asyncio.get_running_loop().call_later(0.1, controller.abort, "the user left")
        told.append(await tried(signal=AbortSignal.any([controller.signal, AbortSignal.timeout(30000)])))
        told.append(time.monotonic() - began < 1.2)
        try:
            await fetch(plain + "/slow", to_js({"signal": AbortSignal.abort(ValueError("my own"))}))
        except ValueError as error:
            told.append(str(error))
        told.append(await tried(signal=AbortSignal.timeout(30000)))
        told.append((await (await fetch(plain + "/after")).text()).rpartition(" ")[0])
    """)
    aborted = ["AbortError", "The operation was aborted", False]
    late = ["TimeoutError", "The operation was aborted due to timeout", True]
    left = ["AbortError", "the user left", False]
    assert told == [aborted, late, left, True, "my own", 200, "site.test /after"]


def test_a_body_ends_when_it_is_told_to(worker: Worker) -> None:
    Site.left.clear()
    told = worker.run("""
        import asyncio
        from js import AbortController, fetch
        controller = AbortController.new()
        answer = await fetch(plain + "/endless", signal=controller.signal)
        told = [(await answer.body.read()).decode()]
        asyncio.get_running_loop().call_later(0.1, controller.abort)
        for _ in range(2):
            try:
                told.append((await answer.body.read()).decode())
            except Exception as error:
                told.append(type(error).__name__)
    """)
    assert told == ["first", "AbortError", "AbortError"]
    assert Site.left.wait(10), "the server goes on sending"
