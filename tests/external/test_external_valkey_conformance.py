"""The shipped suite over a Valkey and a Redis server that are not ours; the engine's gaps are theirs too."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from foreign_suite import hold
from foreign_valkey import StrangerSubject, stranger
from valkey_places import servers

from holdfast.contract.conformance import CASES
from holdfast.engines.valkey.trial import DIALECT, OLDER

THEIRS = {
    "activity_sessions": "theirs: who is connected is their administrator's to see; the service refuses before it asks",
    "logins_come_and_go": "theirs: their administrator makes the logins; the service refuses before it asks",
}
QUICK = ("prepare_twice", "round_trip", "query_read_only", "swap_in_place", "discard_refuses_live", "one_moment")
# On Redis nothing else asks the server for more than the newer one was asked.
OLD = (*QUICK, "round_trip_names", "wrong_row_noticed", "restore_fault", "query_values", "inspect_empty")


@pytest.fixture(scope="module")
def valkey() -> Iterator[StrangerSubject]:
    with subject("valkey", DIALECT) as made:
        yield made


@pytest.fixture(scope="module")
def redis() -> Iterator[StrangerSubject]:
    with subject("redis", OLDER) as made:
        yield made


@contextmanager
def subject(kind: str, dialect: Any) -> Iterator[StrangerSubject]:
    with servers() as tools, stranger(kind) as one, stranger(kind) as two:
        yield StrangerSubject([one, two], tools, dialect=dialect)


@pytest.mark.parametrize("name", [name for name in CASES if name in QUICK])
def test_foreign_keys(name: str, valkey: StrangerSubject) -> None:
    hold(name, valkey, THEIRS)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in CASES if name not in QUICK])
def test_foreign_keys_in_full(name: str, valkey: StrangerSubject) -> None:
    hold(name, valkey, THEIRS)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in CASES if name in OLD])
def test_foreign_keys_of_redis(name: str, redis: StrangerSubject) -> None:
    hold(name, redis, THEIRS)
