"""`holdfast engine verify`: the shipped suite on scratch servers, without a running Holdfast."""

from __future__ import annotations

import pytest
from cli_kit import Holdfast

from holdfast.catalog import ENGINES
from holdfast.contract.conformance import CASES


def test_the_embedded_engine_passes_everything(alone: Holdfast) -> None:
    name = next(engine.name for engine in ENGINES if engine.software(engine.spec()) is None)
    ran = alone("engine", "verify", name, "--json")
    assert ran.code == 0, ran.out
    assert [case["case"] for case in ran.json["cases"]] == list(CASES)


@pytest.mark.slow
@pytest.mark.parametrize("name", [engine.name for engine in ENGINES if engine.software(engine.spec()) is not None])
def test_a_served_engine_passes_on_scratch_servers(alone: Holdfast, name: str) -> None:
    cases = ("prepare_twice", "round_trip")
    ran = alone("engine", "verify", name, *(word for case in cases for word in ("--case", case)))
    assert ran.code == 0, ran.out + ran.err
    assert "2 passed, 0 failed" in ran.out


def test_an_unknown_case_engine_or_url_is_wrong_usage(alone: Holdfast) -> None:
    name = ENGINES.names()[0]
    assert "cases: " in alone("engine", "verify", name, "--case", "nonsense").err
    assert alone("engine", "verify", "nonsense").code == 1
    assert alone("engine", "verify", ENGINES.names()[-1], "--url", "http://x").code == 2
