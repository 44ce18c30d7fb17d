"""uvicorn on a unix socket, with the peer's uid in the scope: it gives none by itself.

Source: unix(7), SO_PEERCRED: the credentials of the process that called connect(2), by the kernel.
"""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from typing import cast

from holdfast.web.guards import PEER_UID
from holdfast.web.protocol import BoundedProtocol

_UCRED = struct.Struct("3i")
NOBODY = -1


class PeerProtocol(BoundedProtocol):
    """HTTP/1.1 whose every request carries `holdfast.peer_uid`. A peer that cannot be asked for is nobody."""

    peer_uid = NOBODY

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self.peer_uid = peer_uid(transport)
        super().connection_made(transport)
        self.client = None

    def on_message_begin(self) -> None:
        super().on_message_begin()
        cast(dict[str, object], self.scope)[PEER_UID] = self.peer_uid


def peer_uid(transport: asyncio.BaseTransport) -> int:
    """The uid at the other end; `NOBODY` when the kernel does not say."""
    given = transport.get_extra_info("socket")
    if given is None or given.family != socket.AF_UNIX:
        return NOBODY
    copy = socket.socket(fileno=os.dup(given.fileno()))  # uvloop's own object has no getsockopt
    try:
        return int(_UCRED.unpack(copy.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size))[1])
    except OSError:
        return NOBODY
    finally:
        copy.close()
