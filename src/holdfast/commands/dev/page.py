"""What a browser sees while a worker has no version that starts: why, in words."""

from __future__ import annotations

import asyncio
import html
from pathlib import Path

_HEAD_BYTES = 64 * 1024
_SECONDS = 5.0
_PAGE = """<!doctype html><meta charset="utf-8"><title>{title}</title>
<style>body{{font:16px/1.5 system-ui,sans-serif;margin:3rem auto;max-width:60rem;padding:0 1rem}}
pre{{background:#f4f4f5;color:#18181b;padding:1rem;overflow:auto}}</style>
<h1>{title}</h1><pre>{text}</pre><p>Mend the file and save it: this page's next load finds the worker.</p>
"""


class Page:
    """Answers every request with `text` and status 500."""

    def __init__(self, path: Path, title: str) -> None:
        self.path = path
        self.text = ""
        self._title = title
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
                body = _PAGE.format(title=html.escape(self._title), text=html.escape(self.text)).encode()
                head = "HTTP/1.1 500 Internal Server Error\r\ncontent-type: text/html; charset=utf-8\r\n"
                head += f"content-length: {len(body)}\r\ncache-control: no-store\r\nconnection: close\r\n\r\n"
                writer.write(head.encode() + body)
                await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            return  # whoever asked has gone, or asked nothing
        finally:
            writer.close()
