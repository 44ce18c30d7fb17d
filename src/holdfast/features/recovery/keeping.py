"""Which of the metadata's own snapshots stay: the newest ones, and one of each day for a month. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from holdfast.features.recovery.model import MetadataSnapshot

NEWEST = 24
DAYS = 30


def to_forget(rows: Sequence[MetadataSnapshot], now: datetime) -> list[MetadataSnapshot]:
    """Of ready `rows` of one repository, newest first, those that may go. The newest of each day is kept; what lies in
    the future (a clock was set back) always is."""
    kept: set[str] = {row.id for row in rows[:NEWEST]}
    days: set[object] = set()
    for row in rows:
        taken = row.taken_at or row.created_at
        if taken > now:
            kept.add(row.id)
        elif taken > now - timedelta(days=DAYS) and taken.date() not in days:
            days.add(taken.date())
            kept.add(row.id)
    return [row for row in rows if row.id not in kept]
