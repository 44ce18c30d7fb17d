"""Which plans seal with a key."""

from __future__ import annotations

import sqlalchemy as sa

from holdfast.features.file_keys.model import FileKey
from holdfast.features.file_keys.service import SHOWN, Use
from holdfast.features.plans.model import plans


def plans_of(conn: sa.Connection, key: FileKey) -> Use:
    """Their next snapshots would fail without it."""
    c = plans.c
    said = c.options["key"].as_string().in_((key.name, key.id))
    names = list(conn.scalars(sa.select(c.name).where(c.project_id == key.project_id, said).order_by(c.id)))
    return Use("plan", len(names), names[:SHOWN], blocks=True)
