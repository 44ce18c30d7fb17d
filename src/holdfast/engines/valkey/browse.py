"""Keys listed and read in pages, by the rights of the session's user; never KEYS, never a whole big value."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from typing import Any

from holdfast.contract.keyspace import KeyFacts, KeyPage, Value
from holdfast.contract.spec import Access, Endpoint
from holdfast.engines.valkey.link import Link, Refused, TooMuch, connect
from holdfast.engines.valkey.preview import SIZES
from holdfast.kernel.errors import Conflict, Invalid, LimitExceeded, NotFound

BUDGET = 16 * 1024 * 1024  # bytes of one answer
CHUNK = 256 * 1024  # bytes of a string at once
_PATIENCE = 2.0  # seconds a page may look for names that hardly ever match
_COUNT = 1000


def page(at: Endpoint, database: int, pattern: str, kind: str | None, cursor: str | None, limit: int) -> KeyPage:
    """See CanKeyValue.keys."""
    if kind is not None and kind not in SIZES:
        raise Invalid(f"there is no type {kind!r}", code="type_invalid", hint="one of " + ", ".join(SIZES))
    more: tuple[Any, ...] = ("MATCH", pattern) if pattern not in ("", "*") else ()
    more += ("TYPE", kind) if kind else ()
    found: dict[bytes, None] = {}
    until = time.monotonic() + _PATIENCE
    position = _position(cursor)
    with connect(at, "ro", budget=BUDGET, database=database) as link:
        while True:
            count = _COUNT if more else max(1, limit - len(found))
            position, keys = link.command("SCAN", position, *more, "COUNT", count)
            found |= dict.fromkeys(keys)
            if position == b"0" or len(found) >= limit or time.monotonic() > until:
                break
        listed = tuple(facts(link, list(found)))
    return KeyPage(listed, None if position == b"0" else position.decode())


def _position(cursor: str | None) -> bytes:
    if cursor is None:
        return b"0"
    if not cursor.isascii() or not cursor.isdigit() or len(cursor) > 20:
        raise Invalid("this cursor was not made here", code="cursor_invalid")
    return cursor.encode()


def facts(link: Link, keys: list[bytes]) -> list[KeyFacts]:
    """Two round trips for any number of keys; those gone meanwhile are left out."""
    asked: list[tuple[bytes | str | int, ...]] = []
    for key in keys:
        asked += [("TYPE", key), ("PEXPIRETIME", key), ("MEMORY", "USAGE", key)]
    answers = link.pipeline(asked)
    there = [(key, *answers[3 * at : 3 * at + 3]) for at, key in enumerate(keys) if answers[3 * at] != "none"]
    sizes = link.pipeline([(SIZES.get(kind, "EXISTS"), key) for key, kind, _, _ in there])
    return [
        KeyFacts(
            key,
            kind,
            size if kind in SIZES and isinstance(size, int) else None,
            memory if isinstance(memory, int) else None,
            expires if expires >= 0 else None,
        )
        for (key, kind, expires, memory), size in zip(there, sizes, strict=True)
        if expires != -2
    ]


def fact(link: Link, key: bytes) -> KeyFacts:
    found = facts(link, [key])
    if not found:
        raise NotFound("there is no such key", code="key_absent", hint="it may have expired")
    return found[0]


def read(at: Endpoint, access: Access, database: int, key: bytes, cursor: str | None, limit: int) -> Value:
    """See CanKeyValue.value. The digest is taken first: what is read later can only make it fail, never pass."""
    mark = digest(at, database, key)
    with connect(at, access, database=database) as link:
        found = fact(link, key)
        reader = _READERS.get(found.type)
        if reader is None:
            raise Conflict(f"values of type {found.type} cannot be read here", code="key_type")
        link.budget = BUDGET
        try:
            elements, offset, following = reader(link, key, cursor, limit)
        except TooMuch:
            raise LimitExceeded(
                f"{limit} elements of this value are larger than {BUDGET} bytes",
                code="value_too_large",
                hint="ask for fewer elements at once",
            ) from None
    return Value(found, tuple(elements), mark, offset, following)


def digest(at: Endpoint, database: int, key: bytes) -> str | None:
    """Of the value and its expiry, computed by the server for us; where it computes none, by us from what it dumps.
    None for a value too big for that."""
    with connect(at, database=database) as link:
        content, expires = link.pipeline([("DEBUG", "DIGEST-VALUE", key), ("PEXPIRETIME", key)])
        if isinstance(content, Refused):
            return _by_dump(link, key, expires)
    text = content[0] if isinstance(content[0], bytes) else str(content[0]).encode()
    return hashlib.sha256(b"%b %d" % (text, expires)).hexdigest()[:40]


def _by_dump(link: Link, key: bytes, expires: Any) -> str | None:
    """The same value dumped twice may differ where a set was rebuilt: that can only make a change fail, never pass."""
    (memory,) = link.pipeline([("MEMORY", "USAGE", key)])
    if not isinstance(memory, int) or memory > BUDGET:
        return None
    body = link.command("DUMP", key)
    return None if body is None else hashlib.sha256(b"%b %d" % (body, expires)).hexdigest()[:40]


Part = tuple[list[Any], int | None, str | None]


def _string(link: Link, key: bytes, cursor: str | None, limit: int) -> Part:  # noqa: ARG001
    start = int(_position(cursor))
    length = link.command("STRLEN", key)
    text = link.command("GETRANGE", key, start, start + CHUNK - 1)
    return [text], start, str(start + CHUNK) if length > start + CHUNK else None


def _list(link: Link, key: bytes, cursor: str | None, limit: int) -> Part:
    start = int(_position(cursor))
    found = link.command("LRANGE", key, start, start + limit)
    return found[:limit], start, str(start + limit) if len(found) > limit else None


def _zset(link: Link, key: bytes, cursor: str | None, limit: int) -> Part:
    start = int(_position(cursor))
    found = link.command("ZRANGE", key, start, start + limit, "WITHSCORES")
    pairs = [(member, float(score)) for member, score in found[:limit]]
    return pairs, start, str(start + limit) if len(found) > limit else None


def _stream(link: Link, key: bytes, cursor: str | None, limit: int) -> Part:
    if cursor is not None and not all(part.isdigit() for part in cursor.split("-", 1)):
        raise Invalid("this cursor was not made here", code="cursor_invalid")
    start = f"({cursor}" if cursor else "-"
    found = link.command("XRANGE", key, start, "+", "COUNT", limit + 1)
    entries = [
        (name.decode(), tuple(zip(flat[::2], flat[1::2], strict=True)))
        for name, flat in found[:limit]
        if flat is not None
    ]
    return entries, None, entries[-1][0] if len(found) > limit else None


def _scanned(command: str, width: int) -> Callable[[Link, bytes, str | None, int], Part]:
    """Small ones come whole, whatever the limit: they are one piece to the server."""

    def read_part(link: Link, key: bytes, cursor: str | None, limit: int) -> Part:
        following, flat = link.command(command, key, _position(cursor), "COUNT", limit)
        found = flat if width == 1 else list(zip(flat[::2], flat[1::2], strict=True))
        return list(dict.fromkeys(found)), None, None if following == b"0" else following.decode()

    return read_part


_READERS: dict[str, Callable[[Link, bytes, str | None, int], Part]] = {
    "string": _string,
    "list": _list,
    "zset": _zset,
    "stream": _stream,
    "hash": _scanned("HSCAN", 2),
    "set": _scanned("SSCAN", 1),
}
