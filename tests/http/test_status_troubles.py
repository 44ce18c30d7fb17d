"""`holdfast status` says what is not at work, a runner above all: without one nobody is alerted."""

from __future__ import annotations

from typing import Any

import pytest
from inside import Inside, inside
from test_health import as_root

from holdfast.client import API
from holdfast.commands.status import _say_stored, _troubles
from holdfast.kernel.errors import Denied


class Asking:
    """The part of a terminal that is asked here."""

    def __init__(self, here: Inside, *, refused: bool = False) -> None:
        self.client, self._root, self._refused = self, as_root(here), refused

    def request(self, method: str, path: str, *, root: bool = False) -> Any:
        if self._refused:
            raise Denied("not for you")
        return self._root.request(method, path if root else API + path).json()


def test_a_missing_runner_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    with inside() as here:
        found = _troubles(Asking(here))  # type: ignore[arg-type]
        assert {each["part"] for each in found} == {"runner", "keeper"}
        facts = {"databases": [], "repositories": [], "snapshots": [], "runs": [], "recovery_kit": [], "workers": []}
        _say_stored({**facts, "troubles": found})
        said = capsys.readouterr().out
        assert "runner: no runner is at work" in said
        assert "nobody is alerted" in said
        assert "Hint: Start it: `holdfast up`" in said
        assert _troubles(Asking(here, refused=True)) == []  # type: ignore[arg-type]
