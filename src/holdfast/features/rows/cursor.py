"""Where a page of rows ended, as opaque text: good only for the order it was made with."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Sequence
from typing import Any

from holdfast.features.databases.encoding import decode_value, encode_row, json_bytes
from holdfast.kernel.errors import Invalid


def _mark(order: Sequence[str]) -> str:
    return hashlib.blake2b(json_bytes(list(order)), digest_size=6).hexdigest()


def encode(order: Sequence[str], position: Sequence[Any]) -> str:
    told = json_bytes([_mark(order), encode_row(position)])
    return base64.urlsafe_b64encode(told).decode().rstrip("=")


def decode(order: Sequence[str], cursor: str | None) -> tuple[Any, ...] | None:
    """Raises Invalid("cursor_invalid") for one of another order."""
    if cursor is None:
        return None
    try:
        told = json.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
    except (ValueError, binascii.Error, RecursionError):
        told = None
    if not isinstance(told, list) or len(told) != 2 or told[0] != _mark(order) or not isinstance(told[1], list):
        raise Invalid(
            "this cursor was not made here, or for another order",
            code="cursor_invalid",
            hint="Start again without a cursor.",
        )
    return tuple(decode_value(value) for value in told[1])
