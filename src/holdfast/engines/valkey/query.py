"""One command with our own limits: rows, bytes and seconds, counted while the answer comes in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

from holdfast.contract.query import Batch, Params, QueryLimits, ResultColumn
from holdfast.contract.spec import Access, Endpoint
from holdfast.engines.valkey.link import Link, Refused, TooMuch, connect, translate
from holdfast.engines.valkey.words import arguments

_SLACK = 1 << 18  # bytes that may come in one read beyond the limit


@dataclass
class Answer:
    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]
    truncated: str | None = None
    affected: int | None = None


async def run(
    at: Endpoint, access: Access, statement: str, params: Params, limits: QueryLimits
) -> AsyncIterator[Batch]:
    """See `contract.engine.Session.query`. Commands that wait are not run, so a deadline ends the server's work too."""
    limits.stop.check()
    database, words = arguments(statement, params)
    answer = await asyncio.to_thread(_execute, at, access, database, words, limits)
    columns = tuple(ResultColumn(name) for name in answer.columns)
    step = max(1, limits.batch_rows)
    starts = range(0, max(1, len(answer.rows)), step)
    for start in starts:
        last = start == starts[-1]
        yield Batch(
            columns if start == 0 else (),
            tuple(answer.rows[start : start + step]),
            last,
            answer.affected if last else None,
            answer.truncated if last else None,
        )


def _execute(at: Endpoint, access: Access, database: int, words: list[bytes], limits: QueryLimits) -> Answer:
    with connect(at, access, seconds=limits.seconds, stop=limits.stop, database=database) as link:
        link.budget = limits.bytes + _SLACK
        link.send([words])
        answer = _collect(link, limits)
        if isinstance(answer, Refused):
            raise translate(answer, write=limits.write)
        return answer


def _collect(link: Link, limits: QueryLimits) -> Answer | Refused:
    kind, rest = link.head()
    if kind == b"-":
        return Refused(rest.decode(errors="replace"))
    answer = Answer(("value",), [])
    if kind in (b"*", b"~", b"%") and rest != b"-1":
        pairs = kind == b"%"
        answer.columns = ("field", "value") if pairs else ("value",)
        _rows(_elements(link, int(rest), pairs=pairs), answer, limits)
        return answer
    try:
        value = link.value(kind, rest)
    except TooMuch:
        answer.truncated = "bytes"
        return answer
    if kind == b"=":  # lines for people: INFO
        value = value.replace(b"\r\n", b"\n")
    if isinstance(value, bytes) and len(value) > limits.bytes:
        answer.truncated = "bytes"
    elif limits.rows < 1:
        answer.truncated = "rows"
    else:
        answer.rows.append((shown(value),))
        answer.affected = value if limits.write and type(value) is int else None
    return answer


def _elements(link: Link, count: int, *, pairs: bool) -> Iterator[tuple[Any, ...]]:
    for _ in range(count):
        yield (link.read(), link.read()) if pairs else (link.read(),)


def _rows(elements: Iterator[tuple[Any, ...]], answer: Answer, limits: QueryLimits) -> None:
    size = 0
    try:
        for element in elements:
            if len(answer.rows) >= limits.rows:
                answer.truncated = "rows"
                return
            size += _weight(element)
            if size > limits.bytes:
                answer.truncated = "bytes"
                return
            answer.rows.append(tuple(shown(value) for value in element))
    except TooMuch:
        answer.truncated = "bytes"


def _weight(value: Any) -> int:
    if isinstance(value, list | tuple):
        return sum(_weight(item) for item in value)
    return len(value) if isinstance(value, bytes | str) else 8


def shown(value: Any) -> Any:
    """Text where the bytes are UTF-8, bytes otherwise."""
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return value
    if isinstance(value, Refused):
        return str(value)
    return [shown(item) for item in value] if isinstance(value, list) else value
