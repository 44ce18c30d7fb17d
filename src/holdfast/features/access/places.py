"""Where things of the slices above live: asked by their id, answered by the composition root."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import sqlalchemy as sa

from holdfast.features.access.actor import Actor, no_such
from holdfast.features.access.grants import Place

Locate = Callable[[sa.Connection, str], Place | None]


@dataclass(frozen=True)
class Whereabouts:
    """Each is given an id and answers its place, or None when there is no such thing."""

    project: Locate
    environment: Locate
    resource: Locate

    def place(self, conn: sa.Connection, actor: Actor, permission: str, noun: str, thing_id: str) -> Place:
        """Where it is, if `actor` may do `permission` there. NotFound when absent or foreign, else Denied."""
        locate: Locate = {"project": self.project, "environment": self.environment, "resource": self.resource}[noun]
        found = locate(conn, thing_id)
        actor.require(permission, found, noun=noun)
        if found is None:
            raise no_such(noun)
        return found


# Without the slices above there are projects only, and any id is one.
PROJECTS_ONLY = Whereabouts(lambda _, project_id: Place(project_id), lambda *_: None, lambda *_: None)
