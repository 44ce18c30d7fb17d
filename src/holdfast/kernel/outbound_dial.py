"""Connecting to an address that was judged just now, and to no other; and why it could not be."""

from __future__ import annotations

import asyncio
import errno
import socket

from holdfast.kernel.errors import HoldfastError, NeedsOperator, Retryable
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
        raise forbidden(error, host, port) from error
    except (OSError, UnicodeError) as error:
        raise unresolved(host) from error


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
            failure = unreachable(error, host, port)
    raise failure or unresolved(host)


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


def unresolved(host: str) -> Retryable:
    return Retryable(
        f"the name {host!r} does not resolve",
        code="host_unresolved",
        hint="See that the name is right and that this machine's resolver knows it.",
        details={"host": host},
    )


def forbidden(error: Refused, host: str, port: int) -> NeedsOperator:
    """The address itself stays in our log: telling it would map the inside of the network."""
    return NeedsOperator(
        f"{host}:{port} leads to an address that is not called from here",
        code="address_refused",
        hint=f"Private networks are opened by the operator: HOLDFAST_OUTBOUND_ALLOW={host}:{port} (or a network). "
        "Metadata addresses and our own listeners never are.",
        details={"host": error.details.get("host", host)},
    )


def unreachable(error: BaseException, host: str, port: int) -> HoldfastError:
    details = {"host": host, "port": port}
    if isinstance(error, OSError) and error.errno == errno.ECONNREFUSED:
        return Retryable(
            f"nothing listens at {host}:{port}",
            code="port_closed",
            hint="Start the server, or correct the port; a firewall may refuse this machine.",
            details=details,
        )
    if isinstance(error, TimeoutError):
        return Retryable(
            f"{host}:{port} does not answer",
            code="server_silent",
            hint="A firewall may drop our packets, or the machine is down.",
            details=details,
        )
    return Retryable(f"{host}:{port} cannot be reached: {words(error)}", code="server_unreachable", details=details)


def words(error: BaseException) -> str:
    """The library's own, one line, without the place in its source."""
    text = getattr(error, "reason", None) or getattr(error, "strerror", None) or str(error)
    return str(text).strip().splitlines()[0][:200] if str(text).strip() else type(error).__name__
