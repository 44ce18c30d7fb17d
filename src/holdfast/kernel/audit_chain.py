"""The log's head and its places: one sequencer at a time gives rows their `seq` and their `chain`.

The head is a row of its own, a small file outside the database, and an anchor in every snapshot: cutting rows off the
end leaves a log that verifies, and only one of these can tell.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from holdfast.kernel import audit
from holdfast.kernel.audit import audit_events
from holdfast.kernel.audit_seal import Seal, payload_digest
from holdfast.kernel.crashpoints import crash_point
from holdfast.kernel.crypto import random_token
from holdfast.kernel.db import Timestamp, metadata
from holdfast.kernel.errors import Corrupt

LEASE = timedelta(seconds=15)
BATCH = 500
LOST = ".lost-"
_c = audit_events.c

audit_head = sa.Table(
    "audit_head",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("seq", sa.BigInteger, nullable=False),
    sa.Column("chain", sa.Text, nullable=False),
    sa.Column("mac", sa.Text, nullable=False),
    sa.Column("at", Timestamp, nullable=False),
    sa.Column("owner", sa.Text, nullable=False),
    sa.Column("epoch", sa.Integer, nullable=False),
    sa.Column("until", Timestamp, nullable=False),
)


@dataclass(frozen=True)
class Head:
    """Where the log ended at a moment; `mac` proves that it did."""

    seq: int
    chain: str
    mac: str
    at: str

    def as_dict(self) -> dict[str, Any]:
        return {"seq": self.seq, "chain": self.chain, "mac": self.mac, "at": self.at}

    @classmethod
    def of(cls, value: Mapping[str, Any]) -> Head:
        """Raises KeyError, TypeError or ValueError for what is none."""
        return cls(int(value["seq"]), str(value["chain"]), str(value["mac"]), str(value["at"]))


def head(conn: sa.Connection) -> Head | None:
    """The log's present end; None before the chain has begun."""
    row = conn.execute(sa.select(audit_head).where(audit_head.c.id == 1)).first()
    return None if row is None else Head(row.seq, row.chain, row.mac, row.at.isoformat())


@dataclass(frozen=True)
class Turn:
    """What one transaction of the sequencer did. `ours` False: another process has the lease. `strange` rows carry no
    mac of ours: they get no place, and `after` is where to go on looking."""

    ours: bool
    placed: int = 0
    strange: Sequence[str] = ()
    after: str | None = None
    head: Head | None = None


def place_some(
    conn: sa.Connection,
    seal: Seal,
    owner: str,
    *,
    gone: Callable[[str], bool] = lambda _owner: False,
    after: str = "",
    limit: int = BATCH,
) -> Turn:
    """Give up to `limit` rows with ids above `after` their places, in order of their ids, in the caller's transaction.

    Raises Corrupt when the head is not ours: going on from it would bless what somebody else wrote.
    `gone` knows owners whose lease need not be waited for. Whoever wakes up late changes nothing: lease, places and
    head are one transaction that began by locking the head.
    """
    now = datetime.now(UTC)
    found = conn.execute(sa.select(audit_head).where(audit_head.c.id == 1).with_for_update()).first()
    if found is None or not seal.was_head(found.seq, found.chain, found.mac):
        raise Corrupt(
            "the audit log's head is gone or was changed: rows get no places any more",
            code="audit_head_corrupt",
            hint="Run `holdfast audit verify`, and put the table audit_head back from a copy of the database.",
        )
    if found.owner != owner and found.until > now and not gone(found.owner):
        return Turn(ours=False)
    rows = [row._asdict() for row in conn.execute(_waiting(after, limit))]
    good: list[Mapping[str, Any]] = []
    strange: list[str] = []
    for row in rows:
        if seal.made_here(row):
            good.append(row)
        else:
            strange.append(str(row["id"]))
    seq, chain = _write(conn, seal, good, found.seq, found.chain)
    crash_point("audit.placed")
    values = {"owner": owner, "epoch": found.epoch + (found.owner != owner), "until": now + LEASE}
    moved = audit_head.update().where(audit_head.c.id == 1, audit_head.c.seq == found.seq)
    conn.execute(moved.values(seq=seq, chain=chain, mac=seal.head(seq, chain), at=now, **values))
    last = str(rows[-1]["id"]) if len(rows) == limit else None
    return Turn(ours=True, placed=len(good), strange=strange, after=last, head=head(conn))


