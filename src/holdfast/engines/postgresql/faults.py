"""What the server and its tools say, in the words of `kernel.errors`."""

from __future__ import annotations

import psycopg

from holdfast.kernel.errors import (
    Corrupt,
    Denied,
    DiskFull,
    HoldfastError,
    Invalid,
    LimitExceeded,
    NeedsOperator,
    Permanent,
    Retryable,
)

SUPPORTED_MAJORS = (15, 16, 17, 18)
_FOREIGN = (
    "expected authentication request from server",
    "received invalid authentication request",
    "received invalid response to",
    "invalid response from",
)

_GONE = (
    "server closed the connection",
    "terminating connection",
    "connection to server",
    "could not connect",
    "the database system is",
    "no connection to the server",
    "connection not open",
    "lost synchronization",
    "SSL SYSCALL",
)
_LOCKED = ("lock timeout", "could not obtain lock", "deadlock detected")
# What pg_dump says when its --lock-wait-timeout passed: it sets that as statement_timeout, for this one statement.
_LOCK_WAIT = ("statement timeout", "LOCK TABLE")
_VANISHED = ("does not exist", "could not open relation with OID", "cache lookup failed")


def server_gone(detail: str) -> Retryable:
    return Retryable(
        f"the PostgreSQL server is not answering: {first_line(detail)}",
        code="server_unavailable",
        hint="see whether the database is running (`holdfast db list`) and try again",
    )


def foreign(detail: str) -> Permanent:
    return Permanent(
        f"what answers there is not PostgreSQL: {first_line(detail)}",
        code="protocol_foreign",
        hint="See that host and port are the database server's own.",
    )


def kept_out(detail: str) -> NeedsOperator:
    """Not the password: the server's own rules for this host, user, database and encryption."""
    return NeedsOperator(
        f"the server lets nobody in this way: {first_line(detail)}",
        code="login_refused",
        hint="Add a line to its pg_hba.conf; where the reason ends in 'no encryption', it wants TLS.",
    )


def is_foreign(text: str) -> bool:
    return any(mark in text for mark in _FOREIGN)


def is_gone(error: BaseException) -> bool:
    """Whether the line or the server was lost, as opposed to a statement refused."""
    if isinstance(error, psycopg.Error) and error.sqlstate:
        return error.sqlstate[:2] in ("08", "57") and error.sqlstate not in ("57014", "08P01")
    return isinstance(error, psycopg.OperationalError | psycopg.InterfaceError) or any(
        mark in str(error) for mark in _GONE
    )


def is_schema_race(error: BaseException) -> bool:
    """Whether somebody changed, dropped or locked a table while we were taking hold of it."""
    if isinstance(error, psycopg.Error) and error.sqlstate:
        return error.sqlstate in ("42P01", "3F000", "55P03", "40P01", "XX000", "42809")
    text = str(error)
    return isinstance(error, Permanent | Retryable) and (_is_locked(text) or any(mark in text for mark in _VANISHED))


def _is_locked(text: str) -> bool:
    return any(mark in text for mark in _LOCKED) or all(mark in text for mark in _LOCK_WAIT)


def from_tool(error: Permanent, what: str) -> HoldfastError:
    """A failed child as a class of its own: a server that died is worth another try, a bad page is not."""
    text = str(error)
    if any(mark in text for mark in _GONE):
        return server_gone(text)
    if _is_locked(text):
        return Retryable(f"{what}: a table is locked by another session: {first_line(text)}", code="table_locked")
    if "No space left on device" in text:
        return DiskFull(f"{what}: {first_line(text)}")
    return Permanent(f"{what}: {text}", code="tool_failed", hint=error.hint, details=error.details)


_TOO_MANY = "close sessions or raise max_connections"
_DAMAGED = "the server's files are damaged: restore the last snapshot beside it"


def from_psycopg(error: psycopg.Error, what: str) -> HoldfastError:
    """Any driver error met by our own statements."""
    state = error.sqlstate or ""
    text = f"{what}: {first_line(str(error))}"
    if state in ("28P01", "28000"):
        hint = "rotate the database's passwords"
        return NeedsOperator(f"{what}: the server refused our password", hint=hint, code="login_refused")
    if state in ("53100", "58030") and "No space left" in str(error):
        return DiskFull(text)
    known: dict[str, HoldfastError] = {
        "3D000": Permanent(text, code="database_absent"),
        "53300": Retryable(text, code="too_many_connections", hint=_TOO_MANY),
        "55P03": Retryable(text, code="table_locked"),
        "40P01": Retryable(text, code="table_locked"),
        "40001": Retryable(text, code="table_locked"),
        "XX001": Corrupt(text, hint=_DAMAGED),
        "XX002": Corrupt(text, hint=_DAMAGED),
    }
    if state in known:
        return known[state]
    if is_gone(error):
        return server_gone(str(error))
    return Permanent(text, code="statement_failed", details={"sqlstate": state} if state else None)


def from_statement(error: psycopg.Error, *, write: bool) -> HoldfastError:
    """What a user's own statement ran into. `write` False means it ran with the read-only role."""
    state = error.sqlstate or ""
    diag = error.diag
    message = diag.message_primary or first_line(str(error))
    details = {"sqlstate": state}
    if diag.statement_position:
        details["position"] = diag.statement_position
    if diag.message_detail:
        details["detail"] = diag.message_detail
    if state in ("25006", "42501"):
        code = "permission_denied" if write else "read_only"
        hint = diag.message_hint or (None if write else "run it with write access")
        return Denied(message, code=code, hint=hint, details=details)
    if state == "42601" and "multiple commands" in message:
        return Invalid("one statement at a time", code="many_statements", details=details)
    if state == "57014":
        return LimitExceeded(message, code="query_timeout", details=details)
    if state[:2] == "53":
        return Retryable(message, code="server_busy", details=details)
    if is_gone(error):
        return server_gone(str(error))
    code = "params_invalid" if state in ("08P01", "42P18", "42P02") else "statement_invalid"
    return Invalid(message, code=code, hint=diag.message_hint, details=details)


def check_version(version_number: int) -> None:
    """Raise Permanent (code "server_version") for a server we cannot dump and restore faithfully."""
    major = version_number // 10000
    if major not in SUPPORTED_MAJORS:
        raise Permanent(
            f"PostgreSQL {major} is not supported",
            code="server_version",
            hint=f"supported: {', '.join(map(str, SUPPORTED_MAJORS))}",
        )


def first_line(text: str) -> str:
    lines = [line for line in text.strip().splitlines() if line.strip()]
    return lines[0] if lines else "no reason given"
