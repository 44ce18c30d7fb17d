"""The running Holdfast of this worker."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "databases"))

from journey import Served, shared


@pytest.fixture(scope="session")
def served(request: pytest.FixtureRequest) -> Served:
    return shared(request)
