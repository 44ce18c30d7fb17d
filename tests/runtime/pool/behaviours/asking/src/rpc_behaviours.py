"""Functions, objects and streams over RPC, as Cloudflare's documentation of it describes them; and their limits."""

import asyncio
import gc
import traceback

from expecting import raises
from pyodide.ffi import JsException

from workers import ReadableStream, Request, Response, RpcStub, RpcTarget


async def until(true):
    for _ in range(100):
        if await true():
            return
        await asyncio.sleep(0.03)
    raise AssertionError("it never came true")


async def objects_are_called_where_they_are(env):
    with await env.GIVING.counter(2) as counter:
        assert isinstance(counter, RpcStub)
        assert [await counter.increment(2), await counter.increment(), await counter.increment(-5)] == [4, 5, 0]
        assert await counter.later(by=3) == 3
        assert await counter.value == 3


async def functions_are_called_where_they_are(env):
    add = await env.GIVING.adder(40)
    assert [await add(2), await add(second=3)] == [42, 43]
    increment = await (await env.GIVING.counter(1)).increment
    assert await increment(4) == 5


async def functions_are_passed_as_arguments(env):
    seen = []

    def plain(value, *, key=None):
        seen.append((value, key))
        return len(seen)

    async def waits(value):
        await asyncio.sleep(0.01)
        return value * 2

    assert await env.GIVING.call(plain, "a", key="b") == 1
    assert seen == [("a", "b")]
    assert await env.GIVING.call_many(waits, 100) == 9900
    assert await env.GIVING.identity({"f": [plain]}) is not None


async def objects_are_passed_as_arguments(env):
    class Told(RpcTarget):
        def __init__(self):
            self.told = []

        def increment(self, amount):
            self.told.append(amount)
            return len(self.told)

        @property
        def value(self):
            return self.told

    mine = Told()
    assert await env.RELAY.use(mine, 5) == [1, [5]]
    assert mine.told == [5]


async def structures_of_stubs_come_whole(env):
    found = await env.GIVING.counters(5)
    assert found.total == 5
    assert [await each.value for each in found.list] == [0, 1, 2, 3, 4]
    inner = await (await env.GIVING.counter(9)).another()
    assert [await inner.increment(), await inner.inherited(), await inner.fixed(2)] == [10, "inherited", 4]


async def a_stub_is_passed_on_to_a_third_worker(env):
    counter = await env.GIVING.counter()
    assert await env.RELAY.use(counter, 3) == [3, 3]
    assert await counter.value == 3
    back = await env.RELAY.pass_back(counter)
    counter.dispose()
    assert await back.increment() == 4


async def only_methods_and_properties_of_the_class_are_reached(env):
    counter = await env.GIVING.counter()
    for name in ("instance", "limit", "nothing", "mro"):
        with raises((JsException, TypeError), "has no method or property"):
            await getattr(counter, name)
        with raises((JsException, TypeError), "has no method or property"):
            await getattr(counter, name)()
    with raises((JsException, TypeError), "has no method or property"):
        await counter.value()
    with raises(AttributeError):
        counter._private()
    with raises(AttributeError):
        counter.__dict__["x"]
    with raises((JsException, TypeError), "not a function"):
        await counter()
    add = await env.GIVING.adder(1)
    with raises((JsException, TypeError), "has no method or property"):
        await add.__class__.__getattr__(add, "func_code")
    # what our own side would refuse is refused by the other side too
    for name in ("_private", "__init__", "__class__", "dispose", "dup"):
        with raises((JsException, TypeError), "has no method or property"):
            await counter._handle.call(name, (), {})
        with raises((JsException, TypeError), "has no method or property"):
            await counter._handle.get(name)


async def errors_come_back_by_name_without_the_others_code(env):
    counter = await env.GIVING.counter()
    (error,) = await asyncio.gather(counter.fail(), return_exceptions=True)
    assert isinstance(error, JsException)
    assert (error.name, str(error)) == ("LookupError", "the counter is broken")
    assert "giving.py" not in "".join(traceback.format_exception(error))
    for fails in (counter.fail_oddly, env.GIVING.fail_oddly):
        with raises(JsException, "^half a .+ character$"):
            await fails()

    def mine():
        raise KeyError("not here")

    assert await env.GIVING.raise_theirs(mine) == ["KeyError", "'not here'", True]


async def what_is_no_target_does_not_travel(env):
    class Custom:
        pass

    for value in (Custom(), Custom, RpcTarget, env.OTHER, env.KV, [Custom()]):
        with raises(JsException, "^DataCloneError"):
            await env.GIVING.identity(value)
    with raises(TypeError):
        RpcStub(Custom())


