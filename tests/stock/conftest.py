"""Servers of PostgreSQL and Valkey as their engines' tests have them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pg_server import Cluster, running
from valkey_places import Servers, servers

from holdfast.engines.valkey.spec import ValkeySpec

sys.path.insert(0, str(Path(__file__).parents[1] / "vault"))


@pytest.fixture(scope="module", params=["18", "16"])
def cluster(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    with running(request.param) as made:
        yield made


@pytest.fixture(scope="module")
def valkeys() -> Iterator[Servers]:
    with servers(ValkeySpec(databases=64)) as made:
        yield made