def _waiting(after: str, limit: int) -> sa.Select[Any]:
    return sa.select(audit_events).where(_c.seq.is_(None), _c.id > after).order_by(_c.id).limit(limit)


def anything_waiting(conn: sa.Connection) -> bool:
    """Asked without the write lock, so that an idle sequencer costs nobody anything."""
    return conn.execute(sa.select(_c.id).where(_c.seq.is_(None)).limit(1)).first() is not None


def begin(conn: sa.Connection, seal: Seal) -> None:
    """In the transaction that makes the first key, so that a key without a head is never innocent. Rows from before
    are taken over as they are; a record of its own says how many. From then on nothing without a mac gets in."""
    seq, chain, now = 0, "", datetime.now(UTC)
    while rows := [row._asdict() for row in conn.execute(_waiting("", BATCH))]:
        for row in rows:
            if row["salt"] is None:
                salt = random_token(16)
                row |= {"salt": salt, "digest": payload_digest(salt, row["address"], row["details"])}
                salted = audit_events.update().where(_c.id == row["id"])
                conn.execute(salted.values(salt=salt, digest=row["digest"]))
        seq, chain = _write(conn, seal, rows, seq, chain)
    mac = seal.head(seq, chain)
    conn.execute(audit_head.insert().values(id=1, seq=seq, chain=chain, mac=mac, at=now, owner="", epoch=0, until=now))
    audit.record(conn, actor="system", action="audit.begin", details={"adopted": seq})


def _write(conn: sa.Connection, seal: Seal, rows: Sequence[Mapping[str, Any]], seq: int, chain: str) -> tuple[int, str]:
    """The new end."""
    placed = []
    for row in rows:
        seq, chain = seq + 1, seal.link(chain, seq + 1, row)
        placed.append({"row_id": row["id"], "new_seq": seq, "new_chain": chain})
    if placed:
        change = audit_events.update().where(_c.id == sa.bindparam("row_id"), _c.seq.is_(None))
        conn.execute(change.values(seq=sa.bindparam("new_seq"), chain=sa.bindparam("new_chain")), placed)
    return seq, chain


def contains(conn: sa.Connection, end: Head) -> bool:
    """Whether the log still has the row it once ended with."""
    if end.seq == 0:
        return True
    return conn.execute(sa.select(_c.chain).where(_c.seq == end.seq)).scalar() == end.chain


def publish_head(conn: sa.Connection, path: Path, end: Head) -> Path | None:
    """Bring the file up to `end`. A file that says what the log does not have is evidence: it is put aside, never
    written over, and its new name returned."""
    aside = None
    try:
        old = read_head_file(path)
        lost = old is not None and not contains(conn, old)
    except ValueError:
        old, lost = None, True
    if lost:
        aside = path.with_name(f"{path.name}{LOST}{random_token(6)}")
        path.rename(aside)
    elif old is not None and old.seq >= end.seq:
        return None
    write_head_file(path, end)
    return aside


def write_head_file(path: Path, end: Head) -> None:
    """Whole or as before: written beside, synced, renamed."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(json.dumps(end.as_dict()) + "\n")
        file.flush()
        os.fsync(file.fileno())
    fresh.rename(path)


def read_head_file(path: Path) -> Head | None:
    """None when there is none. Raises ValueError for a file that is no head."""
    try:
        text = path.read_text()
    except FileNotFoundError:
        return None
    try:
        return Head.of(json.loads(text))
    except (KeyError, TypeError, json.JSONDecodeError) as error:
        raise ValueError(f"{path} holds no head: {error}") from error
