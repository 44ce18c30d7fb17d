"""A pytest plugin: which tests failed and what they said, as lines of JSON in the file HOLDFAST_FAILED_LIST names."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest


class FailedList:
    """On the controller only: it hears of every worker's tests."""

    def __init__(self, file: Path) -> None:
        self._file = file

    @pytest.hookimpl
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            with self._file.open("a") as out:
                out.write(json.dumps({"test": report.nodeid, "said": report.longreprtext}) + "\n")


def plugin(config: pytest.Config) -> FailedList | None:
    """The plugin where it is asked for, None elsewhere."""
    file = os.environ.get("HOLDFAST_FAILED_LIST")
    return FailedList(Path(file)) if file and not hasattr(config, "workerinput") else None
