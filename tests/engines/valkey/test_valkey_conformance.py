"""The shipped suite over Valkey: the cases that need no SQL, and the names of those that still do."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import cast

import pytest
from valkey_places import SPEC, Servers

from holdfast.contract.conformance import CASES, Dialect, NotApplicable, Place
from holdfast.contract.engine import CanSwap, Engine
from holdfast.contract.spec import Spec
from holdfast.engines.valkey import engine
from holdfast.kernel.errors import HoldfastError

SPEAKS_SQL = "ours: the case is written in SQL and has no words for keys yet; tests/engines/valkey covers its promise"
NO_SWAP = "ours: a server is one whole; SWAPDB exchanges one numbered database only"
RUN = ("inspect_empty", "empty_database", "companions")
OPEN = {name: SPEAKS_SQL for name in CASES if name not in (*RUN, "swap_in_place", "discard_refuses_live")}
OPEN |= dict.fromkeys(("swap_in_place", "discard_refuses_live"), NO_SWAP)


class ValkeySubject:
    dialect = cast(Dialect, None)  # a case that asks for words fails loudly

    def __init__(self, servers: Servers) -> None:
        self.engine: Engine = engine
        self.spec: Spec = SPEC
        self._servers = servers

    def fresh(self, name: str = "app") -> AbstractContextManager[Place]:
        return self._servers.fresh(name)


@pytest.mark.parametrize("name", RUN)
def test_conformance_valkey(name: str, valkey_servers: Servers) -> None:
    CASES[name](ValkeySubject(valkey_servers))


@pytest.mark.slow
def test_gaps_are_true(valkey_servers: Servers) -> None:
    """Each open case fails or does not concern us: one that passes must be run."""
    assert not isinstance(engine, CanSwap)
    subject = ValkeySubject(valkey_servers)
    for name in OPEN:
        with pytest.raises((NotApplicable, HoldfastError, AttributeError, AssertionError)):
            CASES[name](subject)
