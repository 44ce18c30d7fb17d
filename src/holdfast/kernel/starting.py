"""The first and the last moment of a process' start: what its imports cost, in time and for as long as it lives."""

from __future__ import annotations

import gc
import sys

_UNASKED = ("httpx._main", "rich")  # httpx' command line and coloured tracebacks: fifty modules with what they import


def begin() -> None:
    """Before the other imports. They make up to a million objects that stay: looking through them again and again would
    be a quarter of the start."""
    gc.disable()
    for name in _UNASKED:
        sys.modules.setdefault(name, None)  # type: ignore[arg-type] # whoever can do without it does


def begun() -> None:
    """Everything is built: nothing is to be found among it later either."""
    gc.freeze()
    gc.enable()
