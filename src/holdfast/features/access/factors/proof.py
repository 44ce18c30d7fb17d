"""Whether what came besides the password is the account's second factor."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from holdfast.features.access.factors import challenges, passkeys, recovery, totp
from holdfast.features.access.factors.challenges import Challenge, Purpose
from holdfast.features.access.factors.model import Assertion, Second, Site
from holdfast.kernel import audit
from holdfast.kernel.errors import Unauthenticated
from holdfast.kernel.secrets import Secrets


class Factors:
    """Everything happens in the caller's transaction. `secrets` None: an account with TOTP cannot be proven at all."""

    def __init__(self, secrets: Secrets | None) -> None:
        self._secrets = secrets

    def methods(self, conn: sa.Connection, user_id: str) -> list[str]:
        """What the account can be asked for; empty = the password alone. Recovery codes are no factor by themselves."""
        found = ["totp"] if totp.confirmed(conn, user_id) else []
        found += ["passkey"] if passkeys.of(conn, user_id) else []
        return [*found, "recovery"] if found and recovery.left(conn, user_id) else found

    def wanted(self, conn: sa.Connection, user_id: str, site: Site | None, now: datetime) -> Unauthenticated:
        """What to answer when the password was right and nothing more came."""
        details: dict[str, Any] = {"methods": self.methods(conn, user_id)}
        if site is not None and (known := passkeys.usable(conn, user_id, site)):
            made = challenges.open_one(conn, "second", user_id, now)
            options = passkeys.request_options(site, known, made)
            details["passkey"] = {"flow": made.flow, "options": options}
        return Unauthenticated(
            "a second factor is needed",
            code="second_factor_required",
            hint="Repeat the call with `code` (from the app, or a recovery code) or `passkey`.",
            details=details,
        )

    def accept(self, conn: sa.Connection, user_id: str, second: Second, now: datetime) -> str | None:
        """Which factor it was, spent by this; None when it is none of the account's. Recorded where that matters."""
        if second.passkey is not None:
            return "passkey" if self.passkey(conn, second.passkey, "second", user_id, now, user_id) else None
        code = "".join((second.code or "").split())
        if code.isascii() and code.isdigit():
            return "totp" if totp.accept(conn, self._sealed(), user_id, code, now) else None
        if not recovery.spend(conn, user_id, code, now):
            return None
        left = {"left": recovery.left(conn, user_id)}
        audit.record(conn, actor=user_id, action="recovery_code.use", details=left)
        return "recovery"

    def passkey(
        self,
        conn: sa.Connection,
        given: Assertion,
        purpose: Purpose,
        subject: str | None,
        now: datetime,
        user_id: str | None = None,
    ) -> str | None:
        """Whose passkey answered a challenge of that purpose; None = nobody's. Spends the challenge in any case."""
        challenge = challenges.spend(conn, given.flow, purpose, subject, now)
        if challenge is None or given.site is None:
            return None
        used = passkeys.use(conn, given.credential, challenge, given.site, now, user_id)
        if used is None:
            return None
        if used.cloned:
            who, which = used.passkey.user_id, used.passkey.id
            audit.record(conn, actor=who, action="passkey.cloned", resource_id=which, outcome="denied")
            return None
        return used.passkey.user_id

    def challenge(self, conn: sa.Connection, purpose: Purpose, subject: str, now: datetime) -> Challenge:
        return challenges.open_one(conn, purpose, subject, now)

    def removed(self, conn: sa.Connection, user_id: str) -> None:
        """Clear every factor: a hook for whoever resets or deletes an account."""
        totp.remove(conn, self._sealed(), user_id)
        recovery.remove(conn, user_id)
        passkeys.remove_all(conn, user_id)
        challenges.end_all(conn, user_id)

    def _sealed(self) -> Secrets:
        if self._secrets is None:
            raise ValueError("second factors need the sealed secrets")
        return self._secrets
