"""New passwords for the standing logins of a hosted database."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from holdfast.contract.spec import Access, Endpoint


@runtime_checkable
class CanRotate(Protocol):
    """Engines whose servers know users. Synchronous; each verb opens its own administrator's line."""

    def rotate(self, at: Endpoint, passwords: Mapping[Access, str]) -> int:
        """These passwords for these logins, all of them or none, and then no session that signed in with an old one is
        left; how many of the users' there were. `at` holds the passwords before.

        Idempotent after a crash at any point: where `at`'s own no longer open the server, the new administrator's do.
        Raises a HoldfastError with code "login_refused" when neither does, Retryable when the server does not answer.
        """
        ...

    def drifted(self, at: Endpoint) -> tuple[Access, ...]:
        """The users' standing logins that do not take the password in `at`, or may not sign in, sorted.
        Changes nothing."""
        ...
