"""What a passkey signs: random, for one purpose and one asker, once, within five minutes.

A flow token goes to whoever asked and comes back with the answer; only its hash is kept. A challenge for someone who is
signed in is bound to that session, one for a second factor to the account whose password was right. One that nobody in
particular asked for is bound to whoever has the flow token.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

import sqlalchemy as sa
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url, generate_challenge

from holdfast.features.access.factors.model import factor_challenges as table
from holdfast.kernel import crypto

LIFE = timedelta(minutes=5)
MOST_OPEN = 20
Purpose = Literal["register", "sign_in", "second", "step_up"]


@dataclass(frozen=True)
class Challenge:
    flow: str
    challenge: bytes
    expires_at: datetime


def open_one(conn: sa.Connection, purpose: Purpose, subject: str, now: datetime) -> Challenge:
    """`subject` is a session, an account or an address: each has at most twenty open, the oldest go."""
    made = Challenge(crypto.random_token(), generate_challenge(), now + LIFE)
    conn.execute(table.delete().where(table.c.expires_at <= now))
    newest = sa.select(table.c.flow_hash).where(table.c.subject == subject)
    kept = newest.order_by(table.c.expires_at.desc()).limit(MOST_OPEN - 1)
    conn.execute(table.delete().where(table.c.subject == subject, table.c.flow_hash.not_in(kept)))
    conn.execute(
        table.insert().values(
            flow_hash=crypto.token_hash(made.flow),
            purpose=purpose,
            subject=subject,
            challenge=bytes_to_base64url(made.challenge),
            expires_at=made.expires_at,
        )
    )
    return made


def spend(conn: sa.Connection, flow: str, purpose: Purpose, subject: str | None, now: datetime) -> bytes | None:
    """The challenge, which is gone with it, whatever the answer is worth. `subject` None: whoever has the flow."""
    mine = [table.c.flow_hash == crypto.token_hash(flow), table.c.purpose == purpose, table.c.expires_at > now]
    if subject is not None:
        mine.append(table.c.subject == subject)
    found = conn.execute(table.delete().where(*mine).returning(table.c.challenge)).scalar()
    return None if found is None else base64url_to_bytes(found)


def end_all(conn: sa.Connection, subject: str) -> None:
    conn.execute(table.delete().where(table.c.subject == subject))
