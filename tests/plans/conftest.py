"""A Holdfast whose clock the test moves, and whose runner works only when the test says so."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "databases"))

from stepped import Stepped, stepped


@pytest.fixture
def here() -> Iterator[Stepped]:
    with stepped() as made:
        yield made
