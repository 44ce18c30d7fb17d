"""Whether a call is let in: counted per key or user, per project, and per address where nobody is known yet."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from datetime import timedelta
from ipaddress import IPv6Address, ip_address

from holdfast.features.access.actor import Actor
from holdfast.features.limits.book import LimitBook
from holdfast.features.limits.errors import Limited
from holdfast.features.limits.meter import MEMORY, Gauge, Meter, Standing
from holdfast.features.limits.words import Subject, What
from holdfast.kernel.clock import Clock

COUNTED: tuple[What, ...] = ("calls", "burst")
_MOST_GAUGES = 10_000


class Admission:
    """Counts in memory: a restart begins anew, and each api process counts for itself unless `url` names a server.

    A project is charged with the calls of keys and people who are let into that one project only: where other calls go
    is not known before they are served. Whoever came over admin.sock, and schedules, are not counted.
    """

    def __init__(self, book: LimitBook, clock: Clock, url: str = MEMORY) -> None:
        self._book = book
        self._clock = clock
        self._known = Meter(clock, url)
        self._strangers = Meter(clock, url)  # apart: a flood from many addresses must not push a key's count out
        self._gauges: OrderedDict[tuple[Subject, ...], tuple[int, list[Gauge]]] = OrderedDict()

    def actor(self, actor: Actor) -> list[Standing]:
        """Count one call; where each limit stands now. Raises Limited, and nothing was counted."""
        subjects = subjects_of(actor)
        return self._take(self._known, subjects) if subjects else []

    def stranger(self, address: str) -> list[Standing]:
        """Count one call without a valid credential."""
        return self._take(self._strangers, (Subject("address", neighbourhood(address)),))

    def standings(self, subject: Subject) -> list[Standing]:
        """Where a subject stands; nothing is counted."""
        meter = self._strangers if subject.kind == "address" else self._known
        return [meter.look(gauge) for gauge in self._gauges_of((subject,))]

    def _take(self, meter: Meter, subjects: tuple[Subject, ...]) -> list[Standing]:
        self._book.check()
        refusing, standings = meter.take(self._gauges_of(subjects))
        if refusing is not None:
            raise self._limited(refusing)
        return standings

    def _gauges_of(self, subjects: tuple[Subject, ...]) -> Sequence[Gauge]:
        edition = self._book.edition
        found = self._gauges.get(subjects)
        if found is not None and found[0] == edition:
            return found[1]
        gauges = [
            gauge
            for subject in subjects
            for what in COUNTED
            if (gauge := Gauge.of(subject, what, self._book.limit(subject, what))) is not None
        ]
        self._gauges[subjects] = (edition, gauges)
        if len(self._gauges) > _MOST_GAUGES:
            self._gauges.popitem(last=False)
        return gauges

    def _limited(self, at: Standing) -> Limited:
        return Limited(
            "rate_limited",
            at.subject,
            at.what,
            limit=at.limit,
            window=at.window,
            used=at.used,
            reset_at=self._clock.now() + timedelta(seconds=at.reset_in),
            reset_in=at.reset_in,
        )


def subjects_of(actor: Actor) -> tuple[Subject, ...]:
    """Whom an actor's calls are charged to; nobody for local actors and schedules."""
    if actor.kind not in ("key", "user"):
        return ()
    own = Subject(actor.kind, actor.id)
    only = {grant.project_id for grants in (actor.grants, actor.bounds or ()) for grant in grants} - {None}
    if len(only) != 1:
        return (own,)
    projects = actor.projects
    if projects is None or len(projects) != 1:
        return (own,)
    return (own, Subject("project", next(iter(projects))))


def neighbourhood(address: str) -> str:
    """An IPv6 network of 64 bits counts as one: whoever has an address there has all of them."""
    try:
        found = ip_address(address)
    except ValueError:
        return address[:40]
    if not isinstance(found, IPv6Address):
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return f"{IPv6Address(int(found) >> 64 << 64)}/64"
