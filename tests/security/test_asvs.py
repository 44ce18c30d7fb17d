"""The ASVS page is complete and honest: every requirement once, what is met is proven by a test that exists."""

from __future__ import annotations

import ast
import re
from collections import Counter
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "security" / "asvs.md"
IDS = Path(__file__).with_name("asvs_5_0_0.txt")
STATUSES = ("met", "not applicable", "open")
_ROW = re.compile(r"^\| v5\.0\.0-([\d.]+) \| (.+?) \| ([123]) \| (met|not applicable|open) \| (.+) \|$")
_TEST = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")
_SUMMARY = re.compile(r"^\| (level [12]|both) \| (\d+) \| (\d+) \| (\d+) \| (\d+) \|$", re.MULTILINE)


@dataclass(frozen=True)
class Row:
    id: str
    words: str
    level: int
    status: str
    evidence: str


def rows() -> list[Row]:
    found = []
    for line in PAGE.read_text().splitlines():
        if line.startswith("| v5.0.0-"):
            match = _ROW.match(line)
            assert match, f"not a row as the others are: {line}"
            found.append(Row(match[1], match[2], int(match[3]), match[4], match[5]))
    return found


def required() -> dict[str, int]:
    lines = [line.split() for line in IDS.read_text().splitlines() if not line.startswith("#")]
    return {number: int(level) for number, level in lines}


@cache
def functions(path: str) -> frozenset[str]:
    """The test functions a file defines, by its syntax tree."""
    tree = ast.parse((ROOT / path).read_text())
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def test_the_list_is_the_standards() -> None:
    """5.0.0 has 70 requirements of level 1 and 183 of level 2."""
    assert Counter(required().values()) == {1: 70, 2: 183}


def test_every_requirement_is_there_once_in_order() -> None:
    listed = [row.id for row in rows()]
    assert [number for number, count in Counter(listed).items() if count > 1] == []
    assert set(required()) - set(listed) == set(), "missing"
    assert set(listed) - set(required()) == set(), "unknown"
    assert listed == sorted(listed, key=lambda number: [int(part) for part in number.split(".")])
    assert {row.id: row.level for row in rows()} == required()


@pytest.mark.parametrize("row", rows(), ids=lambda row: row.id)
def test_a_row_has_its_evidence(row) -> None:
    """Met: by at least one test, each of which exists. Otherwise: a reason in words."""
    assert len(row.words) >= 15
    cited = _TEST.findall(row.evidence)
    for path, name in cited:
        assert (ROOT / path).is_file(), f"no file {path}"
        assert name in functions(path), f"no {name} in {path}"
    assert row.evidence.count("::") == len(cited), "a citation that is none"
    if row.status == "met":
        assert cited, "met, but by which test?"
    else:
        assert len(_TEST.sub("", row.evidence).strip(" ,;.:")) >= 9, "why?"


def test_the_summary_counts() -> None:
    """level, met, not applicable, open, in all."""
    wanted = {}
    for name, levels in (("level 1", (1,)), ("level 2", (2,)), ("both", (1, 2))):
        counted = Counter(row.status for row in rows() if row.level in levels)
        wanted[name] = [*(counted[status] for status in STATUSES), counted.total()]
    assert {match[0]: [int(each) for each in match[1:]] for match in _SUMMARY.findall(PAGE.read_text())} == wanted
