"""Servers that are not ours, real ones, shared by one test worker."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "databases"))

from foreign_pg import make_roles
from pg_server import Cluster, running
from world import World, world


@pytest.fixture(scope="session")
def foreign18() -> Iterator[Cluster]:
    with running("18", tcp=True) as cluster:
        make_roles(cluster)
        yield cluster


@pytest.fixture(scope="session")
def here() -> Iterator[World]:
    """Loopback is open as an operator would open it for a database on the same machine."""
    with world(outbound_allow=("127.0.0.0/8",)) as made:
        yield made
