"""A sandboxed process as the pool holds it: joined to its groups, let go, waited for."""

from __future__ import annotations

import asyncio
import json
import os
import select
import signal
import socket
from pathlib import Path

from holdfast.kernel.errors import Permanent, Retryable
from holdfast.runtime.sandbox.cell import Exit

_STEPS_SECONDS = 30.0
_PACKET = 1 << 16


class Process:
    """One sandbox, whichever mode made it, from its fork on. `groups`: control group directories that it is to be in.
    `pidfd` is taken over and closed at the end."""

    def __init__(self, name: str, groups: tuple[str, ...], pidfd: int) -> None:
        self.name = name
        self._groups = groups
        self._pidfd = self._worker = pidfd
        self._open = True
        self._joined = False
        self._kills = oom_kills(groups)
        self._exit: asyncio.Future[Exit] = asyncio.get_running_loop().create_future()
        self.pid = pid_of(pidfd)

    async def wait(self) -> Exit:
        return await asyncio.shield(self._exit)

    def kill(self) -> None:
        self._send(self._pidfd, signal.SIGKILL)

    def signal(self, number: int) -> None:
        self._send(self._worker, number)

    def _send(self, pidfd: int, number: int) -> None:
        if not self._open:
            return
        try:
            signal.pidfd_send_signal(pidfd, number)
        except ProcessLookupError:
            return  # it has ended; whoever waits will be told

    def worker_is(self, pid: int) -> None:
        """The worker is not the first process of its namespace, which `pidfd` is and whose end is everybody's."""
        self._worker, self.pid = os.pidfd_open(pid), pid

    @property
    def namespace(self) -> int:
        """The pidfd that stands for all of it."""
        return self._pidfd

    def ended(self, status: int, cpu_seconds: float | None = None, peak_bytes: int | None = None) -> None:
        """Once: the process is gone. Its pidfd is closed here."""
        if not self._open:
            return
        self._open = False
        for descriptor in {self._pidfd, self._worker}:
            os.close(descriptor)
        killed = status == -signal.SIGKILL and oom_kills(self._groups) > self._kills
        if not self._exit.done():
            self._exit.set_result(Exit(status, cpu_seconds, peak_bytes, killed))

    def await_end(self, seconds: float) -> None:
        """Blocks until the process is gone or the time is over: for one whose parent cannot tell any more."""
        if self._open:
            poll = select.poll()
            poll.register(self._pidfd, select.POLLIN)
            poll.poll(seconds * 1000)

    async def join(self) -> None:
        """Put it into its groups. Raises OSError."""
        if self._groups and not self._joined:
            await asyncio.get_running_loop().run_in_executor(None, join, self._groups, self.pid)
        self._joined = True

    async def let_go(self, steer: socket.socket, message: bytes | None) -> None:
        """Put it into its groups, tell it to go on (None: it was told), and wait until its walls stand.

        Raises Permanent ("sandbox_failed") with what the step that failed said, Retryable when it died or hung. It is
        killed then.
        """
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(_STEPS_SECONDS):
                await self.join()
                if message is not None:
                    await loop.sock_sendall(steer, message)
                answer = await _heard(steer)
        except (TimeoutError, OSError) as error:
            self.kill()
            raise Retryable(f"the sandbox of {self.name} did not start: {error}", code="sandbox_failed") from error
        except asyncio.CancelledError:
            self.kill()
            raise
        if not answer:
            self.kill()
            raise Retryable(f"the sandbox of {self.name} died while it started", code="sandbox_failed")
        if failure := json.loads(answer):
            self.kill()
            message_ = f"the sandbox of {self.name} could not be built: {failure['error']}"
            raise Permanent(message_, code="sandbox_failed", hint="see `holdfast doctor`")


async def _heard(steer: socket.socket) -> bytes:
    """One that failed before it had read everything: its end comes first (once), what it said is still there."""
    loop = asyncio.get_running_loop()
    try:
        return await loop.sock_recv(steer, _PACKET)
    except ConnectionResetError:
        return await loop.sock_recv(steer, _PACKET)


def join(groups: tuple[str, ...], pid: int) -> None:
    """Control groups v1 take tens of milliseconds for this now and then (a grace period of the kernel)."""
    for directory in groups:
        (Path(directory) / "cgroup.procs").write_text(str(pid))


def pid_of(pidfd: int) -> int:
    """The process as this process' pid namespace numbers it. -1 after its end, 0 outside of it."""
    for line in Path(f"/proc/self/fdinfo/{pidfd}").read_text().splitlines():
        if line.startswith("Pid:"):
            return int(line.split()[1])
    raise OSError(22, "not the descriptor of a process")


def oom_kills(groups: tuple[str, ...]) -> int:
    """How many processes the groups' memory limits have killed so far (v1 memory.oom_control, v2 memory.events)."""
    for directory in groups:
        for name in ("memory.events", "memory.oom_control"):
            try:
                lines = (Path(directory) / name).read_text().splitlines()
            except OSError:
                continue
            for line in lines:
                if line.startswith("oom_kill "):
                    return int(line.split()[1])
    return 0
