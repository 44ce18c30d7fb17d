"""Reading the whole log again: was a row changed, removed, inserted, moved or cut off, or a payload erased unasked?"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import sqlalchemy as sa

from holdfast.kernel.audit import audit_events
from holdfast.kernel.audit_chain import Head, audit_head
from holdfast.kernel.audit_seal import Seal, payload_intact
from holdfast.kernel.clock import parse_timestamp, timestamp
from holdfast.kernel.crypto import equal
from holdfast.kernel.db import embedded

Kind = Literal["changed", "removed", "inserted", "truncated", "erased", "head"]
MOST = 1000
ERASE = "audit.erase"
_PAGE = 2000
_UNREADABLE = (TypeError, ValueError, KeyError, AttributeError, OverflowError)
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
        self._erasures = _Erasures()

    def walk(self) -> None:
        self._explanations()
        for row in self._rows(_c.seq.is_not(None), _c.seq, _c.id):
            self._guarded(row)
            if self._result.rows % _PAGE == 0:
                self._progress(self._result.rows, self._own.seq if self._own else 0)
        self._end()
        self._unplaced()
        self._progress(self._result.rows, self._result.rows)

    def _rows(self, which: sa.ColumnElement[bool], *order: sa.ColumnElement[Any]) -> Iterator[dict[str, Any]]:
        """Moments and details as SQLite has them, which may be any text: what cannot be read is a finding as well."""
        raw = {"at", "erased_at", "details"} if embedded(self._conn) else set()
        columns = [sa.type_coerce(c, sa.Text).label(c.name) if c.name in raw else c for c in audit_events.c]
        query = sa.select(*columns).where(which).order_by(*order)
        with self._conn.execution_options(yield_per=_PAGE).execute(query) as rows:
            for row in rows:
                yield row._asdict()

    def _explanations(self) -> None:
        """Which rows were erased by a recorded act. Whether these records are ours, the walk finds out."""
        for row in self._rows((_c.action == ERASE) & (_c.outcome == "ok"), _c.id):
            try:
                record = _read(row)
                if record["seq"] is not None or self._seal.made_here(record):
                    for first, last in record["details"]["ranges"]:
                        self._erasures.add(int(first), int(last), str(record["details"]["at"]))
            except _UNREADABLE:
                continue  # a finding of the walk
        self._erasures.sort()

    def _guarded(self, row: Mapping[str, Any]) -> None:
        try:
            self._row(_read(row))
        except _UNREADABLE:
            self._result.add("changed", f"row {row['seq']} holds what cannot be read", None, str(row["id"]))
            if isinstance(row["seq"], int) and row["seq"] == self._seq + 1:
                self._seq, self._chain = row["seq"], str(row["chain"])

    def _row(self, row: Mapping[str, Any]) -> None:
        seq, add = row["seq"], self._result.add
        if not isinstance(seq, int):
            raise TypeError(seq)
        self._result.rows += 1
        if seq > self._seq + 1:
            gone = f"row {self._seq + 1}" if seq == self._seq + 2 else f"rows {self._seq + 1} to {seq - 1}"
            add("removed", f"{gone} missing before row {seq}", self._seq + 1)
        elif seq <= self._seq:
            add("inserted", f"row {row['id']} has the place {seq}, which is not free", seq, row["id"])
            return
        right = self._seal.link(self._chain, seq, row) if seq == self._seq + 1 else None
        if right is not None and not (right and equal(row["chain"] or "", right)):
            add("changed", f"row {seq} is not what was written there, or not in its place", seq, row["id"])
        elif not payload_intact(row):
            add("changed", f"the details or the address of row {seq} were changed", seq, row["id"])
        self._seq, self._chain = seq, row["chain"] or ""
        self._erasure(seq, row)
        for where, end in self._known.pop(seq, ()):
            if not equal(end.chain, self._chain):
                add("changed", f"row {seq} or one before it differs from the head kept in {where}", seq, row["id"])

    def _erasure(self, seq: int, row: Mapping[str, Any]) -> None:
        recorded = self._erasures.at(seq)
        erased = row["erased_at"] and timestamp(row["erased_at"])
        if erased is not None:
            self._result.erased += 1
        if erased is not None and recorded is None:
            self._result.add("erased", f"row {seq} was emptied, and no record says by whom", seq, row["id"])
        elif erased != recorded:
            self._result.add("changed", f"row {seq} is not as its recorded erasure left it", seq, row["id"])

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

    def _unplaced(self) -> None:
        for row in self._rows(_c.seq.is_(None), _c.id):
            try:
                ours = self._seal.made_here(_read(row))
            except _UNREADABLE:
                ours = False
            if ours:
                self._result.waiting += 1
            else:
                self._result.add("inserted", f"row {row['id']} was not written by Holdfast", None, str(row["id"]))


class _Erasures:
    """Places in rising ranges, each with the moment it was erased. Two numbers and a text per range in memory."""

    def __init__(self) -> None:
        self._ranges: list[tuple[int, int, str]] = []

    def add(self, first: int, last: int, at: str) -> None:
        self._ranges.append((first, last, at))

    def sort(self) -> None:
        self._ranges.sort()

    def at(self, seq: int) -> str | None:
        """When the row at this place was erased."""
        index = bisect_right(self._ranges, seq, key=lambda each: each[0]) - 1
        if index < 0 or self._ranges[index][1] < seq:
            return None
        return self._ranges[index][2]


def _read(row: Mapping[str, Any]) -> dict[str, Any]:
    """Raises one of `_UNREADABLE`."""
    made = dict(row)
    for name in ("at", "erased_at"):
        if isinstance(made[name], str):
            made[name] = parse_timestamp(made[name])
    if isinstance(made["details"], str):
        made["details"] = json.loads(made["details"])
    return made