async def a_disposed_stub_is_told_so(env):
    await env.GIVING.forget()
    counter = await env.GIVING.counter(41)
    twin = counter.dup()
    counter.dispose()
    counter.dispose()
    for use in (counter.increment, lambda: counter.value, lambda: env.GIVING.identity(counter)):
        with raises(JsException, "used after being disposed"):
            await use()
    with raises(JsException, "used after being disposed"):
        counter.dup()
    assert await twin.increment() == 42
    assert await env.GIVING.heard() == []
    twin.dispose()

    async def disposed():
        return await env.GIVING.heard() == ["disposed 42"]

    await until(disposed)


async def a_stub_nobody_refers_to_is_disposed(env):
    await env.GIVING.forget()
    assert await (await env.GIVING.counter(77)).value == 77
    gc.collect()

    async def disposed():
        return await env.GIVING.heard() == ["disposed 77"]

    await until(disposed)


async def arguments_are_disposed_when_the_call_returns(env):
    disposed = []

    class Mine(RpcTarget):
        def increment(self, amount):
            return amount

        @property
        def value(self):
            return 1

        def dispose(self):
            disposed.append("mine")

    await env.RELAY.use(Mine(), 1)

    async def heard():
        return disposed == ["mine"]

    await until(heard)
    assert await env.GIVING.keep(lambda: "called") == "kept"

    async def told():
        return await env.GIVING.heard() and "kept: RPC stub used after being disposed." in await env.GIVING.heard()

    await until(told)


async def a_dup_of_an_argument_outlives_the_call(env):
    await env.GIVING.forget()
    seen = []
    assert await env.GIVING.call_later(lambda value: seen.append(value) or f"heard {value}") == "soon"

    async def heard():
        return await env.GIVING.heard() == ["heard later"]

    await until(heard)
    assert seen == ["later"]


async def a_local_stub_is_passed_twice(env):
    first, second, value = await env.GIVING.a_local_stub()
    assert value == 8
    assert [await first.increment(), await second.increment()] == [9, 10]
    with RpcStub(lambda a: a + 1) as mine:
        assert await mine(1) == 2
        assert await env.GIVING.call(mine, 2) == 3
        assert await env.GIVING.call(mine.dup(), 3) == 4


async def another_invocations_stub_is_refused(env):
    assert await env.GIVING.keep(lambda: "mine") == "kept"
    with raises(JsException, "invocation"):
        await env.GIVING.use_kept()


async def a_guessed_number_reaches_nothing(env):
    counter = await env.GIVING.counter()
    session = counter._handle._session
    for number in (0, 2, 3, 1000, 4_294_967_295):
        with raises((JsException, TypeError), "no such stub"):
            await session.call(number, "increment", (), {})
    assert await counter.increment() == 1
    for ticket in (b"", b"\0" * 16):
        from holdfast.runtime.bindings.client_service import Service

        with raises(JsException, "no such session"):
            await Service(env.GIVING._client, "GIVING").join(ticket)


async def what_speaks_no_session_is_cut_off(env):
    from holdfast.runtime.bindings.client_service import Service

    for nonsense in (b"\xff" * 64, b"\0\0\0\0\1\0\0\0\x63", b"\0\0\0\0\1\0\0\0\1" * 2):
        wire = await Service(env.GIVING._client, "GIVING").session("counter")
        wire.write(nonsense)
        async with asyncio.timeout(5):
            while await wire.read() is not None:
                pass
        wire.close()
    wire = await Service(env.GIVING._client, "GIVING").session("counter")
    wire.write(b"\x10\0\0\0")  # half a head, and the connection goes away
    wire.close()
    for name in ("_private", "fetch", "scheduled", "ctx"):
        with raises((JsException, TypeError), "not a method"):
            await Service(env.GIVING._client, "GIVING").session(name)
    assert await (await env.GIVING.counter(3)).value == 3


async def functions_that_call_each_other_for_ever_are_stopped(env):
    async def pong(ping, depth):
        return await ping(pong, depth + 1)

    with raises(JsException, "in a row|depth limit|Overloaded|at once"):
        await env.GIVING.ping(pong, 0)

    async def again():
        return await env.GIVING.call(again)

    with raises(JsException, "keeps what 64 calls|depth limit|in a row"):
        await env.GIVING.call(again)


async def references_in_a_circle_end_with_the_invocation(env):
    holder = await env.GIVING.holder()
    assert await holder.hold(holder) == 1
    assert await holder.hold(lambda: holder) == 2
    assert await (await holder.make())() == 2


