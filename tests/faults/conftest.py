"""Faults are tested on whole installations; every one must leave nothing behind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

pytest.register_assert_rewrite("faults_cluster")
from faults_cluster import Cluster, cluster, short_directory  # noqa: E402  its assertions are to explain themselves


@pytest.fixture
def root() -> Iterator[Path]:
    with short_directory() as made:
        yield made


@pytest.fixture
def start(root: Path) -> Iterator[Callable[..., Cluster]]:
    """Starts a Holdfast with the options of `Cluster`; taken down and looked over at the end of the test."""
    with ExitStack() as stack:

        def begin(**more: Any) -> Cluster:
            return stack.enter_context(cluster(root, **more))

        yield begin
