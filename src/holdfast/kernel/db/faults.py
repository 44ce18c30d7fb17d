"""What a database error means to us: retry, make room, or a fault of ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import apsw
import psycopg
import sqlalchemy as sa

from holdfast.kernel.errors import DiskFull, HoldfastError, Invalid, Retryable

_BUSY = frozenset({apsw.SQLITE_BUSY, apsw.SQLITE_LOCKED, apsw.SQLITE_PROTOCOL})
# Serialization, deadlock, lock not had in time, cancelled, shut down, connection lost, too many, transaction left idle.
_BUSY_STATES = ("40001", "40P01", "55P03", "57", "08", "53300", "25P03")

# A connection that was refused carries no state (PostgreSQL: "too many clients already", "remaining connection slots
# are reserved"; a role's or a database's limit: "too many connections").
_BUSY_WORDS = ("database is locked", "too many clients", "remaining connection slots", "too many connections")


def understood(error: sa.exc.DBAPIError) -> HoldfastError | None:
    """`DiskFull`, `Retryable`, `Invalid` for a value that PostgreSQL does not store; None for anything else (a
    constraint, a bug)."""
    original = error.orig
    code = getattr(original, "code", 0) or 0
    state = getattr(original, "sqlstate", None) or ""
    if (isinstance(code, int) and code & 0xFF == apsw.SQLITE_FULL) or state == "53100":
        return DiskFull(
            "the metadata database's disk is full",
            hint="Free space on the disk that holds the data directory, then try again.",
        )
    busy = isinstance(code, int) and code & 0xFF in _BUSY
    words = str(original)
    if busy or any(said in words for said in _BUSY_WORDS) or state.startswith(_BUSY_STATES):
        return Retryable("the metadata database is busy", code="database_busy", details={"reason": words[:300]})
    if isinstance(original, psycopg.DataError):
        return Invalid(
            "a value cannot be stored: it holds a NUL character or half a surrogate pair, or it is too long or too big",
            code="value_invalid",
        )
    lost = isinstance(original, psycopg.OperationalError | psycopg.InterfaceError)
    if lost and (error.connection_invalidated or not state):
        return Retryable(
            "the metadata database cannot be reached", code="database_away", details={"reason": words[:300]}
        )
    return None


@contextmanager
def explained() -> Iterator[None]:
    """Raise what `understood` knows in its own words; everything else passes unchanged."""
    try:
        yield
    except sa.exc.TimeoutError as error:  # no connection of the pool came free
        raise Retryable("the metadata database is busy", code="database_busy", details={"reason": "pool"}) from error
    except sa.exc.DBAPIError as error:
        if (ours := understood(error)) is not None:
            raise ours from error
        raise
