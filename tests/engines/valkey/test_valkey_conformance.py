"""The shipped suite over Valkey, in the words of its own trial.py; its gaps are named by the engine and stay true."""

from __future__ import annotations

from contextlib import AbstractContextManager

import pytest
from valkey_places import SPEC, Servers

from holdfast.contract.conformance import CASES, PROTOCOLS, Place
from holdfast.contract.conformance.suite import run_case
from holdfast.contract.engine import Engine
from holdfast.contract.spec import Spec
from holdfast.engines.valkey import engine
from holdfast.engines.valkey.trial import DIALECT


class ValkeySubject:
    dialect = DIALECT

    def __init__(self, servers: Servers) -> None:
        self.engine: Engine = engine
        self.spec: Spec = SPEC
        self._servers = servers

    def fresh(self, name: str = "app") -> AbstractContextManager[Place]:
        return self._servers.fresh(name)


@pytest.mark.parametrize("name", CASES)
def test_conformance_valkey(name: str, valkey_servers: Servers) -> None:
    result = run_case(name, ValkeySubject(valkey_servers))
    assert result.ok, result.detail


def test_gaps_have_reasons() -> None:
    assert set(engine.capabilities.gaps) <= set(CASES) | set(PROTOCOLS.values())
    assert all(reason.startswith(("theirs: ", "never: ")) for reason in engine.capabilities.gaps.values())
