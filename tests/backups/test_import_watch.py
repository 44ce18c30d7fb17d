"""The watch over a load: what ends by itself is left alone."""

from __future__ import annotations

import threading

import pytest

from holdfast.features.imports.watching import watched
from holdfast.kernel.stop import Stop


def test_what_ends_by_itself_is_left_alone() -> None:
    stop = Stop()
    with watched(lambda: None, stop) as own:
        own.check()
    with pytest.raises(ValueError, match="its own"), watched(lambda: None, stop):
        raise ValueError("its own")
    assert not stop.stopped
    assert not [thread for thread in threading.enumerate() if thread.name == "import-watch"]
