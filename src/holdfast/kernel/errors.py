"""What can go wrong, said once.

An error names what failed, on what, whether a retry helps and what to do about it. The layer that knows
decides the class; one place (the HTTP layer, the CLI) renders it. Jobs and wrappers obey `retryable`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar


class HoldfastError(Exception):
    """Base of every error we raise on purpose. `code` is stable wire text in snake_case."""

    default_code: ClassVar[str] = "internal"
    retryable: ClassVar[bool] = False
    status: ClassVar[int] = 500

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        hint: str | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.default_code
        self.hint = hint
        self.details: dict[str, Any] = dict(details or {})

    def as_dict(self) -> dict[str, Any]:
        """The wire form: what the API answers, what a run records, what the CLI prints."""
        return {
            "code": self.code,
            "message": self.message,
            "hint": self.hint,
            "details": self.details,
            "retryable": self.retryable,
        }


class Retryable(HoldfastError):
    """The same call may succeed later without anyone doing anything: a busy server, a full queue."""

    default_code = "unavailable"
    retryable = True
    status = 503


class Permanent(HoldfastError):
    """The same call will fail again: the input or the state must change first."""

    default_code = "failed"
    status = 422


class NeedsOperator(HoldfastError):
    """Only a person with access to the machine can mend it; `hint` says how and is never empty."""

    default_code = "needs_operator"
    status = 503

    def __init__(
        self, message: str, *, hint: str, code: str | None = None, details: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(message, code=code, hint=hint, details=details)


class Invalid(Permanent):
    """The request is malformed; `details["fields"]` lists them where there are any."""

    default_code = "invalid"
    status = 422


class Unauthenticated(Permanent):
    """Nobody is signed in, or the credential is unknown, expired or revoked (never says which)."""

    default_code = "unauthenticated"
    status = 401


class Denied(Permanent):
    """The actor is known and lacks a permission, which `details["permission"]` names."""

    default_code = "permission_denied"
    status = 403


class NotFound(Permanent):
    """No such thing, or not yours: both look the same from outside."""

    default_code = "not_found"
    status = 404


class Conflict(Permanent):
    """The thing's present state forbids the act: a name taken, a run in progress, a server stopped."""

    default_code = "conflict"
    status = 409


class PreconditionFailed(Permanent):
    """If-Match named a version that is no longer current; read again and decide again."""

    default_code = "precondition_failed"
    status = 412


class LimitExceeded(Permanent):
    """A row, byte, time or size limit was reached; `details` carries which and how much."""

    default_code = "limit_exceeded"
    status = 413


class DiskFull(Retryable):
    """No room left on a named device; nothing half-written was kept."""

    default_code = "disk_full"
    status = 507


class Cancelled(Permanent):
    """Someone asked to stop and everything begun was undone."""

    default_code = "cancelled"
    status = 409


class Corrupt(Permanent):
    """Bytes read back are not the bytes written. Never repaired silently."""

    default_code = "corrupt"
    status = 500
