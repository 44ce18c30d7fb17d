"""What a browser sees while a worker has no version that answers: that it is starting, or why it does not start."""

from __future__ import annotations

import asyncio
import html
from pathlib import Path

_HEAD_BYTES = 64 * 1024
_SECONDS = 5.0
_PAGE = """<!doctype html><meta charset="utf-8"><title>{title}</title>
<style>body{{font:16px/1.5 system-ui,sans-serif;margin:3rem auto;max-width:60rem;padding:0 1rem}}
pre{{background:#f4f4f5;color:#18181b;padding:1rem;overflow:auto}}</style>
<h1>{title}</h1><pre>{text}</pre><p>{hint} This page's next load finds the worker.</p>
"""
_STARTING = (
    "503 Service Unavailable",
    "is starting",
    "Its packages may have to be installed first.",
    "retry-after: 1\r\n",
)
_FAILED = ("500 Internal Server Error", "does not start", "Mend the file and save it.", "")


class Page:
    """Answers every request: 503 until the worker was tried once (`text` is empty), then 500 with `text`, why it does
    not start."""

    def __init__(self, path: Path, name: str) -> None:
        self.path = path
        self.text = ""
        self._name = name
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        self.path.unlink(missing_ok=True)
        self._server = await asyncio.start_unix_server(self._answer, str(self.path), limit=_HEAD_BYTES)

    def close(self) -> None:
        if self._server is not None:
            self._server.close()
        self.path.unlink(missing_ok=True)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_SECONDS):
                await reader.readuntil(b"\r\n\r\n")
                writer.write(self._words())
                await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            return  # whoever asked has gone, or asked nothing
        finally:
            writer.close()

    def _words(self) -> bytes:
        status, happens, hint, more = _FAILED if self.text else _STARTING
        title = html.escape(f"{self._name} {happens}")
        body = _PAGE.format(title=title, text=html.escape(self.text), hint=hint).encode()
        head = f"HTTP/1.1 {status}\r\ncontent-type: text/html; charset=utf-8\r\n{more}"
        head += f"content-length: {len(body)}\r\ncache-control: no-store\r\nconnection: close\r\n\r\n"
        return head.encode() + body
