"""What a test needs of its machine. Where everything must be there (CI), what is missing is a failure, not a skip."""

from __future__ import annotations

import os
from collections.abc import Generator

import pytest

CI = os.environ.get("CI", "").lower() not in ("", "0", "false")


def need(condition: object, what: str) -> None:
    """Go on when `condition` holds. Else fail where CI is set in the environment, and skip on a person's machine.

    `what` is the missing thing in words: "root", "the program restic". Call it in a test or a fixture.
    """
    if condition:
        return
    if CI:
        pytest.fail(f"this machine lacks {what}; where CI is set nothing may be missing", pytrace=False)
    pytest.skip(f"this machine lacks {what}")


def needed(item: pytest.Item) -> None:
    """What an item's markers ask for."""
    if item.get_closest_marker("needs_root") is not None:
        need(os.geteuid() == 0, "root")


def no_quiet_skip(report: pytest.TestReport) -> None:
    """Where CI is set, only a case that can never run is skipped: its reason begins with "never:" and says why."""
    if not CI or not report.skipped or hasattr(report, "wasxfail"):
        return
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    if not reason.removeprefix("Skipped: ").startswith("never:"):
        report.outcome = "failed"
        report.longrepr = f"{reason}\nSkipped where CI is set: nothing may be missing there (tests/support/needs.py)."


class Needs:
    """The pytest plugin of these rules."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        needed(item)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        no_quiet_skip(report)
        return report
