"""One byte range of a request (RFC 9110, 14), and whether it counts."""

from __future__ import annotations

import re
from dataclasses import dataclass

_RANGE = re.compile(r"bytes=\s*(\d{0,18})-(\d{0,18})\s*")


class Unsatisfiable(Exception):
    """The range begins after the end: 416."""


@dataclass(frozen=True)
class Span:
    """Bytes [first, last] of a file."""

    first: int
    last: int

    @property
    def length(self) -> int:
        return self.last - self.first + 1


def asked(header: str | None, if_range: str | None, etag: str | None, size: int | None) -> Span | None:
    """The range to answer; None = the whole file. Whatever we do not answer in part is ignored, as RFC 9110 says:
    several ranges, other units, a file without a known size, an If-Range that names other bytes or a date.

    Raises Unsatisfiable.
    """
    if header is None or size is None or etag is None:
        return None
    if if_range is not None and if_range.strip() != f'"{etag}"':
        return None
    match = _RANGE.fullmatch(header)
    if match is None or match[0].strip() == "bytes=-":
        return None
    first, last = match[1], match[2]
    if first == "":
        count = int(last)
        if count == 0 or size == 0:
            raise Unsatisfiable
        return Span(max(0, size - count), size - 1)
    if last != "" and int(last) < int(first):
        return None
    if int(first) >= size:
        raise Unsatisfiable
    return Span(int(first), min(int(last), size - 1) if last else size - 1)
