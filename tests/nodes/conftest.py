"""Two nodes for the whole folder: they take some seconds to start."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

pytest.register_assert_rewrite("nodes_pair")
from nodes_pair import Pair, pair  # noqa: E402  its assertions are to explain themselves


@pytest.fixture(scope="module")
def two() -> Iterator[Pair]:
    with pair() as made:
        yield made
