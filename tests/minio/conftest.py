"""Built by `make test-minio`, which names the program; without it nothing here is collected, because building it takes
minutes and `make test` must not wait for that."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "databases"))

from minio_server import PROGRAM, MinIO, minio_server

collect_ignore_glob = [] if PROGRAM else ["test_*.py"]


@pytest.fixture(scope="session")
def minio() -> Iterator[MinIO]:
    with minio_server() as running:
        yield running
