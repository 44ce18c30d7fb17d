"""One installation per test module: starting one costs more than most tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
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
