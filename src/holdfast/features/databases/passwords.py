"""Passwords on their way in: written down before the server hears of them, and counting only once it has taken them.

Between the two both are kept. Whoever brings the database up next, or rotates again, carries it to its end.
"""

from __future__ import annotations

import secrets as tokens
from collections.abc import Iterable, Mapping

import sqlalchemy as sa

from holdfast.features.databases.model import Resource
from holdfast.kernel.secrets import Secrets

_COMING = "next."


def current(stored: Mapping[str, str]) -> dict[str, str]:
    """What counts now, by secret."""
    return {name: value for name, value in stored.items() if not name.startswith(_COMING)}


def coming(stored: Mapping[str, str]) -> dict[str, str]:
    """What a rotation that is not at its end is bringing in, by secret; empty = none is under way."""
    return {name.removeprefix(_COMING): value for name, value in stored.items() if name.startswith(_COMING)}


def begin(conn: sa.Connection, secrets: Secrets, resource: Resource, names: Iterable[str]) -> None:
    """Write new ones down. What an earlier try wrote down stays: the server may have taken it."""
    there = coming(secrets.all(conn, resource.environment_id, resource.id))
    for name in names:
        if name not in there:
            secrets.put(conn, resource.environment_id, resource.id, _COMING + name, tokens.token_urlsafe(24))


def finish(conn: sa.Connection, secrets: Secrets, resource: Resource, taken: Mapping[str, str]) -> None:
    """The server has taken these: the old ones are forgotten. What was finished meanwhile stays as it is."""
    there = coming(secrets.all(conn, resource.environment_id, resource.id))
    place = (resource.environment_id, resource.id)
    for name, value in taken.items():
        if there.get(name) == value:
            secrets.put(conn, *place, name, value)
            secrets.forget_older(conn, *place, name)
            secrets.delete(conn, *place, _COMING + name)


def give_up(conn: sa.Connection, secrets: Secrets, resource: Resource) -> None:
    """For a rotation the server has certainly not heard of."""
    for name in coming(secrets.all(conn, resource.environment_id, resource.id)):
        secrets.delete(conn, resource.environment_id, resource.id, _COMING + name)
