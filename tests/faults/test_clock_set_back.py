"""The wall clock jumps back a day, and forward a year, under a running Holdfast: api, runner and keeper alike."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from faults_cluster import Cluster

pytestmark = [pytest.mark.faults, pytest.mark.slow]
DAY = 24 * 3600

# Imported by every Python that starts with it on its path, before anything else of it runs.
CUSTOMISED = """
import datetime, pathlib, time
offset, real_time = pathlib.Path({file!r}), time.time
def shift():
    try:
        return float(offset.read_text())
    except (OSError, ValueError):
        return 0.0
time.time = lambda: real_time() + shift()
from holdfast.kernel import clock
clock.SystemClock.now = lambda self: datetime.datetime.fromtimestamp(time.time(), datetime.UTC)
"""


def test_a_wall_clock_that_jumps_stops_nothing(root: Path, start: Callable[..., Cluster]) -> None:
    offset, customised = root / "offset", root / "custom"
    customised.mkdir()
    (customised / "sitecustomize.py").write_text(CUSTOMISED.format(file=str(offset)))
    it = start(hold="capture.half", PYTHONPATH=str(customised))
    database = it.create("sqlite")
    first = it.snapshot(database)
    it.arm()
    held = it.snap(database, "L3")
    it.reached()
    offset.write_text(str(-DAY))
    assert it.client.get(f"/runs/{held['run']['id']}")["state"] == "running"
    it.release()
    it.done(held)

    it.fill(database, "sqlite", 5000, 5100)
    later = it.rows(database)
    second = it.snapshot(database, "L3")
    stamps = [it.client.get(f"/snapshots/{each}")["taken_at"] for each in (first, second)]
    assert stamps[1] < stamps[0], "the clock did go back"
    it.write(database, "DELETE FROM t")
    it.done(it.restore_in_place(second))
    assert it.rows(database) == later

    offset.write_text(str(365 * DAY))
    it.done(it.restore_in_place(second))
    assert it.rows(database) == later
    offset.write_text("0")
    it.works(database)
