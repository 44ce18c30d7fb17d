"""The process of one worker version: everything it is made of, its start and its end.

Exit codes: 0 stopped; 70 the module could not be imported (told as `fatal`); 75 given up because an invocation would
not end; 27 (guard.EXIT_FROZEN) ended by the kernel's timer because nothing in it could run any more.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import socket
import sys
import time
import traceback
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NoReturn, Protocol

import uvloop

from holdfast.runtime.python import network, programs, standby, traces
from holdfast.runtime.python.capture import Lines, capture
from holdfast.runtime.python.channel import Channel
from holdfast.runtime.python.deliver import Delivery
from holdfast.runtime.python.far_socket import FarSocket
from holdfast.runtime.python.guard import EXIT_STUCK, Guard
from holdfast.runtime.python.http1 import Connection
from holdfast.runtime.python.invocations import Invocation, Invocations, task_factory
from holdfast.runtime.python.loading import LoadError, Worker, load, prepare_path
from holdfast.runtime.python.payload import Payload
from holdfast.runtime.python.workers import ReadableStream, Request, Response, asgi, context, fetching, upgrading

EXIT_FATAL = 70
IDLE_EVERY = 5.0  # seconds
_DRAIN = 2.0  # seconds others have to finish when the process is given up
_BACKLOG = 1024
_TELL = 0.5  # seconds after it is ready


class Bindings(Protocol):
    """The client of the binding socket, as runtime/bindings/client.py makes it."""

    def env(self, bindings: list[dict[str, Any]]) -> Mapping[str, object]: ...


Connect = Callable[[str], Awaitable[Bindings]]


def main(http_fd: int, inner_fd: int, channel_fd: int, payload: bytes, connect: Connect | None = None) -> NoReturn:
    """Serve until told to stop. Never returns: the process ends with one of the exit codes above."""
    standby.remember()
    host = Host(http_fd, inner_fd, channel_fd, Payload.parse(payload), connect or _connect)
    host.install()
    gc.enable()  # a zygote forks with it off
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.get_loop()
        if not host.wanted():
            os._exit(0)
        code = 0
        try:
            code = runner.run(host.run())
        except SystemExit as ending:
            code = ending.code if isinstance(ending.code, int) else 1
        except BaseException as error:  # noqa: BLE001 - our own defect: said to the pool, or nobody would know why
            host.last_words(error)
            code = EXIT_FATAL
        os._exit(code)  # threads of user code may not hold up the end


async def _connect(path: str) -> Bindings:
    from holdfast.runtime.bindings import client
    from holdfast.runtime.python.rpc import calling

    hooks = client.Hooks(
        request=_service_request,
        response=_service_response,
        stream=ReadableStream.of,
        upgraded=_service_socket,
        call=calling.call,
    )
    return await client.connect(path, hooks)


def _service_request(resource: Any, options: dict[str, Any]) -> Request:
    """What a service binding's fetch is given, as `fetch` takes it."""
    return Request(resource, **options)


def _service_response(status: int, headers: list[tuple[str, str]], body: Any) -> Response:
    """What a service binding's fetch gives: an answer like any other."""
    empty = status in (101, 204, 205, 304)
    return Response(None if empty else body, status=status, headers=headers)


def _service_socket(headers: list[tuple[str, str]], wire: Any) -> Response:
    """What it gives when the other worker took the connection for a WebSocket."""
    return Response(None, status=101, headers=headers, web_socket=FarSocket.open(wire))


