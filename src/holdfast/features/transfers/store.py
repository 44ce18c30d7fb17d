"""One statement each, on uploads, exports and imports alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, TypeVar

import sqlalchemy as sa

from holdfast.features.access.grants import Columns
from holdfast.features.transfers.model import Export, Import, Upload, exports, imports, uploads

T = TypeVar("T", Upload, Export, Import)
TAKEN = "taken"  # an upload that a run reads: nobody else's, and not gone before that run ended
TABLES: dict[type, sa.Table] = {Upload: uploads, Export: exports, Import: imports}


def columns_of(kind: type[T]) -> Columns:
    c = TABLES[kind].c
    return Columns(c.project_id, c.environment_id, c.resource_id)


def get(conn: sa.Connection, kind: type[T], thing_id: str) -> T | None:
    table = TABLES[kind]
    row = conn.execute(sa.select(table).where(table.c.id == thing_id)).first()
    return kind(**row._mapping) if row else None


def insert(conn: sa.Connection, thing: Upload | Export | Import) -> None:
    conn.execute(TABLES[type(thing)].insert().values(**asdict(thing)))


def change(
    conn: sa.Connection,
    kind: type[T],
    thing_id: str,
    *,
    states: Sequence[str],
    received: int | None = None,
    **values: Any,
) -> T | None:
    """None when it is in none of `states` (or, for an upload, elsewhere than at `received`): nothing changes then."""
    table = TABLES[kind]
    query = table.update().where(table.c.id == thing_id, table.c.state.in_(states))
    if received is not None:
        query = query.where(table.c.received == received)
        values = {"received": values.pop("now_received"), **values}
    row = conn.execute(query.values(**values).returning(*table.c)).first()
    return kind(**row._mapping) if row else None


def delete(conn: sa.Connection, kind: type[T], thing_id: str) -> None:
    table = TABLES[kind]
    conn.execute(table.delete().where(table.c.id == thing_id))


def page(
    conn: sa.Connection,
    kind: type[T],
    visible: sa.ColumnElement[bool],
    *,
    project_id: str | None = None,
    resource_id: str | None = None,
    created_by: str | None = None,
    after: str | None = None,
    limit: int = 50,
) -> list[T]:
    """Newest first."""
    c = TABLES[kind].c
    query = sa.select(TABLES[kind]).where(visible).order_by(c.id.desc()).limit(limit)
    for column, value in ((c.project_id, project_id), (c.resource_id, resource_id), (c.created_by, created_by)):
        if value is not None:
            query = query.where(column == value)
    if after is not None:
        query = query.where(c.id < after)
    return [kind(**row._mapping) for row in conn.execute(query)]


def open_uploads(conn: sa.Connection, created_by: str) -> int:
    query = sa.select(sa.func.count()).select_from(uploads).where(uploads.c.created_by == created_by)
    return int(conn.execute(query).scalar_one())


def in_state(conn: sa.Connection, kind: type[T], state: str, limit: int = 200) -> list[T]:
    table = TABLES[kind]
    query = sa.select(table).where(table.c.state == state).order_by(table.c.id).limit(limit)
    return [kind(**row._mapping) for row in conn.execute(query)]


def expired(conn: sa.Connection, kind: type[T], now: datetime, limit: int = 200) -> list[T]:
    """Never what a run still works on."""
    table = TABLES[kind]
    query = sa.select(table).where(table.c.expires_at <= now, table.c.state.not_in(("running", TAKEN))).limit(limit)
    return [kind(**row._mapping) for row in conn.execute(query)]


def known(conn: sa.Connection, kind: type, ids: Sequence[str]) -> set[str]:
    """Those of `ids` that have a row."""
    c = TABLES[kind].c
    found: set[str] = set()
    for at in range(0, len(ids), 500):
        found |= set(conn.execute(sa.select(c.id).where(c.id.in_(ids[at : at + 500]))).scalars())
    return found


def importing(conn: sa.Connection, upload_id: str) -> bool:
    query = sa.select(imports.c.id).where(imports.c.upload_id == upload_id, imports.c.state == "running").limit(1)
    return conn.execute(query).first() is not None
