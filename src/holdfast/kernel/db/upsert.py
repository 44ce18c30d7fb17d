"""Rows that may be there already, written by several at once, none of which fails."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

_INSERTS: Mapping[str, Any] = {"postgresql": postgresql.insert, "sqlite": sqlite.insert}


def upsert(conn: sa.Connection, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """The later one wins. Pass rows in the order of their keys, so that two writers never wait for each other."""
    if not rows:
        return
    keys = [column.name for column in table.primary_key]
    insert = _INSERTS[conn.dialect.name](table).values([dict(row) for row in rows])
    others = {name: insert.excluded[name] for name in rows[0] if name not in keys}
    conn.execute(insert.on_conflict_do_update(index_elements=keys, set_=others))


def insert_new(conn: sa.Connection, table: sa.Table, row: Mapping[str, Any]) -> None:
    """Unless a row of that primary key is there, or another transaction that is waited for commits one."""
    conn.execute(_INSERTS[conn.dialect.name](table).values(dict(row)).on_conflict_do_nothing())