class Host:
    def __init__(self, http_fd: int, inner_fd: int, channel_fd: int, payload: Payload, connect: Connect) -> None:
        self._payload = payload
        self._connect = connect
        self._listeners = (http_fd, inner_fd)
        self._channel = Channel(channel_fd)
        self._registry = Invocations(self._channel, payload.limits, self._describe, self._stuck)
        self._guard = Guard(self._registry, self._give_up)
        self._connections: set[Connection] = set()
        self._servers: list[asyncio.AbstractServer] = []
        self._end: asyncio.Event | None = None
        self._code = 0
        self._grace = 0.0
        self._stopping = False
        self._streams: tuple[Lines, Lines] | None = None
        self._last_said: list[Callable[[], None]] = []  # counts that were not told yet

    def install(self) -> None:
        """Before the loop runs: output, environment, paths, the network, the guard."""
        self._streams = capture(self._registry)
        prepare_path(self._payload)
        if self._payload.environment:
            for name, value in {**self._payload.vars, **self._payload.secrets}.items():
                if "\0" not in name and "=" not in name:
                    os.environ[name] = value if isinstance(value, str) else json.dumps(value)
        network.install(self._payload.egress)
        if not self._payload.subprocess:
            programs.refuse()
        self._guard.install()

    def wanted(self) -> bool:
        """Whether it is to go on; a process that stands by learns it when somebody comes."""
        return self._payload.standby is None or standby.stand_by(self._payload, self._channel)

    def last_words(self, error: BaseException) -> None:
        told = {"type": type(error).__name__, "message": f"the host failed: {error}"}
        stack = "".join(traceback.format_exception(error))[-8000:]
        self._channel.send_now({"t": "fatal", "error": {**told, "stack": stack}})

    def _describe(self, error: BaseException) -> dict[str, Any]:
        return traces.describe(error, self._payload.code)

    async def run(self) -> int:
        loop = asyncio.get_running_loop()
        context.set_loop(loop)
        self._end = asyncio.Event()
        self._channel.attach(loop, self._told)
        fetching.use(self._payload.egress)
        upgrading.use(FarSocket.open)
        env = context.Env(await self._env())
        context.set_env(env)
        try:
            worker = load(self._payload, lambda error: traces.stack(error, self._payload.code))
        except LoadError as error:
            self._channel.send_now({"t": "fatal", "error": error.error})
            return EXIT_FATAL
        loop.set_task_factory(task_factory)
        loop.set_exception_handler(self._unhandled)
        gc.collect()
        gc.freeze()
        await self._listen(worker, env)
        self._channel.send({"t": "ready"})
        loop.call_later(_TELL, self._tell_imported)
        loop.call_later(IDLE_EVERY, self._idle)
        await self._end.wait()
        await self._wind_down()
        return self._code

    async def _env(self) -> dict[str, Any]:
        payload = self._payload
        found: dict[str, Any] = {}
        if rest := [dict(each) for each in payload.bindings if each["kind"] != "version"]:
            found.update((await self._connect(payload.bind)).env(rest))
        for each in payload.bindings:
            if each["kind"] == "version":
                found[str(each["name"])] = VersionMetadata(payload.version)
        return {**found, **payload.vars, **payload.secrets}

    async def _listen(self, worker: Worker, env: Any) -> None:
        loop = asyncio.get_running_loop()
        delivery = Delivery(worker, env, self._registry)
        out, err = self._streams or (None, None)

        def over(invocation: Invocation) -> None:
            for each in (out, err):
                if each is not None:
                    each.end(invocation)

        delivery.over = over
        if self._payload.routes:
            self._declare(delivery)
        body = self._payload.limits.body_bytes
        for descriptor, serve in zip(self._listeners, (delivery.public, delivery.inner), strict=True):
            listener = socket.socket(fileno=descriptor)
            listener.setblocking(False)
            server = await loop.create_unix_server(
                lambda serve=serve: Connection(serve, body, self._connections),  # type: ignore[misc]
                sock=listener,
                backlog=_BACKLOG,
            )
            self._servers.append(server)

    def _declare(self, delivery: Delivery) -> None:
        """What requests and answers are held against."""
        from holdfast.runtime.python.schemas.answers import Told
        from holdfast.runtime.python.schemas.checks import Checks

        payload = self._payload
        told = None if payload.answers == "off" else Told(self._channel.send, payload.answers)
        delivery.checks = Checks(payload.routes, payload.schemas, told)
        if told is not None:
            self._last_said.append(told.flush)

    def _unhandled(self, _: asyncio.AbstractEventLoop, told: dict[str, Any]) -> None:
        """What no task took: a line of the log, with its stack."""
        error = told.get("exception")
        text = self._describe(error)["stack"] if error is not None else str(told.get("message"))
        running = context.invocation.get()
        self._registry.line(running.id if isinstance(running, Invocation) else None, "error", text)

    def _tell_imported(self) -> None:
        """So that the next process can have it before anybody asks. What a first request imports is among it."""
        self._channel.send(standby.told(self._payload))

    def _idle(self) -> None:
        """The pool hears from us as long as the event loop turns: it gives up a process that falls silent."""
        if self._registry.active:
            self._channel.send({"t": "alive"})
        else:
            seconds = round(time.monotonic() - self._registry.idle_since, 1)
            self._channel.send({"t": "idle", "seconds": seconds})
        asyncio.get_running_loop().call_later(IDLE_EVERY, self._idle)

    # -- the end

    def _told(self, message: dict[str, Any]) -> None:
        if message.get("t") == "stop":
            self._stop(0, float(message.get("grace") or 0))

    def _stop(self, code: int, grace: float) -> None:
        if self._stopping or self._end is None:
            return
        self._stopping = True
        self._code, self._grace = code, grace
        self._end.set()

    def _stuck(self, invocation: Invocation) -> None:
        """An invocation does not end although it was cancelled: the process is given up, after the others."""
        self._registry.line(invocation.id, "error", "the process is given up: this invocation does not end")
        self._stop(EXIT_STUCK, _DRAIN)

    def _give_up(self, invocation: Invocation) -> None:
        """In the guard's thread: the last words."""
        invocation.failed("timeout")
        at = int(time.time() * 1000)
        text = "the process is given up: this invocation does not let go of the processor"
        self._channel.send_now({"t": "log", "invocation": invocation.id, "at": at, "level": "error", "text": text})
        for each in list(self._registry.active):
            each.failed("cancelled")
            self._channel.send_now(each.record())
        for tally in self._registry.tallies.taken():
            self._channel.send_now(tally)

    async def _wind_down(self) -> None:
        """No new work; let what runs end, within the grace; then cancel it."""
        for server in self._servers:
            server.close()
        for connection in list(self._connections):
            connection.close_when_idle()
        end = time.monotonic() + self._grace
        while self._registry.active and (left_seconds := end - time.monotonic()) > 0:
            await self._registry.quiet(left_seconds)
        for each in list(self._registry.active):
            each.cancel("cancelled")
        if self._registry.active:
            await self._registry.quiet(0.5)
        for each in list(self._registry.active):
            self._channel.send_now(each.record())
        self._registry.tallies.flush()
        for each_said in self._last_said:
            each_said()
        self._channel.empty(0.5)
        try:
            await asyncio.wait_for(asgi.stop_all(), timeout=max(self._grace, 0.5))
        except TimeoutError:
            self._registry.line(None, "warn", "the application did not finish its clean-up in time")


class VersionMetadata:
    """The `version` binding: `id`, `tag`, `timestamp`."""

    def __init__(self, version: Mapping[str, Any]) -> None:
        self.id = version.get("id", "")
        self.tag = version.get("tag") or ""
        self.timestamp = version.get("created_at", "")

    def __getitem__(self, name: str) -> Any:
        if name in ("id", "tag", "timestamp"):
            return getattr(self, name)
        raise KeyError(name)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.stdin.buffer.read())
