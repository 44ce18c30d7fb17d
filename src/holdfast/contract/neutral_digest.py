"""Equality of tables across engines: a sum over rows that does not see their order, of values in neutral words."""

from __future__ import annotations

import hashlib
import math
import struct
from collections.abc import Iterable, Sequence
from typing import Any

METHOD = "neutral-sha256-sum-1"
_MODULUS = 1 << 256


class NeutralDigest:
    """Rows added in any order give the same `text`; a row more, less or twice another one."""

    def __init__(self) -> None:
        self.rows = 0
        self._total = 0

    def add(self, rows: Iterable[Sequence[Any]]) -> None:
        for row in rows:
            raw = hashlib.sha256(b"".join(map(encoded, row))).digest()
            self._total = (self._total + int.from_bytes(raw, "big")) % _MODULUS
            self.rows += 1

    @property
    def text(self) -> str:
        return f"{self._total:064x}"


def encoded(value: Any) -> bytes:
    """One neutral value, told apart from every other: a letter for its kind, its length, itself.

    A float is its number: -0.0 is 0.0 and every NaN is one, because not every engine keeps them apart.
    """
    if value is None:
        return b"n"
    if isinstance(value, bool):
        return b"t" if value else b"f"
    if isinstance(value, int):
        raw, tag = b"%d" % value, b"i"
    elif isinstance(value, float):
        raw, tag = struct.pack(">d", math.nan if math.isnan(value) else value + 0.0), b"d"
    elif isinstance(value, str):
        raw, tag = value.encode(), b"s"
    else:
        raw, tag = bytes(value), b"b"
    return tag + b"%d:" % len(raw) + raw
