"""Time-based codes (RFC 6238: SHA-1, six digits, thirty seconds), as every authenticator app makes them.

The secret is sealed with the installation's own data key. A code is taken one step early or late, and each step once:
one that was read over a shoulder is worth nothing any more.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import pyotp
import sqlalchemy as sa

from holdfast.features.access.factors.model import totp_factors as table
from holdfast.kernel import crypto
from holdfast.kernel.secrets import SYSTEM, Secrets

STEP_SECONDS = 30
PENDING_LIFE = timedelta(minutes=15)
_SKEW = 1
_NAME = "totp"


def step_at(now: datetime) -> int:
    return int(now.timestamp()) // STEP_SECONDS


def matching_step(secret: str, code: str, now: datetime) -> int | None:
    """The newest step within one of now whose code this is. Every candidate is compared, so that time tells nothing."""
    made = pyotp.TOTP(secret)
    steps = range(step_at(now) - _SKEW, step_at(now) + _SKEW + 1)
    right = [step for step in steps if crypto.equal(made.generate_otp(step), code)]
    return right[-1] if right else None


def confirmed(conn: sa.Connection, user_id: str) -> bool:
    found = sa.select(table.c.user_id).where(table.c.user_id == user_id, table.c.confirmed_at.is_not(None))
    return conn.execute(found).first() is not None


def pending(conn: sa.Connection, user_id: str, now: datetime) -> bool:
    living = sa.and_(table.c.user_id == user_id, table.c.confirmed_at.is_(None))
    found = sa.select(table.c.user_id).where(living, table.c.created_at > now - PENDING_LIFE)
    return conn.execute(found).first() is not None


def begin(conn: sa.Connection, secrets: Secrets, user_id: str, now: datetime) -> str:
    """A new secret, which counts for nothing until a code proves it. Ends an earlier pending one."""
    secret = pyotp.random_base32()
    remove(conn, secrets, user_id)
    secrets.put(conn, SYSTEM, user_id, _NAME, secret)
    conn.execute(table.insert().values(user_id=user_id, created_at=now, confirmed_at=None, last_step=-1))
    return secret


def uri(secret: str, email: str, issuer: str) -> str:
    """What an app reads from a QR code (the "Key URI Format" that all of them know)."""
    return pyotp.TOTP(secret).provisioning_uri(name=email, issuer_name=issuer)


def confirm(conn: sa.Connection, secrets: Secrets, user_id: str, code: str, now: datetime) -> bool:
    """The first right code makes the pending secret a factor, and is spent by it."""
    step = matching_step(secrets.get(conn, SYSTEM, user_id, _NAME), code, now)
    if step is None:
        return False
    waiting = sa.and_(table.c.user_id == user_id, table.c.confirmed_at.is_(None))
    return conn.execute(table.update().where(waiting).values(confirmed_at=now, last_step=step)).rowcount == 1


def accept(conn: sa.Connection, secrets: Secrets, user_id: str, code: str, now: datetime) -> bool:
    """One guarded statement decides: of two with the same code one gets in."""
    if not confirmed(conn, user_id):
        return False
    step = matching_step(secrets.get(conn, SYSTEM, user_id, _NAME), code, now)
    if step is None:
        return False
    unused = sa.and_(table.c.user_id == user_id, table.c.confirmed_at.is_not(None), table.c.last_step < step)
    return conn.execute(table.update().where(unused).values(last_step=step)).rowcount == 1


def remove(conn: sa.Connection, secrets: Secrets, user_id: str) -> bool:
    """The secret goes too. Nothing there is not an error."""
    secrets.delete_resource(conn, SYSTEM, user_id)
    return conn.execute(table.delete().where(table.c.user_id == user_id)).rowcount > 0
