"""The shipped suite over servers and files that are not ours: the same cases, the same answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest
from foreign_files import FileSubject
from foreign_pg import ForeignSubject
from pg_server import Cluster

from holdfast.contract.conformance import CASES
from holdfast.contract.conformance.subject import NotApplicable, Subject
from holdfast.contract.tools import Tools


def run_case(name: str, subject: Subject) -> None:
    try:
        CASES[name](subject)
    except NotApplicable as reason:
        pytest.skip(str(reason))


QUICK = ("prepare_twice", "round_trip", "query_read_only", "swap_in_place")


@pytest.mark.parametrize("name", [name for name in CASES if name in QUICK])
def test_foreign_server(name: str, foreign18: Cluster) -> None:
    run_case(name, ForeignSubject(foreign18))


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in CASES if name not in QUICK])
def test_foreign_server_in_full(name: str, foreign18: Cluster) -> None:
    run_case(name, ForeignSubject(foreign18))


@pytest.mark.parametrize("name", CASES)
def test_foreign_file(name: str, tmp_path: Path) -> None:
    class Scratch:
        scratch = tmp_path

    run_case(name, FileSubject(tmp_path, cast(Tools, cast(Any, Scratch()))))
