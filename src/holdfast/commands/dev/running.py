"""`dev` at work: pool, sandboxes, bindings, egress and edge in one process, on versions made of a folder's files."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import shutil
import signal
import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from holdfast.commands.dev.console import Console, Telling, milliseconds_since
from holdfast.commands.dev.local import LocalState
from holdfast.commands.dev.page import Page
from holdfast.commands.dev.project import PLACE, Built, Project
from holdfast.hosts.limits import step_aside
from holdfast.kernel.errors import Conflict, HoldfastError, NeedsOperator
from holdfast.kernel.outbound_policy import OutboundPolicy
from holdfast.kernel.settings import Settings
from holdfast.runtime.bindings.server import BindingServer
from holdfast.runtime.edge.routes import ALWAYS_BARE, Route, Table
from holdfast.runtime.edge.routes import Version as Share
from holdfast.runtime.edge.server import Edge
from holdfast.runtime.egress.server import EgressServer
from holdfast.runtime.live import LiveVersion, Sockets
from holdfast.runtime.pool import Parts, Policy, Pool
from holdfast.runtime.pool.face import state_file
from holdfast.runtime.pool.pool import require_alone
from holdfast.runtime.sandbox.modes import chosen
from holdfast.runtime.sandbox.users import keep_users, uid_of
from holdfast.runtime.sandbox.zygotes import Zygotes
from holdfast.runtime.telemetry import path_of
from holdfast.sandboxes import ControlGroups, Sandboxes

_PRELOAD = ("holdfast.runtime.python.warm",)
_LOOK_SECONDS = 0.2
_LOOK_SHARE = 10  # a folder that takes long to look through is looked at so many times less often
_GRACE_SECONDS = 2.0  # for requests that an old version is answering
_POLICY = Policy(grace_seconds=_GRACE_SECONDS, drain_seconds=2.0, first_pause=5.0, standby=0)


@dataclass
class Worker:
    """One folder's worker: `built` is what answers, None while nothing ever started."""

    project: Project
    page: Page
    built: Built | None = None
    seen: Mapping[str, tuple[int, int, int]] | None = None
    failed: bool = False


