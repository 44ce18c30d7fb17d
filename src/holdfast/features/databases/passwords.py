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
_KEPT = "kept."


def current(stored: Mapping[str, str]) -> dict[str, str]:
    """What counts now, by secret."""
    return {name: value for name, value in stored.items() if not name.startswith((_COMING, _KEPT))}


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


def kept(stored: Mapping[str, str]) -> dict[str, str]:
    """Those of a state that was set aside and may be put back, by secret; empty = nothing is."""
    return {name.removeprefix(_KEPT): value for name, value in stored.items() if name.startswith(_KEPT)}


def keep(conn: sa.Connection, secrets: Secrets, resource: Resource) -> None:
    """Today's too for a state that is set aside: a rotation meanwhile does not reach it."""
    forget_kept(conn, secrets, resource)
    for name, value in current(secrets.all(conn, resource.environment_id, resource.id)).items():
        secrets.put(conn, resource.environment_id, resource.id, _KEPT + name, value)


def forget_kept(conn: sa.Connection, secrets: Secrets, resource: Resource) -> None:
    for name in kept(secrets.all(conn, resource.environment_id, resource.id)):
        secrets.delete(conn, resource.environment_id, resource.id, _KEPT + name)
