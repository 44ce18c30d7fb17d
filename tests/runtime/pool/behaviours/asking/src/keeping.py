"""Keeps what a call gave beyond its invocation, and tries it in the next one."""

import asyncio

from expecting import raises
from pyodide.ffi import JsException

kept = {}


async def keep(env):
    await env.GIVING.forget()
    kept["counter"] = await env.GIVING.counter(1)
    kept["stream"] = await env.GIVING.endless("kept")
    await anext(kept["stream"].body)
    kept["called"] = []
    assert await env.GIVING.keep(lambda: kept["called"].append("by the other worker")) == "kept"


async def use(env):
    counter, stream = kept["counter"], kept["stream"]
    for use_it in (counter.increment, lambda: counter.value, lambda: env.GIVING.identity(counter), counter.dup().later):
        with raises(JsException, "invocation has ended"):
            await use_it()
    with raises(JsException, "invocation has ended"):
        while True:
            await anext(stream.body)
    # it may not have heard of the end yet: it is another invocation there too
    with raises(JsException, "has ended this call|by the invocation that got it"):
        await env.GIVING.use_kept()
    assert kept["called"] == []
    for _ in range(100):
        if {"disposed 1", "closed kept"} <= set(await env.GIVING.heard()):
            return
        await asyncio.sleep(0.03)
    raise AssertionError("what it held was never freed")
