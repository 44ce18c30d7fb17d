"""For every test: the run is watched for secrets that leak (`leak_watch`)."""

from __future__ import annotations

import pytest

from leak_watch import LeakWatch


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(LeakWatch(), "leak-watch")
