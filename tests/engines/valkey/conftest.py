"""Two Valkey servers per test session, emptied for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from valkey_places import Servers, do, servers

from holdfast.contract.conformance import Place


@pytest.fixture(scope="session")
def valkey_servers() -> Iterator[Servers]:
    with servers() as found:
        yield found


@pytest.fixture(scope="session")
def _pair(valkey_servers: Servers) -> Iterator[tuple[Place, Place]]:
    with valkey_servers.fresh("one") as one, valkey_servers.fresh("two") as two:
        yield one, two


@pytest.fixture
def place(_pair: tuple[Place, Place]) -> Place:
    do(_pair[0], "FLUSHALL")
    return _pair[0]


@pytest.fixture
def target(_pair: tuple[Place, Place]) -> Place:
    do(_pair[1], "FLUSHALL")
    return _pair[1]
