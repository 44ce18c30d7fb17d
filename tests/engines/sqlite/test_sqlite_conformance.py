"""SQLite keeps every promise of the engine contract."""

from __future__ import annotations

import pytest

from holdfast.contract.conformance import CASES
from holdfast.contract.conformance.suite import run_case
from holdfast.engines.sqlite.spec import SqliteSpec
from holdfast.engines.sqlite.trial import SqliteSubject


@pytest.mark.parametrize("name", CASES)
def test_case(subject: SqliteSubject, name: str) -> None:
    result = run_case(name, subject)
    assert result.ok, result.detail


@pytest.mark.parametrize("page_size", [512, 65536])
@pytest.mark.parametrize("name", ["round_trip", "one_moment", "entries_again", "swap_in_place"])
def test_page_sizes(tmp_path, tools, page_size: int, name: str) -> None:
    result = run_case(name, SqliteSubject(tmp_path, tools, SqliteSpec(page_size=page_size)))
    assert result.ok, result.detail
