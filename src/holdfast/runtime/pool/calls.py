"""One HTTP/1.1 request over a unix socket, to a worker's `inner` door: its answer is read with distrust."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httptools

_LARGEST = 256 * 1024


class _Answer:
    def __init__(self) -> None:
        self.body = b""
        self.done = False

    def on_body(self, part: bytes) -> None:
        self.body += part

    def on_message_complete(self) -> None:
        self.done = True


async def post(path: Path, target: str, body: bytes) -> tuple[int, bytes]:
    """Status and body. Raises OSError when nobody is there or the connection breaks, ValueError for what is no HTTP or
    more than 256 KiB. Waits as long as the caller's timeout lets it."""
    reader, writer = await asyncio.open_unix_connection(str(path))
    try:
        head = (
            f"POST {target} HTTP/1.1\r\nhost: worker\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        )
        writer.write(head.encode() + body)
        await writer.drain()
        return await _read(reader)
    finally:
        writer.close()


async def _read(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    answer = _Answer()
    parser = httptools.HttpResponseParser(answer)
    size = 0
    while not answer.done:
        part = await reader.read(65536)
        if not part:
            raise ConnectionResetError("the worker ended before it had answered")
        size += len(part)
        if size > _LARGEST:
            raise ValueError("the worker answered more than 256 KiB")
        try:
            parser.feed_data(part)
        except httptools.HttpParserError as error:
            raise ValueError(f"the worker's answer is no HTTP: {error}") from error
    return int(parser.get_status_code()), answer.body
