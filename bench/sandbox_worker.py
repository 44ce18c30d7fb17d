"""What the sandbox benchmark starts: a server on uvloop that answers one line; and a forker without any walls."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import socket
import sys
from typing import Any

import uvloop

ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello"


class Hello(asyncio.Protocol):
    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, _: bytes) -> None:
        self.transport.write(ANSWER)


def main(http: int, _inner: int, _channel: int, _payload: bytes) -> None:
    """The entry: answers on `http` until it is killed."""

    async def serve() -> None:
        server = await asyncio.get_running_loop().create_unix_server(Hello, sock=socket.socket(fileno=http))
        await server.serve_forever()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve())


def forker(descriptor: int) -> None:
    """Forks the same server for every packet of descriptors, with no walls at all: what the bar is measured against."""
    from holdfast.runtime.sandbox.zygote import arrange

    control = socket.socket(fileno=descriptor)
    gc.collect()
    gc.disable()
    gc.freeze()
    control.send(b"up")
    while True:
        data, descriptors, _, _ = socket.recv_fds(control, 1024, 16)
        if not data:
            return
        if (pid := os.fork()) == 0:
            control.detach()
            arrange(descriptors)
            gc.enable()
            with open(6, "rb") as file:
                payload = file.read()
            main(3, 4, 5, payload)
        control.send(json.dumps(pid).encode())
        for one in descriptors:
            os.close(one)
        control.recv(16)  # killed by the benchmark
        os.waitpid(pid, 0)
        control.send(b"gone")


if __name__ == "__main__":
    forker(int(sys.argv[1]))
