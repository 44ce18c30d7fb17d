"""Statements and their results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from holdfast.kernel.stop import Stop

Params = Sequence[Any] | Mapping[str, Any]


@dataclass(frozen=True)
class QueryLimits:
    """Our own, enforced by our own timer and counters: what a server promises can be switched off by the tenant.

    `seconds` wall time until cancel; the server's side is gone within 2 s after. `rows` and `bytes` end the result
    with `truncated`. `write` False = the ro role or authorizer: the engine itself refuses changes.
    """

    rows: int = 1000
    bytes: int = 16 * 1024 * 1024
    seconds: float = 30.0
    batch_rows: int = 500
    write: bool = False
    stop: Stop = field(default_factory=Stop)


@dataclass(frozen=True)
class ResultColumn:
    name: str
    type: str | None = None


@dataclass(frozen=True)
class Batch:
    """Some rows of a result. The first batch carries `columns` (even with no rows); the last has `last` set,
    with `affected` for writes and `truncated` naming the limit reached ("rows", "bytes"). Values are Python's:
    None bool int float str bytes Decimal datetime date time timedelta UUID list dict; the API encodes them."""

    columns: tuple[ResultColumn, ...] = ()
    rows: tuple[tuple[Any, ...], ...] = ()
    last: bool = False
    affected: int | None = None
    truncated: str | None = None
