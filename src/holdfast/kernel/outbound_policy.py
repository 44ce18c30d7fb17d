"""Which calls are made at all: every address of the name is judged, and the call goes to one of just those."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from holdfast.kernel import log
from holdfast.kernel.errors import NeedsOperator
from holdfast.kernel.outbound_addresses import NEVER, Address, Network, inner_of, is_local, kind_of
from holdfast.kernel.outbound_url import Refused, Target
from holdfast.kernel.settings import Settings

Resolver = Callable[[str, int], Sequence[str]]
Listener = tuple[str, int]
MOST_ADDRESSES = 64
# What the name of an allowed host may lead to; loopback and link-local only when the operator wrote the address itself.
_BY_NAME = frozenset({"private", "shared", "own_machine", "reserved", "benchmarking", "documentation"})
_log = log.get("holdfast.outbound")


def system_resolver(host: str, port: int) -> list[str]:
    """The machine's own resolver. Raises OSError when the name has no address."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def no_listeners() -> Iterable[Listener]:
    return ()


@dataclass(frozen=True)
class OutboundPolicy:
    """What outbound calls may reach beside public addresses.

    `allow_private`: networks, or (host, port) pairs for one service; never opens metadata addresses nor our own
    listeners. `own_listeners` says where we listen ("0.0.0.0" = on every interface); asked at each connection.
    `own_names`: names this installation is known by. `ports`: the only ones called; None = any. An https call never
    becomes an http one. Anything that belongs to this machine is refused unless allowed, whatever its port.
    """

    allow_private: frozenset[tuple[str, int] | Network] = frozenset()
    own_listeners: Callable[[], Iterable[Listener]] = no_listeners
    own_names: frozenset[str] = frozenset()
    ports: frozenset[int] | None = None
    resolver: Resolver = field(default=system_resolver)

    @classmethod
    def of(cls, settings: Settings) -> OutboundPolicy:
        """As the operator set it. Raises NeedsOperator naming what cannot be understood."""
        listeners = tuple((settings.host, port) for port in (settings.control_port, settings.apps_port) if port)
        names = frozenset(host.strip().lower().partition(":")[0] for host in settings.allowed_hosts)
        allowed = _allowances(settings.outbound_allow, "HOLDFAST_OUTBOUND_ALLOW")
        return cls(allowed, lambda: listeners, names - {"", "*"})

    @classmethod
    def of_workers(cls, settings: Settings) -> OutboundPolicy:
        """For code of tenants: what the operator opened for Holdfast itself is not open to them. Raises as `of`."""
        allowed = _allowances(settings.workers_outbound_allow, "HOLDFAST_WORKERS_OUTBOUND_ALLOW")
        return replace(cls.of(settings), allow_private=allowed)

    def check(self, target: Target) -> None:
        """What can be said before the name is resolved. Raises Refused."""
        if self.ports is not None and target.port not in self.ports:
            raise Refused(f"port {target.port} is not called from here", reason="port", host=target.host)
        if target.literal is not None:
            self._judge(target.host, target.port, target.literal)
        elif target.host in self.own_names:
            raise _refuse(target.host, "own_name", None)
        elif _is_localhost(target.host) and (target.host, target.port) not in self.allow_private:
            raise _refuse(target.host, "loopback", None)

    def addresses(self, host: str, port: int) -> list[str]:
        """Resolve once and judge every answer: the addresses that may be connected to, in the resolver's order.

        Raises Refused when a single one may not be reached, OSError when the name has none.
        """
        try:
            return [str(self._judge(host, port, ip_address(host)))]
        except ValueError:
            pass
        found = self.resolver(host, port)
        if not found:
            raise OSError(f"{host} has no address")
        if len(found) > MOST_ADDRESSES:
            raise _refuse(host, "too_many_addresses", None)
        return [str(self._judge(host, port, _parsed(host, text))) for text in found]

    def _judge(self, host: str, port: int, address: Address) -> Address:
        reason = self._against(host, port, address)
        if reason is not None:
            raise _refuse(host, reason, address)
        return address

    def _against(self, host: str, port: int, address: Address) -> str | None:
        """Why `address` may not be called as `host`; None = it may."""
        kind = kind_of(address)
        if kind in NEVER:
            return kind
        inner = inner_of(address)
        local = is_local(inner or address)
        if self._is_listener(address, port, local) or (inner and self._is_listener(inner, port, local)):
            return "own_listener"
        if kind is None and local:
            kind = "own_machine"
        if kind is None:
            return None
        if not self._allowed(host, port, address, kind):
            return kind
        return None if inner is None else self._against(str(inner), port, inner)

    def _is_listener(self, address: Address, port: int, local: bool) -> bool:
        for where, number in self.own_listeners():
            if number != port:
                continue
            if where in ("", "0.0.0.0", "::", "*"):  # noqa: S104 - compared, not bound
                if local:
                    return True
            elif where == "localhost":
                if address.is_loopback:
                    return True
            elif ip_address(where) == address:
                return True
        return False

    def _allowed(self, host: str, port: int, address: Address, kind: str) -> bool:
        for each in self.allow_private:
            if isinstance(each, tuple):
                if each == (host, port):
                    named = not _is_literal(host)
                    return not named or kind in _BY_NAME or (kind == "loopback" and _is_localhost(host))
            elif address in each:
                return True
        return False


def _allowances(texts: Iterable[str], variable: str) -> frozenset[tuple[str, int] | Network]:
    try:
        return frozenset(map(allowance, texts))
    except ValueError as error:
        hint = "Entries are networks or host:port, with commas between. Correct it and start again."
        raise NeedsOperator(f"{variable} cannot be read: {error}", hint=hint) from None


def allowance(text: str) -> tuple[str, int] | Network:
    """`10.1.0.0/16` or `host:port` as `allow_private` wants it. Raises ValueError."""
    text = text.strip().lower()
    if "/" in text:
        return ip_network(text)
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not host or not (port.isascii() and port.isdigit()) or not 0 < int(port) < 65536:
        raise ValueError(f"{text!r} is neither a network such as 10.1.0.0/16 nor a host:port")
    if _is_literal(host):
        host = str(ip_address(host))
    return (host, int(port))


def _parsed(host: str, text: str) -> IPv4Address | IPv6Address:
    try:
        return ip_address(text)
    except ValueError:
        raise _refuse(host, "unreadable_address", None) from None


def _is_literal(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _is_localhost(host: str) -> bool:
    """RFC 6761: these names are this machine whatever a resolver says."""
    return host == "localhost" or host.endswith(".localhost")


def _refuse(host: str, reason: str, address: Address | None) -> Refused:
    shown = str(address) if address is not None else None
    _log.warning("an outbound call was refused", host=host, resolved=shown, reason=reason)
    return Refused("this address is not called from here", reason=reason, host=host, address=shown)
