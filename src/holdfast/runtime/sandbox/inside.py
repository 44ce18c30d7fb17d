"""The bubblewrap mode's inside: a fresh Python whose files and namespaces bubblewrap made, putting up what is left.

Runs as `python -I -S start.py inside <fd>`. The pool's message on that socket
comes once the process is in its control groups; it says the rest.
"""

from __future__ import annotations

import json
import os
import socket
from typing import Any, NoReturn

from holdfast.runtime.sandbox import walls
from holdfast.runtime.sandbox.zygote import STEER, arrange, last_words, resolve, run, settle

_PACKET = 1 << 16


def main(descriptor: int) -> NoReturn:
    steer = socket.socket(fileno=descriptor)
    steer.send(b"here")
    said = steer.recv(_PACKET)
    if not said:
        os._exit(0)
    told: dict[str, Any] = json.loads(said)
    steer.detach()
    try:
        arrange([*told["descriptors"], descriptor])
        steer = socket.socket(fileno=STEER)
        settle(told["view"])
        entry = resolve(told["entry"])
        _seal(told["order"], root=told["root"])
    except BaseException as error:  # noqa: BLE001 - this process must end here, whatever it was
        last_words(error)
    run(entry, steer)


def _seal(order: dict[str, Any], *, root: bool) -> None:
    walls.expendable()
    walls.seal(order, root=root, bounded=not root)
