"""What the other worker gives by reference: functions, objects, streams. And what a hostile one would do."""

import asyncio

from workers import ReadableStream, Response, RpcStub, RpcTarget, WorkerEntrypoint

heard = []
kept = []


class Base(RpcTarget):
    def inherited(self):
        return "inherited"


class Counter(Base):
    limit = 5

    @staticmethod
    def fixed(value):
        return value * 2

    def __init__(self, value=0):
        self._value = value
        self.instance = "not to be seen"

    def increment(self, amount=1):
        self._value += amount
        return self._value

    async def later(self, *, by):
        await asyncio.sleep(0.01)
        return self.increment(by)

    @property
    def value(self):
        return self._value

    def fail(self):
        raise LookupError("the counter is broken")

    def fail_oddly(self):
        raise ValueError("half a \ud83d character")

    def another(self):
        return Counter(self._value)

    def _private(self):
        return "never"

    def dispose(self):
        heard.append(f"disposed {self._value}")


class Endless:
    """A stream that says how far it was read, and that it was closed."""

    def __init__(self, name):
        self.name, self.sent = name, 0

    async def parts(self):
        try:
            while True:
                yield b"x" * 65536
                self.sent += 65536
                progress[self.name] = self.sent
        finally:
            heard.append(f"closed {self.name}")


progress = {}


class Giving(WorkerEntrypoint):
    async def counter(self, value=0):
        return Counter(value)

    async def fail_oddly(self):
        Counter().fail_oddly()

    async def counters(self, count):
        return {"list": [Counter(each) for each in range(count)], "total": count}

    async def functions(self, count):
        return [lambda: 1] * count

    async def adder(self, first):
        return lambda second: first + second

    async def call(self, function, *args, **named):
        return await function(*args, **named)

    async def call_many(self, function, count):
        return sum(await asyncio.gather(*(function(each) for each in range(count))))

    async def call_later(self, function):
        with function.dup() as mine:
            self.ctx.waitUntil(self._call(mine.dup(), "later"))
        return "soon"

    async def keep(self, function):
        """Beyond the call without a dup."""

        async def use():
            await asyncio.sleep(0.05)
            try:
                await function()
            except Exception as error:  # noqa: BLE001 - the test reads it
                heard.append(f"kept: {error}")

        self.ctx.waitUntil(use())
        kept.append(function.dup())
        return "kept"

    async def use_kept(self):
        try:
            return await kept[-1]()
        finally:
            kept.clear()

    async def _call(self, function, value):
        await asyncio.sleep(0.05)
        with function:
            heard.append(await function(value))

    async def identity(self, value):
        return value

    async def heard(self):
        return list(heard)

    async def forget(self):
        heard.clear()
        progress.clear()

    async def stream(self, parts, size):
        async def body():
            for each in range(parts):
                yield bytes([each % 256]) * size

        return ReadableStream.of(body())

    async def endless(self, name):
        return Response(Endless(name).parts(), headers={"x-name": name})

    async def progress(self, name):
        return progress.get(name, 0)

    async def broken(self):
        async def body():
            yield b"first"
            raise ValueError("the source ran dry")

        return Response(body())

    async def count_bytes(self, stream):
        return sum([len(each) async for each in stream])

    async def told(self, request):
        text = await request.text()
        return {"method": str(request.method), "url": request.url, "length": len(text), "last": text[-1:]}

    async def upper(self, response):
        async def body():
            async for part in response.body:
                yield bytes(part).upper()

        return Response(body(), status=response.status, headers=response.headers)

    async def ping(self, pong, depth):
        """Calls back for ever, for whoever does the same."""
        return await pong(self._ping(pong), depth + 1)

    def _ping(self, pong):
        async def ping(again, depth):
            return await again(self._ping(again), depth + 1)

        return ping

    async def holder(self):
        return Holder()

    async def dies_later(self):
        class Mortal(RpcTarget):
            async def wait(self):
                await asyncio.sleep(30)

            def die(self):
                import os

                asyncio.get_running_loop().call_later(0.05, os._exit, 3)

        return Mortal()

    async def slow(self):
        class Slow(RpcTarget):
            async def wait(self):
                try:
                    await asyncio.sleep(20)
                finally:
                    heard.append("the wait was ended")

        return Slow()

    async def a_local_stub(self):
        stub = RpcStub(Counter(7))
        return [stub, stub, await stub.increment()]

    async def tell_how_it_ends(self, function):
        try:
            await function()
        except asyncio.CancelledError:
            heard.append("the call was cancelled")
            raise

    async def raise_theirs(self, function):
        try:
            await function()
        except Exception as error:  # noqa: BLE001 - what came is the answer
            return [error.name, str(error), error.__cause__ is None]


class Holder(RpcTarget):
    def __init__(self):
        self.held = []

    def make(self):
        return lambda: len(self.held)

    def hold(self, stub):
        self.held.append(stub.dup())
        return len(self.held)

    def many(self, count):
        return [lambda: 1] * count
