"""What is amiss although nothing happened: found by looking, once a minute. Works when no run runs at all."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

import sqlalchemy as sa

from holdfast.features.alerts import policy
from holdfast.features.alerts.model import Happened, Rule
from holdfast.features.backups.model import IMPORTED, repositories, snapshots, verifications
from holdfast.features.databases.model import resources
from holdfast.features.limits.book import LimitBook
from holdfast.features.limits.quota import Count
from holdfast.features.limits.words import Subject
from holdfast.features.projects.model import projects
from holdfast.kernel.clock import timestamp
from holdfast.kernel.sizes import size_text

TREND = timedelta(days=7)
_DAYS_LEFT = 7.0


class Late(Protocol):
    """A database that a plan should have a newer snapshot of, as `features.plans.status` has it."""

    @property
    def plan_id(self) -> str: ...
    @property
    def plan_name(self) -> str: ...
    @property
    def project_id(self) -> str: ...
    @property
    def environment_id(self) -> str: ...
    @property
    def resource_id(self) -> str: ...
    @property
    def resource_name(self) -> str: ...
    @property
    def repository_id(self) -> str | None: ...
    @property
    def due_at(self) -> datetime: ...
    @property
    def last_success_at(self) -> datetime | None: ...


Overdue = Callable[[sa.Connection, datetime], Sequence[Late]]
Usage = Callable[[Path], tuple[int, int]]  # bytes in all, bytes free


def none_overdue(_conn: sa.Connection, _now: datetime) -> Sequence[Late]:
    return ()


def disk_usage(path: Path) -> tuple[int, int]:
    """Raises OSError."""
    usage = shutil.disk_usage(path)
    return usage.total, usage.free


@dataclass(frozen=True)
class Judge:
    """Each verb answers everything that is amiss in its way now; what it no longer names is over."""

    data: Path
    node: str
    reserve: int
    book: LimitBook
    kept: Count  # bytes that a project's snapshots hold
    overdue: Overdue = field(default=none_overdue)
    usage: Usage = field(default=disk_usage)

    def schedule_missed(self, conn: sa.Connection, now: datetime, _rules: Sequence[Rule]) -> list[Happened]:
        return [_missed(late, now) for late in self.overdue(conn, now)]

    def repository_unreachable(self, conn: sa.Connection, now: datetime, _rules: Sequence[Rule]) -> list[Happened]:
        c = repositories.c
        query = sa.select(c.id, c.project_id, c.name, c.trouble).where(c.trouble.is_not(None))
        return [
            Happened(
                source="",
                type="repository_unreachable",
                at=now,
                name=row.name,
                key=f"repository_unreachable:{row.id}",
                project_id=row.project_id,
                details={
                    "repository_id": row.id,
                    "error": {name: str(row.trouble.get(name) or "") for name in ("message", "hint")},
                },
            )
            for row in conn.execute(query)
        ]

    def verification_overdue(self, conn: sa.Connection, now: datetime, rules: Sequence[Rule]) -> list[Happened]:
        """Databases that have snapshots, none of which was proven for longer than the rules allow."""
        s, v, r = snapshots.c, verifications.c, resources.c
        proven = sa.func.max(sa.case((v.ok.is_(True), v.at))).label("proven")
        query = (
            sa.select(r.id, r.name, r.project_id, r.environment_id, proven, sa.func.min(s.created_at).label("first"))
            .join(snapshots, s.resource_id == r.id)
            .outerjoin(verifications, v.snapshot_id == s.id)
            .where(r.deleted_at.is_(None), s.state == "ready", s.trigger != IMPORTED)
            .group_by(r.id, r.name, r.project_id, r.environment_id)
        )
        found = []
        for row in conn.execute(query):
            days = policy.threshold("verification_overdue", row.project_id, rules, now)
            since = row.proven or row.first
            if now - since > timedelta(days=days):
                last = timestamp(row.proven) if row.proven else None
                found.append(
                    Happened(
                        source="",
                        type="verification_overdue",
                        at=now,
                        name=row.name,
                        key=f"verification_overdue:{row.id}",
                        project_id=row.project_id,
                        environment_id=row.environment_id,
                        resource_id=row.id,
                        details={"last_verified_at": last, "allowed_days": days, "error": _NOT_PROVEN},
                    )
                )
        return found

    def repository_filling(self, conn: sa.Connection, now: datetime, rules: Sequence[Rule]) -> list[Happened]:
        """The disk that this node keeps its repositories on: too full, or full within a week as it goes."""
        total, free = self.usage(self.data)
        c = snapshots.c
        here = sa.and_(repositories.c.kind == "local", repositories.c.node.in_((self.node,)))
        query = (
            sa.select(sa.func.coalesce(sa.func.sum(c.stored_bytes), 0))
            .join(repositories, repositories.c.id == c.repository_id)
            .where(c.created_at > now - TREND, c.state == "ready", sa.or_(here, repositories.c.node.is_(None)))
            .where(repositories.c.kind == "local")
        )
        a_day = int(conn.execute(query).scalar_one()) / TREND.days
        limit = policy.threshold("repository_filling", None, rules, now)
        used = 100 * (total - free) / total if total else 0
        left = free / a_day if a_day else None
        soon = left is not None and left < _DAYS_LEFT
        if used < limit and free > self.reserve and not soon:
            return []
        said = f"{used:.0f} % of the disk is used, {size_text(free)} are free" + (
            f"; at {size_text(int(a_day))} a day that lasts {left:.0f} days" if soon and left is not None else ""
        )
        return [
            Happened(
                source="",
                type="repository_filling",
                at=now,
                name=self.node,
                key=f"repository_filling:{self.node}",
                severity="critical" if free <= 2 * self.reserve else None,
                details={
                    "node": self.node,
                    "free_bytes": free,
                    "total_bytes": total,
                    "error": {"message": said, "hint": "Make room, or lower what the retention of plans keeps."},
                },
            )
        ]

    def quota_near(self, conn: sa.Connection, now: datetime, rules: Sequence[Rule]) -> list[Happened]:
        self.book.fresh(conn)
        found = []
        for row in conn.execute(sa.select(projects.c.id, projects.c.name)).all():
            subject = Subject("project", row.id)
            amount = self.book.limit(subject, "storage").amount
            if not amount:
                continue
            used, _ = self.kept(conn, subject, now)
            if 100 * used >= amount * policy.threshold("quota_near", row.id, rules, now):
                said = f"{100 * used / amount:.0f} % of the storage quota is used"
                said += f": {size_text(used)} of {size_text(amount)}"
                found.append(
                    Happened(
                        source="",
                        type="quota_near",
                        at=now,
                        name=row.name,
                        key=f"quota_near:{row.id}",
                        project_id=row.id,
                        severity="critical" if used >= amount else None,
                        details={"used_bytes": used, "quota_bytes": amount, "error": {"message": said}},
                    )
                )
        return found


_NOT_PROVEN = {
    "message": "no snapshot of it was proven for too long",
    "hint": "Prove the newest one: holdfast snapshot verify latest:NAME",
}


def _missed(late: Late, now: datetime) -> Happened:
    last = timestamp(late.last_success_at) if late.last_success_at else None
    said = f"{late.plan_name} should have taken a snapshot by {timestamp(late.due_at)}"
    return Happened(
        source="",
        type="schedule_missed",
        at=now,
        name=late.resource_name,
        key=f"schedule_missed:{late.plan_id}:{late.resource_id}:{late.repository_id or ''}",
        project_id=late.project_id,
        environment_id=late.environment_id,
        resource_id=late.resource_id,
        details={
            "plan_id": late.plan_id,
            "due_at": timestamp(late.due_at),
            "last_success_at": last,
            "error": {"message": said, "hint": "Look at its runs, and whether a runner is working: holdfast status"},
        },
    )
