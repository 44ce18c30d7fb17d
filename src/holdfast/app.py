"""The api process: `python -m holdfast.app --fd control=3 --fd admin=4`. Builds everything once and serves it."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
import socket
import sys
from collections.abc import Iterator, Mapping, Sequence

from holdfast.kernel import starting

if __name__ == "__main__":
    starting.begin()

import uvicorn
import uvloop
from fastapi import FastAPI

from holdfast import located, occupied
from holdfast import services as slices
from holdfast.features.access.accounts.hooks import UserHooks
from holdfast.features.access.accounts.wiring import accounts
from holdfast.features.access.factors.wiring import factors as second_factors
from holdfast.features.access.granting.wiring import granting
from holdfast.features.access.keys import KeyService
from holdfast.features.access.service import AccessService
from holdfast.features.access.sso.wiring import single_sign_on
from holdfast.features.access.tokens.service import TokenService
from holdfast.features.health.ping import Health, Ping, database_ping, disk_ping
from holdfast.features.health.pings import (
    external_ping,
    keeper_ping,
    nodes_ping,
    passwords_ping,
    repositories_ping,
    runner_ping,
)
from holdfast.features.nodes.service import NodesService
from holdfast.features.projects.service import ProjectsService
from holdfast.hosts.control_plane import CANNOT_START
from holdfast.hosts.keeper import KeeperClient
from holdfast.http import Services, create_app
from holdfast.jobs.nodes import Node
from holdfast.kernel import log
from holdfast.kernel.clock import SystemClock
from holdfast.kernel.db import Database
from holdfast.kernel.errors import Conflict, HoldfastError, NeedsOperator
from holdfast.kernel.listeners import inherited
from holdfast.kernel.master_source import source_of
from holdfast.kernel.node import identity
from holdfast.kernel.outbound import OutboundPolicy
from holdfast.kernel.secrets import Secrets, master_key_of
from holdfast.kernel.settings import Settings
from holdfast.kernel.stop import Stop
from holdfast.kernel.wake import Wake
from holdfast.kernel.wake_relay import start_relay
from holdfast.vault.stores.ambient import forget_ambient
from holdfast.web.peer import PeerProtocol
from holdfast.web.protocol import BoundedProtocol

GRACE_SECONDS = 10
_log = log.get("holdfast.app")


def build_services(settings: Settings) -> Services:
    """Everything the api serves. Raises NeedsOperator when the master key does not open this installation."""
    clock = SystemClock()
    db = Database(settings.metadata_url)
    db.migrate()
    origin = f"http://{settings.host}:{settings.control_port}"
    named = identity(settings.data, settings.node)
    node = Node(db, clock, named, addresses=(*settings.allowed_hosts, origin), adopt=located.adopt)
    node.join()
    secrets = Secrets(db, master_key_of(db, source_of(settings)))
    secrets.check()
    wake = Wake(settings.runtime)
    projects = ProjectsService(db, clock, secrets, occupied.QUESTIONS)
    upper = slices.build(settings, db=db, secrets=secrets, wake=wake, clock=clock)  # audit rows are signed from here on
    projects.ensure_default()
    health = Health(
        (
            database_ping(db),
            runner_ping(db, clock),
            keeper_ping(KeeperClient.of(settings)),
            disk_ping(settings.data, settings.disk_reserve_bytes),
            repositories_ping(settings.data / "repositories", db, node.name, upper.keys.look, clock),
            nodes_ping(db, clock, node.name),
            external_ping(db),
            passwords_ping(db),
            Ping("doors", upper.connections.doorman.check, needed=False),
            Ping("audit", upper.audit.sequencer.check, needed=False),
        )
    )
    keys = KeyService(db, clock, located.WHEREABOUTS)
    proof, factor_parts = second_factors(db, clock, secrets)
    access = AccessService(db, clock, origin=origin, factors=proof)
    tokens = TokenService(db, clock, secrets, keys, issuer=origin)
    sso, single = single_sign_on(db, clock, secrets, access, located.WHEREABOUTS, OutboundPolicy.of(settings))
    hooks = UserHooks((tokens.end_of,), on_user_reset=(proof.removed,), on_user_gone=(sso.gone,))
    people = {**accounts(db, clock, access, hooks, origin=origin), **factor_parts}
    relay = start_relay(db, wake)
    alive = Alive(node, db)
    return Services(
        db=db,
        access=access,
        keys=keys,
        projects=projects,
        health=health,
        parts={
            **upper.parts,
            **people,
            **single,
            **granting(db, clock, located.WHEREABOUTS),
            TokenService: tokens,
            NodesService: NodesService(db, clock, secrets, node.name),
        },
        routers=slices.ROUTERS,
        admin_uids=frozenset({0, settings.data.stat().st_uid}),
        background=(upper.background, alive.background),
        endings=(upper.stop,),
        closers=(upper.close, health.close, *((relay.close,) if relay else ())),
    )


class Alive:
    """Says that this process lives, when other nodes may ask; ends the process when its node is somebody else's."""

    def __init__(self, node: Node, db: Database) -> None:
        self._node = node
        self._embedded = db.embedded

    async def background(self) -> None:
        """Until cancelled. Raises Conflict("node_lost"): the keeper starts us again, and that says what to do."""
        stop, lost = Stop(), list[Conflict]()
        try:
            if self._embedded:
                await asyncio.Event().wait()
            await asyncio.to_thread(self._node.beat_forever, stop, lost.append)
        finally:
            stop.stop("the api ends")
        if lost:
            raise lost[0]


