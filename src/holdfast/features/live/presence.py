"""Who else looks at the same page now. Kept in this process only, and only while their sockets are open."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from holdfast.features.access.actor import Actor

MOST_SHOWN = 20


@dataclass(eq=False)
class Looker:
    """One open page of one person. `bell` rings when who else is there may have changed."""

    actor: Actor
    page: str = ""
    bell: asyncio.Event = field(default_factory=asyncio.Event)


class Presence:
    """On the event loop alone."""

    def __init__(self) -> None:
        self._pages: dict[str, set[Looker]] = {}

    def look(self, looker: Looker, page: str) -> None:
        """Leaves the page before; "" is nowhere."""
        before, looker.page = looker.page, page
        there = self._pages.get(before, set())
        there.discard(looker)
        if before and not there:
            self._pages.pop(before, None)
        if page:
            self._pages.setdefault(page, set()).add(looker)
        for changed in {before, page}:
            for other in self._pages.get(changed, ()):
                other.bell.set()

    def others(self, looker: Looker) -> Sequence[Actor]:
        """People on the same page, each once, without the looker's own self: only those who share a project with them,
        since nobody else may learn that they exist."""
        found: dict[str, Actor] = {}
        for other in self._pages.get(looker.page, ()):
            if other.actor.kind == "user" and other.actor.id != looker.actor.id and share(other.actor, looker.actor):
                found.setdefault(other.actor.id, other.actor)
        return sorted(found.values(), key=lambda actor: (actor.display, actor.id))[:MOST_SHOWN]


def share(one: Actor, other: Actor) -> bool:
    """Whether both see a project; who sees every project shares one with everybody who sees any."""
    if one.projects is None:
        return other.projects is None or bool(other.projects)
    if other.projects is None:
        return bool(one.projects)
    return bool(one.projects & other.projects)
