"""The first keys of one type straight out of a snapshot, with what they hold."""

from __future__ import annotations

from typing import Any

from holdfast.contract.query import Batch, ResultColumn
from holdfast.contract.snapshot import Source
from holdfast.contract.tools import Tools
from holdfast.engines.valkey import keys, scratch
from holdfast.engines.valkey.link import Link
from holdfast.engines.valkey.query import shown
from holdfast.kernel.errors import NotFound
from holdfast.kernel.stop import Stop

FIRST = 20  # elements of a value
TEXT = 4096  # bytes of a text
SIZES = {"string": "STRLEN", "list": "LLEN", "set": "SCARD", "zset": "ZCARD", "hash": "HLEN", "stream": "XLEN"}


def preview(source: Source, table: str, limit: int, tools: Tools, stop: Stop) -> Batch:
    """See `CanPreview`; `table` is "database.type". The snapshot is loaded by a scratch server, whole."""
    listed = {f"{one.schema}.{one.name}" for one in source.manifest.tables}
    if table not in listed:
        raise NotFound(f"the snapshot has no {table}", code="table_unknown")
    number, _, kind = table.partition(".")
    columns = tuple(ResultColumn(column.name, column.type) for column in keys.COLUMNS)
    with scratch.directory(tools) as place:
        scratch.pull(source, place / scratch.ENTRY, stop)
        with scratch.loaded(tools, place, stop) as link:
            link.select(int(number))
            found = _first(link, kind, limit + 1, stop)
            rows = tuple(_row(link, kind, key) for key in found[:limit])
    return Batch(columns, rows, last=True, truncated="rows" if len(found) > limit else None)


def _first(link: Link, kind: str, limit: int, stop: Stop) -> list[bytes]:
    """The keys of the first answers, in their order: which come first is the table's own matter."""
    found: dict[bytes, None] = {}
    cursor = b"0"
    while len(found) < limit:
        stop.check()
        cursor, batch = link.command("SCAN", cursor, "COUNT", keys.BATCH, "TYPE", kind)
        found |= dict.fromkeys(batch)
        if cursor == b"0":
            break
    return sorted(list(found)[:limit])


def _row(link: Link, kind: str, key: bytes) -> tuple[Any, ...]:
    expires = link.command("PEXPIRETIME", key)
    size = link.command(SIZES[kind], key) if kind in SIZES else None
    return shown(key), None if expires < 0 else expires, size, shown(head(link, kind, key))


def head(link: Link, kind: str, key: bytes) -> Any:
    """The front of a value; None for types of modules."""
    commands: dict[str, tuple[Any, ...]] = {
        "string": ("GETRANGE", key, 0, TEXT - 1),
        "list": ("LRANGE", key, 0, FIRST - 1),
        "zset": ("ZRANGE", key, 0, FIRST - 1, "WITHSCORES"),
        "stream": ("XRANGE", key, "-", "+", "COUNT", FIRST),
        "set": ("SSCAN", key, 0, "COUNT", FIRST),
        "hash": ("HSCAN", key, 0, "COUNT", FIRST),
    }
    if kind not in commands:
        return None
    value = link.command(*commands[kind])
    if kind == "set":
        return value[1][:FIRST]
    if kind == "hash":
        flat = value[1][: 2 * FIRST]
        return [list(pair) for pair in zip(flat[::2], flat[1::2], strict=True)]
    return value
