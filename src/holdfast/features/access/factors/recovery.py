"""Recovery codes: for whoever lost the phone. Ten, shown once, each for one sign-in.

120 random bits each: a plain hash is enough to store them by (ASVS 6.5.2 asks for 112).
"""

from __future__ import annotations

import base64
import os
from datetime import datetime

import sqlalchemy as sa

from holdfast.features.access.factors.model import recovery_codes as table
from holdfast.kernel import crypto, log

HOW_MANY = 10
_BYTES = 15


def replace(conn: sa.Connection, user_id: str, now: datetime) -> list[str]:
    """Ten new ones; all earlier ones are dead."""
    remove(conn, user_id)
    codes = [_new() for _ in range(HOW_MANY)]
    for code in codes:
        conn.execute(table.insert().values(user_id=user_id, code_hash=_hash(code), created_at=now, used_at=None))
        log.register_secret(code)
    return codes


def left(conn: sa.Connection, user_id: str) -> int:
    unused = sa.and_(table.c.user_id == user_id, table.c.used_at.is_(None))
    return conn.execute(sa.select(sa.func.count()).select_from(table).where(unused)).scalar_one()


def spend(conn: sa.Connection, user_id: str, code: str, now: datetime) -> bool:
    """One guarded statement: of two with the same code one gets in. Case, spaces and dashes do not matter."""
    unused = sa.and_(table.c.user_id == user_id, table.c.code_hash == _hash(code), table.c.used_at.is_(None))
    return conn.execute(table.update().where(unused).values(used_at=now)).rowcount == 1


def remove(conn: sa.Connection, user_id: str) -> None:
    conn.execute(table.delete().where(table.c.user_id == user_id))


def _new() -> str:
    text = base64.b32encode(os.urandom(_BYTES)).decode().lower()
    return "-".join(text[at : at + 4] for at in range(0, len(text), 4))


def _hash(code: str) -> str:
    return crypto.token_hash("".join(code.split()).replace("-", "").lower())
