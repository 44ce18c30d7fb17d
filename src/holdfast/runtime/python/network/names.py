"""Addresses that stand for names: there is no resolver inside, so a name gets one that is made up.

They are out of 240.0.0.0/4, which is reserved (RFC 1112, 4) and which no network routes.
"""

from __future__ import annotations

import re
import socket
import threading
from collections import OrderedDict
from ipaddress import IPv4Address, IPv6Address, ip_address

FIRST = int(IPv4Address("240.0.0.1"))
LAST = int(IPv4Address("255.255.255.254"))  # the one above is broadcast
MOST = 16_384  # names kept at once
_MAPPED = "::ffff:"
_NAME = re.compile(r"(?=.{1,253}\Z)[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*")


class Names:
    """Which name an address stands for. An address is not given to another name before all of them were given once:
    a client that kept one for long must not reach a host it did not mean. Safe to use from several threads."""

    def __init__(self, most: int = MOST, first: int = FIRST, last: int = LAST) -> None:
        self._most, self._first, self._last = most, first, last
        self._next = first
        self._numbers: OrderedDict[str, int] = OrderedDict()  # the one used longest ago first
        self._names: dict[int, str] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._numbers)

    def address(self, name: str) -> str:
        """The address that stands for `name`, as `plain` writes it."""
        with self._lock:
            number = self._numbers.get(name)
            if number is None:
                number = self._fresh()
                self._numbers[name], self._names[number] = number, name
            self._numbers.move_to_end(name)
            return str(IPv4Address(number))

    def name(self, address: str) -> str | None:
        """What `address` stands for; None: nothing (any more). Also as ::ffff:240.0.0.1."""
        number = _number(address)
        with self._lock:
            name = self._names.get(number) if number is not None else None
            if name is not None:
                self._numbers.move_to_end(name)
            return name

    def made_up(self, address: str) -> bool:
        """Whether `address` can stand for a name only."""
        number = _number(address)
        return number is not None and self._first <= number <= self._last

    def _fresh(self) -> int:
        if len(self._numbers) >= self._most:
            _, oldest = self._numbers.popitem(last=False)
            del self._names[oldest]
        while self._next in self._names:
            self._next = self._next + 1 if self._next < self._last else self._first
        number = self._next
        self._next = number + 1 if number < self._last else self._first
        return number


def literal(host: str) -> IPv4Address | IPv6Address | None:
    """`host` as an address; None: it is a name."""
    try:
        return ip_address(host)
    except ValueError:
        return None


def plain(host: str | bytes) -> str:
    """A name in lower-case ASCII without its last dot, as it goes to the proxy. Raises socket.gaierror for what can be
    no name: with a space or a line's end in it, it could say something else to the proxy."""
    text = host.decode("latin-1") if isinstance(host, bytes) else host
    if not text.isascii():
        try:
            text = text.encode("idna").decode("ascii")
        except UnicodeError:
            raise unknown(text) from None
    text = text.lower().removesuffix(".")
    if not _NAME.fullmatch(text):
        raise unknown(text)
    return text


def unknown(host: str) -> socket.gaierror:
    return socket.gaierror(socket.EAI_NONAME, f"{host!r} is no name that can be looked up")


def mapped(address: str) -> str:
    """An IPv4 address for those who asked for an IPv6 one."""
    return _MAPPED + address


def _number(address: str) -> int | None:
    found = literal(address)
    if isinstance(found, IPv6Address):
        found = found.ipv4_mapped
    return None if found is None else int(found)
