"""How long a proof counts: after that a snapshot is stale, yellow, until it is proven again."""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa

from holdfast.features.backups.model import Snapshot, snapshots

DAYS = 30  # where neither its plan nor whoever took it says otherwise


def fresh_until(snapshot: Snapshot, proven: datetime) -> datetime:
    days = (snapshot.options or {}).get("verify_within") or DAYS
    return proven + timedelta(days=int(days))


def stale(now: datetime) -> sa.ColumnElement[bool]:
    """Green, and no proof counts any more. Those proven before proofs had a term count from when they were taken."""
    c = snapshots.c
    since = sa.func.coalesce(c.taken_at, c.created_at, type_=c.created_at.type)
    old = sa.and_(c.proof_due.is_(None), since < now - timedelta(days=DAYS))
    return sa.and_(c.state == "ready", c.verification == "green", sa.or_(c.proof_due < now, old))


def any_stale(conn: sa.Connection, now: datetime) -> bool:
    return conn.execute(sa.select(snapshots.c.id).where(stale(now)).limit(1)).first() is not None


def make_stale(conn: sa.Connection, now: datetime) -> int:
    """How many. One statement."""
    return conn.execute(sa.update(snapshots).where(stale(now)).values(verification="yellow", unproven="stale")).rowcount


def in_word(word: str) -> sa.ColumnElement[bool]:
    """Snapshots of which `Snapshot.proof` says this."""
    c = snapshots.c
    colours = {"verified": "green", "failed": "red"}
    if word in colours:
        return c.verification == colours[word]
    reason = c.unproven.is_(None) if word == "pending" else c.unproven == word
    return sa.and_(c.verification == "yellow", reason)
