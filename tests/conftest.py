"""For every test: the run is watched for secrets that leak, for what is missing, and for what uses the metadata."""

from __future__ import annotations

import gc

import failed_list
import pytest
from hypothesis import HealthCheck, settings
from longest_first import LongestFirst
from metadata_mark import MetadataMark
from needs import Needs

from leak_watch import LeakWatch

# How long an example takes says how busy the machine is, nothing of what is tested.
settings.register_profile("holdfast", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("holdfast")


def pytest_configure(config: pytest.Config) -> None:
    gc.disable()  # collecting makes ten thousand tests that all stay: looking through them is a part of its time
    config.pluginmanager.register(LeakWatch(), "leak-watch")
    config.pluginmanager.register(Needs(), "needs")
    config.pluginmanager.register(MetadataMark(), "metadata-mark")
    config.pluginmanager.register(LongestFirst(), "longest-first")
    if (listing := failed_list.plugin(config)) is not None:
        config.pluginmanager.register(listing, "failed-list")


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop() -> None:
    gc.freeze()
    gc.enable()
