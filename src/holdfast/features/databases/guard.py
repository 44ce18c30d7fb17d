"""Finding a database for someone: existence and permission are one question."""

from __future__ import annotations

import sqlalchemy as sa

from holdfast.features.access.actor import Actor, no_such
from holdfast.features.databases import store
from holdfast.features.databases.model import Resource


def found(conn: sa.Connection, actor: Actor, resource_id: str, permission: str) -> Resource:
    """The database, if `actor` may do `permission` with it. Raises Denied for the permission, then NotFound when it is
    absent, purged or in a place the actor does not see. Deleted ones are found until they are purged."""
    return allowed(actor, store.get(conn, resource_id), permission)


def allowed(actor: Actor, resource: Resource | None, permission: str) -> Resource:
    """The same for what was read already."""
    actor.require(permission, resource.place if resource else None, noun="database")
    if resource is None or resource.purged_at is not None:
        raise no_such("database")
    return resource