# A thread that works keeps the interpreter this long while the event loop waits: at the usual 5 ms every hop between
# threads of a small statement costs up to that much.
_SWITCH_SECONDS = 0.0005


class _Server(uvicorn.Server):
    """One listener; the process has several, so signals are not its business."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class _AdminServer(_Server):
    """uvicorn hands sockets to `create_server`, which on uvloop takes a unix socket for TCP."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await self.lifespan.startup()
        loop = asyncio.get_running_loop()

        def protocol() -> asyncio.Protocol:
            return PeerProtocol(self.config, self.server_state, {}, loop)

        self.servers = [
            await loop.create_unix_server(protocol, sock=listener, backlog=self.config.backlog)
            for listener in sockets or []
        ]
        self.started = True


async def serve(app: FastAPI, listeners: Mapping[str, socket.socket]) -> None:
    """Until SIGTERM or SIGINT; then streams end, requests in flight have ten seconds, and everything is closed."""
    services: Services = app.state.services
    closing: asyncio.Event = app.state.closing
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, closing.set)
    servers = [
        (_AdminServer if name == "admin" else _Server)(_config(app, admin=name == "admin")) for name in listeners
    ]
    serving = [
        asyncio.create_task(server.serve(sockets=[listener]), name=f"serve {name}")
        for server, (name, listener) in zip(servers, listeners.items(), strict=True)
    ]
    background = [asyncio.ensure_future(work()) for work in services.background]
    stop = asyncio.create_task(closing.wait())
    try:
        await asyncio.wait([stop, *serving, *background], return_when=asyncio.FIRST_COMPLETED)
        closing.set()
        for server in servers:
            server.should_exit = True
        await asyncio.gather(*serving, *(end() for end in services.endings))
    finally:
        stop.cancel()
        for task in background:
            task.cancel()
        await asyncio.gather(stop, *background, return_exceptions=True)
        for close in reversed(services.closers):
            await asyncio.to_thread(close)
    for task in background:
        if not task.cancelled() and (failure := task.exception()):
            raise failure


def _config(app: FastAPI, *, admin: bool) -> uvicorn.Config:
    """Forwarded headers count for nothing: there is no proxy of ours in front yet."""
    return uvicorn.Config(
        app,
        http=PeerProtocol if admin else BoundedProtocol,
        ws="none",
        lifespan="off",
        proxy_headers=False,
        server_header=False,
        access_log=False,
        log_config=None,
        timeout_graceful_shutdown=GRACE_SECONDS,
        timeout_keep_alive=30,
        h11_max_incomplete_event_size=64 * 1024,
    )


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m holdfast.app", description=__doc__)
    parser.add_argument("--fd", action="append", default=[], metavar="NAME=NUMBER", help="a listening socket")
    arguments = parser.parse_args(argv)
    sys.setswitchinterval(_SWITCH_SECONDS)
    try:
        settings = Settings.load()
        forget_ambient()
        log.configure(settings.log_level)
        listeners = inherited(arguments.fd, ("control", "admin"))
        services = build_services(settings)
    except HoldfastError as error:
        sys.stderr.write(f"{error.message}\n" + (f"{error.hint}\n" if error.hint else ""))
        return CANNOT_START if isinstance(error, NeedsOperator) else 1
    app = create_app(services, settings)
    starting.begun()
    uvloop.run(serve(app, listeners))
    return 0


if __name__ == "__main__":
    sys.exit(main())
