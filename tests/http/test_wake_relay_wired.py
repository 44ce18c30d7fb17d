"""The api and the runner, as their composition roots build them, hear and are heard on another node."""

from __future__ import annotations

import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import metadata_home
import pytest
from inside import inside

from holdfast import runner
from holdfast.features.audit.sequencer import Sequencer
from holdfast.kernel.db import Database
from holdfast.kernel.settings import Settings
from holdfast.kernel.stop import Stop
from holdfast.kernel.wake import Listener, Wake
from holdfast.kernel.wake_relay import WakeRelay


@pytest.fixture
def base() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="hf"))
    yield made
    shutil.rmtree(made)


def heard(ear: Listener, say: Callable[[], None], topic: str) -> bool:
    """A hint may be lost while a relay is not there yet, so it is said again."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        say()
        if topic in ear.wait(0.3):
            return True
    return False


def both_ways(url: str, wake: Wake, elsewhere: Path) -> bool:
    db, other = Database(url), Wake(elsewhere)
    relay = WakeRelay(db, other).start()
    try:
        with wake.listen("x") as here, other.listen("x") as there:
            return heard(there, lambda: wake.notify("t:out"), "t:out") and heard(
                here, lambda: other.notify("t:in"), "t:in"
            )
    finally:
        relay.close()
        other.close()
        db.close()


@pytest.mark.slow
def test_the_api_is_relayed(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata_home, "POSTGRESQL", True)
    with inside() as here:
        assert both_ways(here.settings.metadata_url, wake_of(here.services), base)


def wake_of(services: object) -> Wake:
    """The one the api itself notifies through."""
    found = services.parts[Sequencer]._wake  # type: ignore[attr-defined]
    assert isinstance(found, Wake)
    return found


@pytest.mark.slow
def test_the_runner_is_relayed(base: Path) -> None:
    (base / "data").mkdir()
    settings = Settings(base / "data", base / "r", base / "key", database_url=metadata_home.on_postgresql())
    parts, stop = runner.build(settings), Stop()
    working = threading.Thread(target=runner.serve, args=(parts, stop))
    working.start()
    try:
        assert both_ways(settings.metadata_url, parts.wake, base / "other")
    finally:
        stop.stop()
        working.join(30)
        parts.close()
    assert not working.is_alive()
