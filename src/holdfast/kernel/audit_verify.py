"""Reading the whole log again: was a row changed, removed, inserted, moved or cut off, or a payload erased unasked?"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import sqlalchemy as sa

from holdfast.kernel.audit import audit_events
from holdfast.kernel.audit_chain import Head, audit_head
from holdfast.kernel.audit_seal import Seal, payload_intact
from holdfast.kernel.crypto import equal

Kind = Literal["changed", "removed", "inserted", "truncated", "erased", "head"]
MOST = 1000
ERASE = "audit.erase"
_PAGE = 2000
_c = audit_events.c


@dataclass(frozen=True)
class Finding:
    """One thing that is not as it was written. `seq` None: a row without a place."""

    kind: Kind
    seq: int | None
    id: str | None
    message: str


@dataclass
class Verified:
    """`ok` when nothing was found. At most `MOST` findings are kept; `found` counts all of them. `waiting` rows have no
    place yet, which is normal for a moment; `erased` ones had their personal data erased by a recorded act."""

    rows: int = 0
    head: Head | None = None
    waiting: int = 0
    erased: int = 0
    found: int = 0
    anchors: int = 0
    findings: list[Finding] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return self.found == 0

    def add(self, kind: Kind, message: str, seq: int | None = None, row_id: str | None = None) -> None:
        self.found += 1
        if len(self.findings) < MOST:
            self.findings.append(Finding(kind, seq, row_id, message))


def verify(
    conn: sa.Connection,
    seal: Seal,
    *,
    heads: Sequence[tuple[str, Head]] = (),
    progress: Callable[[int, int], None] = lambda _done, _of: None,
) -> Verified:
    """Everything, in bounded memory, as of one moment of `conn`. `heads` are ends seen earlier, with where they were
    kept: the log must still contain each."""
    result = Verified()
    known: dict[int, list[tuple[str, Head]]] = {}
    for where, end in heads:
        if seal.was_head(end.seq, end.chain, end.mac):
            known.setdefault(end.seq, []).append((where, end))
        else:
            result.add("head", f"the head kept in {where} was not signed by this installation", end.seq)
    result.anchors = sum(map(len, known.values()))
    row = conn.execute(sa.select(audit_head).where(audit_head.c.id == 1)).first()
    own = None if row is None else Head(row.seq, row.chain, row.mac, row.at.isoformat())
    _Walk(conn, seal, result, known, own, progress).walk()
    return result


class _Walk:
    def __init__(
        self,
        conn: sa.Connection,
        seal: Seal,
        result: Verified,
        known: dict[int, list[tuple[str, Head]]],
        own: Head | None,
        progress: Callable[[int, int], None],
    ) -> None:
        self._conn = conn
        self._seal = seal
        self._result = result
        self._known = known
        self._own = own
        self._progress = progress
        self._seq = 0
        self._chain = ""
        self._erased: dict[int, str] = {}
        self._explained: list[tuple[int, int]] = []

    def walk(self) -> None:
        for row in self._placed():
            self._row(row)
            if self._result.rows % _PAGE == 0:
                self._progress(self._result.rows, self._own.seq if self._own else 0)
        self._end()
        self._erasures()
        self._unplaced()
        self._progress(self._result.rows, self._result.rows)

    def _placed(self) -> Iterator[Mapping[str, Any]]:
        """By (seq, id): two rows at one place, which a tampered database may have, are both seen."""
        last = sa.select(sa.func.max(_c.seq)).scalar_subquery()
        query = sa.select(audit_events).where(_c.seq.is_not(None), _c.seq <= last).order_by(_c.seq, _c.id)
        with self._conn.execution_options(yield_per=_PAGE).execute(query) as rows:
            for row in rows:
                yield row._asdict()

    def _row(self, row: Mapping[str, Any]) -> None:
        seq, add = int(row["seq"]), self._result.add
        self._result.rows += 1
        if seq > self._seq + 1:
            gone = f"row {self._seq + 1}" if seq == self._seq + 2 else f"rows {self._seq + 1} to {seq - 1}"
            add("removed", f"{gone} missing before row {seq}", self._seq + 1)
        elif seq <= self._seq:
            add("inserted", f"row {row['id']} has the place {seq}, which is not free", seq, row["id"])
            return
        right = self._seal.link(self._chain, seq, row) if seq == self._seq + 1 else None
        if right is not None and not equal(row["chain"] or "", right):
            add("changed", f"row {seq} is not what was written there, or not in its place", seq, row["id"])
        elif not payload_intact(row):
            add("changed", f"the details or the address of row {seq} were changed", seq, row["id"])
        self._seq, self._chain = seq, row["chain"] or ""
        if row["erased_at"] is not None:
            self._erased[seq] = row["id"]
        if row["action"] == ERASE and row["outcome"] == "ok":
            self._explained += [(int(first), int(last)) for first, last in row["details"].get("ranges", ())]
        for where, end in self._known.pop(seq, ()):
            if not equal(end.chain, self._chain):
                add("changed", f"row {seq} or one before it differs from the head kept in {where}", seq, row["id"])

    def _end(self) -> None:
        add, own = self._result.add, self._own
        self._result.head = own
        if own is None:
            if self._seq:
                add("head", "the log has rows, but its head is gone", self._seq)
        elif not self._seal.was_head(own.seq, own.chain, own.mac):
            add("head", "the log's head was not signed by this installation", own.seq)
        elif own.seq > self._seq:
            add("truncated", f"the log ended at row {own.seq}; rows after {self._seq} are gone", self._seq + 1)
        elif own.seq < self._seq or not equal(own.chain, self._chain):
            add("head", f"the log's head says row {own.seq}, its rows end differently at {self._seq}", own.seq)
        for seq, kept in sorted(self._known.items()):
            for where, _ in kept:
                add("truncated", f"the head kept in {where} was row {seq}; the log does not have it", seq)

    def _erasures(self) -> None:
        self._result.erased = len(self._erased)
        for seq, row_id in self._erased.items():
            if not any(first <= seq <= last for first, last in self._explained):
                self._result.add("erased", f"row {seq} was emptied, and no record says by whom", seq, row_id)

    def _unplaced(self) -> None:
        query = sa.select(audit_events).where(_c.seq.is_(None)).order_by(_c.id)
        with self._conn.execution_options(yield_per=_PAGE).execute(query) as rows:
            for row in rows:
                if self._own is None or self._seal.made_here(row._asdict()):
                    self._result.waiting += 1
                else:
                    self._result.add("inserted", f"row {row.id} was not written by Holdfast", None, row.id)
