"""The processes of Holdfast itself: sockets the keeper owns and passes down, and who serves them."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import signal
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from holdfast.hosts import logs
from holdfast.hosts.launching import Launch, spawn
from holdfast.hosts.layout import SOCKET_PATH_LIMIT, Layout
from holdfast.hosts.process import Handle, Identity, boot_id, identify
from holdfast.hosts.supervisor import Policy, Supervisor
from holdfast.kernel.clock import Clock
from holdfast.kernel.errors import Conflict, HoldfastError, NeedsOperator, Retryable
from holdfast.kernel.settings import Settings

CANNOT_START = os.EX_CONFIG


@dataclass(frozen=True)
class Program:
    """One part of the control plane. With the status CANNOT_START it says, on standard error in one line and a hint,
    that trying again will not help. `sockets`: {descriptor number in the child: its name}, which is
    "control", "admin", "apps" or "front". `after`: a directory of the data without which it has nothing to do; it
    starts when that is there. `makes`: the longest path of a socket it makes itself, below the runtime directory."""

    name: str
    argv: tuple[str, ...]
    sockets: Mapping[int, str]
    after: str = ""
    makes: str = ""


def listen_tcp(host: str, port: int, name: str, patience: float = 1.5) -> socket.socket:
    """Raises Conflict (code "port_in_use"). Waits a moment: a killed keeper's api may still be dying."""
    until = time.monotonic() + patience
    while True:
        made = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            made.bind((host, port))
            made.listen(1024)
        except OSError as error:
            made.close()
            if error.errno == errno.EADDRINUSE and time.monotonic() < until:
                time.sleep(0.05)
                continue
            raise _port_error(error, host, port, name) from error
        made.setblocking(False)
        return made


def _port_error(error: OSError, host: str, port: int, name: str) -> Conflict | NeedsOperator:
    variable = f"HOLDFAST_{name.upper()}_PORT"
    if error.errno == errno.EADDRINUSE:
        return Conflict(
            f"port {port} on {host} is in use by another program",
            code="port_in_use",
            hint=f"stop that program, or choose another port with {variable}",
            details={"port": port, "host": host},
        )
    return NeedsOperator(
        f"cannot listen on {host} port {port}: {error.strerror}",
        code="port_refused",
        hint=f"choose another port with {variable}",
    )


def fits(path: Path) -> None:
    """Raises NeedsOperator (code "runtime_too_long") for a path that no socket can have."""
    if len(os.fsencode(path)) > SOCKET_PATH_LIMIT:
        raise NeedsOperator(
            f"the socket path {path} is longer than {SOCKET_PATH_LIMIT} bytes",
            code="runtime_too_long",
            hint="choose a shorter directory with HOLDFAST_RUNTIME",
        )


def listen_unix(path: Path) -> socket.socket:
    """A 0600 socket; what a dead process left at this path is replaced. Only for the holder of the keeper's lock."""
    fits(path)
    path.unlink(missing_ok=True)
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        made.bind(str(path))
    finally:
        os.umask(before)
    made.listen(128)
    made.setblocking(False)
    return made


