"""The rule who must have a second factor. Off until someone turns it on."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from holdfast.features.access.factors.model import Policy, factor_policy, passkeys, totp_factors
from holdfast.features.access.model import User


def read(conn: sa.Connection) -> Policy:
    row = conn.execute(sa.select(factor_policy).where(factor_policy.c.id == 1)).first()
    return Policy() if row is None else Policy(row.everyone, tuple(row.roles))


def write(conn: sa.Connection, policy: Policy, by: str, now: datetime) -> None:
    conn.execute(factor_policy.delete())
    conn.execute(
        factor_policy.insert().values(
            id=1, everyone=policy.everyone, roles=list(policy.roles), updated_by=by, updated_at=now
        )
    )


_USER = sa.bindparam("user_id", type_=sa.Text)
_MISSING = sa.select(factor_policy.c.everyone, factor_policy.c.roles).where(
    factor_policy.c.id == 1,
    ~sa.exists().where(totp_factors.c.user_id == _USER, totp_factors.c.confirmed_at.is_not(None)),
    ~sa.exists().where(passkeys.c.user_id == _USER),
)


def missing(conn: sa.Connection, user: User) -> bool:
    """Whether the rule asks this account for a factor that it has not. One statement."""
    row = conn.execute(_MISSING, {"user_id": user.id}).first()
    return row is not None and Policy(row.everyone, tuple(row.roles)).covers(user.role)
