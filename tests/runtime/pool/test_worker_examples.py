"""The examples, from their `wrangler.jsonc` to their answers: real sandboxes, real bindings, real databases."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import apsw
import pytest
from pool_sandboxes import Deployed, deployed

EXAMPLES = Path(__file__).parents[3] / "examples"
FOLDERS = {"shop": "shop", "cleanup": "cleanup", "echo": "echo", "words": "pair/words", "front": "pair/front"}


def examples(root: Path, *names: str) -> AbstractAsyncContextManager[Deployed]:
    return deployed(root, *((name, EXAMPLES / FOLDERS[name]) for name in names))


@pytest.mark.slow
def test_the_shop(short: Path) -> None:
    async def work() -> None:
        async with examples(short, "shop") as at:
            tea = b'{"name": "Tea", "price": 450}'
            assert await at.ask("shop", "/articles", "POST", tea) == (201, {"id": 1, "name": "Tea", "price": 450})
            assert (await at.ask("shop", "/articles", "POST", tea))[0] == 409
            assert (await at.ask("shop", "/articles", "POST", b'{"name": "", "price": 1}'))[0] == 422
            row = {"id": 1, "name": "Tea", "price": 450, "sold": 0}
            for _ in range(2):  # the second out of the cache
                assert await at.ask("shop", "/articles") == (200, {"currency": "EUR", "articles": [row]})
            assert await at.ask("shop", "/articles/1/sell", "POST") == (200, {"id": 1, "name": "Tea", "sold": 1})
            assert (await at.ask("shop", "/articles/9/sell", "POST"))[0] == 404
            assert (await at.ask("shop", "/articles"))[1]["articles"][0]["sold"] == 1

    asyncio.run(work())


def test_the_cleanup(short: Path) -> None:
    async def work() -> None:
        async with examples(short, "cleanup") as at:
            with apsw.Connection(str(short / "cleanup.db")) as connection:
                connection.execute("insert into events (at, text) values (1, 'old'), (4000000000, 'new')")
            assert await at.ask("cleanup") == (200, {"count": 2, "oldest": 1})
            ran = await at.pool.schedules.now("cleanup", "15 3 * * *")
            assert (ran["outcome"], ran["error"]) == ("ok", None)
            assert await at.ask("cleanup") == (200, {"count": 1, "oldest": 4000000000})
            at.writer.flush()
            assert at.telemetry.logs("cleanup", text="1 events removed")
            assert [each.outcome for each in at.telemetry.crons("cleanup")] == ["ok"]

    asyncio.run(work())


def test_the_pair(short: Path) -> None:
    async def work() -> None:
        async with examples(short, "words", "front") as at:
            counted = {"words": 5, "letters": 15, "common": [["the", 2], ["cat", 1], ["and", 1]]}
            assert await at.ask("front", "/", "POST", b"the cat and the hat") == (200, counted)
            assert "service binding" in (await at.ask("front"))[1]

    asyncio.run(work())


def test_the_echo(short: Path) -> None:
    async def work() -> None:
        async with examples(short, "echo") as at:
            assert (await at.ask("echo"))[0] == 426
            reader, writer = await asyncio.open_unix_connection(str(at.door("echo")))
            writer.write(
                b"GET / HTTP/1.1\r\nhost: echo.localhost\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
                b"sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
            )
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 101")
            assert b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in head
            for kind, told, answer in ((1, b"hello", b"\x81\x05hello"), (2, b"\x00\xff", b"\x82\x02\x00\xff")):
                writer.write(bytes([0x80 | kind, 0x80 | len(told), 0, 0, 0, 0]) + told)
                assert await reader.readexactly(len(answer)) == answer
            writer.write(b"\x81\x85\0\0\0\0close")
            assert await reader.readexactly(5) == b"\x81\x03bye"
            assert (await reader.readexactly(4)) == b"\x88\x0a\x03\xe8"
            writer.close()

    asyncio.run(work())
