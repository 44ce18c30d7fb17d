"""One installation per test module: starting one costs more than most tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from world import World, world


@pytest.fixture(scope="module")
def here() -> Iterator[World]:
    with world() as made:
        yield made
