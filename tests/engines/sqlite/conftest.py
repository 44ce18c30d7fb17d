"""A subject in a temporary directory. SQLite starts no child, so its tools are a scratch directory and refusals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from holdfast.contract.tools import Child
from holdfast.engines.sqlite.trial import SqliteSubject
from holdfast.kernel.stop import Stop


@dataclass
class ScratchOnly:
    scratch: Path

    def run(
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        stdin: bool = False,
        stdout: bool = True,
        stop: Stop | None = None,
    ) -> Child:
        raise AssertionError(f"an embedded engine started {argv[0]}")

    def output(
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        stdin: bytes | None = None,
        timeout: float = 120.0,
        stop: Stop | None = None,
    ) -> bytes:
        raise AssertionError(f"an embedded engine started {argv[0]}")


@pytest.fixture
def tools(tmp_path: Path) -> ScratchOnly:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    return ScratchOnly(scratch)


@pytest.fixture
def subject(tmp_path: Path, tools: ScratchOnly) -> SqliteSubject:
    return SqliteSubject(tmp_path, tools)
