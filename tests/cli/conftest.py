"""A Holdfast of the tests' own, started as a user starts it, and the program run as a user runs it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import metadata_home
import pytest
from cli_kit import Holdfast, Ran, run

from holdfast.commands.demo.temporary import environment, temporary_holdfast


@pytest.fixture(scope="session")
def server() -> Iterator[dict[str, str]]:
    """The environment in which commands reach the session's server."""
    with temporary_holdfast(metadata_home.elsewhere()) as client:
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
