"""The near end of a tunnel: a local port whose connections are carried to the api over WebSockets (RFC 6455)."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote, urlsplit

from holdfast.client import API, NotRunning, error_from_wire
from holdfast.formats.websocket import (
    BadFrame,
    Opcode,
    Parser,
    accept_key,
    close_of,
    encode,
    encode_close,
    new_key,
)
from holdfast.kernel.errors import HoldfastError, Retryable

_PIECE = 64 * 1024
_HEAD_LIMIT = 64 * 1024
_MESSAGE_LIMIT = 4 * 1024 * 1024
_SECONDS = 30.0


class Carrier:
    """`line` is the api's (URL, unix socket, key). `say` hears in one sentence why a connection was not carried."""

    def __init__(self, line: tuple[str, Path | None, str | None], say: Callable[[str], None]) -> None:
        self._url, self._socket, self._key = line
        self._say = say
        self._path = ""
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = 0

    async def listen(self, port: int = 0) -> None:
        """On 127.0.0.1 alone. Raises OSError when the port is taken."""
        self._server = await asyncio.start_server(self._accepted, "127.0.0.1", port, limit=_PIECE)
        self.port = self._server.sockets[0].getsockname()[1]

    def lead_to(self, database_id: str, tunnel_id: str) -> None:
        self._path = f"{API}/databases/{quote(database_id)}/connect?tunnel={quote(tunnel_id)}"

    async def close(self) -> None:
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - asyncio runs this in a task
        self._tasks.add(task)
        try:
            await self._carry(reader, writer)
        except HoldfastError as error:
            self._say(error.message)
        except (OSError, BadFrame, asyncio.IncompleteReadError) as error:
            self._say(f"the line broke: {error}")
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await self._dial()
        tasks = [
            asyncio.create_task(_up(reader, far_writer)),
            asyncio.create_task(self._down(far_reader, far_writer, writer)),
        ]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if tasks[0] in done:  # what the server still says belongs to the program: it may be waiting for it
                with suppress(TimeoutError):
                    async with asyncio.timeout(2):
                        await tasks[1]
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            far_writer.close()

    async def _down(
        self, far: asyncio.StreamReader, answers: asyncio.StreamWriter, writer: asyncio.StreamWriter
    ) -> None:
        parser = Parser(masked_frames=False, limit=_MESSAGE_LIMIT)
        while data := await far.read(_PIECE):
            for message in parser.feed(data):
                if message.opcode is Opcode.PING:
                    answers.write(encode(Opcode.PONG, message.data, mask=True))
                elif message.opcode is Opcode.CLOSE:
                    code, reason = close_of(message.data)
                    if code != 1000:
                        self._say(f"the server ended the connection: {reason or code}")
                    return
                elif message.opcode is Opcode.BINARY:
                    writer.write(message.data)
                    await writer.drain()

    async def _dial(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        where = urlsplit(self._url)
        try:
            async with asyncio.timeout(_SECONDS):
                reader, writer = await self._open(where.scheme == "https", where.hostname or "", where.port)
                await self._shake(reader, writer, where.netloc.rpartition("@")[2])
        except TimeoutError as error:
            raise Retryable("the api does not answer", code="timeout") from error
        except OSError as error:
            raise NotRunning(f"nobody answers at {self._socket or self._url}: {error}") from error
        return reader, writer

    async def _open(
        self, secure: bool, host: str, port: int | None
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._socket is not None:
            return await asyncio.open_unix_connection(str(self._socket), limit=_PIECE)
        context = ssl.create_default_context() if secure else None
        return await asyncio.open_connection(host, port or (443 if secure else 80), ssl=context, limit=_PIECE)

    async def _shake(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str) -> None:
        key = new_key()
        lines = [f"GET {self._path} HTTP/1.1", f"Host: {host}", "Upgrade: websocket", "Connection: Upgrade"]
        lines += [f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13", "User-Agent: holdfast-cli"]
        lines += [f"Authorization: Bearer {self._key}"] if self._key else []
        writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
        await writer.drain()
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
            writer.close()
            raise Retryable("the api hung up", code="connection_lost") from error
        status, headers = _head(head)
        if status == 101 and headers.get("sec-websocket-accept") == accept_key(key):
            return
        body = await reader.read(min(_HEAD_LIMIT, int(headers.get("content-length") or 0)))
        writer.close()
        raise error_from_wire(status if status >= 400 else 502, _decoded(body))


async def _up(reader: asyncio.StreamReader, far: asyncio.StreamWriter) -> None:
    while data := await reader.read(_PIECE):
        far.write(encode(Opcode.BINARY, data, mask=True))
        await far.drain()
    far.write(encode_close(1000, "", mask=True))
    await far.drain()


def _head(head: bytes) -> tuple[int, dict[str, str]]:
    first, *rest = head.decode("latin-1").split("\r\n")
    pairs = (line.partition(":") for line in rest if ":" in line)
    words = first.split(" ", 2)
    return int(words[1]) if len(words) > 1 and words[1].isdigit() else 0, {n.lower(): v.strip() for n, _, v in pairs}


def _decoded(body: bytes) -> object:
    try:
        return json.loads(body)
    except ValueError:
        return None
