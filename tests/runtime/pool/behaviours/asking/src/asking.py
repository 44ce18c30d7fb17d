"""Runs one behaviour for each request: GET /<suite>/<name>. What is not as it should be is the answer's text.

A WebSocket is passed on to the other worker.
"""

import asyncio
import importlib
import os
import traceback

import keeping

from workers import Response, WorkerEntrypoint


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        if request.headers.get("upgrade") == "websocket":
            return await self.env.OTHER.fetch(request)
        if request.url.endswith("/dying"):
            return await self.dying()
        if request.url.endswith("/told"):
            return Response.json(await self.env.GIVING.told(request))
        if request.url.endswith("/louder"):
            length = {"content-length": request.headers["content-length"]}
            return await self.env.GIVING.upper(Response(request.body, status=201, headers=length))
        if request.url.endswith("/after"):
            self.ctx.waitUntil(self.after(await self.env.GIVING.counter(5000)))
            return Response("at once")
        if request.url.endswith("/heard"):
            return Response("\n".join(await self.env.GIVING.heard()))
        if "/keeping/" in request.url:
            return await self.told(getattr(keeping, request.url.rpartition("/")[2]))
        suite, name = request.url.split("/")[-2:]
        behaviour = getattr(importlib.import_module(f"{suite}_behaviours"), name, None)
        if behaviour is None:
            return Response(f"the suite {suite} has no behaviour {name}", status=404)
        return await self.told(behaviour)

    async def told(self, behaviour):
        try:
            await behaviour(self.env)
        except Exception:  # noqa: BLE001 - the answer tells it
            return Response(traceback.format_exc(), status=500)
        return Response("as it should be")

    async def after(self, counter):
        await asyncio.sleep(0.1)
        with counter:
            await counter.increment(55)

    async def dying(self):
        """With an object and a stream in hand, and one of its functions in the middle of a call."""
        counter = await self.env.GIVING.counter(1234)
        held = await self.env.GIVING.endless("held")
        await anext(held.body)
        called = asyncio.Event()

        async def mine():
            called.set()
            await asyncio.sleep(20)

        waiting = asyncio.ensure_future(self.env.GIVING.tell_how_it_ends(mine))
        await called.wait()
        os._exit(3)
        return counter, waiting
