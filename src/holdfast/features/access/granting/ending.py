"""A project or an environment ends: nobody holds anything in it any more, and no key is for it."""

from __future__ import annotations

from collections.abc import Callable

import sqlalchemy as sa

from holdfast.features.access import key_store
from holdfast.features.access.grants import Place
from holdfast.features.access.model import api_keys, role_grants
from holdfast.kernel.db import json_elements, json_field


def end_project(conn: sa.Connection, project_id: str) -> dict[str, int]:
    """How many grants went and how many keys were narrowed. A key left without a place does nothing anywhere."""
    return _end(conn, "project_id", project_id)


def end_environment(conn: sa.Connection, environment_id: str) -> dict[str, int]:
    return _end(conn, "environment_id", environment_id)


def _end(conn: sa.Connection, field: str, thing_id: str) -> dict[str, int]:
    gone = conn.execute(role_grants.delete().where(role_grants.c[field] == thing_id)).rowcount
    narrowed = _narrow(conn, field, thing_id, lambda place: getattr(place, field) != thing_id)
    return {"grants": gone, "keys": narrowed}


def _narrow(conn: sa.Connection, field: str, thing_id: str, stays: Callable[[Place], bool]) -> int:
    table = api_keys
    whole, part = json_elements(conn, table.c.projects), json_elements(conn, table.c.places)
    named: list[sa.ColumnElement[bool]] = [
        sa.select(part.c.value).where(json_field(conn, part.c.value, field) == thing_id).exists()
    ]
    if field == "project_id":
        named.append(sa.select(whole.c.value).where(whole.c.value == thing_id).exists())
    found = conn.execute(sa.select(table.c.id, table.c.projects, table.c.places).where(sa.or_(*named))).all()
    for row in found:
        left = [place for place in key_store.places_of(row.projects, row.places) or () if stays(place)]
        conn.execute(table.update().where(table.c.id == row.id).values(**key_store.stored(left)))
    return len(found)
