"""The one way a snapshot's row becomes ready: with the tags its project's rules add, in the same transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from holdfast.features.backups import store
from holdfast.features.backups.model import Snapshot
from holdfast.features.backups.tagging import store as tag_store
from holdfast.features.backups.tagging.model import Rule
from holdfast.features.backups.tagging.rules import added


class Tagger:
    """A project's rules as they are in this transaction: one statement, and one more when a rule asks for labels."""

    def __init__(self, conn: sa.Connection, project_id: str, resource_ids: Sequence[str]) -> None:
        self._conn = conn
        self._rules: Sequence[Rule] = tag_store.rules(conn, project_id, enabled=True)
        asks = any(rule.conditions.labels for rule in self._rules)
        self._labels: Mapping[str, Mapping[str, str]] = tag_store.labels(conn, resource_ids) if asks else {}

    def became(self, snapshot_id: str, values: Mapping[str, Any]) -> Snapshot | None:
        """The row from "creating" to what `values` say it is now; None when it was no longer being made. Its hold and
        the policy that keeps it are not touched; a policy that keeps by a tag sees the new ones."""
        done = store.change(self._conn, Snapshot, snapshot_id, states=("creating",), **values)
        return done if done is None or done.state != "ready" else self.tagged(done)

    def tagged(self, snapshot: Snapshot) -> Snapshot:
        """A ready snapshot, with what the rules add. The caller's transaction holds its row."""
        new = added(self._rules, snapshot, self._labels.get(snapshot.resource_id, {}))
        if not new:
            return snapshot
        return tag_store.retag(self._conn, snapshot, [*snapshot.tags, *new]) or snapshot


def became_ready(conn: sa.Connection, snapshot: Snapshot, **values: Any) -> Snapshot | None:
    """One snapshot that was stored. None when its row was no longer being made."""
    tagger = Tagger(conn, snapshot.project_id, [snapshot.resource_id])
    return tagger.became(snapshot.id, {**values, "state": "ready"})


def taken_in(conn: sa.Connection, snapshot: Snapshot) -> None:
    """A row for a snapshot that lay in its repository before."""
    store.insert(conn, snapshot)
    Tagger(conn, snapshot.project_id, [snapshot.resource_id]).tagged(snapshot)
