"""A load that grows by itself: one statement of a dump can write more than the whole file has."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from holdfast.kernel.errors import Cancelled, DiskFull
from holdfast.kernel.stop import Stop

LOOK_SECONDS = 0.5


@contextmanager
def watched(require_space: Callable[[], None], stop: Stop) -> Iterator[Stop]:
    """A stop for what is done inside: it comes with `stop`, and when `require_space`, asked twice a second, raises
    DiskFull, which is then raised instead of what the stop led to."""
    own, ended = Stop(), threading.Event()
    full: list[DiskFull] = []

    def look() -> None:
        while not ended.wait(LOOK_SECONDS):
            try:
                require_space()
            except DiskFull as error:
                full.append(error)
                own.stop("the disk's reserve is touched")
                return

    stop.on_stop(lambda: own.stop(stop.reason))
    watcher = threading.Thread(target=look, name="import-watch", daemon=True)
    watcher.start()
    try:
        yield own
    except Cancelled as error:
        if full:
            raise full[0] from error
        raise
    finally:
        ended.set()
        watcher.join()