class Dev:
    """The first of `projects` answers at the bare address, each at NAME.localhost too."""

    def __init__(self, projects: Sequence[Project], state: LocalState, settings: Settings, console: Console) -> None:
        self._state, self._runtime, self._console = state, settings.runtime, console
        self._workers = [
            Worker(each, Page(self._runtime / f"page{number}", each.folder.name))
            for number, each in enumerate(projects)
        ]
        self._living: list[LiveVersion] = []  # what the pool has: what answers, and what is being tried
        self._bound: list[LiveVersion] = []  # what has bindings: those, and what is still ending its requests
        self._secrets: dict[str, Mapping[str, str]] = {}
        self._telemetry = Telling(path_of(state.root), console)
        self._zygotes = Zygotes(mode=chosen(settings.workers_sandbox), preload=_PRELOAD)
        self._groups = ControlGroups(f"dev{hashlib.sha256(str(state.root).encode()).hexdigest()[:8]}")
        parts = Parts(
            runtime=self._runtime,
            living=lambda: list(self._living),
            spawn=Sandboxes(state.root, self._zygotes).spawn,
            telemetry=self._telemetry,
            schedules=state_file(state.root),
            secrets=lambda version: dict(self._secrets[version.id]),
            groups=self._groups,
            policy=_POLICY,
        )
        self._pool = Pool(parts)
        self._bindings = BindingServer(self._runtime, owner=self._owner)
        self._egress = EgressServer(self._runtime, OutboundPolicy.of_workers(settings), self._owner)
        self._edge = Edge(self._runtime)
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self, listener: socket.socket, address: str) -> None:
        """Until cancelled; then nothing of it is left."""
        stop = asyncio.Event()
        pooling: asyncio.Task[None] | None = None
        try:
            await self._zygotes.warm(f"{PLACE}.{PLACE}")
            for worker in self._workers:
                await worker.page.open()
            pooling = asyncio.create_task(self._pool.run(stop))
            self._show()
            await self._edge.start([listener])
            for worker in reversed(self._workers):  # what the first calls is there before it
                await self._renew(worker)
            self._console.event("ready", f"Ready on {address}   (Ctrl-C ends it)", address=address)
            await self._watch()
        finally:
            await self._end(stop, pooling)

    async def _end(self, stop: asyncio.Event, pooling: asyncio.Task[None] | None) -> None:
        for task in self._tasks:
            task.cancel()
        await self._edge.close(_GRACE_SECONDS)
        stop.set()
        if pooling is not None:
            await pooling
        for worker in self._workers:
            worker.page.close()
        await self._bindings.close()
        await self._egress.close()
        await self._zygotes.close()
        self._groups.close()
        self._telemetry.close()

    async def _watch(self) -> None:
        while True:
            began = time.monotonic()
            for worker in self._workers:
                seen = await asyncio.to_thread(worker.project.seen)
                if seen != worker.seen:
                    await self._renew(worker)
            await asyncio.sleep(max(_LOOK_SECONDS, _LOOK_SHARE * (time.monotonic() - began - _LOOK_SECONDS)))

    async def _renew(self, worker: Worker) -> None:
        """The worker of the files as they are now; when it does not start, what answered goes on answering."""
        began = time.monotonic()
        worker.seen = await asyncio.to_thread(worker.project.seen)
        try:
            built = await asyncio.to_thread(worker.project.build, lambda text: self._console.event("note", text))
            if built.version.worker_id in {each.built.version.worker_id for each in self._others(worker) if each.built}:
                raise Conflict(f"two workers are named {built.config.name!r}", code="name_taken")
        except (HoldfastError, OSError, UnicodeDecodeError) as error:
            hint = getattr(error, "hint", None)
            self._failed(worker, str(error) + (f"\n{hint}" if hint else ""))
            return
        if worker.built is None or built.config.findings != worker.built.config.findings:
            for finding in built.config.findings:
                self._console.event("note", f"{finding.kind.replace('_', ' ')}: {finding.path}: {finding.message}")
        before = len(self._living)
        failure = await self._try(built)
        if failure is not None:
            del self._living[before:]
            self._pool.wake()
            self._later(built.version)
            self._failed(worker, failure, self._telemetry.traces.pop(built.version.id, None))
            return
        old, worker.built = worker.built, built
        self._living = [each.built.version for each in self._workers if each.built is not None]
        self._show()
        self._pool.wake()
        if old is not None:
            self._later(old.version)
        if built.version.number > 1 or worker.failed:
            self._console.event("reloaded", f"Reloaded {built.config.name} in {milliseconds_since(began)}")

    async def _try(self, built: Built) -> str | None:
        """Start it; why it did not, in words."""
        version = built.version
        self._secrets[version.id] = built.secrets
        self._living.append(version)
        self._bound.append(version)
        await self._bind()
        await self._pool.refresh()
        keeper = self._pool.keeper(version.id)
        keeper.begin_start()
        while True:
            state = keeper.state()
            if state.state == "running":
                return None
            if state.crashes:
                return state.error or "it ended while it was loaded"
            await asyncio.sleep(0.01)  # its start takes some thirty milliseconds

    def _failed(self, worker: Worker, words: str, trace: str | None = None) -> None:
        kept = "; the version before goes on answering" if worker.built else ""
        worker.failed = True
        worker.page.text = f"{words}\n\n{trace}" if trace else words
        self._console.event("failed", f"{worker.project.folder.name} does not start{kept}: {words}")

    def _others(self, worker: Worker) -> list[Worker]:
        return [each for each in self._workers if each is not worker]

    def _later(self, version: LiveVersion) -> None:
        """Take its bindings away when its last requests have had their time."""
        task = asyncio.create_task(self._let_go(version))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _let_go(self, version: LiveVersion) -> None:
        await asyncio.sleep(2 * _GRACE_SECONDS + 1.0)
        self._bound.remove(version)
        self._secrets.pop(version.id, None)
        await self._bind()

    async def _bind(self) -> None:
        await self._bindings.follow(list(self._bound))
        await self._egress.apply(list(self._bound))
        if os.geteuid() == 0:
            await asyncio.to_thread(keep_users, self._state.root, {each.token for each in self._bound})

    def _owner(self, token: str) -> int:
        return uid_of(self._state.root, token)

    def _show(self) -> None:
        """Have the edge lead to what answers now."""
        routes, hosts = [], {}
        for number, worker in enumerate(self._workers):
            route = self._route(worker)
            routes.append(route)
            hosts[f"{route.slug}.localhost".lower().encode()] = route
            if number == 0:
                hosts.update({name.encode(): route for name in ALWAYS_BARE})
        self._edge.table = Table(routes=tuple(routes), by_host=hosts, bare=frozenset())
        self._edge.pool.tend(self._edge.table.sockets)

    def _route(self, worker: Worker) -> Route:
        built = worker.built
        version = built.version if built is not None else None
        path = worker.page.path if version is None else Sockets.of(self._runtime, version.token).http
        share = Share(version.id if version else "none", str(path), 100)
        return Route(
            slug=version.worker if version else worker.project.folder.name,
            worker_id=version.worker_id if version else worker.project.folder.name,
            hosts=(),
            versions=(share,),
            cors=None,
            keys=None,
            timeout_seconds=version.limits.timeout_seconds + 5 if version else 30.0,
            body_bytes=version.limits.body_bytes if version else 1 << 20,
            enabled=True,
            named={share.id: share},
            total=share.weight,
        )


