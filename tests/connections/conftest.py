"""The running Holdfast of this worker, its command line, and stock clients."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "databases"))
sys.path.insert(0, str(Path(__file__).parent))

from journey import Served, shared
from outside_kit import Outside


@pytest.fixture(scope="session")
def served(request: pytest.FixtureRequest) -> Served:
    return shared(request)


@pytest.fixture(scope="session")
def outside(served: Served) -> Outside:
    assert shutil.which("psql", path=os.environ["PATH"]), "no psql here"
    return Outside(served)
