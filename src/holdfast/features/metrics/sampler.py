"""Databases asked how they are, when somebody wants to know: nobody asking costs nothing."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path

from holdfast.contract.engine import Session
from holdfast.contract.measure import CanMeasure, Measures
from holdfast.features.databases.model import EXTERNAL, Resource
from holdfast.features.databases.reach import Reach
from holdfast.kernel.clock import Clock
from holdfast.kernel.errors import HoldfastError
from holdfast.kernel.stop import Stop

FRESH_SECONDS = 10.0
PATIENCE_SECONDS = 3.0
AT_ONCE = 4
MOST = 2_000  # databases asked in one go; the stalest come first, so that every one has its turn


@dataclass(frozen=True)
class Sample:
    """`at`: monotonic seconds. `up`: it answered then."""

    at: float
    up: bool
    measures: Measures = field(default_factory=Measures)


class Sampler:
    """Keeps the last sample of each database for ten seconds. A database that hangs is waited for 3 s in all, once."""

    def __init__(self, reach: Reach, scratch: Path, clock: Clock) -> None:
        self._reach = reach
        self._scratch = scratch
        self._clock = clock
        self._samples: dict[str, Sample] = {}
        self._asking: dict[str, Future[None]] = {}
        self._sessions: dict[str, tuple[tuple[int, int], Session]] = {}
        self._lock = threading.Lock()
        self._stop = Stop()
        self._pool = ThreadPoolExecutor(max_workers=AT_ONCE, thread_name_prefix="measure")

    def of(self, resources: Sequence[Resource]) -> Mapping[str, Sample]:
        """The samples of those that are ready and could be asked, ever. Those not ready are forgotten, and those
        of other nodes are theirs to tell."""
        ready = [each for each in resources if each.state == "ready" and self._reach.is_here(each)]
        now = self._clock.monotonic()
        with self._lock:
            stale = [each for each in ready if self._age(each.id, now) > FRESH_SECONDS and each.id not in self._asking]
            stale.sort(key=lambda each: -self._age(each.id, now))
            for each in stale[:MOST]:
                self._asking[each.id] = self._pool.submit(self._ask, each)
            asked = [self._asking[each.id] for each in ready if each.id in self._asking]
        wait(asked, timeout=PATIENCE_SECONDS)
        with self._lock:
            for each in resources:
                if each.state != "ready":
                    self._samples.pop(each.id, None)
                    self._sessions.pop(each.id, None)
            return {each.id: self._samples[each.id] for each in ready if each.id in self._samples}

    def close(self) -> None:
        self._stop.stop("the process ends")
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _age(self, resource_id: str, now: float) -> float:
        sample = self._samples.get(resource_id)
        return float("inf") if sample is None else now - sample.at

    def _ask(self, resource: Resource) -> None:
        try:
            sample = Sample(self._clock.monotonic(), True, self._measure(resource))
        except HoldfastError:
            sample = Sample(self._clock.monotonic(), False)
            self._sessions.pop(resource.id, None)
        finally:
            with self._lock:
                self._asking.pop(resource.id, None)
        with self._lock:
            self._samples[resource.id] = sample

    def _measure(self, resource: Resource) -> Measures:
        """Sessions hold no connection between verbs, but their making reads the metadata: once per change, not each
        time."""
        if resource.host == EXTERNAL:  # the line to it is given back at once
            with self._reach.session(resource, self._scratch) as brief:
                return brief.measure(self._stop) if isinstance(brief, CanMeasure) else Measures()
        now = (resource.generation, resource.version)
        known = self._sessions.get(resource.id)
        if known is None or known[0] != now:
            tools = self._reach.tools(resource, self._scratch)
            known = (now, self._reach.engine(resource).connect(self._reach.endpoint(resource), tools))
            self._sessions[resource.id] = known
        session = known[1]
        return session.measure(self._stop) if isinstance(session, CanMeasure) else Measures()
