"""The pool's side of one zygote: start it, give it orders, hear what became of them."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Spare:
    """A child of a zygote that belongs to no version yet and has heard of none. Closing `steer` ends it."""

    process: Process
    steer: socket.socket
    groups: tuple[str, ...]

    def drop(self) -> None:
        """End it. Idempotent."""
        self.steer.close()
        self.process.kill()


class Zygote:
    """Make it with `start`. Everything below runs on the event loop's thread."""

    def __init__(self, process: subprocess.Popen[bytes], control: socket.socket) -> None:
        self._process = process
        self._control = control
        self._numbers = count(1)
        self._up: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._orders: dict[int, tuple[str, tuple[str, ...], asyncio.Future[Process]]] = {}
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
            if made._up.done():
                made._up.exception()  # looked at: whoever was cancelled need not hear of it in the log
            raise
        return made

    @property
    def pid(self) -> int:
        """Of the process that holds the zygote; its end is the zygote's."""
        return self._process.pid

    async def spawn(self, cell: Cell, payload: int, spare: Spare | None = None) -> Process:
        """`spare`: one that waits in the cell's groups; it is used or ended. Raises Retryable when the zygote dies
        meanwhile or the machine has no process left to give; Permanent when a wall cannot be built."""
        if spare is not None:
            with spare.steer:
                if _ordered(spare.steer, cell, payload):
                    spare.process.name = cell.name
                    await spare.process.let_go(spare.steer, _GO)
                    return spare.process
            spare.process.kill()  # it has died meanwhile, most likely
        steer, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with steer, theirs:  # closed without a word, it tells the child to end
            steer.setblocking(False)
            _ordered(steer, cell, payload)  # it finds the order when it comes to it
            if not cell.groups:
                steer.send(_GO)
            process = await self._fork(cell.name, cell.groups, theirs)
            theirs.close()
            await process.let_go(steer, _GO if cell.groups else None)
        return process

    async def prepare(self, groups: tuple[str, ...]) -> Spare:
        """A child that waits in these groups, in namespaces of its own, for whichever order of this domain comes next:
        what `spawn` would have to wait for is behind it. Raises Retryable."""
        steer, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with ExitStack() as held:
            held.callback(steer.close)
            steer.setblocking(False)
            with theirs:
                process = await self._fork("a process that is kept ready", groups, theirs)
            held.callback(process.kill)
            try:
                await process.join()
            except OSError as error:
                raise Retryable(f"{process.name} could not be limited: {error}", code="sandbox_failed") from error
            held.pop_all()
        return Spare(process, steer, groups)

    async def _fork(self, name: str, groups: tuple[str, ...], steer: socket.socket) -> Process:
        number = next(self._numbers)
        started: asyncio.Future[Process] = asyncio.get_running_loop().create_future()
        self._orders[number] = name, groups, started
        await self._send(json.dumps({"id": number}).encode(), [steer.fileno()])
        return await started

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
        name, groups, started = self._orders.pop(message["id"])
        if message["t"] == "refused":
            if not started.done():
                text = f"{name} could not be started: {message['error']}"
                started.set_exception(Retryable(text, code="sandbox_failed"))
            return
        process = self._running[message["id"]] = Process(name, groups, descriptors[0])
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
        for _, _, started in self._orders.values():
            if not started.done():
                started.set_exception(_died())
        self._orders.clear()
        if not self._up.done():
            self._up.set_exception(_died())


def _ordered(steer: socket.socket, cell: Cell, payload: int) -> bool:
    """Whether the order was taken; False: nobody is at the other end."""
    try:
        socket.send_fds(steer, [json.dumps(cell.order()).encode()], [*cell.listeners, cell.channel, payload])
    except (BrokenPipeError, ConnectionResetError):
        return False
    return True


def _died() -> Retryable:
    return Retryable("the process that makes sandboxes ended", code="zygote_died")
