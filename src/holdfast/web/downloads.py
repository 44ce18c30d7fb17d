"""Files as answers: their names, and streams that end with whoever reads them."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse

_UNSAFE = re.compile(r"[^\w.-]+")


def disposition(name: str) -> str:
    """Content-Disposition (RFC 6266) for any name: a plain one for old clients, the real one in RFC 8187 form."""
    plain = _UNSAFE.sub("_", name.encode("ascii", "replace").decode())[:100].strip("._") or "export"
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='', errors='replace')}"


class Ending(StreamingResponse):
    """Closes what makes the bytes also when the client goes away before it was asked for anything: a statement, or a
    repository's lock, hangs on it."""

    def __init__(self, pieces: Any, *more: Any, **options: Any) -> None:
        super().__init__(pieces, *more, **options)
        self._pieces = pieces

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            if (aclose := getattr(self._pieces, "aclose", None)) is not None:
                await aclose()
            elif (close := getattr(self._pieces, "close", None)) is not None:
                await run_in_threadpool(close)
