"""The same act on many snapshots: chosen by ids or by a search, previewed exactly, with a report for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal

import sqlalchemy as sa

from holdfast.features.access.actor import Actor
from holdfast.features.access.grants import Columns
from holdfast.features.backups import store as backups
from holdfast.features.backups.model import Snapshot, snapshots
from holdfast.features.backups.preparing import MAX_TAGS, checked_tags
from holdfast.features.backups.searching import Search
from holdfast.features.backups.service import record
from holdfast.features.retention import store
from holdfast.kernel.clock import Clock, timestamp
from holdfast.kernel.db import Database
from holdfast.kernel.errors import Conflict, Invalid

Act = Literal["tag", "untag", "hold", "release", "forget"]
MOST = 1000
PERMISSIONS: dict[Act, str] = {
    "tag": "snapshot.create",
    "untag": "snapshot.create",
    "hold": "snapshot.create",
    "release": "snapshot.create",
    "forget": "snapshot.delete",
}


@dataclass(frozen=True)
class BulkWish:
    """`ids`, or (empty) what `search` finds in the place. `confirm`: how many the preview said would be changed."""

    act: Act
    ids: Sequence[str] = ()
    search: Search = field(default_factory=Search)
    project_id: str | None = None
    environment_id: str | None = None
    resource_id: str | None = None
    tags: Sequence[str] = ()
    dry_run: bool = True
    confirm: int | None = None


@dataclass(frozen=True)
class Item:
    """`snapshot` None: there is none of that id, or the actor does not see it. `why` None: it is done."""

    snapshot_id: str
    snapshot: Snapshot | None
    why: str | None


@dataclass(frozen=True)
class Report:
    items: Sequence[Item]
    dry_run: bool

    @property
    def done(self) -> int:
        return sum(item.why is None for item in self.items)


class _Undo(Exception):
    """Ends a transaction whose changes were only a preview."""


class BulkService:
    """A preview carries the act out and takes it back, so that it says what would happen and nothing else."""

    def __init__(self, db: Database, clock: Clock, grace: timedelta) -> None:
        self._db = db
        self._clock = clock
        self._grace = grace

    def carry_out(self, actor: Actor, wish: BulkWish) -> Report:
        """All that can be changed are, in one transaction; the report says why the others are not. Raises Invalid,
        LimitExceeded, Conflict (code "bulk_changed") when another number would be changed than was confirmed."""
        tags = checked_tags(wish.tags)
        if wish.act in ("tag", "untag") and not tags:
            raise Invalid("which tags?", code="tags_invalid", hint="On the command line --add; --tag only filters.")
        if not wish.dry_run and wish.confirm is None:
            raise Invalid("confirm says how many the preview named", code="confirm_mismatch")
        report = Report((), wish.dry_run)
        try:
            with self._db.write() as conn:
                chosen = self._chosen(conn, actor, wish)
                items = [Item(each, row, self._one(conn, actor, wish.act, tags, row)) for each, row in chosen]
                report = Report(items, wish.dry_run)
                if wish.dry_run:
                    raise _Undo
                if report.done != wish.confirm:
                    raise Conflict(
                        f"{report.done} snapshots would be changed, not {wish.confirm}: nothing was done",
                        code="bulk_changed",
                        hint="Look at the preview again, and confirm its number.",
                        details={"would_change": report.done},
                    )
        except _Undo:
            return report
        return report

    def _chosen(self, conn: sa.Connection, actor: Actor, wish: BulkWish) -> list[tuple[str, Snapshot | None]]:
        """Oldest first: of good ones the newest stays."""
        permission = PERMISSIONS[wish.act]
        actor.require_within(permission, wish.project_id)
        visible = actor.visible(permission, Columns.of(snapshots))
        if len(wish.ids) > MOST:
            raise Invalid(f"at most {MOST} at once", code="too_many")
        where = [snapshots.c.id.in_(wish.ids)] if wish.ids else wish.search.conditions(conn)
        rows = backups.page(
            conn,
            Snapshot,
            visible=visible,
            limit=MOST + 1,
            where=where,
            project_id=wish.project_id,
            environment_id=wish.environment_id,
            resource_id=wish.resource_id,
            state=["creating", "ready", "failed"],
        )
        if len(rows) > MOST:
            raise Invalid(f"more than {MOST} are found: narrow the search", code="too_many")
        by_id = {row.id: row for row in reversed(rows)}
        missing: list[tuple[str, Snapshot | None]] = [(each, None) for each in wish.ids if each not in by_id]
        return [*by_id.items(), *missing]

    def _one(
        self, conn: sa.Connection, actor: Actor, act: Act, tags: Sequence[str], snapshot: Snapshot | None
    ) -> str | None:
        """Why it is not done; None when it is."""
        if snapshot is None:
            return "there is no such snapshot"
        if act == "forget":
            return self._forget(conn, actor, snapshot)
        values: dict[str, Any] = {"hold": act == "hold"}
        if act in ("tag", "untag"):
            kept = [tag for tag in snapshot.tags if tag not in tags]
            values = {"tags": [*snapshot.tags, *(t for t in tags if t not in snapshot.tags)] if act == "tag" else kept}
            if len(values["tags"]) > MAX_TAGS:
                return f"it would have more than {MAX_TAGS} tags"
        if all(getattr(snapshot, name) == value for name, value in values.items()):
            return "nothing to change"
        backups.change(conn, Snapshot, snapshot.id, version=snapshot.version + 1, **values)
        record(conn, actor, snapshot, "snapshot.update", {"bulk": act, **values})
        return None

    def _forget(self, conn: sa.Connection, actor: Actor, snapshot: Snapshot) -> str | None:
        """It can be brought back until its grace is over."""
        if snapshot.state != "ready":
            return f"it is {snapshot.state}"
        if snapshot.hold:
            return "it is held"
        if snapshot.verification != "red" and not backups.other_good(conn, snapshot):
            return "it is the only good one of its database"
        now = self._clock.now()
        why = {"reasons": ["by hand"], "by": actor.id, "at": timestamp(now)}
        if not store.forget(conn, [snapshot.id], why, now + self._grace):
            return "it changed meanwhile"
        record(conn, actor, snapshot, "snapshot.forget", {"bulk": "forget", "due": timestamp(now + self._grace)})
        return None
