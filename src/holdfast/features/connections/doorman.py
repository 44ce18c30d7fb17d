"""Serves open doors: lets listed addresses in over TLS and carries their bytes; anyone else hears nothing."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from typing import Any, cast

import sqlalchemy as sa

from holdfast.contract.front import CanFront, Front
from holdfast.features.connections.certificates import context_of
from holdfast.features.connections.exposures import KEY, TOPIC, allowed, every
from holdfast.features.connections.model import Exposure
from holdfast.features.connections.reached import Ways
from holdfast.features.databases import store as databases
from holdfast.features.databases.model import Resource
from holdfast.hosts.keeper import KeeperClient
from holdfast.kernel import log
from holdfast.kernel.errors import HoldfastError
from holdfast.web.hub import Hub

AT_ONCE = 200  # connections of one door
_BEGIN_SECONDS = 10.0
_LOOK_SECONDS = 10.0
_PIECE = 64 * 1024
_log = log.get("holdfast.connections")


@dataclass(eq=False)
class Door:
    """One listening socket and what came through it."""

    exposure: Exposure
    front: Front
    context: ssl.SSLContext
    listener: socket.socket
    networks: Sequence[Any]
    serving: asyncio.Task[None] | None = None
    guests: dict[asyncio.Task[None], int] = field(default_factory=dict)  # with the generation they talk to


class Doorman:
    """On the api's event loop. What is open is what the table says; looked at when told so, and every ten seconds."""

    def __init__(self, ways: Ways, keeper: KeeperClient) -> None:
        self._ways = ways
        self._keeper = keeper
        self.doors: dict[str, Door] = {}
        self.problems: dict[str, str] = {}
        self._lock = asyncio.Lock()

    def check(self) -> str | None:
        """For health: raises when a door that should be open is not."""
        if self.problems:
            name, why = next(iter(self.problems.items()))
            raise HoldfastError(f"{len(self.problems)} doors are not open; {name}: {why}", code="door_closed")
        return f"{len(self.doors)} open" if self.doors else None

    async def run(self, hub: Hub) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                for prefix in (TOPIC, "resource"):
                    group.create_task(self._hear(hub, prefix))
                while True:
                    await self.attend()
                    await asyncio.sleep(_LOOK_SECONDS)
        finally:
            for name in list(self.doors):
                self._shut(name)

    async def _hear(self, hub: Hub, prefix: str) -> None:
        async for _ in hub.topics(prefix):
            await self.attend()

    async def attend(self) -> None:
        """Look now: what the table says when this is called is so when it returns, or stands in `problems`."""
        try:
            async with self._lock:
                await self.look()
        except (HoldfastError, sa.exc.SQLAlchemyError):
            _log.exception("open doors could not be looked after; trying again")

    async def look(self) -> None:
        """Open what should be open, close the rest, end guests of databases that are not as they were."""
        wanted, resources = await asyncio.to_thread(self._read)
        for name in self.problems.keys() - {resources[each].name for each in wanted}:
            del self.problems[name]  # closed before it ever opened
        for name in list(self.doors):
            if name not in wanted or wanted[name] != self.doors[name].exposure:
                self._shut(name)
        for name, exposure in wanted.items():
            if name not in self.doors:
                await self._open(exposure, resources[name])
        for name, door in self.doors.items():
            resource = resources[name]
            for task, generation in list(door.guests.items()):
                if resource.state != "ready" or resource.generation != generation:
                    task.cancel()

    def _read(self) -> tuple[dict[str, Exposure], dict[str, Resource]]:
        with self._ways.db.read() as conn:
            there = every(conn)
            resources = databases.by_ids(conn, [each.resource_id for each in there])
        here = {name for name, each in resources.items() if each.deleted_at is None and self._ways.reach.is_here(each)}
        return {each.resource_id: each for each in there if each.resource_id in here}, resources

    async def _open(self, exposure: Exposure, resource: Resource) -> None:
        name = exposure.resource_id
        try:
            engine = self._ways.reach.engine(resource)
            front = engine.front() if isinstance(engine, CanFront) else Front()
            key = (await asyncio.to_thread(self._ways.reach.secrets, resource))[KEY]
            context = context_of(exposure.certificate, key, front.alpn)
            listener = await asyncio.to_thread(self._keeper.listen, name, exposure.host, exposure.port)
        except (HoldfastError, ssl.SSLError, KeyError) as error:
            self.problems[resource.name] = error.message if isinstance(error, HoldfastError) else str(error)
            return
        self.problems.pop(resource.name, None)
        networks = [ipaddress.ip_network(each) for each in exposure.allow]
        door = Door(exposure, front, context, listener, networks)
        door.serving = asyncio.create_task(self._serve(door), name=f"door {name}")
        self.doors[name] = door

    def _shut(self, name: str) -> None:
        door = self.doors.pop(name)
        if door.serving is not None:
            door.serving.cancel()
        for task in list(door.guests):
            task.cancel()
        door.listener.close()

    async def _serve(self, door: Door) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                guest, address = await loop.sock_accept(door.listener)
            except OSError:
                await asyncio.sleep(0.1)  # no descriptor left, or the guest has gone already
                continue
            if not allowed(door.networks, str(address[0])) or len(door.guests) >= AT_ONCE:
                guest.close()
                continue
            guest.setblocking(False)
            task = asyncio.create_task(self._guest(door, guest))
            door.guests[task] = -1
            task.add_done_callback(lambda done: door.guests.pop(done, None))

    async def _guest(self, door: Door, guest: socket.socket) -> None:
        try:
            async with asyncio.timeout(_BEGIN_SECONDS):
                if not await _begin(guest, door.front):
                    return
                reader, writer = await _encrypted(guest, door.context)
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            guest.close()
            return
        except asyncio.CancelledError:
            guest.close()
            raise
        try:
            with ExitStack() as stack:
                reached = await asyncio.to_thread(stack.enter_context, self._ways.inside(door.exposure.resource_id))
                task = asyncio.current_task()
                door.guests[cast("asyncio.Task[None]", task)] = reached.resource.generation
                far = await asyncio.open_connection(reached.at.host, reached.at.port)
                await _carry((reader, writer), far)
        except (HoldfastError, OSError):
            return
        finally:
            writer.transport.abort()


