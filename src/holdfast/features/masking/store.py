"""One statement each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from holdfast.features.masking.model import MaskingProfile, masking_profiles

_c = masking_profiles.c


def get(conn: sa.Connection, profile_id: str) -> MaskingProfile | None:
    return _profile(conn.execute(sa.select(masking_profiles).where(_c.id == profile_id)).first())


def named(conn: sa.Connection, project_id: str, name: str) -> MaskingProfile | None:
    """By name or id, within one project."""
    mine = sa.select(masking_profiles).where(_c.project_id == project_id, sa.or_(_c.name == name, _c.id == name))
    return _profile(conn.execute(mine).first())


def page(
    conn: sa.Connection, project_id: str, visible: sa.ColumnElement[bool], *, after: str | None, limit: int
) -> Sequence[MaskingProfile]:
    """In order of creation."""
    query = sa.select(masking_profiles).where(_c.project_id == project_id, visible).order_by(_c.id).limit(limit)
    if after is not None:
        query = query.where(_c.id > after)
    return [MaskingProfile(**row._mapping) for row in conn.execute(query)]


def insert(conn: sa.Connection, made: MaskingProfile) -> None:
    conn.execute(masking_profiles.insert().values(**asdict(made)))


def change(
    conn: sa.Connection, profile_id: str, version: int, now: datetime, values: Mapping[str, Any]
) -> MaskingProfile | None:
    """None when `version` is no longer current."""
    query = masking_profiles.update().where(_c.id == profile_id, _c.version == version)
    changed = query.values(**values, version=version + 1, updated_at=now).returning(*_c)
    return _profile(conn.execute(changed).first())


def delete(conn: sa.Connection, profile_id: str) -> None:
    conn.execute(masking_profiles.delete().where(_c.id == profile_id))


def _profile(row: sa.Row[Any] | None) -> MaskingProfile | None:
    return None if row is None else MaskingProfile(**row._mapping)
