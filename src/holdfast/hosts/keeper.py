"""The keeper: one small process per installation that owns the sockets and keeps api, runner and servers alive."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import signal
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from holdfast.hosts import limits, wire
from holdfast.hosts.control_plane import ControlPlane, Program, listen_unix
from holdfast.hosts.doors import Doors, Lent
from holdfast.hosts.layout import Layout
from holdfast.hosts.records import ServerRecord
from holdfast.hosts.servers import Servers, ServerStatus
from holdfast.hosts.supervisor import Policy
from holdfast.kernel.clock import Clock, SystemClock
from holdfast.kernel.crashpoints import steady_after
from holdfast.kernel.errors import Conflict, HoldfastError, Invalid, NeedsOperator
from holdfast.kernel.settings import Settings

__all__ = ["Keeper", "KeeperClient", "KeeperInfo", "Policy", "Program", "background"]

_CONTROL_POLICY = Policy(deaths=0, steady=steady_after(10.0), longest=10.0)
_ROTATE_SECONDS = 5.0


@dataclass(frozen=True)
class KeeperInfo:
    """What a running keeper says about itself. `parts`: {"api": {state, pid, restarts, error}, ...}."""

    pid: int
    control_port: int | None
    parts: Mapping[str, Mapping[str, Any]]
    limits: Mapping[str, Any]
    apps_port: int | None = None


class Keeper:
    """`run` in the foreground until a signal or a client's shutdown. `programs` empty = servers only (tests)."""

    def __init__(
        self,
        settings: Settings,
        programs: tuple[Program, ...] = (),
        *,
        clock: Clock | None = None,
        policy: Policy | None = None,
        on_ready: Callable[[KeeperInfo], None] | None = None,
    ) -> None:
        self._settings = settings
        self._layout = Layout.of(settings)
        self._programs = programs
        self._clock = clock or SystemClock()
        self._policy = policy or Policy()
        self._on_ready = on_ready
        self._keep_databases = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._interrupts = 0
        self.doors = Doors()

    def run(self) -> None:
        """Returns after a clean stop. Raises Conflict (codes "keeper_running", "port_in_use") or NeedsOperator."""
        self._layout.prepare()
        lock = _take_lock(self._layout.lock)
        limits.step_aside()
        try:
            asyncio.run(self._main())
        finally:
            os.close(lock)

    def stop(self, *, keep_databases: bool = False) -> None:
        """Ask a running keeper to end; from any thread. Returns at once."""
        self._keep_databases = keep_databases
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # it has ended meanwhile
                self._loop.call_soon_threadsafe(self._end.set)

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._end = asyncio.Event()
        self.servers = Servers(self._layout, self._clock, self._policy)
        self.control = ControlPlane(self._settings, self._layout, self._programs, self._clock, _CONTROL_POLICY)
        self._signals()
        server: asyncio.Server | None = None
        rotating = asyncio.create_task(self._rotate())
        try:
            self.control.bind()
            resuming = asyncio.create_task(self.servers.resume())
            await self.control.start()
            await resuming
            listening = listen_unix(self._settings.keeper_socket)
            server = await asyncio.start_unix_server(self._serve, sock=listening, limit=wire.LINE_LIMIT)
            await self._until_ready()
            await self._end.wait()
        finally:
            rotating.cancel()
            if server is not None:
                server.close()
            await self.control.stop()
            await self.servers.halt_all(keep=self._keep_databases)
            self.control.close()
            self.doors.close_all()
            self._settings.keeper_socket.unlink(missing_ok=True)

    async def _until_ready(self) -> None:
        ready = asyncio.create_task(self.control.ready())
        ending = asyncio.create_task(self._end.wait())
        await asyncio.wait((ready, ending), return_when=asyncio.FIRST_COMPLETED)
        ending.cancel()
        if not ready.done():
            ready.cancel()
            return
        ready.result()
        if self._on_ready is not None:
            self._on_ready(self.info())

    def info(self) -> KeeperInfo:
        parts = {
            name: {"state": part.state, "pid": part.pid, "restarts": part.restarts, "error": part.error}
            for name, part in self.control.parts.items()
        }
        for name, why in self.control.refused.items():
            parts[name] = {"state": "failed", "pid": None, "restarts": 0, "error": why}
        groups = self.servers.groups
        enforced = {"version": groups.version, "controllers": list(groups.controllers), "reason": groups.reason}
        return KeeperInfo(os.getpid(), self.control.control_port, parts, enforced, self.control.apps_port)

    def _signals(self) -> None:
        if threading.current_thread() is not threading.main_thread():
            return
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, self._interrupt)

    def _interrupt(self) -> None:
        """The first asks for a clean stop, the second ends every wait for it."""
        self._interrupts += 1
        self._end.set()
        if self._interrupts > 1:
            self.control.kill()
            if not self._keep_databases:
                self.servers.kill_all()

    async def _rotate(self) -> None:
        while True:
            await asyncio.sleep(_ROTATE_SECONDS)
            with contextlib.suppress(OSError):  # a full disk: tried again in a moment
                await asyncio.to_thread(self.servers.rotate_logs)
                await asyncio.to_thread(self.control.rotate_logs)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            connection: socket.socket = writer.get_extra_info("socket")
            if not wire.peer_allowed(wire.peer_user(connection)):
                return
            answer = await self._answer(await reader.readline())
            if (lent := answer.pop("descriptor", None)) is not None:
                wire.send_with(connection.fileno(), answer, int(lent))
                return
            writer.write(wire.encode(answer))
            await writer.drain()
        except (OSError, ValueError):
            return  # the client went away or sent more than a line may hold
        finally:
            writer.close()

    async def _answer(self, line: bytes) -> dict[str, Any]:
        try:
            message = json.loads(line)
            verb = self._verbs().get(str(message.get("verb")))
            if verb is None:
                raise Invalid("the keeper knows no such verb", code="verb_unknown")
            result = await verb(message)
            if isinstance(result, Lent):
                return {"ok": True, "result": result.port, "descriptor": result.descriptor}
            return {"ok": True, "result": result}
        except HoldfastError as error:
            return wire.encode_error(error)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            return wire.encode_error(Invalid(f"the keeper cannot read this request: {error!r}"))
        except OSError as error:
            hint = "see the keeper's data directory and `holdfast doctor`"
            return wire.encode_error(NeedsOperator(f"the keeper could not do it: {error}", hint=hint))

    def _verbs(self) -> dict[str, Callable[[dict[str, Any]], Awaitable[Any]]]:
        servers = self.servers

        async def start(message: dict[str, Any]) -> Any:
            return (await servers.start(ServerRecord.from_dict(message["record"]))).as_dict()

        async def stop(message: dict[str, Any]) -> Any:
            return (await servers.stop(_name(message))).as_dict()

        async def status(message: dict[str, Any]) -> Any:
            return (await servers.status(_name(message))).as_dict()

        async def forget(message: dict[str, Any]) -> Any:
            await servers.forget(_name(message))

        async def listing(_: dict[str, Any]) -> Any:
            return {name: status.as_dict() for name, status in (await servers.list()).items()}

        async def info(_: dict[str, Any]) -> Any:
            return self.info().__dict__

        async def begin(_: dict[str, Any]) -> Any:
            await self.control.begin()
            return self.control.apps_port

        async def restart(_: dict[str, Any]) -> Any:
            await self.control.restart()
            await self.control.ready()

        async def listen(message: dict[str, Any]) -> Any:
            return self.doors.listen(_name(message), str(message["host"]), int(message["port"]))

        async def unlisten(message: dict[str, Any]) -> Any:
            self.doors.close(_name(message))

        async def shutdown(message: dict[str, Any]) -> Any:
            self._keep_databases = bool(message.get("keep_databases"))
            asyncio.get_running_loop().call_later(0.05, self._end.set)

        return {
            "start": start,
            "stop": stop,
            "status": status,
            "forget": forget,
            "list": listing,
            "info": info,
            "begin": begin,
            "restart": restart,
            "listen": listen,
            "unlisten": unlisten,
            "shutdown": shutdown,
        }


