"""What may have changed, in nouns: the audit log as it gets its places; runs, databases, plans and alerts as they move.

A signal holds nothing of the thing itself. It is a hint to read again what is shown, by routes that ask for rights.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import sqlalchemy as sa
from starlette.concurrency import run_in_threadpool

from holdfast.features.access.actor import Actor
from holdfast.features.access.grants import Place
from holdfast.features.audit.sequencer import PLACED
from holdfast.kernel.audit import audit_events
from holdfast.kernel.db import Database
from holdfast.web.hub import Hub

LOOK_AGAIN_SECONDS = 30.0  # wake-ups may be lost, rows are not
PAGE = 500
_c = audit_events.c
# What only reads is news for whoever watches the log, and for nobody else.
_READS = frozenset({"query", "read", "reveal", "export", "download", "preview", "test", "denied", "reached", "verify"})
_TOPICS = {"run": "run", "resource": "database", "plan": "plan", "alert": "alert"}
_PLACED = {"worker-log": "worker-log"}  # their topics say where: `worker-log:<project>:<environment>`


@dataclass(eq=False)
class Ear:
    """Who listens, and what was said since they last took it."""

    actor: Actor
    seq: int
    nouns: set[str] = field(default_factory=set)
    bell: asyncio.Event = field(default_factory=asyncio.Event)

    def say(self, noun: str) -> None:
        self.nouns.add(noun)
        self.bell.set()

    def take(self) -> tuple[list[str], int]:
        """The nouns since the last time, and the newest place."""
        self.bell.clear()
        taken, self.nouns = sorted(self.nouns), set()
        return taken, self.seq


class Signals:
    """One reader of the log for all who listen; it reads nothing while nobody does. On the event loop alone."""

    def __init__(self, db: Database, hub: Hub) -> None:
        self._db = db
        self._hub = hub
        self._ears: set[Ear] = set()
        self._seq = 0

    async def listen(self, actor: Actor) -> Ear:
        """From now on. End it with `forget`."""
        if not self._ears:
            self._seq = await run_in_threadpool(self._last)
        ear = Ear(actor, self._seq)
        self._ears.add(ear)
        return ear

    def forget(self, ear: Ear) -> None:
        self._ears.discard(ear)

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow())
            for prefix, noun in _TOPICS.items():
                group.create_task(self._topics(prefix, noun))
            for prefix, noun in _PLACED.items():
                group.create_task(self._places(prefix, noun))

    async def _topics(self, prefix: str, noun: str) -> None:
        async for _ in self._hub.topics(prefix):
            for ear in self._ears:
                ear.say(noun)

    async def _places(self, prefix: str, noun: str) -> None:
        """Busy workers must not make every page of everybody read again: only who sees the place is told."""
        async for topic in self._hub.topics(prefix):
            _, _, where = topic.partition(":")
            project_id, _, environment_id = where.partition(":")
            place = Place(project_id, environment_id)
            for ear in self._ears:
                if ear.actor.sees(place):
                    ear.say(noun)

    async def _follow(self) -> None:
        with self._hub.bell(PLACED) as bell:
            while True:
                try:
                    async with asyncio.timeout(LOOK_AGAIN_SECONDS):
                        await bell.wait()
                except TimeoutError:
                    pass
                bell.clear()
                while self._ears and await self._read() == PAGE:
                    continue

    async def _read(self) -> int:
        rows = await run_in_threadpool(self._following, self._seq)
        for row in rows:
            noun = noun_of(row.action)
            place = Place(row.project_id, row.environment_id) if row.project_id else None
            for ear in self._ears:
                if place is None or ear.actor.sees(place):
                    ear.seq = row.seq
                    ear.say(noun)
            self._seq = row.seq
        return len(rows)

    def _last(self) -> int:
        with self._db.read() as conn:
            return int(conn.execute(sa.select(sa.func.max(_c.seq))).scalar() or 0)

    def _following(self, after: int) -> list[sa.Row[tuple[int, str, str | None, str | None]]]:
        wanted = sa.select(_c.seq, _c.action, _c.project_id, _c.environment_id)
        with self._db.read() as conn:
            return list(conn.execute(wanted.where(_c.seq > after).order_by(_c.seq).limit(PAGE)))


def noun_of(action: str) -> str:
    """`snapshot.restore.done` -> snapshot; what only reads is told as "audit"."""
    noun, _, verb = action.partition(".")
    return "audit" if _READS & set(verb.split(".")) else noun
