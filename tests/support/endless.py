"""A dump whose one statement never ends: who may stop it, and what is told."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from holdfast.contract.conformance import Place
from holdfast.features.imports.watching import watched
from holdfast.kernel.errors import Cancelled, DiskFull
from holdfast.kernel.stop import Stop


def stopped_by_disk(engine: Any, place: Place, spec: Any, text: bytes) -> None:
    """The disk is full from the second look on."""
    looks = iter(range(1000))

    def room() -> None:
        if next(looks) > 0:
            raise DiskFull("this import needs more than the disk has")

    with pytest.raises(DiskFull, match="needs more"), watched(room, Stop()) as own:
        engine.take_in(place.endpoint, place.tools, engine.recognised(text, spec), iter([text]), own)


def stopped_by_cancel(engine: Any, place: Place, spec: Any, text: bytes) -> None:
    stop = Stop()
    threading.Timer(0.7, stop.stop, ["cancel requested"]).start()
    with pytest.raises(Cancelled), watched(lambda: None, stop) as own:
        engine.take_in(place.endpoint, place.tools, engine.recognised(text, spec), iter([text]), own)
