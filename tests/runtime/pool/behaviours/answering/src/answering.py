"""The other worker."""

import asyncio
from datetime import datetime

from giving import Endless, Giving  # noqa: F401 - an entrypoint of its own

from workers import Blob, Request, Response, WebSocketPair, WorkerEntrypoint

later = []


class Default(WorkerEntrypoint):
    def __init__(self, ctx, env):
        super().__init__(ctx, env)
        self.calls = 0

    async def fetch(self, request):
        if request.headers.get("upgrade") == "websocket":
            return self.socket(request)
        if request.url.endswith("/sub"):
            return Response("Hi there!", status=201, headers=[("X-Seen", str(request.headers.get("x-sent")))] * 2)
        if request.url.endswith("/moved"):
            return Response.redirect("http://elsewhere.example/sub", 301)
        if request.url.endswith("/told"):
            return Response.json([str(request.method), request.url, await request.text()])
        if request.url.endswith("/louder"):
            return Response(bytes(part).upper() async for part in request.body)
        if "/endless/" in request.url:
            return Response(Endless(request.url.rpartition("/")[2]).parts())
        if request.url.endswith("/unread"):
            await asyncio.sleep(0.4)
            return Response("nothing was read")
        return Response(self.env.OWN)

    def socket(self, request):
        client, server = WebSocketPair()
        server.accept()

        def said(event):
            if event.data == "close":
                server.close(4001, "asked to")
            else:
                server.send(event.data if isinstance(event.data, bytes) else f"{request.url} {event.data}")

        server.addEventListener("message", said)
        server.addEventListener("close", lambda event: later.append(("closed", event.code)))
        return Response(None, status=101, web_socket=client, headers={"x-room": "one"})

    async def no_args(self):
        return "hello from python"

    async def one_arg(self, value):
        return f"{value}"

    async def identity(self, value):
        return value

    async def kind(self, value):
        return type(value).__name__

    async def named(self, a, *, b=2):
        return {"a": a, "b": b}

    async def count(self):
        self.calls += 1
        return self.calls

    async def fail(self):
        raise LookupError("no such order")

    async def handle_response(self, response):
        assert isinstance(response, Response), type(response)
        return response

    async def handle_request(self, request):
        assert isinstance(request, Request), type(request)
        return request

    async def handle_blob(self, blob):
        assert isinstance(blob, Blob), type(blob)
        return blob

    async def sooner_or_later(self):
        async def work():
            await asyncio.sleep(0.1)
            later.append("done")

        self.ctx.waitUntil(work())

    async def seen(self):
        return [list(each) if isinstance(each, tuple) else each for each in later]

    def at_once(self):
        return datetime(2026, 5, 1, 12)

    async def send(self, value):
        return f"sent:{value}"

    async def next(self, value):
        return f"next:{value}"

    async def throw(self, value):
        return f"throw:{value}"

    async def close(self):
        return "closed"

    def _private(self):
        return "never"


class Named(WorkerEntrypoint):
    async def who(self):
        return "named"
