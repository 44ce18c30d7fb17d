"""Which worker does what: the longest files first, so that none is alone at the end.

`tests/durations.txt` holds seconds and unit, a line each, of what takes five seconds or more: a unit is a file, or a
test of tests/faults whose file shares nothing between its tests. `make durations` writes it anew. A unit that is
missing there is taken for a short one, a unit that is gone does no harm: only the order depends on it, never what runs.
"""

from __future__ import annotations

import os
from collections import Counter
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from xdist.scheduler import LoadFileScheduling

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "tests" / "durations.txt"
SPLIT = "tests/faults/"
SHORT = 5.0


def unit(nodeid: str) -> str:
    """What is given to a worker as one piece."""
    file = nodeid.partition("::")[0]
    return nodeid if file.startswith(SPLIT) and not shares(file) else file


@cache
def shares(file: str) -> bool:
    """Whether tests of a file have one Holdfast together: `kept` in tests/faults/conftest.py."""
    path = ROOT / file
    return path.exists() and "kept: Callable" in path.read_text()


def read(file: Path = FILE) -> dict[str, float]:
    """Seconds by unit; nothing when there is no such file."""
    if not file.exists():
        return {}
    pairs = (line.split(" ", 1) for line in file.read_text().splitlines())
    return {name: float(seconds) for seconds, name in pairs}


def write(seconds: dict[str, float], file: Path = FILE) -> None:
    """The longest first; a unit that the file has already keeps the longer of both."""
    known = Counter(read(file)) | Counter({name: round(took, 1) for name, took in seconds.items() if took >= SHORT})
    file.write_text("".join(f"{took:g} {name}\n" for name, took in sorted(known.items(), key=lambda it: (-it[1], it))))


class LongestFirst:
    """The pytest plugin. Sorts in every worker alike; measures on the controller where HOLDFAST_DURATIONS is set."""

    def __init__(self) -> None:
        self.took: Counter[str] = Counter()

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        if hasattr(config, "workerinput"):
            known = read()
            items.sort(key=lambda item: -known.get(unit(item.nodeid), 0.0))

    @pytest.hookimpl(optionalhook=True, tryfirst=True)
    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: Any) -> LoadFileScheduling | None:
        if config.getvalue("dist") != "loadfile":
            return None
        from xdist.scheduler import LoadFileScheduling

        class Units(LoadFileScheduling):
            def _split_scope(self, nodeid: str) -> str:
                return unit(nodeid)

        config.option.loadscopereorder = False  # by number of tests: the few that kill would come last
        return Units(config, log)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.took[unit(report.nodeid)] += report.duration

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        spread = session.config.getoption("dist", "no") != "no"  # not what a test runs, as another user say
        if os.environ.get("HOLDFAST_DURATIONS") and spread and not hasattr(session.config, "workerinput"):
            write(dict(self.took))
