"""The running Holdfast of the databases' tests, and the vault's kit."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "databases"))
sys.path.insert(0, str(Path(__file__).parents[1] / "vault"))

from journey import Served, shared


@pytest.fixture(scope="session")
def served(request: pytest.FixtureRequest) -> Served:
    """The running Holdfast of this worker; use names of your own in it."""
    return shared(request)
