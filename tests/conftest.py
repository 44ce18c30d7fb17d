"""For every test: the run is watched for secrets that leak, for what is missing, and for what uses the metadata."""

from __future__ import annotations

import failed_list
import pytest
from longest_first import LongestFirst
from metadata_mark import MetadataMark
from needs import Needs

from leak_watch import LeakWatch


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(LeakWatch(), "leak-watch")
    config.pluginmanager.register(Needs(), "needs")
    config.pluginmanager.register(MetadataMark(), "metadata-mark")
    config.pluginmanager.register(LongestFirst(), "longest-first")
    if (listing := failed_list.plugin(config)) is not None:
        config.pluginmanager.register(listing, "failed-list")