def _name(message: Mapping[str, Any]) -> str:
    name = str(message["resource_id"])
    if not name or "/" in name or name.startswith("."):
        raise Invalid("not a resource id")
    return name


def _take_lock(path: Path) -> int:
    try:
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise NeedsOperator(
            f"{path.parent} cannot be written: {error.strerror}",
            code="directory_unusable",
            hint="make it writable for this user, or choose another place with HOLDFAST_DATA",
        ) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        pid = os.pread(lock, 32, 0).decode().strip() or "unknown"
        os.close(lock)
        raise Conflict(
            f"Holdfast already runs on {path.parent} (process {pid})",
            code="keeper_running",
            hint="stop it with `holdfast down`, or choose another directory with HOLDFAST_DATA",
            details={"pid": int(pid) if pid.isdigit() else None},
        ) from None
    os.ftruncate(lock, 0)
    os.pwrite(lock, str(os.getpid()).encode(), 0)
    return lock


@contextlib.contextmanager
def alone_on(data: Path) -> Iterator[None]:
    """Within it no Holdfast runs or starts on `data`. Raises Conflict ("keeper_running"). A directory no Holdfast ever
    ran on is left as it is."""
    path = Layout(data, data).lock
    lock = _take_lock(path) if path.exists() else None
    try:
        yield
    finally:
        if lock is not None:
            os.close(lock)


