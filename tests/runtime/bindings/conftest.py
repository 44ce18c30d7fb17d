from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from bindings_served import Place


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path)
    yield made
    shutil.rmtree(made.runtime)
