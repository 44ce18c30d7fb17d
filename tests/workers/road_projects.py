"""Workers that the tests of the road deploy: what each is for stands above it."""

# With a turn every minute.
MINUTELY = """
from workers import Response, WorkerEntrypoint

class Default(WorkerEntrypoint):
    async def scheduled(self, controller):
        print("turn of", controller.cron)

    async def fetch(self, request):
        return Response("already here")
"""

# A request that lasts until its namespace says go; what it writes and asks for then is of its own version.
SLOW = """
import asyncio
from workers import Response, fetch

async def on_fetch(request, env):
    if "/wait" not in request.url:
        return Response("{0}")
    await env.KV.put("begun", "by version {0}")
    while await env.KV.get("go") is None:
        await asyncio.sleep(0.1)
    await asyncio.sleep(1)
    await env.KV.put("ended", "by version {0}")
    outside = await fetch("http://example.org/")
    return Response(await env.KV.get("ended") + ", " + str(outside.headers.get("holdfast-error")))
"""

# Burns, fails, is gone, or just answers: each is another line on record.
WATCHED = """
import time
from workers import Response

async def on_fetch(request, env):
    if request.url.endswith("/burn"):
        until = time.process_time() + 0.2
        while time.process_time() < until:
            pass
    if request.url.endswith("/fail"):
        raise LookupError("no such thing")
    print("asked for", request.url.rpartition("/")[2])
    return Response("gone", status=410) if request.url.endswith("/gone") else Response("done")
"""

# Asks for its bindings and for the outside while it is imported.
ASKING = """
import asyncio, socket, threading
from holdfast.runtime.bindings.client import connect
from workers import Response

line = socket.socket(socket.AF_UNIX)
line.connect("/run/egress")
line.sendall(b"GET http://example.org/ HTTP/1.1\\r\\nhost: example.org\\r\\n\\r\\n")
said = line.recv(1024).splitlines()[0].decode()

async def count():
    bound = (await connect("/run/bind")).env([{"name": "KV", "kind": "kv", "target": {}}])["KV"]
    number = int(await bound.get("starts") or 0) + 1
    await bound.put("starts", str(number))
    found.append(f"{said}, start {number}")

async def on_fetch(request, env):
    return Response(found[0])

found = []
thread = threading.Thread(target=lambda: asyncio.run(count()))
thread.start()
thread.join()
"""

# Its process ends under a request: by itself, by the kernel for its memory, or as it was told to.
MORTAL = """
import asyncio, os
from workers import Response, WebSocketPair

async def on_fetch(request, env):
    path = request.url.rpartition("/")[2]
    if request.headers.get("upgrade") == "websocket":
        client, server = WebSocketPair.new().object_values()
        server.accept()
        server.addEventListener("message", lambda event: os._exit(4))
        return Response(None, status=101, web_socket=client)
    if path.startswith("die"):
        print("about to die")
        os._exit(3)
    if path == "eat":
        kept = [b"x" * 2**20 for _ in range(1024)]
    if path == "wait":
        print("it waits")
        await asyncio.sleep(20)
    return Response("alive")
"""
