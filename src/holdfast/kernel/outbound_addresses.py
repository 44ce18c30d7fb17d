"""What kind of address that is, by the IANA special-purpose registries (RFC 6890) and the clouds' metadata services."""

from __future__ import annotations

import socket
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# No operator may open these: what answers there hands out the machine's own credentials, or is nobody in particular.
NEVER = frozenset({"metadata", "own_listener", "unspecified", "multicast", "broadcast", "zone"})

_METADATA = frozenset(
    ip_address(text)
    for text in (
        "169.254.169.254",  # AWS, Azure, Google, DigitalOcean, OpenStack, Oracle, Hetzner
        "169.254.169.253",  # AWS: name server
        "169.254.170.2",  # AWS: ECS task credentials
        "169.254.170.23",  # AWS: EKS pod identity
        "169.254.42.42",  # Scaleway
        "168.63.129.16",  # Azure: a public-looking address that is the host's own
        "100.100.100.200",  # Alibaba
        "192.0.0.192",  # Oracle, classic
        "fd00:ec2::254",  # AWS
        "fd00:ec2::253",
        "fd00:ec2::23",
        "fd20:ce::254",  # Google
        "fd00:42::42",  # Scaleway
    )
)
_V4: tuple[tuple[Network, str], ...] = tuple(
    (ip_network(text), kind)
    for text, kind in (
        ("0.0.0.0/8", "unspecified"),  # Linux connects 0.0.0.0 to itself
        ("10.0.0.0/8", "private"),
        ("100.64.0.0/10", "shared"),  # carrier-grade NAT, RFC 6598
        ("127.0.0.0/8", "loopback"),
        ("169.254.0.0/16", "link_local"),
        ("172.16.0.0/12", "private"),
        ("192.0.0.0/24", "reserved"),
        ("192.0.2.0/24", "documentation"),
        ("192.88.99.0/24", "reserved"),
        ("192.168.0.0/16", "private"),
        ("198.18.0.0/15", "benchmarking"),
        ("198.51.100.0/24", "documentation"),
        ("203.0.113.0/24", "documentation"),
        ("224.0.0.0/4", "multicast"),
        ("255.255.255.255/32", "broadcast"),
        ("240.0.0.0/4", "reserved"),
    )
)
_V6: tuple[tuple[Network, str], ...] = tuple(
    (ip_network(text), kind)
    for text, kind in (
        ("::/128", "unspecified"),
        ("::1/128", "loopback"),
        ("::/96", "embedded_v4"),  # IPv4-compatible, RFC 4291
        ("::ffff:0:0/96", "embedded_v4"),  # IPv4-mapped
        ("::ffff:0:0:0/96", "embedded_v4"),  # IPv4-translated, RFC 7915
        ("64:ff9b::/96", "embedded_v4"),  # NAT64, RFC 6052
        ("64:ff9b:1::/48", "embedded_v4"),  # NAT64 of the local network, RFC 8215
        ("2001::/32", "embedded_v4"),  # Teredo
        ("2001::/23", "reserved"),  # benchmarking, ORCHID and other protocols
        ("2001:db8::/32", "documentation"),
        ("2002::/16", "embedded_v4"),  # 6to4
        ("3fff::/20", "documentation"),
        ("fc00::/7", "private"),
        ("fe80::/10", "link_local"),
        ("fec0::/10", "private"),  # site-local, RFC 3879
        ("ff00::/8", "multicast"),
    )
)
_GLOBAL_V6 = IPv6Network("2000::/3")  # nothing else is handed out


def kind_of(address: Address) -> str | None:
    """Why an address is not a public one; None = it is.

    One word: loopback, private, link_local, shared, embedded_v4, metadata, ... Pure: what belongs to this machine is
    asked with `is_local`.
    """
    if address in _METADATA or inner_of(address) in _METADATA:
        return "metadata"
    if isinstance(address, IPv6Address) and address.scope_id:
        return "zone"
    for network, kind in _V4 if isinstance(address, IPv4Address) else _V6:
        if address in network:
            return kind
    if isinstance(address, IPv6Address):
        if _is_isatap(address):
            return "embedded_v4"
        if address not in _GLOBAL_V6:
            return "reserved"
    return None if address.is_global else "reserved"


def inner_of(address: Address) -> IPv4Address | None:
    """The IPv4 address that an IPv6 one stands for, where its form says so."""
    if isinstance(address, IPv4Address):
        return None
    value = int(address)
    high = value >> 32
    if high in (0, 0xFFFF, 0xFFFF0000, 0x0064FF9B << 64):
        return IPv4Address(value & 0xFFFFFFFF)
    if value >> 96 == 0x20010000:
        return IPv4Address(~value & 0xFFFFFFFF)
    if value >> 112 == 0x2002:
        return IPv4Address((value >> 80) & 0xFFFFFFFF)
    return IPv4Address(value & 0xFFFFFFFF) if _is_isatap(address) else None


def is_local(address: Address) -> bool:
    """Whether an interface of this machine has it: a datagram socket can be bound to no other. Nothing is sent.

    Where the kernel lets anyone bind to anything (`ip_nonlocal_bind`) every address looks local, and is refused.
    """
    family = socket.AF_INET if isinstance(address, IPv4Address) else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((str(address), 0))
    except OSError:
        return False
    return True


def _is_isatap(address: IPv6Address) -> bool:
    """RFC 5214: an interface identifier of 0000:5efe or 0200:5efe, then an IPv4 address, on any prefix."""
    return (int(address) >> 32) & 0xFDFFFFFF == 0x00005EFE
