"""Tests import each other's helpers by bare name: two of one name would be one, whichever was imported first."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent


def test_no_two_modules_of_the_tests_share_a_name() -> None:
    modules = [path for path in TESTS.rglob("*.py") if path.name not in ("conftest.py", "__init__.py")]
    found = Counter(path.stem for path in modules if "toy_engine" not in path.parts)
    assert [name for name, count in found.items() if count > 1] == []
    assert len(found) > 100
