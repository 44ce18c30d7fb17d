"""The shipped suite over a Valkey and a Redis server that are not ours; the engine's gaps are theirs too."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from foreign_valkey import StrangerSubject, stranger
from valkey_places import servers

from holdfast.contract.conformance import CASES
from holdfast.contract.conformance.suite import run_case
from holdfast.engines.valkey.trial import DIALECT, OLDER


@pytest.fixture(scope="module", params=["valkey", "redis"])
def subject(request: pytest.FixtureRequest) -> Iterator[StrangerSubject]:
    with servers() as tools, stranger(request.param) as one, stranger(request.param) as two:
        yield StrangerSubject([one, two], tools, dialect=OLDER if request.param == "redis" else DIALECT)


QUICK = ("prepare_twice", "round_trip", "query_read_only", "swap_in_place", "discard_refuses_live", "one_moment")
OLD = ("round_trip_names", "wrong_row_noticed", "restore_fault", "query_values", "inspect_empty")


@pytest.mark.parametrize("name", [name for name in CASES if name in QUICK])
def test_foreign_keys(name: str, subject: StrangerSubject) -> None:
    run(name, subject)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in CASES if name not in QUICK])
def test_foreign_keys_in_full(name: str, subject: StrangerSubject) -> None:
    if subject.dialect is OLDER and name not in OLD:
        return  # nothing in these asks the server for more than the newer one was asked
    run(name, subject)


def run(name: str, subject: StrangerSubject) -> None:
    result = run_case(name, subject)
    assert result.ok, result.detail
    assert not result.detail.startswith("not applicable"), result.detail
