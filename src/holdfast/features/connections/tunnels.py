"""Tunnels into databases: a temporary login for each, connections carried by the api, ended when the right is."""

from __future__ import annotations

import asyncio
import secrets as tokens
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Protocol, cast

import sqlalchemy as sa

from holdfast.contract.engine import Engine
from holdfast.contract.logins import CanAdmit, Login, Program
from holdfast.contract.spec import Access, Endpoint, Role
from holdfast.features.access.actor import Actor, no_such
from holdfast.features.connections import store
from holdfast.features.connections.line import Line
from holdfast.features.connections.model import Tunnel
from holdfast.features.databases import store as databases
from holdfast.features.databases.gate import Gate
from holdfast.features.databases.guard import found
from holdfast.features.databases.model import Resource
from holdfast.features.databases.reach import Reach
from holdfast.features.databases.service import require_hosted
from holdfast.kernel import audit, log
from holdfast.kernel.clock import Clock
from holdfast.kernel.db import Database
from holdfast.kernel.errors import Conflict, HoldfastError, Invalid, Retryable
from holdfast.kernel.ids import new_id

AT_ONCE = 8  # tunnels of one person or key
LINES = 20  # connections through one tunnel
LONGEST_SECONDS = 24 * 3600
IDLE_SECONDS = 15 * 60
_DIAL_SECONDS = 10.0
_FLUSH_SECONDS = 3.0
_log = log.get("holdfast.connections")


class AdmittingEngine(CanAdmit, Engine, Protocol):
    """An engine that can make logins."""


@dataclass(frozen=True)
class Opened:
    """A tunnel and, this once, how to sign in."""

    tunnel: Tunnel
    login: Login
    database: str
    url: str
    programs: tuple[Program, ...]


@dataclass(frozen=True)
class Visit:
    """What opening asks for. `host` and `port`: where the caller will listen, to write the URL with."""

    access: Access = "ro"
    seconds: int = 3600
    host: str = "127.0.0.1"
    port: int = 1


