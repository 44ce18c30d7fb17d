"""The raw bytes of an upgraded fetch through a service binding. Runs inside the sandbox: standard library only."""

from __future__ import annotations

import asyncio

from holdfast.runtime.bindings import frames
from holdfast.runtime.bindings.frames import CHUNK
from holdfast.runtime.bindings.link import Link


class Wire:
    """Bytes to and from the other worker, with the face of a transport."""

    def __init__(self, link: Link, parts: asyncio.Queue[tuple[int, bytes]]) -> None:
        self._link, self._parts = link, parts
        self._closed = False

    def write(self, data: bytes) -> None:
        """Never waits; `get_write_buffer_size` says what has not gone."""
        for at in range(0, len(data), CHUNK):
            self._link.push(frames.BODY, bytes(data[at : at + CHUNK]))

    def get_write_buffer_size(self) -> int:
        return self._link.unsent()

    def is_closing(self) -> bool:
        return self._closed or self._link.lost

    def close(self) -> None:
        """What was written still goes."""
        if not self.is_closing():
            self._closed = True
            self._link.push(frames.END, b"")
            self._link.close()

    abort = close

    async def drain(self) -> None:
        """Wait while the other side takes no more."""
        if self._link.blocked is not None:
            await asyncio.wait([self._link.blocked])

    async def read(self) -> bytes | None:
        """What came; None at the end."""
        kind, payload = await self._parts.get()
        if kind != frames.BODY:
            return None
        self._link.took()
        return payload
