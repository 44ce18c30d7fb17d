"""What people ask of the audit log."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from holdfast.features.access.actor import Actor, hidden, no_such
from holdfast.features.access.grants import Columns, Place
from holdfast.features.audit import store
from holdfast.features.audit.sequencer import Sequencer
from holdfast.features.audit.store import AuditEvent, Filter
from holdfast.kernel import audit
from holdfast.kernel.audit import audit_events
from holdfast.kernel.audit_chain import LOST, Head, read_head_file
from holdfast.kernel.audit_seal import Seal
from holdfast.kernel.audit_verify import ERASE, Verified, verify
from holdfast.kernel.clock import Clock, timestamp
from holdfast.kernel.db import Database
from holdfast.kernel.errors import Denied, Invalid

Anchors = Callable[[sa.Connection], Iterator[tuple[str, Mapping[str, Any]]]]
AnchorOf = Callable[[Actor, str], Mapping[str, Any] | None]
ERASE_AT_ONCE = 500
_AT = Columns.of(audit_events)


class AuditService:
    """Readers see placed rows only, of the places they may read; rows of no project are the installation's.

    `anchors` are the heads that snapshots remember in this database, `anchor_of` the one inside a snapshot's own
    manifest, which nobody who can only write this database can change.
    """

    def __init__(
        self,
        db: Database,
        clock: Clock,
        seal: Seal,
        sequencer: Sequencer,
        head_file: Path,
        anchors: Anchors,
        anchor_of: AnchorOf,
    ) -> None:
        self._db = db
        self._clock = clock
        self._seal = seal
        self._sequencer = sequencer
        self._head_file = head_file
        self._anchors = anchors
        self._anchor_of = anchor_of

    def list(self, actor: Actor, wanted: Filter, *, before: int | None = None, limit: int = 50) -> Sequence[AuditEvent]:
        """Newest first."""
        visible = self._visible(actor, wanted, "audit.read")
        with self._db.read() as conn:
            return store.newest(conn, visible, wanted, before=before, limit=limit)

    def get(self, actor: Actor, event_id: str) -> AuditEvent:
        actor.require("audit.read")
        with self._db.read() as conn:
            event = store.get(conn, event_id)
        if event is None:
            raise no_such("event")
        place = place_of(event)
        if place is not None:
            actor.require("audit.read", place, noun="event")
            return event
        try:
            actor.require_everywhere("audit.read")
        except Denied:
            raise hidden("event") from None
        return event

    def following(self, actor: Actor, wanted: Filter, after: int, limit: int = 200) -> Sequence[AuditEvent]:
        """Oldest first, those after a place: how a stream catches up."""
        visible = self._visible(actor, wanted, "audit.read")
        with self._db.read() as conn:
            return store.following(conn, visible, wanted, after=after, limit=limit)

    def last_place(self) -> int:
        with self._db.read() as conn:
            return store.last_place(conn)

    def own(self, actor: Actor, wanted: Filter, *, before: int | None, limit: int) -> Sequence[AuditEvent]:
        """What the actor did themselves: nobody needs a permission to read that."""
        with self._db.read() as conn:
            mine = audit_events.c.actor == actor.id
            return store.newest(conn, mine, wanted, before=before, limit=limit)

    def export(self, actor: Actor, wanted: Filter, kind: str) -> Iterator[AuditEvent]:
        """Oldest first, a page at a time: rows that are placed meanwhile are not in it. Recorded before it begins."""
        visible = self._visible(actor, wanted, "audit.export")
        with self._db.write() as conn:
            end = store.last_place(conn)
            filters = {name: str(value) for name, value in vars(wanted).items() if value is not None}
            audit.record(
                conn,
                actor=actor.id,
                action="audit.export",
                project_id=wanted.project_id,
                details={"format": kind, "until_seq": end, "filters": filters},
            )
        return self._pages(visible & (audit_events.c.seq <= end), wanted)

    def _pages(self, visible: sa.ColumnElement[bool], wanted: Filter) -> Iterator[AuditEvent]:
        after = 0
        while True:
            with self._db.read() as conn:
                rows = store.following(conn, visible, wanted, after=after, limit=1000)
            yield from rows
            if len(rows) < 1000:
                return
            after = rows[-1].seq

    def verify(
        self,
        actor: Actor,
        snapshot_id: str | None = None,
        progress: Callable[[int, int], None] = lambda _done, _of: None,
    ) -> Verified:
        """Against the head's row, its file, every snapshot's anchor, and with `snapshot_id` the manifest in the
        repository. The result is recorded."""
        actor.require_everywhere("audit.verify")
        kept: list[tuple[str, Mapping[str, Any]]] = []
        if snapshot_id is not None:
            anchor = self._anchor_of(actor, snapshot_id)
            if anchor is None:
                raise Invalid("this snapshot was taken before the log had a head", code="no_anchor")
            kept.append((f"the manifest of {snapshot_id}", anchor))
        self._sequencer.settle()
        files, broken = self._files()  # before the rows: the log may grow meanwhile, a head it has already stays in it
        with self._db.read() as conn:
            heads, strange = _heads([*kept, *self._anchors(conn)])
            found = verify(conn, self._seal, heads=[*files, *heads], progress=progress)
        for where in (*broken, *strange):
            found.add("head", where)
        self._note(actor, found)
        return found

    def _files(self) -> tuple[Sequence[tuple[str, Head]], Sequence[str]]:
        """The head's file and those put aside, and what is wrong with the others."""
        heads, broken = [], []
        aside = sorted(self._head_file.parent.glob(f"{self._head_file.name}{LOST}*"))
        for path in (self._head_file, *aside):
            try:
                end = read_head_file(path)
            except ValueError as error:
                broken.append(str(error))
                continue
            if end is not None:
                heads.append((f"the file {path.name}", end))
            else:
                broken.append(f"the file {path.name} is gone")
        return heads, broken

    def _note(self, actor: Actor, found: Verified) -> None:
        with self._db.write() as conn:
            details = {"rows": found.rows, "found": found.found, "kinds": sorted({f.kind for f in found.findings})}
            outcome: audit.Outcome = "ok" if found.ok else "failed"
            audit.record(conn, actor=actor.id, action="audit.verify", outcome=outcome, details=details)

    def erase(self, actor: Actor, *, subject: str | None, ids: Sequence[str], reason: str) -> int:
        """Take address and details out of rows by an actor, or of these ids; their number. What was done, by whom and
        when stays, and the chain still verifies. Each batch and the record that explains it are one transaction."""
        actor.require_everywhere("audit.erase")
        actor.require_step_up()
        if (subject is None) == (not ids):
            raise Invalid("name an actor or rows, not both", code="erase_what")
        self._sequencer.catch_up()
        done = 0
        while True:
            with self._db.write() as conn:
                rows = store.to_erase(conn, actor=subject, ids=ids, never=ERASE, limit=ERASE_AT_ONCE)
                if not rows:
                    return done
                now = self._clock.now()
                store.empty(conn, rows, now)
                places = list(store.ranges([seq for seq, _ in rows]))
                details = {"ranges": places, "rows": len(rows), "at": timestamp(now), "reason": reason}
                audit.record(conn, actor=actor.id, action=ERASE, details=details)
            done += len(rows)

    @staticmethod
    def _visible(actor: Actor, wanted: Filter, permission: str) -> sa.ColumnElement[bool]:
        actor.require_within(permission, wanted.project_id)
        return actor.visible(permission, _AT)


def place_of(event: AuditEvent) -> Place | None:
    if event.project_id is None:
        return None
    resource = event.resource_id if event.environment_id else None
    return Place(event.project_id, event.environment_id, resource)


def _heads(kept: Sequence[tuple[str, Mapping[str, Any]]]) -> tuple[list[tuple[str, Head]], list[str]]:
    """The heads, and what is wrong with those that are none."""
    heads, strange = [], []
    for where, value in kept:
        try:
            heads.append((where, Head.of(value)))
        except (KeyError, TypeError, ValueError):
            strange.append(f"what {where} keeps is no head")
    return heads, strange