async def _begin(guest: socket.socket, front: Front) -> bool:
    """What is said before TLS. False when there is to be none: told so, and hung up on."""
    loop = asyncio.get_running_loop()
    for _ in range(1 + len(front.declines)):
        first = await _peeked(guest)
        if not first:
            break
        if not front.request or first == b"\x16":  # a TLS handshake (RFC 8446, section 5.1)
            return True
        said = b""
        while len(said) < len(front.request) and (part := await loop.sock_recv(guest, len(front.request) - len(said))):
            said += part
        if said == front.request:
            await loop.sock_sendall(guest, front.accept)
            return True
        answer = front.declines.get(said)
        await loop.sock_sendall(guest, front.refusal if answer is None else answer)
        if answer is None:
            break
    guest.close()
    return False


async def _peeked(guest: socket.socket) -> bytes:
    """The first byte, left where it is."""
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(guest.fileno(), ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(guest.fileno())
    try:
        return guest.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return b""


async def _encrypted(
    guest: socket.socket, context: ssl.SSLContext
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=_PIECE)
    protocol = asyncio.StreamReaderProtocol(reader)
    transport, _ = await loop.connect_accepted_socket(lambda: protocol, guest, ssl=context)
    return reader, asyncio.StreamWriter(transport, protocol, reader, loop)


Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def _carry(near: Ends, far: Ends) -> None:
    """Until either side ends; what was read is written first."""

    async def one_way(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(_PIECE):
                writer.write(data)
                await writer.drain()

    tasks = [asyncio.create_task(one_way(near[0], far[1])), asyncio.create_task(one_way(far[0], near[1]))]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if tasks[1].done():
            near[1].close()
            with suppress(OSError, ssl.SSLError, TimeoutError):
                async with asyncio.timeout(2):
                    await near[1].wait_closed()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        far[1].transport.abort()
