"""What a connection to a server that is not ours needs beside a checked address."""

from __future__ import annotations

import asyncio
import socket

from holdfast.kernel.outbound_addresses import NEVER, inner_of, is_local, kind_of
from holdfast.kernel.outbound_dial import addresses, forbidden
from holdfast.kernel.outbound_policy import OutboundPolicy
from holdfast.kernel.outbound_url import Refused


class _Patient(asyncio.StreamReader):
    """What came before a reset is still read: a server says why it hangs up, and then hangs up."""

    def set_exception(self, exc: Exception) -> None:
        if isinstance(exc, ConnectionError):
            self.feed_eof()
        else:
            super().set_exception(exc)


async def streams(sock: socket.socket, limit: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    loop = asyncio.get_running_loop()
    reader = _Patient(limit=limit, loop=loop)
    protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
    transport, _ = await loop.create_connection(lambda: protocol, sock=sock)
    return reader, asyncio.StreamWriter(transport, protocol, reader, loop)


async def check_beyond(policy: OutboundPolicy, bastion: str, host: str, port: int) -> None:
    """What an SSH server at `bastion` may be asked to connect to. Its private networks are its own; but metadata
    services are nobody's databases, and an SSH server on this machine leads to what this machine reaches.

    Raises NeedsOperator (code "address_refused").
    """
    from ipaddress import ip_address

    if is_local(ip_address(bastion)) or ip_address(bastion).is_loopback:
        await addresses(policy, host, port)
        return
    try:
        literal = ip_address(host)
    except ValueError:
        return
    kind = kind_of(literal)
    inner = inner_of(literal)
    if kind in NEVER or (inner is not None and kind_of(inner) in NEVER):
        refused = Refused("this address is not called from here", reason=kind or "metadata", host=host)
        raise forbidden(refused, host, port)
