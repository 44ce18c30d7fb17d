"""Listening sockets that the keeper made and passed down: they outlive the process that serves them."""

from __future__ import annotations

import os
import socket
from collections.abc import Collection, Sequence


def inherited(pairs: Sequence[str], names: Collection[str]) -> dict[str, socket.socket]:
    """`["control=3", "admin=4"]` -> non-blocking sockets that no child gets. Raises ValueError for other names."""
    found = {}
    for pair in pairs:
        name, _, number = pair.partition("=")
        if name not in names or not number.isdigit():
            raise ValueError(f"--fd reads {' or '.join(f'{each}=NUMBER' for each in names)}, not {pair!r}")
        listener = socket.socket(fileno=int(number))
        os.set_inheritable(int(number), False)
        listener.setblocking(False)
        found[name] = listener
    return found
