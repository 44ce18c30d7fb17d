"""Statements on tags and rules; each is one round trip."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict

import sqlalchemy as sa

from holdfast.features.backups.model import Snapshot, snapshots
from holdfast.features.backups.tagging.model import Conditions, Rule, Tag, snapshot_tags, tag_rules
from holdfast.features.databases.model import resources


def tags(conn: sa.Connection, project_id: str, after: str | None = None, limit: int = 1) -> list[Tag]:
    """By name."""
    c = snapshot_tags.c
    query = sa.select(snapshot_tags).where(c.project_id == project_id).order_by(c.name).limit(limit)
    if after is not None:
        query = query.where(c.name > after)
    return [Tag(**row) for row in conn.execute(query).mappings()]


def tag(conn: sa.Connection, project_id: str, name: str) -> Tag | None:
    c = snapshot_tags.c
    found = conn.execute(sa.select(snapshot_tags).where(c.project_id == project_id, c.name == name)).mappings().first()
    return Tag(**found) if found else None


def rules(conn: sa.Connection, project_id: str, *, enabled: bool = False) -> list[Rule]:
    """By name; `enabled`: only those that are at work. A project has a bounded number of them."""
    c = tag_rules.c
    query = sa.select(tag_rules).where(c.project_id == project_id).order_by(c.name)
    return [_rule(row) for row in conn.execute(query.where(c.enabled) if enabled else query).mappings()]


def rule(conn: sa.Connection, project_id: str, name: str) -> Rule | None:
    c = tag_rules.c
    found = conn.execute(sa.select(tag_rules).where(c.project_id == project_id, c.name == name)).mappings().first()
    return _rule(found) if found else None


def put(conn: sa.Connection, row: Tag | Rule) -> None:
    """In the place of the one of its name."""
    values = asdict(row)
    if isinstance(row, Rule):
        values["conditions"] = row.conditions.as_json()
    table = _table(type(row))
    c = table.c
    mine = (c.project_id == row.project_id, c.name == row.name)
    if conn.execute(sa.update(table).where(*mine).values(**values)).rowcount == 0:
        conn.execute(sa.insert(table).values(**values))


def remove(conn: sa.Connection, kind: type[Tag] | type[Rule], project_id: str, name: str) -> bool:
    c = _table(kind).c
    gone = conn.execute(sa.delete(_table(kind)).where(c.project_id == project_id, c.name == name))
    return gone.rowcount > 0


def count(conn: sa.Connection, kind: type[Tag] | type[Rule], project_id: str) -> int:
    table = _table(kind)
    query = sa.select(sa.func.count()).select_from(table).where(table.c.project_id == project_id)
    return int(conn.execute(query).scalar_one())


def colours(conn: sa.Connection, project_ids: Collection[str]) -> dict[tuple[str, str], str]:
    """By project and tag, of those that have one."""
    c = snapshot_tags.c
    query = sa.select(c.project_id, c.name, c.colour).where(c.project_id.in_(project_ids), c.colour.is_not(None))
    return {(row.project_id, row.name): row.colour for row in conn.execute(query)}


def labels(conn: sa.Connection, resource_ids: Collection[str]) -> dict[str, Mapping[str, str]]:
    """By database, of those that are there."""
    c = resources.c
    found = conn.execute(sa.select(c.id, c.labels).where(c.id.in_(resource_ids)))
    return {row.id: row.labels for row in found}


def retag(conn: sa.Connection, snapshot: Snapshot, tags: list[str]) -> Snapshot | None:
    """None when somebody changed it since, or it is not ready any more: nothing changes then."""
    c = snapshots.c
    query = sa.update(snapshots).where(c.id == snapshot.id, c.version == snapshot.version, c.state == "ready")
    changed = query.values(tags=tags, version=snapshot.version + 1).returning(*c)
    found = conn.execute(changed).mappings().first()
    return Snapshot(**found) if found else None


def _table(kind: type[Tag] | type[Rule]) -> sa.Table:
    return snapshot_tags if kind is Tag else tag_rules


def _rule(row: sa.RowMapping) -> Rule:
    return Rule(**{**row, "conditions": Conditions(**row["conditions"])})
