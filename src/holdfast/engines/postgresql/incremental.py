"""What a capture may leave out: ranges of a table that the parent snapshot has and nothing has changed since.

Every doubt means reading. What was open when the parent's snapshot was taken is distrusted: a transaction whose
changes were in WAL before the parent's position, and which committed later, is named by no summary.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import psycopg

from holdfast.contract.catalog import JSON
from holdfast.contract.incremental import sampled
from holdfast.contract.snapshot import Manifest
from holdfast.contract.spec import Endpoint
from holdfast.engines.postgresql import faults, link, summaries, tables
from holdfast.engines.postgresql.link import Connection
from holdfast.engines.postgresql.signatures import Signature
from holdfast.engines.postgresql.summaries import Changes, Unknown
from holdfast.engines.postgresql.tables import Range, Table
from holdfast.kernel.stop import Stop

_READS = ("AccessShareLock", "RowShareLock")
# Same server, same history: a data directory that was put back or rewound needs a restart. After a crash too nothing is
# believed: a commit that was seen may have been lost, which changes rows without touching a block.
_SAME: Mapping[str, str] = {
    "system": "it is another server",
    "timeline": "the server changed its timeline",
    "started": "the server was restarted",
    "database_oid": "the database was made again",
    "version": "the server's version changed",
}


def before(connection: Connection, *, cut: bool) -> tuple[dict[str, JSON], frozenset[int]]:
    """Read in autocommit, before the snapshot: the position from which the next capture counts changes, and the
    tables that somebody may be writing to. The order of the two matters, and that the snapshot follows."""
    if cut and summaries.enabled(connection):
        summaries.cut(connection)
    row = connection.execute("SELECT pg_catalog.pg_current_wal_lsn()::pg_catalog.text").fetchone()
    locked = connection.execute(
        "SELECT DISTINCT relation::bigint FROM pg_catalog.pg_locks WHERE locktype = 'relation' "
        "AND mode <> ALL (%s) AND relation IS NOT NULL AND database = "
        "(SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())",
        (list(_READS),),
    ).fetchall()
    about = connection.execute(
        # The checkpointer starts again after a crash, the postmaster does not.
        "SELECT pg_catalog.pg_postmaster_start_time()::pg_catalog.text || "
        "(SELECT min(' ' || backend_start) FROM pg_catalog.pg_stat_activity WHERE backend_type = 'checkpointer'), "
        "(SELECT oid::bigint FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())"
    ).fetchone()
    started, database = about if about is not None else (None, None)
    position: dict[str, JSON] = {
        "summary_lsn": row[0] if row else None,
        "started": started,
        "database_oid": database,
        "version": connection.info.server_version,
    }
    return position, frozenset(oid for (oid,) in locked)


@dataclass(frozen=True)
class Known:
    """What is known of the ranges. `why` says why nothing is, when `changes` is None."""

    changes: Changes | None = None
    why: str = ""
    since: Manifest | None = None
    signatures: Mapping[int, Signature] = field(default_factory=dict)
    sample: int = 0

    def facts(self, part: Range, path: str) -> Mapping[str, JSON] | None:
        """What the parent says of an unchanged range; None = read it."""
        signature = self.signatures.get(part.table.oid)
        if self.changes is None or self.since is None or signature is None or not ranged(part.table):
            return None
        parent = self.since.entries.get(path)
        if parent is None or parent.get("signature") != signature.digest or "rows" not in parent:
            return None
        if parent.get("first_block") != part.first or parent.get("last_block") != part.last:
            return None
        if self.changes.changed(signature.file, part.first, part.last):
            return None
        if signature.toast is not None and self.changes.touched(signature.toast):
            return None  # values out of line belong to rows anywhere in the table
        return parent

    def sampled(self, part: Range) -> bool:
        """Whether an unchanged range is read all the same, to prove that it is unchanged."""
        return sampled(part.table.oid + part.first // tables.RANGE_BLOCKS, self.sample)

    def about(self, part: Range, distrusted: frozenset[int]) -> dict[str, JSON]:
        """What the next capture needs of a range: without a signature it will be read again."""
        signature = self.signatures.get(part.table.oid)
        trusted = signature is not None and ranged(part.table) and part.table.oid not in distrusted
        return {"last_block": part.last, **({"signature": signature.digest} if signature and trusted else {})}


def ranged(table: Table) -> bool:
    """Whether a table's rows lie in blocks that summaries name; an extension's filter may depend on anything."""
    return table.heap and not table.filter


def known(
    at: Endpoint,
    since: Manifest | None,
    position: Mapping[str, JSON],
    sample: int,
    stop: Stop,
) -> Known:
    """Ask the server what changed since the parent. Called after the snapshot; its own session, closed at the end.

    The signatures are still missing: whoever holds the snapshot adds them."""
    if since is None:
        return Known(sample=sample)
    try:
        start, timeline = _comparable(since.position, position)
        with link.connect(at) as session:
            stop.on_stop(session.cancel)
            if not summaries.enabled(session):
                raise Unknown("the server writes no WAL summaries (summarize_wal, PostgreSQL 17 and later)")
            found = summaries.changes(session, start, timeline, stop)
    except Unknown as unknown:
        return Known(why=str(unknown), sample=sample)
    except psycopg.Error as error:
        stop.check()
        return Known(why=f"WAL summaries: {faults.first_line(str(error))}", sample=sample)
    return Known(found, "", since, sample=sample)


def _comparable(then: Mapping[str, JSON], now: Mapping[str, JSON]) -> tuple[str, int]:
    """The parent's position and timeline. Raises Unknown when the two are not of one history."""
    start: Any = then.get("summary_lsn")
    timeline: Any = now.get("timeline")
    if not isinstance(start, str) or not isinstance(timeline, int):
        raise Unknown("the parent snapshot has no position to count from")
    for name, why in _SAME.items():
        if then.get(name) is None or then.get(name) != now.get(name):
            raise Unknown(why)
    return start, timeline
