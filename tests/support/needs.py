"""What a test needs of its machine. Where everything must be there (CI), what is missing is a failure, not a skip."""

from __future__ import annotations

import os

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
