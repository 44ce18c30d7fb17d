"""What quotas count of snapshots: how many were asked for, and the bytes that are kept."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import sqlalchemy as sa

from holdfast.features.backups.model import STORED, snapshots
from holdfast.features.limits.quota import Count
from holdfast.features.limits.words import Subject, What

_c = snapshots.c


def made_since(conn: sa.Connection, subject: Subject, since: datetime) -> tuple[int, datetime | None]:
    """Snapshots someone or something asked for, whatever became of them; not those that a restore takes for safety."""
    whose = _c.project_id if subject.kind == "project" else _c.created_by
    query = sa.select(sa.func.count(), sa.func.min(_c.created_at)).where(
        whose == subject.id, _c.created_at > since, _c.trigger != "safety"
    )
    count, first = conn.execute(query).one()
    return int(count), first


def bytes_kept(conn: sa.Connection, subject: Subject, _since: datetime) -> tuple[int, datetime | None]:
    """What a project's snapshots added to its repositories when they were taken."""
    query = sa.select(sa.func.coalesce(sa.func.sum(_c.stored_bytes), 0))
    return int(conn.execute(query.where(_c.project_id == subject.id, _c.state.in_(STORED))).scalar_one()), None


COUNTS: Mapping[What, Count] = {"backups": made_since, "storage": bytes_kept}