class KeeperClient:
    """The keeper from other processes. Every call raises Retryable (code "keeper_away") when there is none."""

    def __init__(self, path: Path, timeout: float = 10.0) -> None:
        self._path = path
        self._timeout = timeout

    @classmethod
    def of(cls, settings: Settings) -> KeeperClient:
        return cls(settings.keeper_socket)

    def start(self, record: ServerRecord) -> ServerStatus:
        """Running as recorded when it returns; starts again by itself until `stop`."""
        return ServerStatus.from_dict(self._call("start", record.stop_timeout + 30, record=record.as_dict()))

    def stop(self, resource_id: str, timeout: float = 120.0) -> ServerStatus:
        """Gone when it returns. Unknown is success."""
        return ServerStatus.from_dict(self._call("stop", timeout, resource_id=resource_id))

    def status(self, resource_id: str) -> ServerStatus:
        return ServerStatus.from_dict(self._call("status", self._timeout, resource_id=resource_id))

    def list(self) -> dict[str, ServerStatus]:
        answer = self._call("list", self._timeout)
        return {name: ServerStatus.from_dict(raw) for name, raw in answer.items()}

    def forget(self, resource_id: str, timeout: float = 120.0) -> None:
        """Stopped, and nothing left of its record, logs or groups."""
        self._call("forget", timeout, resource_id=resource_id)

    def listen(self, resource_id: str, host: str, port: int) -> socket.socket:
        """A listening socket for a database's door; the keeper has it too, so that nobody is refused while the api
        restarts. The same door again is the same socket. Port 0 takes a free one. Raises Conflict ("port_in_use")."""
        message = {"verb": "listen", "resource_id": resource_id, "host": host, "port": port}
        return wire.call_for_socket(self._path, message, self._timeout)

    def unlisten(self, resource_id: str) -> None:
        """Close a door. None there is success."""
        self._call("unlisten", self._timeout, resource_id=resource_id)

    def info(self) -> KeeperInfo:
        return KeeperInfo(**self._call("info", self._timeout))

    def begin(self) -> int | None:
        """Start the parts that have something to do by now (`Program.after`); those that run are left alone. Returns
        the port of the apps origin. Raises Conflict (code "port_in_use")."""
        port = self._call("begin", self._timeout)
        return None if port is None else int(port)

    def restart_control_plane(self, timeout: float = 60.0) -> None:
        """New api and runner behind the same sockets, ready when it returns; servers are not touched."""
        self._call("restart", timeout)

    def shutdown(self, *, keep_databases: bool = False) -> None:
        """Asks only; the keeper is gone when its lock is free."""
        self._call("shutdown", self._timeout, keep_databases=keep_databases)

    def _call(self, verb: str, timeout: float, **fields: Any) -> Any:
        return wire.call(self._path, {"verb": verb, **fields}, timeout)


@contextmanager
def background(settings: Settings, policy: Policy | None = None) -> Iterator[KeeperClient]:
    """A keeper of servers alone, in a thread of this process: for tests and for acts without a running Holdfast."""
    ready = threading.Event()
    failure: list[BaseException] = []
    keeper = Keeper(replace(settings), policy=policy, on_ready=lambda _: ready.set())

    def run() -> None:
        try:
            keeper.run()
        except BaseException as error:  # noqa: BLE001 - handed to the waiting thread
            failure.append(error)
        finally:
            ready.set()

    thread = threading.Thread(target=run, name="keeper", daemon=True)
    thread.start()
    ready.wait()
    try:
        if failure:
            raise failure[0]
        yield KeeperClient.of(settings)
    finally:
        keeper.stop()
        thread.join()
