"""Bytes from one connection to another, as fast as they are taken and no faster: what our proxies share."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

CHUNK = 256 * 1024
LAST_WORDS_SECONDS = 5.0


def uncounted(_size: int) -> None:
    """Nobody wants to know how much it was."""


async def copy(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, counted: Callable[[int], None] = uncounted
) -> None:
    """Until `reader` ends; then `writer` is told that no more comes. `counted` hears the bytes of each piece."""
    while chunk := await reader.read(CHUNK):
        counted(len(chunk))
        writer.write(chunk)
        await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()


async def both_ways(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    server: asyncio.StreamReader,
    server_writer: asyncio.StreamWriter,
    sent: Callable[[int], None] = uncounted,
    received: Callable[[int], None] = uncounted,
) -> None:
    """Until the server has ended, or one side broke. When the client ends the server gets a moment for its last words,
    otherwise one that never answers would be held for ever."""
    ways = [asyncio.ensure_future(copy(reader, server_writer, sent))]
    ways.append(asyncio.ensure_future(copy(server, writer, received)))
    try:
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.wait(ways, timeout=LAST_WORDS_SECONDS)
    finally:
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)
        server_writer.close()
