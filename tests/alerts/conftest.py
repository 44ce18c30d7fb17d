"""A house of alerts per test: metadata, the loop with a clock moved by hand, and real receivers on sockets."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from alert_house import House, house
from alert_receivers import Hooks, MailServer


@pytest.fixture
def here(tmp_path: Path) -> Iterator[House]:
    with house(tmp_path) as made:
        yield made


@pytest.fixture
def mail() -> Iterator[MailServer]:
    with MailServer() as server:
        yield server


@pytest.fixture
def hooks() -> Iterator[Hooks]:
    with Hooks() as receiver:
        yield receiver
