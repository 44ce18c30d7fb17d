"""SQLite's errors in our words."""

from __future__ import annotations

import apsw

from holdfast.kernel.errors import (
    Corrupt,
    Denied,
    DiskFull,
    HoldfastError,
    Invalid,
    LimitExceeded,
    Permanent,
    Retryable,
)


def translate(error: apsw.Error) -> HoldfastError:
    """The error to raise instead of `error`; its text is SQLite's own."""
    text = str(error)
    match error:
        case apsw.BusyError() | apsw.LockedError():
            return Retryable(f"the database is in use by another writer: {text}", code="database_busy")
        case apsw.CorruptError() | apsw.NotADBError():
            return Corrupt(
                f"this is not a sound SQLite database: {text}",
                code="database_corrupt",
                hint="restore it from a snapshot",
            )
        case apsw.FullError():
            return DiskFull(f"no room for the change: {text}")
        case apsw.ReadOnlyError():
            return Denied(f"the database is open for reading only: {text}", code="read_only")
        case apsw.CantOpenError():
            return Permanent(
                f"the database file cannot be opened: {text}", code="database_missing", hint="was it deleted or moved?"
            )
        case apsw.TooBigError():
            return LimitExceeded(f"a value is too large: {text}", code="value_too_large")
        case apsw.IOError() | apsw.NoMemError() | apsw.InternalError() | apsw.PermissionsError():
            return Permanent(f"SQLite failed: {text}", code="database_failed")
        case _:
            return Invalid(text, code="statement_invalid")