class TunnelService:
    """Lives in the api process. Verbs without `async` block and belong on a thread."""

    def __init__(self, db: Database, reach: Reach, gate: Gate, clock: Clock) -> None:
        self._db = db
        self._reach = reach
        self._gate = gate
        self._clock = clock
        self.node = reach.node
        self.lines: defaultdict[str, set[Line]] = defaultdict(set)

    def open(self, actor: Actor, database_id: str, visit: Visit) -> Opened:
        """Raises Conflict for a database that is not ready or an engine nobody signs in to, Retryable (code
        "too_many_tunnels")."""
        now = self._clock.now()
        login = Login("", tokens.token_urlsafe(24), visit.access, now + timedelta(seconds=_checked(visit)), LINES)
        log.register_secret(login.password)
        with self._db.write() as conn:
            resource = self._allowed(conn, actor, database_id, visit.access)
            actor.require_step_up()
            _require_ready(resource)
            engine, at = admitting(self._reach, resource), self._outside(resource)
            if store.count_of(conn, actor.id, now) >= AT_ONCE:
                raise Retryable(f"{AT_ONCE} tunnels are open already", code="too_many_tunnels", hint="Close one first.")
            tunnel = self._insert(conn, actor, resource, login)
        login = replace(login, user=tunnel.login)
        try:
            engine.admit(at, login)
        except HoldfastError:
            self._close(tunnel.id, "the login could not be made", actor.id)
            raise
        return _opened(engine, at, tunnel, login, visit)

    def _insert(self, conn: sa.Connection, actor: Actor, resource: Resource, login: Login) -> Tunnel:
        tunnel_id, now = new_id("tun"), self._clock.now()
        tunnel = Tunnel(
            id=tunnel_id,
            project_id=resource.project_id,
            environment_id=resource.environment_id,
            resource_id=resource.id,
            generation=resource.generation,
            actor=actor.id,
            access=login.access,
            login=f"hf_visit_{tunnel_id[-12:]}",
            opened_at=now,
            expires_at=login.until or now,
            used_at=now,
        )
        store.insert(conn, tunnel)
        details: dict[str, object] = {
            "name": resource.name,
            "tunnel": tunnel_id,
            "access": login.access,
            "login": tunnel.login,
        }
        _record(conn, actor.id, "database.tunnel.open", tunnel, details)
        return tunnel

    def list(self, actor: Actor, database_id: str, *, living: bool, after: str | None, limit: int) -> Sequence[Tunnel]:
        with self._db.read() as conn:
            found(conn, actor, database_id, "database.session.read")
            now = self._clock.now() if living else None
            return store.page(conn, database_id, open_at=now, after=after, limit=limit)

    async def close(self, actor: Actor, tunnel_id: str) -> None:
        """One's own, or with `database.session.kill` anyone's. Its connections end, its login is removed; closing it
        again is success."""
        tunnel = await asyncio.to_thread(self._may_close, actor, tunnel_id)
        await self.shut(tunnel, "closed", actor.id)

    async def shut(self, tunnel: Tunnel, reason: str, by: str) -> None:
        for line in list(self.lines[tunnel.id]):
            line.end(reason)
            try:
                async with asyncio.timeout(_FLUSH_SECONDS):
                    await line.gone.wait()
            except TimeoutError:
                _log.warning("a connection did not end in time", tunnel=tunnel.id)
        await asyncio.to_thread(self._close, tunnel.id, reason, by)
        await asyncio.to_thread(self.dismiss, tunnel)

    def _may_close(self, actor: Actor, tunnel_id: str) -> Tunnel:
        with self._db.read() as conn:
            tunnel = store.get(conn, tunnel_id)
            own = tunnel is not None and tunnel.actor == actor.id
            wanted = "database.connect" if own else "database.session.kill"
            actor.require(wanted, tunnel.place if tunnel else None, noun="tunnel")
            if tunnel is None:
                raise no_such("tunnel")
            return tunnel

    def _close(self, tunnel_id: str, reason: str, by: str) -> None:
        with self._db.write() as conn:
            closed = store.close(conn, tunnel_id, self._clock.now(), reason)
            if closed is not None:
                details: dict[str, object] = {"tunnel": closed.id, "access": closed.access, "reason": reason}
                details |= {"connections": closed.connections, "bytes_up": closed.bytes_up}
                details |= {"bytes_down": closed.bytes_down, "of": closed.actor}
                _record(conn, by, "database.tunnel.close", closed, details)

    def dismiss(self, tunnel: Tunnel) -> bool:
        """Remove its login from the server. False while that server is not up: `sweep` comes back to it."""
        with self._db.read() as conn:
            resource = databases.get(conn, tunnel.resource_id)
        if resource is not None and resource.purged_at is None:
            if resource.state != "ready":
                return False
            try:
                admitting(self._reach, resource).dismiss(self._reach.endpoint(resource), tunnel.login, hand_over=True)
            except HoldfastError as error:
                _log.warning("a login could not be removed yet", tunnel=tunnel.id, code=error.code)
                return False
        with self._db.write() as conn:
            store.change(conn, tunnel.id, dismissed_at=self._clock.now())
        return True

    @asynccontextmanager
    async def line(
        self, actor: Actor, database_id: str, tunnel_id: str, authenticate: Callable[[], Awaitable[Actor]]
    ) -> AsyncIterator[Line]:
        """A connection to the database for a tunnel of one's own. Raises before anything is dialled when it may not be,
        Conflict (code "tunnel_closed", "database_busy"), Retryable (code "too_many_connections", "server_away")."""
        with ExitStack() as stack:
            tunnel, at = await asyncio.to_thread(self._enter, stack, actor, database_id, tunnel_id)
            if len(self.lines[tunnel_id]) >= LINES:
                raise Retryable(f"{LINES} connections go through this tunnel", code="too_many_connections")

            async def allowed() -> bool:
                now = await authenticate()
                return now.id == actor.id and await asyncio.to_thread(self._still, now, tunnel)

            reader, writer = await _dial(at)
            line = Line(tunnel_id, reader, writer, allowed)
            self.lines[tunnel_id].add(line)
            try:
                await asyncio.to_thread(self._add, tunnel_id, connections=1)
                yield line
            finally:
                writer.transport.abort()
                await asyncio.shield(asyncio.to_thread(self._add, tunnel_id, up=line.up, down=line.down))
                self.lines[tunnel_id].discard(line)
                if not self.lines[tunnel_id]:
                    del self.lines[tunnel_id]
                line.gone.set()

    def _enter(self, stack: ExitStack, actor: Actor, database_id: str, tunnel_id: str) -> tuple[Tunnel, Endpoint]:
        """Through the gate, and only then the state is read: see databases/gate.py."""
        with self._db.read() as conn:
            found(conn, actor, database_id, "database.connect")
        stack.enter_context(self._gate.shared(database_id))
        with self._db.read() as conn:
            tunnel = store.get(conn, tunnel_id)
            if tunnel is None or tunnel.actor != actor.id or tunnel.resource_id != database_id:
                raise no_such("tunnel")
            resource = self._allowed(conn, actor, database_id, tunnel.access)
            if tunnel.closed_at is not None or tunnel.expires_at <= self._clock.now():
                raise Conflict("this tunnel is closed", code="tunnel_closed", hint="Open another one.")
        _require_ready(resource)
        return tunnel, self._outside(resource)

    def _still(self, actor: Actor, tunnel: Tunnel) -> bool:
        try:
            with self._db.read() as conn:
                resource = self._allowed(conn, actor, tunnel.resource_id, tunnel.access)
        except HoldfastError:
            return False
        return resource.state == "ready" and resource.generation == tunnel.generation

    def _allowed(self, conn: sa.Connection, actor: Actor, database_id: str, access: Access) -> Resource:
        resource = found(conn, actor, database_id, "database.connect")
        actor.require("database.query.read" if access == "ro" else "database.query.write", resource.place)
        return resource

    def _outside(self, resource: Resource) -> Endpoint:
        at = self._reach.endpoint(resource)
        if not at.host or not at.port:
            raise Conflict(f"{resource.name!r} listens on no port", code="no_port")
        return at

    def _add(self, tunnel_id: str, *, connections: int = 0, up: int = 0, down: int = 0) -> None:
        with self._db.write() as conn:
            store.add(conn, tunnel_id, self._clock.now(), connections=connections, up=up, down=down)


