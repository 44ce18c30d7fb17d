"""The shipped suite over PostgreSQL: all of it on 18, the data path on 16 too."""

from __future__ import annotations

from contextlib import AbstractContextManager

import pytest
from pg_server import Cluster

from holdfast.contract.conformance import CASES, Place
from holdfast.contract.conformance.suite import run_case
from holdfast.contract.engine import Engine
from holdfast.engines.postgresql import engine
from holdfast.engines.postgresql.trial import DIALECT


class PostgresSubject:
    def __init__(self, cluster: Cluster) -> None:
        self.engine: Engine = engine
        self.spec = cluster.spec
        self.dialect = DIALECT
        self._cluster = cluster

    def fresh(self, name: str = "app") -> AbstractContextManager[Place]:
        return self._cluster.fresh(name)


def hold(name: str, cluster: Cluster) -> None:
    result = run_case(name, PostgresSubject(cluster))
    assert result.ok, result.detail


@pytest.mark.parametrize("name", CASES)
def test_conformance_18(name: str, pg18: Cluster) -> None:
    hold(name, pg18)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["prepare_twice", "round_trip", "one_moment", "restore_selected", "swap_in_place"])
def test_conformance_16(name: str, pg16: Cluster) -> None:
    hold(name, pg16)