def serve(projects: Sequence[Project], state: LocalState, console: Console, port: int) -> None:
    """Until Ctrl-C or SIGTERM. Raises Conflict when the port or the folder is taken, NeedsOperator where no sandbox can
    be made."""
    settings = replace(_settings(state.root), apps_port=port)
    with contextlib.ExitStack() as held:
        try:
            held.callback(os.close, require_alone(state.root / "dev.lock"))
        except Conflict as error:
            raise Conflict(f"`holdfast dev` already runs on {state.root.parent.parent}", code="dev_running") from error
        listener = held.enter_context(_listening(port))
        address = f"http://localhost:{listener.getsockname()[1]}"
        step_aside()
        _prepare(settings.runtime)
        held.callback(shutil.rmtree, settings.runtime, True)
        asyncio.run(_until_told(projects, state, settings, console, listener, address))


async def _until_told(
    projects: Sequence[Project],
    state: LocalState,
    settings: Settings,
    console: Console,
    listener: socket.socket,
    address: str,
) -> None:
    running = asyncio.create_task(Dev(projects, state, settings, console).run(listener, address))
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, running.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await running


def _settings(data: Path) -> Settings:
    """Of a place of its own: what the environment says of an installed Holdfast is not meant."""
    ours = ("HOLDFAST_WORKERS_OUTBOUND_ALLOW", "HOLDFAST_OUTBOUND_ALLOW", "HOLDFAST_WORKERS_SANDBOX")
    environ = {name: value for name, value in os.environ.items() if name in ours or not name.startswith("HOLDFAST_")}
    return Settings.load(environ, data=data)


def _listening(port: int) -> socket.socket:
    try:
        return socket.create_server(("127.0.0.1", port), backlog=1024)
    except OSError as error:
        hint = "Choose another: --port 8788, or --port 0 for a free one."
        raise Conflict(f"port {port} cannot be used: {error.strerror}", code="port_taken", hint=hint) from error


def _prepare(runtime: Path) -> None:
    """An empty directory for sockets; the sandboxes' own users pass through it."""
    runtime.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if runtime.exists() and runtime.stat().st_uid != os.geteuid():
        raise NeedsOperator(f"{runtime} belongs to another user", hint="Remove it.")
    shutil.rmtree(runtime, ignore_errors=True)
    runtime.mkdir(mode=0o711)
    runtime.chmod(0o711)
