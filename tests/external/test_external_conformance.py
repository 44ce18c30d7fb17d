"""The shipped suite over servers and files that are not ours: the same cases, the same answers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from foreign_files import FileSubject
from foreign_pg import ForeignSubject, make_roles
from foreign_suite import hold
from pg_server import Cluster, running

from holdfast.contract.conformance import CASES
from holdfast.contract.tools import Tools

THEIRS = {
    "CanAdmit": "theirs: their administrator makes the logins; the service refuses before the engine is asked",
    "CanTune": "theirs: their administrator sets the server up",
    "CanExtend": "theirs: most extensions need a superuser, which no login that is registered may be",
}


# what meets other rights, settings and names of roles than a hosted server has; the rest is the same code
QUICK = (
    "prepare_twice",
    "round_trip",
    "query_read_only",
    "swap_in_place",
    "edit_all_or_nothing",
    "reshape_create",
    "bulk_dump_and_script",
    "script_runs",
    "activity_sessions",
    "chores_done",
)


@pytest.mark.parametrize("name", [name for name in CASES if name in QUICK])
def test_foreign_server(name: str, foreign18: Cluster) -> None:
    hold(name, ForeignSubject(foreign18), THEIRS)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in CASES if name not in QUICK])
def test_foreign_server_in_full(name: str, foreign18: Cluster) -> None:
    hold(name, ForeignSubject(foreign18), THEIRS)


@pytest.mark.parametrize("name", CASES)
def test_foreign_file(name: str, tmp_path: Path) -> None:
    class Scratch:
        scratch = tmp_path

    hold(name, FileSubject(tmp_path, cast(Tools, cast(Any, Scratch()))))


@pytest.fixture
def foreign16() -> Iterator[Cluster]:
    with running("16", tcp=True) as cluster:
        make_roles(cluster)
        yield cluster


@pytest.mark.slow
def test_foreign_server_16(foreign16: Cluster) -> None:
    """What an older server does not know is not asked of it."""
    for name in ("round_trip", "edit_all_or_nothing", "script_runs", "swap_in_place"):
        hold(name, ForeignSubject(foreign16), THEIRS)
