"""Values between PostgreSQL and the plain Python types of `contract.query.Batch`.

What Python's types cannot hold exactly (infinite or BC dates, intervals in months, ranges, addresses) comes as
the server's own text: a wrong value is worse than a plain one.
"""

from __future__ import annotations

from datetime import timedelta
from functools import cache
from typing import Any

import psycopg
from psycopg import BaseConnection
from psycopg.abc import AdaptContext, Buffer, Loader
from psycopg.adapt import AdaptersMap
from psycopg.types.json import JsonbDumper
from psycopg.types.string import TextLoader

_AS_TEXT = ("inet", "cidr", "int4range", "int8range", "numrange", "daterange", "tsrange", "tstzrange")
_AS_TEXT_MULTI = (
    "int4multirange",
    "int8multirange",
    "nummultirange",
    "datemultirange",
    "tsmultirange",
    "tstzmultirange",
)
_GUARDED = ("date", "timestamp", "timestamptz", "time", "timetz", "interval")


class Context:
    """A connection seen through our own adapters."""

    def __init__(self, connection: psycopg.AsyncConnection[Any]) -> None:
        self.connection: BaseConnection[Any] | None = connection
        self.adapters = adapters()


@cache
def adapters() -> AdaptersMap:
    """psycopg's text loaders with the exceptions above; dicts are sent as jsonb."""
    found = AdaptersMap(psycopg.adapters)
    for name in (*_AS_TEXT, *_AS_TEXT_MULTI):
        found.register_loader(name, TextLoader)
    for name in _GUARDED:
        info = found.types[name]
        loader = found.get_loader(info.oid, psycopg.pq.Format.TEXT)
        if loader is not None:
            found.register_loader(info.oid, _guarded(loader))
    found.register_dumper(dict, JsonbDumper)
    return found


def _guarded(inner: type[Loader]) -> type[Loader]:
    class Guarded(psycopg.adapt.Loader):
        def __init__(self, oid: int, context: AdaptContext | None = None) -> None:
            super().__init__(oid, context)
            self._inner = inner(oid, context)

        def load(self, data: Buffer) -> Any:
            text = bytes(data).decode()
            if "mon" in text or "year" in text:
                return text
            try:
                value = self._inner.load(data)
            except (psycopg.DataError, ValueError, OverflowError):
                return text
            return text if isinstance(value, timedelta) and abs(value.days) > MAX_DAYS else value

    return Guarded


MAX_DAYS = 999_999  # beyond it the wire form of a timedelta is no longer readable by common clients


def type_name(oid: int) -> str | None:
    """The server's usual spelling of a built-in type; None for types made by users."""
    info = psycopg.adapters.types.get(oid)
    if info is None:
        return None
    return f"{info.regtype}[]" if oid == info.array_oid and oid != info.oid else info.regtype
