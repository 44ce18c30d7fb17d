"""One PostgreSQL server per major and test session."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pg_server import Cluster, running

from holdfast.contract.conformance import Place


@pytest.fixture(scope="session")
def pg18() -> Iterator[Cluster]:
    with running("18", tcp=True) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def pg16() -> Iterator[Cluster]:
    with running("16") as cluster:
        yield cluster


@pytest.fixture
def place(pg18: Cluster) -> Iterator[Place]:
    with pg18.fresh("test") as fresh:
        yield fresh
