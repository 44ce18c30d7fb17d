"""New passwords for the standing roles, and whether they still have those we know."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from collections.abc import Mapping
from dataclasses import replace

import psycopg

from holdfast.contract.spec import Access, Endpoint
from holdfast.engines.postgresql import faults, link, prepare
from holdfast.engines.postgresql.link import Connection
from holdfast.engines.postgresql.names import elsewhere, identifier, literal
from holdfast.kernel.errors import NeedsOperator, Permanent, Retryable

_END_MILLISECONDS = 5000
_SETTLE_SECONDS = 0.2
_SWEEPS = 25
_OPEN = """
SELECT rolname, rolpassword,
  rolcanlogin AND (rolvaliduntil IS NULL OR rolvaliduntil > pg_catalog.now())
FROM pg_catalog.pg_authid WHERE rolname = ANY (%s)
"""
_END = """
SELECT usename, pg_catalog.pg_terminate_backend(pid, %s) FROM pg_catalog.pg_stat_activity
WHERE (usename = ANY (%s) OR state = 'starting') AND pid <> pg_catalog.pg_backend_pid()
"""


class Rotates:
    """Implements CanRotate.

    A role may always change its own password (ALTER ROLE), and no grant, event trigger or pg_hba line of a stock server
    stops it: so that is found out (`drifted`), not prevented.
    """

    def rotate(self, at: Endpoint, passwords: Mapping[Access, str]) -> int:
        fresh = replace(at, secrets={**at.secrets, **{at.roles[a].secret: word for a, word in passwords.items()}})
        try:
            with _admin(elsewhere(at, "postgres"), elsewhere(fresh, "postgres")) as admin:
                with admin.transaction():
                    for access, password in passwords.items():
                        role = at.roles[access].user
                        coded = literal(prepare.verifier(admin, role, password))
                        prepare.run(
                            admin, f"ALTER ROLE {identifier(role)} LOGIN VALID UNTIL 'infinity' PASSWORD {coded}"
                        )
                ended = _end_all(admin, [at.roles[access].user for access in passwords], at.roles["admin"].user)
        except psycopg.Error as error:
            raise faults.from_psycopg(error, "changing the passwords") from error
        for access, password in passwords.items():
            if not prepare.accepts(fresh, at.roles[access].user, password):
                raise Permanent(
                    f"the server does not take the new password of {access}", code="rotation_unproven",
                    hint="Its log says why. `holdfast db start` sets the passwords again.",
                )  # fmt: skip
        return ended

    def drifted(self, at: Endpoint) -> tuple[Access, ...]:
        """The stored verifiers are compared here, without signing in: no failed attempt reaches the server's log."""
        names = {role.user: access for access, role in at.roles.items() if access != "admin"}
        try:
            with link.connect(elsewhere(at, "postgres")) as admin:
                rows = admin.execute(_OPEN, (list(names),)).fetchall()
        except psycopg.Error as error:
            raise faults.from_psycopg(error, "looking at the logins") from error
        good = {user for user, coded, may in rows if may and _opens(coded, _password(at, names[user]))}
        return tuple(sorted(access for user, access in names.items() if user not in good))


def _password(at: Endpoint, access: Access) -> str:
    return at.secrets.get(at.roles[access].secret, "")


def _admin(before: Endpoint, after: Endpoint) -> Connection:
    try:
        return link.connect(before)
    except NeedsOperator as error:
        if error.code != "login_refused":
            raise
        return link.connect(after)


def _end_all(admin: Connection, users: list[str], ours: str) -> int:
    """Until none is left: a session that was signing in while the passwords changed shows up only afterwards."""
    ended = 0
    for sweep in range(_SWEEPS):
        rows = admin.execute(_END, (_END_MILLISECONDS, users)).fetchall()
        ended += sum(1 for user, gone in rows if gone and user not in (ours, None))
        if not rows and sweep:
            return ended
        time.sleep(_SETTLE_SECONDS)
    raise Retryable("sessions of the old passwords go on coming back", code="sessions_stay")


def _opens(coded: str | None, password: str) -> bool:
    """RFC 5803, as PostgreSQL keeps it: SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>. Our passwords are
    ASCII, which SASLprep leaves as it is."""
    scheme, _, rest = (coded or "").partition("$")
    if scheme != "SCRAM-SHA-256":
        return False
    costs, _, keys = rest.partition("$")
    rounds, _, salt = costs.partition(":")
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), base64.b64decode(salt), int(rounds))
    client = hmac.digest(salted, b"Client Key", "sha256")
    return hmac.compare_digest(base64.b64encode(hashlib.sha256(client).digest()).decode(), keys.partition(":")[0])
