"""What people ask of nodes: which there are, what lives there, and forgetting one that is gone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import sqlalchemy as sa

from holdfast.features.access.actor import Actor, no_such
from holdfast.features.nodes import store
from holdfast.features.nodes.store import Living
from holdfast.jobs import nodes
from holdfast.jobs.lease import LEASE_SECONDS
from holdfast.jobs.nodes import NodeRow
from holdfast.kernel import audit
from holdfast.kernel.clock import Clock
from holdfast.kernel.db import Database
from holdfast.kernel.errors import Conflict, Invalid
from holdfast.kernel.secrets import Secrets


@dataclass(frozen=True)
class NodeLook:
    """`here`: the one that was asked. `databases` are named only where one node is shown."""

    node: NodeRow
    living: Living
    here: bool
    databases: Sequence[Mapping[str, Any]] = ()


class NodesService:
    """Every verb takes the actor first; nodes are the installation's, so a part of it is not enough."""

    def __init__(self, db: Database, clock: Clock, secrets: Secrets, here: str) -> None:
        self._db = db
        self._clock = clock
        self._secrets = secrets
        self._here = here

    def list(self, actor: Actor, *, after: str | None = None, limit: int = 50) -> Sequence[NodeLook]:
        """By name."""
        actor.require_everywhere("system.read")
        with self._db.read() as conn:
            rows = nodes.known(conn, self._clock, after=after, limit=limit)
            living = store.living(conn, [row.name for row in rows])
        return [NodeLook(row, living[row.name], row.name == self._here) for row in rows]

    def get(self, actor: Actor, name: str) -> NodeLook:
        actor.require_everywhere("system.read")
        with self._db.read() as conn:
            row = self._found(conn, name)
            return NodeLook(row, store.living(conn, [name])[name], name == self._here, store.databases_on(conn, name))

    def remove(self, actor: Actor, name: str, confirm: str, *, lost: bool = False) -> Living:
        """Forget a node that will not come back. Refused while it is alive, and while anything lives there.

        `lost`: its disk is gone. What lived there is recorded as gone too: databases as purged, snapshots as deleted,
        runs as cancelled. The disk, should it turn up again, starts as a new node and knows nothing of them.
        """
        actor.require_everywhere("system.admin")
        actor.require_step_up()
        with self._db.write() as conn:
            self._found(conn, name)
            if confirm != name:
                raise Invalid(
                    "confirm must be the node's name, exactly",
                    code="confirm_mismatch",
                    details={"fields": [{"field": "confirm", "message": "is not the name"}]},
                )
            living = store.living(conn, [name])[name]
            if living.data and not lost:
                raise Conflict(
                    f"on the node {name!r} there are still {_told(living)}",
                    code="node_in_use",
                    hint="Delete and purge them, cancel its runs; or say lost when its disk is gone for good.",
                    details=asdict(living),
                )
            if not nodes.forget(conn, self._clock, name):
                raise Conflict(
                    f"the node {name!r} is alive",
                    code="node_alive",
                    hint=f"Stop it first (`holdfast down` there); {LEASE_SECONDS:.0f} s later it can be removed.",
                )
            self._give_up(conn, name, lost)
            details = {"name": name, "lost": lost, **asdict(living)}
            audit.record(conn, actor=actor.id, action="node.remove", details=details)
            return living

    def _give_up(self, conn: sa.Connection, name: str, lost: bool) -> None:
        if not lost:
            store.release_default(conn, name)
            return
        now = self._clock.now()
        error = Conflict(f"the node {name!r} was removed with everything on it", code="node_lost").as_dict()
        store.end_runs(conn, name, now, error)
        store.lose_snapshots(conn, name, now, error)
        for row in store.purge_databases(conn, name, now):
            self._secrets.delete_resource(conn, row.environment_id, row.id)

    def _found(self, conn: sa.Connection, name: str) -> NodeRow:
        row = nodes.one(conn, self._clock, name)
        if row is None:
            raise no_such("node")
        return row


def _told(living: Living) -> str:
    counts = {"databases": living.databases, "snapshots": living.snapshots, "unfinished runs": living.runs}
    return ", ".join(f"{count} {what}" for what, count in counts.items() if count)
