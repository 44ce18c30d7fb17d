"""An end to rows larger than we hold.

libpq takes a row in whole before it shows any of it, and a field may have a gigabyte. The server has no bound of its
own, and asking for sizes first would run the statement twice. So the bytes that wait in the socket are counted before
each read (FIONREAD, on unix sockets and TCP alike). That is a brake and no wall: libpq reads on while more arrives,
half as much again as was counted when the two take turns, and all of a row when the server is always ahead of it.
"""

from __future__ import annotations

import array
import fcntl
import termios
from collections.abc import Generator
from typing import Any

from psycopg.waiting import Ready

from holdfast.kernel.errors import LimitExceeded

LEAST = 64 << 20


class TooHeavy(Exception):
    """The line is in the middle of a message: close it."""


def too_large() -> LimitExceeded:
    return LimitExceeded(
        "these rows are larger than an answer may hold",
        code="rows_too_large",
        hint="ask for fewer rows or columns, for a part with substring(), or export the result",
    )


def counted(reading: Generator[Any, Any, Any], number: int, most: int) -> Generator[Any, Any, Any]:
    """`psycopg.generators.fetch`, ended by TooHeavy when one result takes more than `most` bytes to arrive."""
    waiting, seen = array.array("i", [0]), 0
    try:
        want = next(reading)
        while True:
            ready = yield want
            if ready & Ready.R:
                fcntl.ioctl(number, termios.FIONREAD, waiting)
                seen += waiting[0]
                if seen > most:
                    raise TooHeavy
            want = reading.send(ready)
    except StopIteration as done:
        return done.value
