"""The dashboard's one line: signals and presence.

The server says `{"type": "hello", "seq"}` first, then `{"type": "changed", "nouns", "seq"}` and
`{"type": "people", "page", "people"}`. The page says `{"type": "look", "page"}` whenever its address changes.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from typing import Annotated, Any, cast

from fastapi import Depends, Request, WebSocket
from starlette.websockets import WebSocketDisconnect

from holdfast.features.access.http import current_actor
from holdfast.features.access.streams import still_in
from holdfast.features.live.presence import Looker, Presence
from holdfast.features.live.signals import Ear, Signals
from holdfast.kernel.errors import Conflict
from holdfast.web.parts import part
from holdfast.web.routes import Routes

router = Routes(tags=["live"])
GATHER_SECONDS = 0.2  # what changes together is told together
RECHECK_SECONDS = 5.0
LINES_OF_ONE = 40  # open lines of one actor in this process
LONGEST_PAGE = 300
LONGEST_MESSAGE = 1024
LOOKS_A_SECOND = 10
_GOING_AWAY, _REFUSED = 1001, 1008


class Lines:
    """How many each actor holds open."""

    def __init__(self) -> None:
        self.open: Counter[str] = Counter()


Hints = Annotated[Signals, Depends(part(Signals))]
People = Annotated[Presence, Depends(part(Presence))]
Held = Annotated[Lines, Depends(part(Lines))]


@router.websocket("/live")
async def live(socket: WebSocket, signals: Hints, presence: People, lines: Held) -> None:
    """Until the client leaves, its credential or rights change, or the process stops. A refusal is an ordinary answer
    instead of 101."""
    request = cast(Request, socket)  # what a credential is read from, both have
    actor = await current_actor(request)
    if lines.open[actor.id] >= LINES_OF_ONE:
        raise Conflict(f"{LINES_OF_ONE} lines are open already", code="too_many_lines", hint="Close some tabs.")
    lines.open[actor.id] += 1
    looker = Looker(actor)
    ear = await signals.listen(actor)
    try:
        await socket.accept()
        await socket.send_text(_text(type="hello", seq=ear.seq))
        code = await _until_over(
            socket,
            _tell(socket, ear),
            _show(socket, presence, looker),
            _hear(socket, presence, looker),
            _watch(request),
        )
        if socket.client_state.name == "CONNECTED":
            await socket.close(code)
    finally:
        presence.look(looker, "")
        signals.forget(ear)
        lines.open[actor.id] -= 1
        if not lines.open[actor.id]:
            del lines.open[actor.id]


async def _until_over(socket: WebSocket, *parts: Any) -> int:
    """The close code of the part that ended first, or of the process's end. The others are cancelled."""
    tasks = [asyncio.ensure_future(each) for each in (*parts, _stopping(socket))]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        return int(next(iter(done)).result())
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _stopping(socket: WebSocket) -> int:
    await socket.app.state.closing.wait()
    return _GOING_AWAY


async def _tell(socket: WebSocket, ear: Ear) -> int:
    while True:
        await ear.bell.wait()
        await asyncio.sleep(GATHER_SECONDS)
        nouns, seq = ear.take()
        await socket.send_text(_text(type="changed", nouns=nouns, seq=seq))


async def _show(socket: WebSocket, presence: Presence, looker: Looker) -> int:
    shown: tuple[str, list[dict[str, str]]] = ("", [])
    while True:
        await looker.bell.wait()
        await asyncio.sleep(GATHER_SECONDS)
        looker.bell.clear()
        people = [{"id": each.id, "display": each.display} for each in presence.others(looker)]
        if (looker.page, people) != shown:
            shown = (looker.page, people)
            await socket.send_text(_text(type="people", page=looker.page, people=people))


async def _hear(socket: WebSocket, presence: Presence, looker: Looker) -> int:
    """What is no `look` closes the line: a page of ours says nothing else."""
    second, said = 0, 0
    while True:
        try:
            text = await socket.receive_text()
        except (WebSocketDisconnect, KeyError):
            return _REFUSED
        now = int(time.monotonic())
        second, said = (second, said + 1) if now == second else (now, 1)
        page = page_of(text)
        if page is None or said > LOOKS_A_SECOND:
            return _REFUSED
        presence.look(looker, page)


def page_of(text: str) -> str | None:
    """The page of a `look`, without query and fragment; None for anything else."""
    if len(text) > LONGEST_MESSAGE:
        return None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or found.get("type") != "look":
        return None
    page = found.get("page")
    if not isinstance(page, str) or not page.startswith("/") or len(page) > LONGEST_PAGE:
        return None
    return page.partition("#")[0].partition("?")[0]


async def _watch(request: Request) -> int:
    """Whoever lost the credential, or whose rights changed, hears no more; who comes back is asked anew."""
    while True:
        await asyncio.sleep(RECHECK_SECONDS)
        if not await still_in(request):
            return _REFUSED


def _text(**said: Any) -> str:
    return json.dumps(said, separators=(",", ":"))
