"""A house per mode, and a visitor of the innocent worker during every test."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hostile_house import House, Visitor
from needs import need

from holdfast.runtime.sandbox.modes import Mode, detect


@pytest.fixture(scope="session", params=["root", "bubblewrap", "userns"])
def house(request: pytest.FixtureRequest) -> Iterator[House]:
    need(os.geteuid() == 0, "root")
    mode: Mode = request.param
    if mode != "userns":  # it is another user's: that its workers run at all says that it is there
        found = detect(mode)
        need(found.mode == mode, f"the sandbox {mode} ({found.detail})")
    root = Path(tempfile.mkdtemp(prefix="hf", dir="/tmp"))  # socket paths may have 107 bytes
    made = House(root, mode, busy=0.1)  # whatever else the machine has to do meanwhile
    try:
        made.start()
        yield made
    finally:
        made.close()
        shutil.rmtree(root)


@pytest.fixture(autouse=True)
def visitor(house: House) -> Iterator[Visitor]:
    """Whatever happens next door, the innocent worker answers, within 5 s even on a busy machine."""
    (before,) = house.running("innocent")
    with Visitor(house) as visits:
        yield visits
    assert visits.bad == []
    assert max(visits.took) < 5
    assert house.running("innocent") == {before}
    assert all(process.poll() is None for process in house.processes.values()), house.processes
