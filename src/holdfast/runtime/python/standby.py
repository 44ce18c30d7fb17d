"""A process that stands by: everything is as at any start, but it waits before the worker's own code is imported.

The pool says which modules a process of the same version had imported; they are imported here, behind the same walls.
"""

from __future__ import annotations

import gc
import importlib
import sys
from typing import Any

from holdfast.runtime.python.channel import Channel
from holdfast.runtime.python.payload import Payload

MOST, LONGEST = 1000, 40_000  # modules that are told, characters of their names together
_before: set[str] = set()


def remember() -> None:
    """What is there before the worker's own start."""
    _before.update(sys.modules)


def imported(payload: Payload) -> list[str]:
    """What was imported since, in its order, without the worker's own code."""
    found: list[str] = []
    length = 0
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if name in _before or not isinstance(file, str) or file.startswith(payload.code.rstrip("/") + "/"):
            continue
        length += len(name)
        if len(found) == MOST or length > LONGEST:
            break
        found.append(name)
    return found


def stand_by(payload: Payload, channel: Channel) -> bool:
    """Import, say so and wait. False when the process is not needed any more."""
    for name in payload.standby or ():
        try:
            importlib.import_module(name)
        except BaseException:  # noqa: BLE001, S112 - whoever needs it imports it again, and the worker's log has it then
            continue
    gc.collect()
    gc.freeze()
    channel.send({"t": "standby"})
    return channel.hear().get("t") == "go"


def told(payload: Payload) -> dict[str, Any]:
    """For the pool."""
    return {"t": "imported", "names": imported(payload)}
