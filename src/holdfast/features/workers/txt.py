"""TXT records of a name, asked of this machine's own name servers. DNS message format: RFC 1035, 4; TCP: 4.2.2.

Over TCP only: an answer cannot be forged from off the path without seeing the connection, and none is cut short.
"""

from __future__ import annotations

import re
import secrets
import socket
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path

from holdfast.kernel.errors import Retryable

_TXT, _IN, _CNAME = 16, 1, 5
_RESOLV = Path("/etc/resolv.conf")
_SECONDS = 5.0
_MOST_RECORDS = 200


class Malformed(ValueError):
    """The answer is no DNS message, or not the one asked for."""


def lookup(name: str, servers: Sequence[str] | None = None, *, port: int = 53) -> list[str]:
    """The texts of `name`'s TXT records, each joined from its strings; empty when it has none. `servers`: addresses,
    also with a port (192.0.2.1:5353, [2001:db8::1]:5353); none: those of resolv.conf.

    Raises Retryable("name_servers_silent") when no name server gives a usable answer.
    """
    asked = list(servers or _own_servers())
    why = "there is none in resolv.conf"
    for server in asked[:3]:
        try:
            return _ask(name, *_place(server, port))
        except (OSError, Malformed) as error:
            why = f"{server}: {error}"
    raise Retryable(
        f"no name server answers for {name}",
        code="name_servers_silent",
        hint="Check this machine's name servers, and try again.",
        details={"reason": why[:200]},
    )


def _own_servers() -> list[str]:
    try:
        lines = _RESOLV.read_text(errors="replace").splitlines()
    except OSError:
        return []
    words = (line.split() for line in lines)
    return [each[1].partition("%")[0] for each in words if len(each) > 1 and each[0] == "nameserver"]


def _place(server: str, port: int) -> tuple[str, int]:
    found = re.fullmatch(r"(?:\[([^]]+)\]|([^:]+)):([0-9]+)", server)
    return (found[1] or found[2], int(found[3])) if found else (server.strip("[]"), port)


def _ask(name: str, server: str, port: int) -> list[str]:
    number = secrets.randbelow(1 << 16)
    with socket.create_connection((server, port), timeout=_SECONDS) as line:
        message = question(name, number)
        line.sendall(struct.pack(">H", len(message)) + message)
        (length,) = struct.unpack(">H", _exactly(line, 2))
        return texts(_exactly(line, length), number)


def _exactly(line: socket.socket, count: int) -> bytes:
    held = b""
    while len(held) < count:
        piece = line.recv(count - len(held))
        if not piece:
            raise Malformed("the connection ended early")
        held += piece
    return held


def question(name: str, number: int) -> bytes:
    """A query for TXT, recursion desired. ValueError for what is no host name."""
    labels = [label.encode("ascii") for label in name.rstrip(".").split(".")]
    if not all(1 <= len(label) <= 63 for label in labels):
        raise ValueError("no host name")
    wire = b"".join(bytes([len(label)]) + label for label in labels) + b"\0"
    return struct.pack(">6H", number, 0x0100, 1, 0, 0, 0) + wire + struct.pack(">2H", _TXT, _IN)


def texts(message: bytes, number: int) -> list[str]:
    """What an answer says. Raises Malformed; a name that is not there has no texts."""
    if len(message) < 12:
        raise Malformed("too short")
    own, flags, questions, answers, _, _ = struct.unpack_from(">6H", message)
    if own != number or not flags & 0x8000 or questions > 1:
        raise Malformed("not the answer to this question")
    code = flags & 0xF
    if code == 3:  # NXDOMAIN
        return []
    if code != 0:
        raise Malformed(f"the server answers code {code}")
    at = 12
    for _ in range(questions):
        at = _after_name(message, at) + 4
    return list(_records(message, at, min(answers, _MOST_RECORDS)))


def _records(message: bytes, at: int, count: int) -> Iterator[str]:
    for _ in range(count):
        at = _after_name(message, at)
        if at + 10 > len(message):
            raise Malformed("a record is cut off")
        kind, where, _, length = struct.unpack_from(">HHIH", message, at)
        at += 10
        if at + length > len(message):
            raise Malformed("a record is cut off")
        if (kind, where) == (_TXT, _IN):
            yield _joined(message[at : at + length])
        at += length


def _joined(data: bytes) -> str:
    said, at = b"", 0
    while at < len(data):
        length = data[at]
        if at + 1 + length > len(data):
            raise Malformed("a string is cut off")
        said += data[at + 1 : at + 1 + length]
        at += 1 + length
    return said.decode("ascii", "replace")


def _after_name(message: bytes, at: int) -> int:
    """Where what follows a name begins; where it points to does not matter here."""
    while at < len(message):
        length = message[at]
        if length == 0:
            return at + 1
        if length & 0xC0 == 0xC0:
            return at + 2
        if length & 0xC0:
            break
        at += 1 + length
    raise Malformed("a name is cut off")
