"""Which packs a check reads when it does not read all: pure choices of (pack id, size)."""

from __future__ import annotations

import random
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from holdfast.kernel.errors import Invalid

_PART = re.compile(r"([1-9][0-9]{0,5})/([1-9][0-9]{0,5})")
_SHARE = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,4})?)%")
_DAYS = re.compile(r"([1-9][0-9]{0,3})d")
_DAY = timedelta(days=1)


class Choice(Protocol):
    """`method` goes into the record of what was proven, and how."""

    @property
    def method(self) -> str: ...

    def of(self, packs: Mapping[bytes, int]) -> Collection[bytes]:
        """The packs to read, out of all with their sizes."""
        ...


@dataclass(frozen=True)
class Part:
    """The `number`th of `count` parts of about the same size. A pack is always in the same one: after `count` checks,
    one of each number, everything was read."""

    number: int
    count: int

    @property
    def method(self) -> str:
        return f"part {self.number}/{self.count}"

    def of(self, packs: Mapping[bytes, int]) -> Collection[bytes]:
        return [pack for pack in packs if int.from_bytes(pack[:4], "big") % self.count == self.number - 1]


@dataclass(frozen=True)
class Share:
    """Packs picked by chance, of about `percent` of the bytes."""

    percent: float
    seed: int | None = None

    @property
    def method(self) -> str:
        return f"sample {self.percent:g}%"

    def of(self, packs: Mapping[bytes, int]) -> Collection[bytes]:
        order = sorted(packs)
        random.Random(self.seed).shuffle(order)  # noqa: S311  a sample, not a secret
        return _until(order, packs, sum(packs.values()) * self.percent / 100)


@dataclass(frozen=True)
class Within:
    """So much, the longest unproven first, that everything is read again within `days` while checks go on as often as
    they did; nothing that was proven less than a day ago, unless it would pass its days.

    `proven`: when each pack was read sound last. `since`: the last check of this method; None = never, then one a day
    is expected. What would pass its days before the next check is read whatever it adds up to.
    """

    days: int
    now: datetime
    proven: Mapping[bytes, datetime] = field(default_factory=dict, repr=False)
    since: datetime | None = None

    @property
    def method(self) -> str:
        return f"within {self.days}d"

    def of(self, packs: Mapping[bytes, int]) -> Collection[bytes]:
        pause = max(self.now - self.since, timedelta()) if self.since is not None else _DAY
        span = timedelta(days=self.days)
        due = {pack for pack in packs if pack in self.proven and self.proven[pack] + span <= self.now + pause}
        oldest = datetime.min.replace(tzinfo=self.now.tzinfo)
        old = [
            pack for pack in packs if self.now - self.proven.get(pack, oldest) >= _DAY or self.proven[pack] > self.now
        ]
        order = sorted(old, key=lambda pack: (self.proven.get(pack, oldest), pack))
        share = min(1.0, pause / span)
        return due.union(_until(order, packs, sum(packs.values()) * share))


def _until(order: Iterable[bytes], packs: Mapping[bytes, int], budget: float) -> list[bytes]:
    """From the front, as long as fewer bytes than `budget` were chosen."""
    chosen, taken = list[bytes](), 0
    for pack in order:
        if chosen and taken >= budget:
            break
        chosen.append(pack)
        taken += packs[pack]
    return chosen


@dataclass(frozen=True)
class Wish:
    """What was asked for, as text: `subset` "1/7" or "10%", or `within` "30d". Raises Invalid."""

    subset: str | None = None
    within: str | None = None

    def __post_init__(self) -> None:
        if self.subset is not None and self.within is not None:
            raise _invalid("within", "give a subset or a time, not both")
        if self.subset is not None:
            self.fixed()
        if self.within is not None and not _DAYS.fullmatch(self.within):
            raise _invalid("within", f"{self.within!r} is no number of days: write it as 30d")

    @property
    def days(self) -> int | None:
        found = _DAYS.fullmatch(self.within) if self.within is not None else None
        return int(found[1]) if found else None

    def fixed(self) -> Choice | None:
        """The choice that needs no memory of earlier checks; None when that is not what was asked for."""
        if self.subset is None:
            return None
        if found := _PART.fullmatch(self.subset):
            number, count = int(found[1]), int(found[2])
            if number > count:
                raise _invalid("subset", f"there is no part {number} of {count}")
            return Part(number, count)
        if (found := _SHARE.fullmatch(self.subset)) and 0 < float(found[1]) <= 100:
            return Share(float(found[1]))
        raise _invalid("subset", f"{self.subset!r} is no subset: write it as 1/7 or as 10%")


def _invalid(name: str, message: str) -> Invalid:
    return Invalid(message, details={"fields": [{"field": name, "message": message}]})