async def ten_thousand_stubs_are_too_many(env):
    with raises(JsException, "at most 1000"):
        await env.GIVING.identity([lambda: 1] * 10_000)
    with raises(JsException, "at most 1000"):
        await env.GIVING.functions(10_000)
    holder = await env.GIVING.holder()
    with raises(JsException, "at most 1000"):
        await holder.many(10_000)
    held = []
    with raises(JsException, "at most 1000"):
        while len(held) < 10_000:
            held.append(await holder.make())
    assert len(held) == 999
    held.clear()
    await asyncio.sleep(0.2)
    for _ in range(2000):  # those nobody refers to count no more
        assert await (await holder.make())() == 0
    many = [await env.GIVING.counter() for _ in range(63)]  # and that of the holder
    with raises(JsException, "dispose"):
        await env.GIVING.counter()
    many.clear()
    await asyncio.sleep(0.1)
    assert await (await env.GIVING.counter(5)).value == 5


async def streams_are_given(env):
    stream = await env.GIVING.stream(40, 50_000)
    assert isinstance(stream, ReadableStream)
    parts = [part async for part in stream]
    assert b"".join(parts) == b"".join(bytes([each]) * 50_000 for each in range(40))
    result = await (await env.GIVING.stream(1, 10)).getReader().read()
    assert (result.done, result.value) == (False, bytes(10))


async def streams_are_passed(env):
    async def body():
        for _ in range(100):
            yield b"y" * 50_000

    stream = ReadableStream.of(body())
    assert await env.GIVING.count_bytes(stream) == 5_000_000
    with raises(TypeError, "passed to another worker"):
        await stream.read()
    with raises(TypeError, "passed to another worker"):
        await env.GIVING.count_bytes(stream)
    assert await env.RELAY.read(await env.GIVING.stream(30, 100_000)) == 3_000_000


async def bodies_of_messages_stream(env):
    async def body():
        for _ in range(50):
            yield b"ab" * 20_000

    told = await env.GIVING.told(Request("https://test.example/x", method="PUT", body=body()))
    assert (told.method, told.url, told.length, told.last) == ("PUT", "https://test.example/x", 2_000_000, "b")
    answer = await env.GIVING.upper(Response(body(), status=201, headers={"x-a": "b"}))
    assert (answer.status, answer.headers["x-a"]) == (201, "b")
    assert await answer.bytes() == b"AB" * 1_000_000


async def a_stream_waits_for_its_reader(env):
    answer = await env.GIVING.endless("waiting")
    reader = answer.body
    read = 0
    for _ in range(20):
        read += len(await anext(reader))
    await asyncio.sleep(0.3)
    assert await env.GIVING.progress("waiting") <= read + 512 * 1024
    counter = await env.GIVING.counter()
    assert await counter.increment() == 1
    await reader.cancel()

    async def closed():
        return "closed waiting" in await env.GIVING.heard()

    await until(closed)


async def a_stream_that_stalls_holds_up_nothing_else(env):
    """One call with a stream that nobody reads and one that is read to its end, in one session."""
    stalled, sent = asyncio.Event(), []

    async def endless():
        try:
            while True:
                sent.append(65536)
                yield b"z" * 65536
        finally:
            stalled.set()

    async def short():
        for _ in range(40):
            yield b"s" * 65536

    kept = ReadableStream.of(endless())
    found = await env.GIVING.identity([ReadableStream.of(short()), kept, lambda: "called"])
    first = await anext(found[1])
    assert first[:1] == b"z"
    assert sum([len(part) async for part in found[0]]) == 40 * 65536
    assert await found[2]() == "called"
    assert sum(sent) < 2_000_000
    del found
    async with asyncio.timeout(5):
        await stalled.wait()


async def a_stream_that_breaks_says_why(env):
    answer = await env.GIVING.broken()
    reader = answer.body
    assert await anext(reader) == b"first"
    with raises(JsException, "the source ran dry"):
        await anext(reader)


async def calls_that_nobody_waits_for_are_ended(env):
    await env.GIVING.forget()
    slow = await env.GIVING.slow()
    with raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await slow.wait()

    async def ended():
        return await env.GIVING.heard() == ["the wait was ended"]

    await until(ended)


async def a_worker_that_dies_is_told_to_whoever_held_its_stubs(env):
    mortal = await env.GIVING.dies_later()
    stream = await env.GIVING.endless("dying")
    await anext(stream.body)
    waiting = asyncio.ensure_future(mortal.wait())
    await mortal.die()
    with raises(JsException, "the other worker has ended"):
        await waiting
    with raises(JsException, "the other worker has ended"):
        await mortal.wait()
    with raises(JsException, "the other worker has ended"):
        while True:
            await anext(stream.body)
    assert await (await env.GIVING.counter(8)).value == 8
