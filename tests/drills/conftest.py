"""The same world as the databases' tests."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "databases"))

from journey import Served, shared
from world import World, world


@pytest.fixture(scope="module")
def here() -> Iterator[World]:
    with world() as made:
        yield made


@pytest.fixture(scope="session")
def served(request: pytest.FixtureRequest) -> Served:
    """The running Holdfast of this worker; use names of your own in it."""
    return shared(request)