class ControlPlane:
    """The processes of PROGRAMS. They die with the keeper: whoever serves our sockets must not outlive their owner."""

    def __init__(
        self, settings: Settings, layout: Layout, programs: tuple[Program, ...], clock: Clock, policy: Policy
    ) -> None:
        self._settings = settings
        self._layout = layout
        self._programs = programs
        self._clock = clock
        self._policy = policy
        self._sockets: dict[str, socket.socket] = {}
        self._begun: dict[str, int] = {}
        self._turn = asyncio.Lock()  # two at once would each start a process of the same part
        self.parts: dict[str, Supervisor] = {}
        self.refused: dict[str, str] = {}  # parts with something to do that have no socket: why

    def bind(self) -> None:
        """Take the sockets that programs with something to do ask for; those it has, it keeps. Raises Conflict (code
        "port_in_use") or NeedsOperator for the first that cannot have its own: the others have theirs then."""
        failure: HoldfastError | None = None
        for program in self._due():
            try:
                fits(self._settings.runtime / program.makes)
                for name in program.sockets.values():
                    self._take(name)
            except HoldfastError as error:
                self.refused[program.name] = f"{error.message}\n{error.hint or ''}".strip()
                failure = failure or error
                continue
            self.refused.pop(program.name, None)
            if program.name not in self.parts:
                self.parts[program.name] = self._supervisor(program, self._clock, self._policy)
        if failure is not None:
            raise failure

    def _due(self) -> list[Program]:
        return [program for program in self._programs if (self._settings.data / program.after).is_dir()]

    def _take(self, name: str) -> None:
        if name in self._sockets:
            return
        settings = self._settings
        if name == "control":
            self._sockets[name] = listen_tcp(settings.host, settings.control_port, name)
        elif name == "apps":
            self._sockets[name] = listen_tcp(settings.host, settings.apps_port, name)
        else:
            self._sockets[name] = listen_unix(settings.admin_socket if name == "admin" else settings.front_socket)

    @property
    def control_port(self) -> int | None:
        """The real one, also when 0 was asked for."""
        return self._port("control")

    @property
    def apps_port(self) -> int | None:
        """The real one of the apps origin. None when no program serves it."""
        return self._port("apps")

    def _port(self, name: str) -> int | None:
        listening = self._sockets.get(name)
        return int(listening.getsockname()[1]) if listening is not None else None

    async def begin(self) -> None:
        """What has something to do by now is started besides; nothing happens to what runs. Raises as `bind` does, when
        all that can run does."""
        async with self._turn:
            try:
                await asyncio.to_thread(self.bind)  # it may wait for a port, and servers must be heard meanwhile
            finally:
                await self._start()

    async def start(self) -> None:
        async with self._turn:
            await self._start()

    async def stop(self) -> None:
        async with self._turn:
            await self._stop()

    async def restart(self) -> None:
        """New processes behind the same sockets: connections wait, none is refused."""
        async with self._turn:
            await self._stop()
            await self._start()

    async def _start(self) -> None:
        await asyncio.gather(*(part.start() for part in self.parts.values()))

    async def _stop(self) -> None:
        await asyncio.gather(*(part.stop() for part in self.parts.values()))

    async def release(self) -> None:
        for part in self.parts.values():
            await part.release()

    def kill(self) -> None:
        for part in self.parts.values():
            part.kill()

    def close(self) -> None:
        for made in self._sockets.values():
            made.close()
        for name, path in (("admin", self._settings.admin_socket), ("front", self._settings.front_socket)):
            if name in self._sockets:
                path.unlink(missing_ok=True)
        self._sockets.clear()

    def rotate_logs(self) -> None:
        for name in self.parts:
            logs.rotate(self._layout.logs / f"{name}.log")

    async def ready(self, seconds: float = 90.0) -> None:
        """Until GET /health/live answers 200. Raises Retryable (code "not_ready") with the api's last words, and at
        once NeedsOperator (code "cannot_start") with those of a part that says it cannot start as things are. A part
        that only some need is told by `holdfast status`: databases do without it."""
        port = self.control_port
        until = time.monotonic() + seconds
        while port is not None:
            if await _alive(self._settings.host, port):
                return
            for part in (
                self.parts[each.name] for each in self._programs if each.name in self.parts and not each.after
            ):
                if part.ended == f"ended with status {CANNOT_START}":
                    _, message, hint = f"{part.error}\n\n".split("\n")[:3]
                    raise NeedsOperator(message, code="cannot_start", hint=hint or "see also: holdfast doctor")
            if time.monotonic() > until:
                words = logs.tail(self._layout.logs / "api.log")
                raise Retryable(f"the api did not become ready in {seconds:.0f} s\n{words}", code="not_ready")
            await asyncio.sleep(0.03)

    def _supervisor(self, program: Program, clock: Clock, policy: Policy) -> Supervisor:
        log = self._layout.logs / f"{program.name}.log"

        async def start() -> Handle:
            return await asyncio.to_thread(self._spawn, program)

        return Supervisor(
            program.name,
            start,
            clock=clock,
            policy=policy,
            stop_timeout=15.0,
            last_words=lambda: logs.since(log, self._begun[program.name]) or logs.tail(log),
        )

    def _spawn(self, program: Program) -> Handle:
        launch = Launch(
            argv=program.argv,
            env=self._environment(),
            umask=0o022,
            nofile=65536,
            no_new_privileges=False,
            death_signal=signal.SIGKILL,
        )
        log = logs.open_log(self._layout.logs / f"{program.name}.log")
        self._begun[program.name] = os.fstat(log).st_size
        descriptors = {number: self._sockets[name].fileno() for number, name in program.sockets.items()}
        try:
            child = spawn(launch, stdout=log, stderr=log, descriptors=descriptors)
        finally:
            os.close(log)
        return Handle(identify(child.pid) or Identity(child.pid, 0, boot_id()), child)

    def _environment(self) -> dict[str, str]:
        """Ours, with every setting written out: the children must not come to other conclusions than we did."""
        settings = self._settings
        ours = {
            "HOLDFAST_DATA": str(settings.data),
            "HOLDFAST_RUNTIME": str(settings.runtime),
            "HOLDFAST_MASTER_KEY_FILE": str(settings.master_key_file),
            "HOLDFAST_CONTROL_PORT": str(self.control_port or settings.control_port),
            "HOLDFAST_APPS_PORT": str(self.apps_port or settings.apps_port),
            "HOLDFAST_LOG_LEVEL": settings.log_level,
            "HOLDFAST_DELETE_GRACE_SECONDS": str(settings.delete_grace_seconds),
            "HOLDFAST_DISK_RESERVE_BYTES": str(settings.disk_reserve_bytes),
            "HOLDFAST_DOWNLOAD_SECONDS": str(settings.download_seconds),
            "HOLDFAST_DOWNLOAD_MOST_SECONDS": str(settings.download_most_seconds),
            "HOLDFAST_ALLOWED_HOSTS": ",".join(settings.allowed_hosts),
            "PYTHONUNBUFFERED": "1",
        }
        if settings.node:
            ours["HOLDFAST_NODE"] = settings.node
        if settings.database_url:
            ours["HOLDFAST_DATABASE_URL"] = settings.database_url
        return {**os.environ, **ours}


async def _alive(host: str, port: int) -> bool:
    writer = None
    try:
        async with asyncio.timeout(2.0):
            reader, writer = await asyncio.open_connection(host, port)
            writer.write(f"GET /health/live HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n".encode())
            return (await reader.readline()).split()[1:2] == [b"200"]
    except (OSError, TimeoutError):
        return False
    finally:
        if writer is not None:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
