"""Which databases one request is about: some by id, all that the actor may take snapshots of, or those with labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import sqlalchemy as sa

from holdfast.features.access.actor import Actor
from holdfast.features.access.grants import Columns
from holdfast.features.databases import store
from holdfast.features.databases.guard import allowed
from holdfast.features.databases.model import Resource, resources
from holdfast.kernel.errors import Invalid

MOST = 2000  # databases of one request
PERMISSION = "snapshot.create"


@dataclass(frozen=True)
class Which:
    """Exactly one of `ids`, `all` and `labels` chooses; project and environment narrow the latter two.

    Raises Invalid("selection_invalid")."""

    ids: Sequence[str] = ()
    all: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)
    project_id: str | None = None
    environment_id: str | None = None

    def __post_init__(self) -> None:
        if sum(map(bool, (self.ids, self.all, self.labels))) != 1:
            raise _invalid("say which: databases by id, all, or labels")
        if self.ids and (self.project_id or self.environment_id):
            raise _invalid("databases that are named by id are not narrowed by project or environment")

    def resources(self, conn: sa.Connection, actor: Actor) -> list[Resource]:
        """In order of their names or as they were named, each once. One statement.

        Raises Denied and NotFound as for one: of those named each must be allowed; of the others only those are meant
        that are. Invalid("nothing_selected") for none, Invalid for too many."""
        if self.ids:
            unique = list(dict.fromkeys(self.ids))
            there = store.by_ids(conn, unique[: MOST + 1])
            found = [allowed(actor, there.get(each), PERMISSION) for each in unique[: MOST + 1]]
        else:
            actor.require_within(PERMISSION, self.project_id)
            visible = actor.visible(
                PERMISSION, Columns(resources.c.project_id, resources.c.environment_id, resources.c.id)
            )
            found = store.page(
                conn,
                visible=visible,
                project_id=self.project_id,
                environment_id=self.environment_id,
                labels=self.labels,
                limit=MOST + 1,
            )
            found.sort(key=lambda each: (each.name, each.id))
        if not found:
            raise Invalid("there is no such database", code="nothing_selected", hint="List them: holdfast db list")
        if len(found) > MOST:
            raise _invalid(f"more than {MOST} databases at once", hint="A plan takes any number of them.")
        return found


def _invalid(message: str, hint: str | None = None) -> Invalid:
    return Invalid(message, code="selection_invalid", hint=hint)
