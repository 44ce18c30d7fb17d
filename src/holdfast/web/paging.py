"""Lists by cursor: stable while rows come and go, and as fast on the last page as on the first."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from typing import Annotated, Generic, TypeVar

from fastapi import Query
from pydantic import BaseModel, Field

from holdfast.kernel.errors import Invalid

T = TypeVar("T")
R = TypeVar("R")
MAX_LIMIT = 200

Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT, description="At most this many items.")]
Cursor = Annotated[str | None, Query(max_length=512, description="`next_cursor` of the page before.")]


class Page(BaseModel, Generic[T]):
    """One page. `next_cursor` is null on the last one."""

    items: list[T]
    next_cursor: str | None = Field(default=None, description="Ask again with `?cursor=` this; opaque.")


def encode_cursor(*key: str | int) -> str:
    """The sort key of the last item seen, as opaque text."""
    return base64.urlsafe_b64encode(json.dumps(key, separators=(",", ":")).encode()).decode().rstrip("=")


def decode_cursor(cursor: str | None, *kinds: type) -> tuple[str | int, ...] | None:
    """Inverse of `encode_cursor`; None stays None. Raises `Invalid("cursor_invalid")` unless it holds just `kinds`."""
    if cursor is None:
        return None
    try:
        key = json.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
    except (ValueError, binascii.Error, RecursionError):
        key = None
    if not isinstance(key, list) or [type(part) for part in key] != list(kinds):
        raise Invalid("this cursor was not made here", code="cursor_invalid", hint="Start again without a cursor.")
    return tuple(key)


def after_id(cursor: str | None) -> str | None:
    """The cursor of a list that is sorted by id."""
    key = decode_cursor(cursor, str)
    return None if key is None else str(key[0])


def page(
    rows: Sequence[R], limit: int, wire: Callable[[R], T], key: Callable[[R], str | tuple[str | int, ...]]
) -> Page[T]:
    """A page of at most `limit` out of `limit + 1` rows asked for: the extra row says that there is more."""
    shown = rows[:limit]
    more = None
    if len(rows) > limit:
        last = key(shown[-1])
        more = encode_cursor(*((last,) if isinstance(last, str) else last))
    return Page[T](items=[wire(row) for row in shown], next_cursor=more)
