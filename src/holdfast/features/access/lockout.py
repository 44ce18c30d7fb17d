"""Slowing down those who guess: per person and address, per address, and per person wherever it comes from.

Five wrong attempts on one account from one address make that pair wait: 2 seconds, then twice as long each time, up to
fifteen minutes. Twenty from one address, whatever the accounts, make the address wait. The account itself waits only
after fifty failures, of which one address can add ten: nobody locks an owner out from one place. An address is a /64 of
IPv6, which is what one customer has. A sign-in that succeeds clears the pair and the account, never the address:
otherwise whoever has one account here could guess at all others. An operator's reset clears all of an account.
"""

from __future__ import annotations

import ipaddress
from datetime import datetime, timedelta

import sqlalchemy as sa

from holdfast.features.access.model import sign_in_failures as table
from holdfast.web.errors import TooManyAttempts

FREE_ATTEMPTS = 5
FREE_OF_ADDRESS = 20
FREE_OF_ACCOUNT = 50
SHARE_OF_ADDRESS = 10
LONGEST = timedelta(minutes=15)
FORGOTTEN_AFTER = timedelta(hours=24)
_FREE = {"pair": FREE_ATTEMPTS, "address": FREE_OF_ADDRESS, "account": FREE_OF_ACCOUNT}


def network_of(address: str | None) -> str:
    """What counts as one address. Everyone behind admin.sock is one."""
    try:
        found = ipaddress.ip_address((address or "").partition("%")[0])
    except ValueError:
        return address or "local"
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return str(ipaddress.ip_network((found, 64), strict=False))
    return str(found)


def subjects(email: str, address: str | None) -> list[str]:
    """What an attempt counts against, in the order `failed` needs."""
    where = network_of(address)
    return [f"pair:{email}|{where}", f"address:{where}", f"account:{email}"]


def address_alone(address: str | None) -> list[str]:
    """For attempts that name no account: links, passkeys."""
    return [f"address:{network_of(address)}"]


def check(conn: sa.Connection, subjects: list[str], now: datetime, *, hold: bool = False) -> None:
    """Raises `TooManyAttempts` while one of them waits. Known and unknown accounts are the same.

    `hold`: in the transaction that judges, the rows stay as they are until its end: of a hundred attempts sent at once
    no more are judged than one after the other.
    """
    found = sa.select(table).where(table.c.subject.in_(subjects))
    for row in conn.execute(found.with_for_update() if hold else found):
        free = _FREE[row.subject.partition(":")[0]]
        if row.failures < free:
            continue
        wait = min(timedelta(seconds=2 ** min(row.failures - free + 1, 12)), LONGEST)
        left = (row.last_at + wait - now).total_seconds()
        if left > 0:
            raise TooManyAttempts(
                "too many failed attempts",
                hint=f"Wait {max(1, round(left))} s.",
                details={"retry_after_seconds": max(1, round(left))},
            )


def failed(conn: sa.Connection, subjects: list[str], now: datetime) -> None:
    """Count one more against each; what failed last more than a day ago is forgotten."""
    conn.execute(table.delete().where(table.c.last_at < now - FORGOTTEN_AFTER))
    of_pair = 0
    for subject in subjects:
        if subject.startswith("account:") and of_pair > SHARE_OF_ADDRESS:
            continue
        counted = _counted(conn, subject, now)
        if subject.startswith("pair:"):
            of_pair = counted


def _counted(conn: sa.Connection, subject: str, now: datetime) -> int:
    """Its failures with this one. Of two that are the first at the same time, the second to come counts on."""
    more = {"failures": table.c.failures + 1, "last_at": now}
    query = table.update().where(table.c.subject == subject).values(**more).returning(table.c.failures)
    after: int | None = conn.execute(query).scalar()
    if after is not None:
        return after
    try:
        with conn.begin_nested():
            conn.execute(table.insert().values(subject=subject, failures=1, last_at=now))
    except sa.exc.IntegrityError:
        return conn.execute(query).scalar() or 1
    return 1


def cleared(conn: sa.Connection, subjects: list[str]) -> None:
    """Whoever proved to be the person waits no more; the address goes on counting."""
    own = [subject for subject in subjects if not subject.startswith("address:")]
    conn.execute(table.delete().where(table.c.subject.in_(own)))


def forget(conn: sa.Connection, email: str) -> None:
    """An operator's word: nothing is held against the account any more, from wherever it came."""
    pairs = table.c.subject.startswith(f"pair:{email}|", autoescape=True)
    conn.execute(table.delete().where(sa.or_(pairs, table.c.subject == f"account:{email}")))
