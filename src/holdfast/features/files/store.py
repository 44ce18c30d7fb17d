"""One statement each, on links and policies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from holdfast.features.access.grants import Columns
from holdfast.features.files.model import Asked, Download, Lives, downloads, file_policies, link_lives

COLUMNS = Columns.of(downloads)


def get(conn: sa.Connection, download_id: str) -> Download | None:
    row = conn.execute(sa.select(downloads).where(downloads.c.id == download_id)).mappings().first()
    return Download(**row) if row else None


def insert(conn: sa.Connection, download: Download) -> None:
    conn.execute(downloads.insert().values(**asdict(download)))


def change(conn: sa.Connection, download_id: str, *, states: Sequence[str], **values: Any) -> Download | None:
    """None when it is in none of `states`: nothing changes then."""
    c = downloads.c
    query = downloads.update().where(c.id == download_id, c.state.in_(states)).values(**values)
    row = conn.execute(query.returning(*c)).mappings().first()
    return Download(**row) if row else None


def page(
    conn: sa.Connection,
    visible: sa.ColumnElement[bool],
    *,
    project_id: str | None,
    snapshot_id: str | None,
    after: str | None,
    limit: int,
) -> list[Download]:
    """Newest first. `snapshot_id`: its own links and the zips that hold it."""
    c = downloads.c
    query = sa.select(downloads).where(visible).order_by(c.id.desc()).limit(limit)
    if project_id is not None:
        query = query.where(c.project_id == project_id)
    if snapshot_id is not None:
        member = sa.cast(c.members, sa.Text).contains(f'"{snapshot_id}"', autoescape=True)
        query = query.where(sa.or_(c.snapshot_id == snapshot_id, member))
    if after is not None:
        query = query.where(c.id < after)
    return [Download(**row) for row in conn.execute(query).mappings()]


def expired(conn: sa.Connection, before: datetime, limit: int = 200) -> list[Download]:
    query = sa.select(downloads).where(downloads.c.expires_at < before).order_by(downloads.c.id).limit(limit)
    return [Download(**row) for row in conn.execute(query).mappings()]


def delete(conn: sa.Connection, download_id: str) -> None:
    conn.execute(downloads.delete().where(downloads.c.id == download_id))


def policy(conn: sa.Connection, project_id: str) -> Asked:
    """What the project asks of files; "optional" where nobody said."""
    c = file_policies.c
    found: Asked | None = conn.execute(sa.select(c.encryption).where(c.project_id == project_id)).scalar()
    return found or "optional"


def put_policy(conn: sa.Connection, project_id: str, encryption: Asked, actor: str, now: datetime) -> None:
    values = {"encryption": encryption, "changed_by": actor, "changed_at": now}
    changed = conn.execute(file_policies.update().where(file_policies.c.project_id == project_id).values(**values))
    if changed.rowcount == 0:
        conn.execute(file_policies.insert().values(project_id=project_id, **values))


def lives(conn: sa.Connection) -> Lives | None:
    """None where nobody set them."""
    found = conn.execute(sa.select(link_lives)).first()
    return Lives(found.default_seconds, found.most_seconds) if found else None


def put_lives(conn: sa.Connection, wanted: Lives, actor: str, now: datetime) -> None:
    values = {"default_seconds": wanted.default, "most_seconds": wanted.most, "changed_by": actor, "changed_at": now}
    if conn.execute(link_lives.update().values(**values)).rowcount == 0:
        conn.execute(link_lives.insert().values(id="links", **values))


def count_open(conn: sa.Connection, project_id: str, now: datetime) -> int:
    c = downloads.c
    mine = (c.project_id == project_id, c.state == "open", c.expires_at > now)
    return int(conn.execute(sa.select(sa.func.count()).select_from(downloads).where(*mine)).scalar_one())
