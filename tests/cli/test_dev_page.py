"""What `holdfast dev` answers while no version of a worker does."""

from __future__ import annotations

import asyncio
from pathlib import Path

from holdfast.commands.dev.page import Page


async def _asked(page: Page) -> str:
    reader, writer = await asyncio.open_unix_connection(str(page.path))
    writer.write(b"GET /articles HTTP/1.1\r\nhost: localhost\r\n\r\n")
    answer = await reader.read()
    writer.close()
    return answer.decode()


async def _first_and_then(path: Path) -> tuple[str, str]:
    page = Page(path, "shop & co")
    await page.open()
    try:
        before = await _asked(page)
        page.text = "entry.py: <what> is not defined"
        return before, await _asked(page)
    finally:
        page.close()


def test_a_worker_that_is_starting_is_not_called_broken(tmp_path: Path) -> None:
    """Packages may take a minute; a client may come meanwhile, and comes again."""
    before, after = asyncio.run(_first_and_then(tmp_path / "page"))
    assert before.startswith("HTTP/1.1 503 ")
    assert "retry-after: 1\r\n" in before
    assert "shop &amp; co is starting" in before
    assert after.startswith("HTTP/1.1 500 ")
    assert "retry-after" not in after
    assert "shop &amp; co does not start" in after
    assert "&lt;what&gt; is not defined" in after
