"""/api/v1/databases/{id}/tunnels, and the socket each connection of a tunnel goes through."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Annotated, cast

from fastapi import Depends, Query, Request, WebSocket

from holdfast.features.access.actor import Actor
from holdfast.features.access.http import CurrentActor, current_actor
from holdfast.features.access.streams import actor_of
from holdfast.features.connections.tunnels import TunnelService
from holdfast.features.connections.wire import TunnelIn, TunnelOpenedOut, TunnelOut
from holdfast.web.errors import answers
from holdfast.web.paging import Cursor, Limit, Page, after_id, page
from holdfast.web.parts import part
from holdfast.web.routes import Routes

router = Routes(tags=["connections"])
Tunnels = Annotated[TunnelService, Depends(part(TunnelService))]
_GOING_AWAY, _DONE = 1001, 1000


@router.post(
    "/databases/{database_id}/tunnels",
    operation_id="tunnel_open",
    status_code=201,
    responses=answers(403, 404, 409, 503),
)
def open_tunnel(body: TunnelIn, actor: CurrentActor, tunnels: Tunnels, database_id: str) -> TunnelOpenedOut:
    """Make a temporary login and let its connections in through `GET .../connect` (a WebSocket)."""
    return TunnelOpenedOut.of(tunnels.open(actor, database_id, body.visit()))


@router.get("/databases/{database_id}/tunnels", operation_id="tunnel_list", responses=answers(403, 404))
def list_tunnels(
    actor: CurrentActor,
    tunnels: Tunnels,
    database_id: str,
    *,
    closed: Annotated[bool, Query(description="Those that are over too.")] = False,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[TunnelOut]:
    """Who has a tunnel into this database, newest first."""
    rows = tunnels.list(actor, database_id, living=not closed, after=after_id(cursor), limit=limit + 1)
    return page(rows, limit, TunnelOut.of, lambda tunnel: tunnel.id)


@router.delete("/tunnels/{tunnel_id}", operation_id="tunnel_close", status_code=204, responses=answers(403, 404))
async def close_tunnel(actor: CurrentActor, tunnels: Tunnels, tunnel_id: str) -> None:
    """End its connections and remove its login."""
    await tunnels.close(actor, tunnel_id)


@router.websocket("/databases/{database_id}/connect")
async def connect(
    socket: WebSocket, tunnels: Tunnels, database_id: str, tunnel: Annotated[str, Query(max_length=64)]
) -> None:
    """One connection of a tunnel: binary messages are its bytes. A refusal is an ordinary answer instead of 101."""
    request = cast(Request, socket)  # what a credential is read from, both have
    actor = await current_actor(request)

    async def again() -> Actor:
        return await actor_of(request)

    async with tunnels.line(actor, database_id, tunnel, again) as line:
        await socket.accept()
        stopping = asyncio.create_task(_on_stop(socket, line.end))
        try:
            reason = await line.pump(socket)
        finally:
            stopping.cancel()
        if socket.client_state.name == "CONNECTED":
            await socket.close(_GOING_AWAY if line.over.is_set() else _DONE, reason)


async def _on_stop(socket: WebSocket, end: Callable[[str], None]) -> None:
    await socket.app.state.closing.wait()
    end("the api is stopping")
