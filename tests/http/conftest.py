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
    base = Path(tempfile.mkdtemp(prefix="hf-api-"))
    try:
        running = start_api(base)
        try:
            yield running
        finally:
            assert stop_api(running) == 0, running.log.read_text()
    finally:
        shutil.rmtree(base)
