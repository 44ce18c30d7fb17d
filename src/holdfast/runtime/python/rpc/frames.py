"""Frames of a session between two workers' runtimes, and the bytes they travel in.

A frame is 9 bytes of head, little-endian (u32 length of the payload, u32 number, u8 kind), and a payload. `number` is
a call's, chosen by whoever calls, or what was exported has. Each side takes the other for hostile: it may be code of
a worker that speaks for itself.
"""

from __future__ import annotations

import struct
from collections.abc import AsyncIterator
from typing import Final, Protocol

from holdfast.runtime.bindings.values import Malformed

HEAD: Final = struct.Struct("<IIB")
LONGEST: Final = 32 * 1024 * 1024  # bytes of one payload
# CALL: a call's target, method, kind and arguments; RESULT, FAILED: its end; CANCEL: nobody waits for it any more.
# RELEASE: what was exported is not needed any more; GRANT: a stream may send so many bytes; CHUNK, END: a stream's.
CALL, RESULT, FAILED, CANCEL, RELEASE, GRANT, CHUNK, END = range(1, 9)
ROOT: Final = 1  # the number of the call that began the session


class Wire(Protocol):
    """Bytes to and from the other side."""

    def write(self, data: bytes) -> None: ...

    def get_write_buffer_size(self) -> int: ...

    async def drain(self) -> None:
        """Wait while the other side takes no more. Raises ConnectionError when it has gone."""

    async def read(self) -> bytes | None:
        """What came; None at the end."""

    def close(self) -> None: ...


def frame(kind: int, number: int, payload: bytes = b"") -> bytes:
    """One frame as bytes."""
    return HEAD.pack(len(payload), number, kind) + payload


async def frames(wire: Wire) -> AsyncIterator[tuple[int, int, bytes]]:
    """Kind, number and payload of each frame, to the end of the wire. Raises Malformed."""
    rest = bytearray()
    need = HEAD.size
    while (data := await wire.read()) is not None:
        rest += data
        if len(rest) < need:
            continue
        at = 0
        while len(rest) - at >= HEAD.size:
            length, number, kind = HEAD.unpack_from(rest, at)
            if length > LONGEST:
                raise Malformed(f"a frame of {length} bytes is longer than the {LONGEST} allowed")
            need = HEAD.size + length
            if len(rest) - at < need:
                break
            yield kind, number, bytes(rest[at + HEAD.size : at + need])
            at += need
            need = HEAD.size
        del rest[:at]
