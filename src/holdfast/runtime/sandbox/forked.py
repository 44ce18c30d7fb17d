"""The pool's side of one zygote: start it, give it orders, hear what became of them."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from itertools import count
from typing import Any

from holdfast.kernel.errors import NeedsOperator, Retryable
from holdfast.runtime.sandbox.cell import Cell
from holdfast.runtime.sandbox.modes import ENVIRONMENT, START
from holdfast.runtime.sandbox.process import Process

_START_SECONDS = 60.0
_END_SECONDS = 10.0
_PACKET = 1 << 16
_GO = b"go"
_FULL_SECONDS = 0.002


class Zygote:
    """Make it with `start`. Everything below runs on the event loop's thread."""

    def __init__(self, process: subprocess.Popen[bytes], control: socket.socket) -> None:
        self._process = process
        self._control = control
        self._numbers = count(1)
        self._up: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._orders: dict[int, tuple[Cell, asyncio.Future[Process]]] = {}
        self._running: dict[int, Process] = {}
        self._gone: asyncio.Task[None] | None = None
        self.alive = True

    @classmethod
    async def start(cls, settings: dict[str, Any]) -> Zygote:
        """Raises NeedsOperator ("zygote_failed") when it cannot import its entry or build its template."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            # From this thread: the kernel kills the zygote when the thread that started it ends.
            process = subprocess.Popen(  # noqa: ASYNC220 - does not wait for more than the exec
                [sys.executable, "-I", "-S", str(START), "zygote", str(theirs.fileno())],
                env=ENVIRONMENT,
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
            )
        ours.setblocking(False)
        ours.send(json.dumps(settings | {"parent": os.getpid()}).encode())
        made = cls(process, ours)
        asyncio.get_running_loop().add_reader(ours.fileno(), made._readable)
        try:
            async with asyncio.timeout(_START_SECONDS):
                await asyncio.shield(made._up)
        except BaseException:
            await made.close()
            raise
        return made

    @property
    def pid(self) -> int:
        """Of the process that holds the zygote; its end is the zygote's."""
        return self._process.pid

    async def spawn(self, cell: Cell, payload: int) -> Process:
        """Raises Retryable when the zygote dies meanwhile or the machine has no process left to give; Permanent when a
        wall cannot be built."""
        number = next(self._numbers)
        steer, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with steer:  # closed without a word, it tells the child to end
            steer.setblocking(False)
            started: asyncio.Future[Process] = asyncio.get_running_loop().create_future()
            self._orders[number] = cell, started
            if not cell.groups:
                steer.send(_GO)  # nothing to wait for: it finds the word when it comes to it
            with theirs:
                order = json.dumps(cell.order() | {"id": number}).encode()
                await self._send(order, [*cell.listeners, cell.channel, payload, theirs.fileno()])
            process = await started
            await process.let_go(steer, _GO if cell.groups else None)
        return process

    async def close(self) -> None:
        """End the zygote and every sandbox it made; returns when they are gone. Idempotent."""
        if self._gone is None:
            self._lost()
        if self._gone is not None:
            await asyncio.shield(self._gone)

    async def _send(self, message: bytes, descriptors: list[int]) -> None:
        while self.alive:
            try:
                socket.send_fds(self._control, [message], descriptors)
                return
            except BlockingIOError:
                await asyncio.sleep(_FULL_SECONDS)
            except OSError:
                self._lost()
        raise _died()

    def _readable(self) -> None:
        while self.alive:
            try:
                data, descriptors, _, _ = socket.recv_fds(self._control, _PACKET, 4)
            except BlockingIOError:
                return
            except OSError:
                data, descriptors = b"", []
            if not data:
                self._lost()
                return
            self._heard(json.loads(data), descriptors)

    def _heard(self, message: dict[str, Any], descriptors: list[int]) -> None:
        kind = message["t"]
        if kind == "up":
            self._up.set_result(None)
        elif kind == "failed":
            hint = "see `holdfast doctor` and the pool's log"
            error = NeedsOperator(f"workers cannot be started: {message['error']}", code="zygote_failed", hint=hint)
            self._up.set_exception(error)
        elif kind == "ended":
            if (process := self._running.pop(message["id"], None)) is not None:
                process.ended(message["status"], message["cpu_seconds"], message["peak_bytes"])
        else:
            self._answered(message, descriptors)

    def _answered(self, message: dict[str, Any], descriptors: list[int]) -> None:
        cell, started = self._orders.pop(message["id"])
        if message["t"] == "refused":
            if not started.done():
                text = f"{cell.name} could not be started: {message['error']}"
                started.set_exception(Retryable(text, code="sandbox_failed"))
            return
        process = self._running[message["id"]] = Process(cell, descriptors[0])
        if started.done():
            process.kill()  # whoever asked was cancelled
        else:
            started.set_result(process)

    def _lost(self) -> None:
        """The zygote ended, or is to end: its socket closes, and with it everything in its pid namespace."""
        if not self.alive:
            return
        self.alive = False
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._control.fileno())
        self._control.close()
        self._gone = loop.create_task(self._bury())

    async def _bury(self) -> None:
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(None, self._process.wait)
        for process in list(self._running.values()):
            await loop.run_in_executor(None, process.await_end, _END_SECONDS)
            process.ended(-signal.SIGKILL)
        self._running.clear()
        for _, started in self._orders.values():
            if not started.done():
                started.set_exception(_died())
        self._orders.clear()
        if not self._up.done():
            self._up.set_exception(_died())


def _died() -> Retryable:
    return Retryable("the process that makes sandboxes ended", code="zygote_died")
