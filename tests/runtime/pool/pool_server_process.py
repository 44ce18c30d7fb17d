"""A process as the sandbox makes one, without walls: serves both listeners, speaks on the channel, obeys `vars`.

argv: http, inner and channel descriptors; the payload on standard input.
"""

from __future__ import annotations

import asyncio
import json
import os
import select
import socket
import sys
import time


class Host:
    def __init__(self, http: int, inner: int, channel: int, payload: dict) -> None:
        self.listeners = [socket.socket(fileno=http), socket.socket(fileno=inner)]
        self.channel = socket.socket(fileno=channel)
        self.payload = payload
        self.vars = payload["vars"]
        self.active = 0
        self.idle_since = time.monotonic()
        self.stopping = asyncio.Event()
        self.free = asyncio.Event()
        self.free.set()

    def say(self, **message: object) -> None:
        while True:
            try:
                self.channel.send(json.dumps(message).encode())
                return
            except BlockingIOError:
                select.select([], [self.channel], [], 5)

    async def main(self) -> None:
        loop = asyncio.get_running_loop()
        if self.vars.get("fatal"):
            self.say(t="fatal", error={"type": "ImportError", "message": self.vars["fatal"], "stack": "Traceback"})
            os._exit(70)
        if (modules := self.payload.get("standby")) is not None:
            self.stand_by(modules)
        if seconds := self.vars.get("slow"):
            await asyncio.sleep(seconds)
        self.channel.setblocking(False)
        loop.add_reader(self.channel, self.told)
        if self.vars.get("never_ready"):  # as a main module whose import does not end: nobody accepts
            await asyncio.sleep(60)
        servers = [await asyncio.start_unix_server(self.serve, sock=each) for each in self.listeners]
        self.say(t="ready")
        if "imports" in self.vars:
            self.say(t="imported", names=self.vars["imports"])
        if self.vars.get("noise"):
            self.noise()
        idle = asyncio.create_task(self.idle())
        await self.stopping.wait()
        for server in servers:
            server.close()
        await self.free.wait()
        idle.cancel()
        os._exit(0)

    def stand_by(self, modules: list[str]) -> None:
        """As a host does; what stands by badly is named among the modules."""
        if "dies" in modules:
            os._exit(9)
        if "hangs" in modules:
            time.sleep(60)
        self.say(t="standby")
        self.channel.setblocking(True)
        if json.loads(self.channel.recv(65536) or b'{"t": "stop"}')["t"] != "go":
            os._exit(0)

    def noise(self) -> None:
        odd = [b"\xff\xfe", b"[]", b'{"t": 5}', b'{"t":"invocation","status":"x","wall_ms":1e400,"id":7,"at":1e300}']
        odd += [b'{"t":"log","text":"\\ud800 half","level":[],"at":"never"}', b'{"t":"log","text":{}}', b"[" * 5000]
        for packet in odd:
            self.channel.send(packet)

    def told(self) -> None:
        packet = self.channel.recv(65536)
        if not packet:
            os._exit(1)
        if json.loads(packet)["t"] == "stop" and not self.vars.get("deaf"):
            self.stopping.set()

    async def idle(self) -> None:
        while True:
            await asyncio.sleep(0.05)
            if not self.active:
                self.say(t="idle", seconds=time.monotonic() - self.idle_since)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.active += 1
        self.free.clear()
        began = time.monotonic()
        try:
            request = await reader.readuntil(b"\r\n\r\n")
            lines = request.decode().split("\r\n")
            method, path, _ = lines[0].split(" ", 2)
            length = next((int(each.split(":")[1]) for each in lines if each.lower().startswith("content-length")), 0)
            body = await reader.readexactly(length)
            answer = await self.answer(path, body)
            writer.write(
                f"HTTP/1.1 200 OK\r\ncontent-length: {len(answer)}\r\nconnection: close\r\n\r\n".encode() + answer
            )
            await writer.drain()
            self.say(
                t="invocation", id=os.urandom(4).hex(), trigger="scheduled" if path == "/scheduled" else "http",
                at=int(time.time() * 1000), method=method, path=path, status=200, outcome="ok",
                wall_ms=(time.monotonic() - began) * 1000, cpu_ms=0.1, memory_bytes=1000, ray="r",
            )  # fmt: skip
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()
            self.active -= 1
            if not self.active:
                self.free.set()
            self.idle_since = time.monotonic()

    async def answer(self, path: str, body: bytes) -> bytes:
        if path == "/crash":
            os._exit(3)
        if path == "/spin":
            while True:
                pass
        if path.startswith("/sleep"):
            await asyncio.sleep(float(path.rpartition("/")[2]))
        if path.startswith("/log"):
            for number in range(int(path.rpartition("/")[2])):
                self.say(t="log", invocation="i", at=int(time.time() * 1000), level="info", text=f"line {number}")
        if path == "/scheduled":
            with open(self.vars["ticks"], "a") as file:  # noqa: ASYNC230
                file.write(body.decode() + "\n")
            if error := self.vars.get("tick_error"):
                return json.dumps({"outcome": "exception", "error": {"type": "ValueError", "message": error}}).encode()
            return b'{"outcome": "ok"}'
        return json.dumps({"pid": os.getpid(), "payload": self.payload}).encode()


if __name__ == "__main__":
    numbers = [int(each) for each in sys.argv[1:4]]
    asyncio.run(Host(*numbers, json.loads(sys.stdin.buffer.read())).main())
