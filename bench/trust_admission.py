"""What it costs to let a call in, with all four limits of a key in a project: the median of rounds of 1,000 calls."""

from __future__ import annotations

import shutil
import statistics
import tempfile
import time
from pathlib import Path

from holdfast.features.access.actor import Actor, local_actor
from holdfast.features.access.grants import Grant
from holdfast.features.access.permissions import ALL
from holdfast.features.limits.wiring import limits
from holdfast.features.limits.words import Subject
from holdfast.kernel.clock import SystemClock
from holdfast.kernel.db import Database
from holdfast.kernel.ids import new_id

ROUNDS, KEYS, CALLS, BAR_US = 20, 50, 20, 50


def _measure(db: Database) -> list[float]:
    made = limits(db, SystemClock(), {})
    for kind in ("key", "project"):
        for what in ("calls", "burst"):
            made.service.put(local_actor(0), Subject(kind, ""), what, 10**9, None)
    project = new_id("prj")
    actors = [Actor(new_id("key"), "key", "k", (Grant(ALL, project),)) for _ in range(KEYS)]
    rounds = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        for actor in actors:
            for _ in range(CALLS):
                made.admission.actor(actor)
        rounds.append((time.perf_counter() - began) / (KEYS * CALLS) * 1e6)
    return rounds


def report() -> bool:
    """Print the median in microseconds a call; whether it is within the bar."""
    base = Path(tempfile.mkdtemp(prefix="hf-bench-admission-"))
    try:
        db = Database(f"sqlite+apsw:///{base / 'holdfast.db'}")
        db.migrate()
        middle = statistics.median(_measure(db))
        db.close()
    finally:
        shutil.rmtree(base)
    print(f"admission, four limits: {middle:.1f} us a call (bar {BAR_US})", flush=True)
    return middle < BAR_US
