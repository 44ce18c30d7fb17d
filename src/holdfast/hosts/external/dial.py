"""Connecting to an address that was checked just now, and to no other."""

from __future__ import annotations

import asyncio
import socket

from holdfast.hosts.external import reasons
from holdfast.kernel.errors import HoldfastError
from holdfast.kernel.outbound_addresses import NEVER, inner_of, is_local, kind_of
from holdfast.kernel.outbound_policy import OutboundPolicy
from holdfast.kernel.outbound_url import Refused

CONNECT_SECONDS = 10.0


async def addresses(policy: OutboundPolicy, host: str, port: int) -> list[str]:
    """Resolve once and judge every answer. Raises NeedsOperator (code "address_refused"), Retryable
    (code "host_unresolved")."""
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            return await asyncio.to_thread(_judged, policy, host, port)
    except Refused as error:
        raise reasons.forbidden(error, host, port) from error
    except (OSError, UnicodeError) as error:
        raise reasons.unresolved(host) from error


def _judged(policy: OutboundPolicy, host: str, port: int) -> list[str]:
    if host.lower() in policy.own_names:
        raise Refused("this address is not called from here", reason="own_name", host=host)
    return policy.addresses(host, port)


async def connect(policy: OutboundPolicy, host: str, port: int) -> tuple[socket.socket, str]:
    """A connected, non-blocking socket to one of the judged addresses, and which one."""
    failure: HoldfastError | None = None
    for address in await addresses(policy, host, port):
        try:
            return await _one(address, port), address
        except (OSError, TimeoutError) as error:
            failure = reasons.unreachable(error, host, port)
    raise failure or reasons.unresolved(host)


async def _one(address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    try:
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 30)
        async with asyncio.timeout(CONNECT_SECONDS):
            await asyncio.get_running_loop().sock_connect(made, (address, port))
    except BaseException:
        made.close()
        raise
    return made


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
        raise reasons.forbidden(refused, host, port)
