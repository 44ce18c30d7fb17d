"""One running api per test module."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from served import Api, start_api, stop_api


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    yield from _running()


@pytest.fixture
def own_api() -> Iterator[Api]:
    """One for this test alone: nobody owns it yet."""
    yield from _running()


def _running() -> Iterator[Api]:
    base = Path(tempfile.mkdtemp(prefix="hf-api-"))
    try:
        running = start_api(base)
        try:
            yield running
        finally:
            assert stop_api(running) == 0, running.log.read_text()
    finally:
        shutil.rmtree(base)
