"""Forty random lives of repositories; `make torture` lives thousands."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.mark.slow
@pytest.mark.faults
@pytest.mark.parametrize("first", range(0, 40, 10))
def test_ten_lives(first: int, tmp_path: Path) -> None:
    """Kills, stops, lying stores, flipped bits and wrong clocks, beside stock restic: nothing promised is lost."""
    log = tmp_path / "log"
    argv = [sys.executable, str(HERE / "torture.py"), "--seeds", f"{first}-{first + 9}", "--log", str(log)]
    places = [str(HERE.parent / name) for name in ("vault", "support")]
    environ = os.environ | {"PYTHONPATH": os.pathsep.join([*places, *filter(None, sys.path)])}
    done = subprocess.run(
        [*argv, "--work", str(tmp_path)], env=environ, capture_output=True, text=True, timeout=280, check=False
    )
    assert done.returncode == 0, done.stderr[-8000:]
    assert len(log.read_text().splitlines()) == 10
