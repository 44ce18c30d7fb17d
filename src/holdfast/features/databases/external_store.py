"""Statements on the latest look at each database that is not ours."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from holdfast.features.databases.model import EXTERNAL, Look, external_reports, resources


def of(conn: sa.Connection, resource_id: str) -> Look | None:
    row = conn.execute(sa.select(external_reports).where(external_reports.c.resource_id == resource_id)).first()
    return Look(**row._mapping) if row else None


def keep(conn: sa.Connection, look: Look) -> None:
    """The newest look in the place of the one before; a failed one keeps the last report."""
    c = external_reports.c
    values: dict[str, Any] = {"at": look.at, "ok": look.ok, "error": look.error}
    if look.report is not None:
        values["report"] = look.report
    changed = conn.execute(sa.update(external_reports).where(c.resource_id == look.resource_id).values(**values))
    if changed.rowcount == 0:
        conn.execute(sa.insert(external_reports).values(**vars(look)))


def forget(conn: sa.Connection, resource_id: str) -> None:
    conn.execute(sa.delete(external_reports).where(external_reports.c.resource_id == resource_id))


def power(conn: sa.Connection, resource_id: str, name: str) -> Mapping[str, Any] | None:
    """One power of the newest report; None before the first."""
    look = of(conn, resource_id)
    powers = look.report["powers"] if look is not None and look.report is not None else ()
    return next((each for each in powers if each["name"] == name), None)


def due(conn: sa.Connection, before: datetime, limit: int) -> list[str]:
    """Ready registered databases whose latest look is older, the oldest first."""
    c, r = external_reports.c, resources.c
    rows = conn.execute(
        sa.select(r.id)
        .join(external_reports, c.resource_id == r.id)
        .where(r.host == EXTERNAL, r.state == "ready", r.deleted_at.is_(None), c.at < before)
        .order_by(c.at)
        .limit(limit)
    )
    return list(rows.scalars())


def unreachable(conn: sa.Connection, limit: int) -> tuple[int, list[tuple[str, str]]]:
    """How many registered databases there are, and (name, reason) of those that could not be reached last time."""
    c, r = external_reports.c, resources.c
    mine = sa.select(r.name, c.ok, c.error).join(external_reports, c.resource_id == r.id)
    mine = mine.where(r.host == EXTERNAL, r.deleted_at.is_(None), r.state.in_(("ready", "failed")))
    total = conn.execute(sa.select(sa.func.count()).select_from(mine.subquery())).scalar_one()
    rows = conn.execute(mine.where(c.ok.is_(False)).order_by(r.name).limit(limit))
    return int(total), [(row.name, str((row.error or {}).get("message", "unknown"))) for row in rows]
