"""A Holdfast of the tests' own, started as a user starts it, and the program run as a user runs it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from holdfast.commands.demo.temporary import environment, temporary_holdfast


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def error(self) -> Any:
        return json.loads(self.err)["error"]


Holdfast = Callable[..., Ran]


def run(environ: dict[str, str], *line: str, stdin: str = "") -> Ran:
    done = subprocess.run(
        [sys.executable, "-m", "holdfast.cli", *line],
        env=environ,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="session")
def server() -> Iterator[dict[str, str]]:
    """The environment in which commands reach the session's server."""
    with temporary_holdfast() as client:
        root = Path(client.where).parent.parent
        yield environment(root) | {"XDG_CONFIG_HOME": str(root / "config")}


@pytest.fixture
def holdfast(server: dict[str, str]) -> Holdfast:
    def call(*line: str, stdin: str = "") -> Ran:
        return run(server, *line, stdin=stdin)

    return call


@pytest.fixture
def alone(tmp_path: Path) -> Holdfast:
    """Commands where no Holdfast runs and none ever ran."""
    environ = environment(tmp_path) | {"XDG_CONFIG_HOME": str(tmp_path / "config")}

    def call(*line: str, stdin: str = "") -> Ran:
        return run(environ, *line, stdin=stdin)

    return call
