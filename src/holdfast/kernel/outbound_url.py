"""What a URL asks for, or a refusal. Whatever two readers could understand differently is refused, never repaired."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

import httpx
import idna

from holdfast.kernel.errors import Permanent
from holdfast.kernel.outbound_addresses import Address

LONGEST = 8192
_SHAPE = re.compile(r"(?i)(?P<scheme>https?)://(?P<authority>[^/?#]*)(?P<rest>[/?#].*)?")
_BRACKETS = re.compile(r"\[(?P<host>[0-9A-Fa-f:.]+)\](?::(?P<port>[0-9]{1,5}))?")
_NAMED = re.compile(r"(?P<host>[^:\[\]]+)(?::(?P<port>[0-9]{1,5}))?")
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_DOTS = "\u3002\uff0e\uff61"  # other scripts' full stops, which IDNA reads as dots


class Refused(Permanent):
    """An outbound call that is not made, or not followed any further. Asking again gets the same answer.

    The message and `details` hold only what the caller typed. `reason` (one word) and `address` (what the name
    resolved to) are for our log: telling them to a tenant would map the inside of the network.
    """

    default_code = "outbound_refused"

    def __init__(self, message: str, *, reason: str, host: str = "", address: str | None = None) -> None:
        hint = (
            "Calls go to public addresses, over http or https. An operator may allow others (HOLDFAST_OUTBOUND_ALLOW)."
        )
        super().__init__(message, hint=hint, details={"host": host[:255]} if host else {})
        self.reason = reason
        self.address = address


@dataclass(frozen=True)
class Target:
    """Where a URL leads. `host` is an ASCII name or an address without brackets; `literal` when it is an address."""

    scheme: str
    host: str
    port: int
    literal: Address | None = None

    @property
    def origin(self) -> tuple[str, str, int]:
        return (self.scheme, self.host, self.port)


def target_of(url: str) -> Target:
    """Raises Refused: no http(s), user names, a port out of range, hosts that are no plain name or address.

    Short, octal, hexadecimal and decimal IPv4 forms are refused, also where they would mean a public address.
    """
    if len(url) > LONGEST:
        raise _refused("the URL is too long", "too_long")
    if any(char <= " " or char in "\x7f\\" for char in url):
        raise _refused("the URL has a space, a backslash or a control character", "characters")
    match = _SHAPE.fullmatch(url)
    if match is None:
        raise _refused("the URL must begin with https:// or http:// and name a host", "scheme")
    authority, scheme = match["authority"], match["scheme"].lower()
    if "@" in authority:
        raise _refused("a URL with a user name or password in it is not called", "userinfo")
    found = _BRACKETS.fullmatch(authority) or _NAMED.fullmatch(authority)
    if found is None:
        raise _refused("the URL's host or port is malformed", "host")
    port = int(found["port"]) if found["port"] is not None else {"http": 80, "https": 443}[scheme]
    if not 1 <= port <= 65535:
        raise _refused("the URL's port is out of range", "port")
    if authority.startswith("["):
        literal: Address | None = _v6(found["host"])
        target = Target(scheme, str(literal), port, literal)
    else:
        host = _ascii(found["host"])
        literal = _v4(host)
        target = Target(scheme, host, port, literal)
    _agree(url, target)
    return target


def _v6(text: str) -> IPv6Address:
    try:
        return IPv6Address(text)
    except ValueError:
        raise _refused("the URL's host is no IPv6 address", "host") from None


def _v4(host: str) -> IPv4Address | None:
    """An address when the last label is a number, as the WHATWG URL standard decides it; only the plain form counts."""
    if not _NUMBER.fullmatch(host.rpartition(".")[2]):
        return None
    try:
        return IPv4Address(host)
    except ValueError:
        raise _refused("write an IPv4 address as four decimal numbers", "ambiguous_address", host) from None


def _ascii(host: str) -> str:
    """Lower case, in the form that DNS is asked for. Raises Refused."""
    if any(dot in host for dot in _DOTS):
        raise _refused("the URL's host has a full stop of another script", "idna")
    if not host.isascii():
        try:
            host = idna.encode(host.lower(), strict=True, std3_rules=True).decode("ascii")
        except (idna.IDNAError, UnicodeError):
            raise _refused("the URL's host is no name that can be registered", "idna") from None
    host = host.lower()
    labels = host.split(".")
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise _refused("the URL's host is malformed", "host")
    for label in labels:
        if label.startswith("xn--"):
            _require_real(label)
    return host


def _require_real(label: str) -> None:
    """A label that only looks encoded may be read as other text by someone else."""
    try:
        if idna.encode(idna.decode(label)).decode("ascii") == label:
            return
    except (idna.IDNAError, UnicodeError):
        pass
    raise _refused("the URL's host is no name that can be registered", "idna")


def _agree(url: str, target: Target) -> None:
    """The library that will send it must read the same host and port out of it."""
    try:
        theirs = httpx.URL(url)
        port = theirs.port or {"http": 80, "https": 443}[theirs.scheme]
        same = (theirs.scheme, theirs.raw_host.decode("ascii"), port) == target.origin or (
            isinstance(target.literal, IPv6Address)
            and (theirs.scheme, IPv6Address(theirs.host), port) == (target.scheme, target.literal, target.port)
        )
    except (httpx.InvalidURL, ValueError, KeyError):
        same = False
    if not same:
        raise _refused("the URL can be read in more than one way", "ambiguous_url", target.host)


def _refused(message: str, reason: str, host: str = "") -> Refused:
    return Refused(message, reason=reason, host=host)
