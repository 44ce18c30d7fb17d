"""Statements counted as they end: how many, how long, how they ended; per database, in this process."""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field

from holdfast.features.databases.model import Statement

BUCKETS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0)  # seconds, upper bounds
MOST = 20_000  # databases remembered; the one not asked for longest goes first


@dataclass
class Tally:
    """One database's statements since this process started."""

    ended: dict[tuple[bool, str], int] = field(default_factory=dict)  # (write, status) -> how many
    buckets: list[int] = field(default_factory=lambda: [0] * (len(BUCKETS) + 1))
    seconds: float = 0.0
    rows: int = 0

    @property
    def count(self) -> int:
        return sum(self.ended.values())

    @property
    def failed(self) -> int:
        return sum(count for (_, status), count in self.ended.items() if status not in ("ok", "cancelled"))

    def quantile(self, part: float) -> float | None:
        """Seconds that `part` of the statements stayed below: the upper bound of a bucket. None without statements.

        What took longer than the last bound is given as that bound.
        """
        wanted, seen = part * self.count, 0
        if not self.count:
            return None
        for bound, count in zip(BUCKETS, self.buckets, strict=False):
            seen += count
            if seen >= wanted:
                return bound
        return BUCKETS[-1]


class StatementMeter:
    """Safe from every thread. `see` costs about a microsecond: it stands on the path of each statement."""

    def __init__(self) -> None:
        self._tallies: OrderedDict[str, Tally] = OrderedDict()
        self._lock = threading.Lock()

    def see(self, statement: Statement) -> None:
        seconds = statement.duration_ms / 1000
        with self._lock:
            tally = self._tallies.get(statement.resource_id)
            if tally is None:
                tally = self._tallies[statement.resource_id] = Tally()
                if len(self._tallies) > MOST:
                    self._tallies.popitem(last=False)
            self._tallies.move_to_end(statement.resource_id)
            how = (statement.write, statement.status)
            tally.ended[how] = tally.ended.get(how, 0) + 1
            tally.buckets[bisect_left(BUCKETS, seconds)] += 1
            tally.seconds += seconds
            tally.rows += statement.rows

    def tallies(self) -> Mapping[str, Tally]:
        """A copy."""
        with self._lock:
            return {
                name: Tally(dict(each.ended), list(each.buckets), each.seconds, each.rows)
                for name, each in self._tallies.items()
            }
