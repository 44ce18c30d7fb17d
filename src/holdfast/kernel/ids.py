"""Identifiers: sortable, typed by prefix, safe in URLs, file names and SQL."""

from __future__ import annotations

import os
import re
import threading
import time

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford base32, lower case
_ID = re.compile(r"^[a-z]{2,5}_[0-9a-hjkmnp-tv-z]{26}$")


class _Numbers:
    """Rising within a process while the clock does not go back."""

    def __init__(self) -> None:
        self._last = (0, 0)
        self._lock = threading.Lock()

    def next(self) -> int:
        with self._lock:
            moment, low = int(time.time() * 1000), int.from_bytes(os.urandom(10), "big") >> 1
            if moment == self._last[0]:
                low = self._last[1] + 1 + int.from_bytes(os.urandom(4), "big")
            self._last = (moment, low)
        return (moment << 80) | low


_numbers = _Numbers()


def new_id(prefix: str) -> str:
    """`prefix_` + 26 characters: 48 bits of milliseconds, 80 random bits (a ULID). Sorts by creation time.

    Within one process also inside a millisecond: lists by id are lists in order of creation.
    Prefixes in use: prj env db run snap repo key usr ses ver qry srv upl exp imp chn alt alr adl aev fkey
    wrk wver wdep wvar whst wkey wrun kvn.
    """
    number = _numbers.next()
    digits = [_ALPHABET[(number >> shift) & 31] for shift in range(125, -1, -5)]
    return f"{prefix}_{''.join(digits)}"


def is_id(text: str, prefix: str | None = None) -> bool:
    """Whether `text` has the shape of an id (of that prefix); says nothing about existence."""
    return bool(_ID.match(text)) and (prefix is None or text.startswith(prefix + "_"))


_SAFE = re.compile(r"[^A-Za-z0-9_.-]")


def escape_name(name: str) -> str:
    """A user's name as one path component: letters, digits, `_ . -` stay, every other byte becomes `%XX`.

    Injective and reversible by `unescape_name`; never empty, never `.` or `..`, at most 3x the name's bytes.
    """
    if name in ("", ".", ".."):
        return {"": "%", ".": "%2E", "..": "%2E%2E"}[name]
    return _SAFE.sub(lambda m: "".join(f"%{byte:02X}" for byte in m.group().encode()), name)


def unescape_name(component: str) -> str:
    """Inverse of `escape_name`."""
    if component == "%":
        return ""
    raw = re.sub(rb"%([0-9A-F]{2})", lambda m: bytes([int(m.group(1), 16)]), component.encode())
    return raw.decode()
