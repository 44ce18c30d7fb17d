"""The head of an HTTP/1.1 message, as a proxy of ours reads and passes it on (RFC 9112)."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime

ABSOLUTE = re.compile(r"http://([^/?#@\s]+)(/[^\s]*)?", re.IGNORECASE)  # the target as a proxy is asked for it
_HOP = {"connection", "proxy-connection", "proxy-authorization", "keep-alive"}


@dataclass(frozen=True)
class Head:
    """The first line and the headers of a request or an answer."""

    start: str
    headers: Mapping[str, str]
    lines: tuple[str, ...]

    @classmethod
    def parse(cls, raw: bytes) -> Head:
        """Raises ValueError."""
        start, *lines = raw.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
        pairs = [line.partition(":") for line in lines]
        return cls(start, {name.lower(): value.strip() for name, _, value in pairs}, tuple(lines))

    @property
    def status(self) -> int:
        return int(self.start.split(" ")[1])

    def with_start(self, start: str) -> bytes:
        """With another first line, without what concerns this hop, closed at the end."""
        kept = [line for line in self.lines if line.partition(":")[0].strip().lower() not in _HOP]
        return ("\r\n".join([start, *kept, "Connection: close"]) + "\r\n\r\n").encode("latin-1")

    def as_sent(self) -> bytes:
        return ("\r\n".join([self.start, *self.lines]) + "\r\n\r\n").encode("latin-1")


def seconds_of(retry_after: str) -> float:
    """Of a `Retry-After` header: seconds, or a date (RFC 9110, 10.2.3). 0 for what is neither."""
    if re.fullmatch(r"[0-9]{1,9}", retry_after):
        return float(retry_after)
    try:
        moment = parsedate_to_datetime(retry_after)
    except ValueError:
        return 0.0
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, moment.timestamp() - time.time())
