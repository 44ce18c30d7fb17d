"""Forty random lives of repositories; `make torture` lives until ten thousand faults were injected, or more."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from shaken import named_points

HERE = Path(__file__).parent


def lived(seeds: str, work: Path) -> list[dict[str, int]]:
    """The counts of each life, in processes of their own: the driver forks, and so has no thread."""
    log = work / f"log {seeds}"
    argv = [sys.executable, str(HERE / "torture.py"), "--seeds", seeds, "--log", str(log)]
    places = [str(HERE.parent / name) for name in ("vault", "support")]
    environ = os.environ | {"PYTHONPATH": os.pathsep.join([*places, *filter(None, sys.path)])}
    done = subprocess.run(argv, env=environ, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stderr[-8000:]
    return [json.loads(line)["counts"] for line in log.read_text().splitlines()]


@pytest.fixture(scope="module")
def hit() -> Counter[str]:
    """Points somebody was killed or stopped at, by the lives lived here."""
    return Counter()


@pytest.mark.slow
@pytest.mark.faults
@pytest.mark.parametrize("first", range(0, 40, 10))
def test_ten_lives(first: int, tmp_path: Path, hit: Counter[str]) -> None:
    """Kills, stops, lying stores, flipped bits, wrong clocks, new keys and copies, beside stock restic and a second
    runner: nothing promised is lost."""
    lives = lived(f"{first}-{first + 9}", tmp_path)
    assert len(lives) == 10
    for counts in lives:
        hit.update(counts)


@pytest.mark.slow
@pytest.mark.faults
def test_every_named_point_of_the_vault_was_somebodys_end(tmp_path: Path, hit: Counter[str]) -> None:
    """A point that the forty lives did not come by is looked for in others."""
    for first in range(40, 100, 20):
        if set(named_points()) <= _names(hit):
            break
        for counts in lived(f"{first}-{first + 19}", tmp_path):
            hit.update(counts)
    assert set(named_points()) - _names(hit) == set()


def _names(hit: Counter[str]) -> set[str]:
    return {slot.removeprefix("point ") for slot in hit}
