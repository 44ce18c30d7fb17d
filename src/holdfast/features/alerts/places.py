"""Who may do what with what belongs to a project, or to the whole server."""

from __future__ import annotations

from typing import Protocol

import sqlalchemy as sa

from holdfast.features.access.actor import Actor, hidden, no_such
from holdfast.features.access.grants import Place
from holdfast.features.projects.scope import project_of

READ, ACKNOWLEDGE = "alert.read", "alert.acknowledge"
CHANNELS, RULES = "alert.channel.manage", "alert.rule.manage"


class Placed(Protocol):
    @property
    def place(self) -> Place | None: ...


def require(actor: Actor, permission: str, found: Placed | None, noun: str) -> None:
    """Raises Denied, or NotFound for what is not there, of another project, or the whole server's."""
    actor.require(permission, found.place if found else None, noun=noun)
    if found is None:
        raise no_such(noun)
    if found.place is None and not actor.holds(permission, None):
        raise hidden(noun)


def require_new(conn: sa.Connection, actor: Actor, permission: str, project_id: str | None) -> None:
    """Before something is made in a project, or for the whole server."""
    if project_id is None:
        actor.require_everywhere(permission)
    else:
        project_of(conn, actor, project_id, permission)
