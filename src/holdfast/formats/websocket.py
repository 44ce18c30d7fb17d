"""WebSocket frames as bytes (RFC 6455), without I/O: both ends of a tunnel use it. No extension is ever agreed on."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

_MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # section 1.3
_LONGEST_CONTROL = 125


class Opcode(IntEnum):
    CONTINUATION = 0
    TEXT = 1
    BINARY = 2
    CLOSE = 8
    PING = 9
    PONG = 10


class BadFrame(Exception):
    """What came is no WebSocket; `code` is what the close frame says (section 7.4.1)."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


@dataclass(frozen=True)
class Message:
    """A whole data message, or one control frame."""

    opcode: Opcode
    data: bytes


def new_key() -> str:
    """A Sec-WebSocket-Key."""
    return base64.b64encode(os.urandom(16)).decode()


def valid_key(key: str) -> bool:
    try:
        return len(base64.b64decode(key, validate=True)) == 16
    except ValueError:
        return False


def accept_key(key: str) -> str:
    """The Sec-WebSocket-Accept that answers `key`."""
    digest = hashlib.sha1(key.encode("ascii") + _MAGIC, usedforsecurity=False).digest()
    return base64.b64encode(digest).decode()


def encode(opcode: Opcode, data: bytes | memoryview, *, mask: bool) -> bytes:
    """One final frame. Clients mask, servers never do (section 5.1)."""
    size, bit = len(data), 0x80 if mask else 0
    head = bytes([0x80 | opcode])
    if size < 126:
        head += bytes([bit | size])
    elif size < 1 << 16:
        head += bytes([bit | 126]) + size.to_bytes(2, "big")
    else:
        head += bytes([bit | 127]) + size.to_bytes(8, "big")
    if not mask:
        return head + data
    key = os.urandom(4)
    return head + key + masked(data, key)


def encode_close(code: int, reason: str, *, mask: bool) -> bytes:
    words = reason.encode()[: _LONGEST_CONTROL - 2].decode(errors="ignore").encode()
    return encode(Opcode.CLOSE, code.to_bytes(2, "big") + words, mask=mask)


def close_of(data: bytes) -> tuple[int, str]:
    """(code, reason) of a close frame's payload; 1005 when it says none."""
    if len(data) < 2:
        return 1005, ""
    return int.from_bytes(data[:2], "big"), data[2:].decode(errors="replace")


def masked(data: bytes | memoryview, key: bytes) -> bytes:
    """Each byte with the key's, in turn (section 5.3); as whole numbers, which is a hundred times a loop's speed."""
    size = len(data)
    long = (key * (size // 4 + 1))[:size]
    return (int.from_bytes(data, "little") ^ int.from_bytes(long, "little")).to_bytes(size, "little")


class Parser:
    """Bytes in, messages out. `masked_frames`: what the other end must send. Holds at most `limit` bytes of a message
    that is not complete, plus what was fed. Raises BadFrame, and is of no use afterwards."""

    def __init__(self, *, masked_frames: bool, limit: int) -> None:
        self._masked = masked_frames
        self._limit = limit
        self._buffer = bytearray()
        self._parts = bytearray()
        self._kind: Opcode | None = None

    def feed(self, data: bytes) -> Iterator[Message]:
        self._buffer += data
        while (frame := self._frame()) is not None:
            message = self._take(*frame)
            if message is not None:
                yield message

    def _frame(self) -> tuple[bool, Opcode, bytes] | None:
        buffer = self._buffer
        if len(buffer) < 2:
            return None
        first, second = buffer[0], buffer[1]
        if first & 0x70:
            raise BadFrame(1002, "reserved bits are set")
        try:
            opcode = Opcode(first & 0x0F)
        except ValueError:
            raise BadFrame(1002, "an unknown opcode") from None
        if bool(second & 0x80) is not self._masked:
            raise BadFrame(1002, "frames of a client are masked, those of a server are not")
        size, at = second & 0x7F, 2
        if size >= 126:
            width = 2 if size == 126 else 8
            if len(buffer) < at + width:
                return None
            size, at = int.from_bytes(buffer[at : at + width], "big"), at + width
        self._check(opcode, bool(first & 0x80), size)
        body = at + (4 if self._masked else 0)
        if len(buffer) < body + size:
            return None
        data = bytes(buffer[body : body + size])
        if self._masked:
            data = masked(data, bytes(buffer[at:body]))
        del buffer[: body + size]
        return bool(first & 0x80), opcode, data

    def _check(self, opcode: Opcode, final: bool, size: int) -> None:
        if opcode >= Opcode.CLOSE and (not final or size > _LONGEST_CONTROL):
            raise BadFrame(1002, "a control frame is one short frame")
        if len(self._parts) + size > self._limit:
            raise BadFrame(1009, f"a message holds at most {self._limit} bytes")

    def _take(self, final: bool, opcode: Opcode, data: bytes) -> Message | None:
        if opcode >= Opcode.CLOSE:
            return Message(opcode, data)
        if (opcode is Opcode.CONTINUATION) is (self._kind is None):
            raise BadFrame(1002, "a message begins with its kind, and goes on without")
        kind = self._kind or opcode
        if final and self._kind is None:
            return Message(kind, data)
        self._kind = None if final else kind
        self._parts += data
        if not final:
            return None
        whole = bytes(self._parts)
        self._parts.clear()
        return Message(kind, whole)