def admitting(reach: Reach, resource: Resource) -> AdmittingEngine:
    """Raises Conflict (code "cannot_connect") for engines that have no logins."""
    require_hosted(resource, "sign in to")
    engine = reach.engine(resource)
    if not isinstance(engine, CanAdmit):
        raise Conflict(
            f"nobody signs in to {engine.capabilities.title}: it has no server",
            code="cannot_connect",
            hint="Use holdfast db query or holdfast db shell; they go through the API.",
        )
    return cast(AdmittingEngine, engine)


def _checked(visit: Visit) -> int:
    if visit.access not in ("owner", "rw", "ro"):
        raise Invalid("access is owner, rw or ro", code="access_invalid")
    if not 60 <= visit.seconds <= LONGEST_SECONDS:
        raise Invalid(f"a tunnel lives 60 to {LONGEST_SECONDS} seconds", code="lifetime_invalid")
    return visit.seconds


def _opened(engine: AdmittingEngine, at: Endpoint, tunnel: Tunnel, login: Login, visit: Visit) -> Opened:
    """How it looks from where the caller listens."""
    local = replace(
        at,
        sockets=None,
        host=visit.host,
        port=visit.port,
        roles={login.access: Role(login.user, "visit")},
        secrets={"visit": login.password},
    )
    url = engine.url(local, login.access)
    return Opened(tunnel, login, at.database or "", url, engine.programs(local, login))


async def _dial(at: Endpoint) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    try:
        async with asyncio.timeout(_DIAL_SECONDS):
            return await asyncio.open_connection(at.host, at.port)
    except (OSError, TimeoutError) as error:
        raise Retryable("the database's server does not answer", code="server_away") from error


def _require_ready(resource: Resource) -> None:
    if resource.state != "ready":
        raise Conflict(
            f"this database is {resource.state}, not ready",
            code="database_not_ready",
            hint="Start it, or wait for its run to end.",
            details={"state": resource.state},
        )


def _record(conn: sa.Connection, by: str, action: str, tunnel: Tunnel, details: dict[str, object]) -> None:
    audit.record(
        conn,
        actor=by,
        action=action,
        project_id=tunnel.project_id,
        environment_id=tunnel.environment_id,
        resource_id=tunnel.resource_id,
        details=details,
    )
