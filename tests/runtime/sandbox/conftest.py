"""The pen of each mode."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from needs import need
from sandbox_pen import Pen, modes

from holdfast.runtime.sandbox.modes import Mode, detect


@pytest.fixture(scope="module", params=modes())
def pen(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pen]:
    mode: Mode = request.param
    found = detect(mode)
    need(found.mode == mode, f"the sandbox {mode} ({found.detail})")
    made = Pen(mode, tmp_path_factory.mktemp("pen"))
    yield made
    made.close()
