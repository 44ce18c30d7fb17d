"""Slowing down those who guess passwords, per account and per address."""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa

from holdfast.features.access.model import sign_in_failures as table
from holdfast.web.errors import TooManyAttempts

FREE_ATTEMPTS = 5
LONGEST = timedelta(minutes=15)
FORGOTTEN_AFTER = timedelta(hours=24)


def subjects(email: str, address: str | None) -> list[str]:
    """What an attempt counts against. Everyone behind admin.sock is one address."""
    return [f"account:{email}", f"address:{address or 'local'}"]


def check(conn: sa.Connection, subjects: list[str], now: datetime) -> None:
    """Raises `TooManyAttempts` while an account or address is slowed down. Known and unknown accounts are the same."""
    for row in conn.execute(sa.select(table).where(table.c.subject.in_(subjects))):
        if row.failures < FREE_ATTEMPTS:
            continue
        wait = min(timedelta(seconds=2 ** min(row.failures - FREE_ATTEMPTS + 1, 12)), LONGEST)
        left = (row.last_at + wait - now).total_seconds()
        if left > 0:
            raise TooManyAttempts(
                "too many failed attempts",
                hint=f"Wait {max(1, round(left))} s.",
                details={"retry_after_seconds": max(1, round(left))},
            )


def failed(conn: sa.Connection, subjects: list[str], now: datetime) -> None:
    """Count one more against each; failures older than a day are forgotten."""
    conn.execute(table.delete().where(table.c.last_at < now - FORGOTTEN_AFTER))
    for subject in subjects:
        changed = conn.execute(
            table.update().where(table.c.subject == subject).values(failures=table.c.failures + 1, last_at=now)
        )
        if changed.rowcount == 0:
            conn.execute(table.insert().values(subject=subject, failures=1, last_at=now))


def cleared(conn: sa.Connection, subjects: list[str]) -> None:
    """The right password ends the account's wait."""
    conn.execute(table.delete().where(table.c.subject.in_(subjects)))
