"""Which blocks the server's own WAL summaries name as changed between two positions (PostgreSQL 17 and later).

Source: PostgreSQL's documentation of `summarize_wal` and of `pg_wal_summary_contents`. A summary names every block of
a relation's main fork that WAL touched, and a "limit block" from which on a relation was cut, made or removed. Any gap
between the summaries means that nothing is known.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise

import psycopg

from holdfast.engines.postgresql import tables
from holdfast.engines.postgresql.link import Connection
from holdfast.kernel.stop import Stop

WAIT_SECONDS = 15.0
_POLL_SECONDS = 0.02
FIRST_VERSION = 170_000
File = tuple[int, int]  # tablespace, relfilenode


class Unknown(Exception):
    """Nothing may be concluded, and why."""


@dataclass(frozen=True)
class Changes:
    """Buckets of RANGE_BLOCKS blocks by relation file; `limits` = from this block on nothing is known."""

    buckets: Mapping[File, frozenset[int]] = field(default_factory=dict)
    limits: Mapping[File, int] = field(default_factory=dict)

    def touched(self, file: File) -> bool:
        """Whether anything at all is said of the file."""
        return file in self.buckets or file in self.limits

    def changed(self, file: File, first: int, last: int | None) -> bool:
        """Whether a block in [first, last) may have changed; `first` is the start of a bucket."""
        limit = self.limits.get(file)
        if limit is not None and (last is None or limit < last):
            return True
        start = first // tables.RANGE_BLOCKS
        if last is None:
            return any(bucket >= start for bucket in self.buckets.get(file, ()))
        return any(start <= bucket < -(-last // tables.RANGE_BLOCKS) for bucket in self.buckets.get(file, ()))


def enabled(connection: Connection) -> bool:
    """Whether the server writes summaries at all."""
    if connection.info.server_version < FIRST_VERSION:
        return False
    row = connection.execute("SELECT pg_catalog.current_setting('summarize_wal', true)").fetchone()
    return row is not None and row[0] == "on"


def cut(connection: Connection) -> None:
    """Let a summary end here, so that the next names little of what was before. Without the right to, it names more."""
    with contextlib.suppress(psycopg.errors.InsufficientPrivilege):
        connection.execute("CHECKPOINT")


def changes(connection: Connection, since: str, timeline: int, stop: Stop) -> Changes:
    """What changed from `since` until now. Call it after the snapshot was taken, on another session in autocommit.

    Raises Unknown: no summaries, a gap in them, another timeline, no right to see them, or they did not come in time.
    """
    try:
        until = _insert_position(connection, since)
        _wait(connection, since, until, timeline, stop)
        return _read(connection, since, until, timeline)
    except psycopg.errors.InsufficientPrivilege as error:
        raise Unknown("the login may not read WAL summaries or ask for a checkpoint") from error


def _insert_position(connection: Connection, since: str) -> str:
    row = connection.execute(
        "SELECT pg_catalog.pg_current_wal_insert_lsn()::pg_catalog.text, "
        "pg_catalog.pg_current_wal_insert_lsn() >= %s::pg_catalog.pg_lsn",
        (since,),
    ).fetchone()
    if row is None or not row[1]:
        raise Unknown("the server's WAL ends before the parent's position")
    return str(row[0])


def _wait(connection: Connection, since: str, until: str, timeline: int, stop: Stop) -> None:
    """A summary ends where a checkpoint begins: one is asked for, else the newest changes are in none."""
    deadline, asked = time.monotonic() + WAIT_SECONDS, False
    while True:
        covered = _covered(connection, since, until, timeline)
        if covered:
            return
        if not asked:
            connection.execute("CHECKPOINT")
            asked = True
        if time.monotonic() > deadline:
            raise Unknown("the server's WAL summaries did not come in time")
        if stop.wait(_POLL_SECONDS):
            stop.check()


_COVERED = """
SELECT a.start_lsn <= %(since)s::pg_catalog.pg_lsn, a.end_lsn >= %(until)s::pg_catalog.pg_lsn,
       a.start_lsn::pg_catalog.text, a.end_lsn::pg_catalog.text, a.tli
FROM pg_catalog.pg_available_wal_summaries() AS a
WHERE a.end_lsn > %(since)s::pg_catalog.pg_lsn AND a.start_lsn < %(until)s::pg_catalog.pg_lsn
ORDER BY a.start_lsn
"""


def _covered(connection: Connection, since: str, until: str, timeline: int) -> bool:
    """Whether the summaries follow each other from `since` to `until`. Raises Unknown for what no wait can mend."""
    if since == until:
        return True
    found = connection.execute(_COVERED, {"since": since, "until": until}).fetchall()
    if any(tli != timeline for *_, tli in found):
        raise Unknown("the server changed its timeline")
    if not found:
        return False
    if not found[0][0]:
        raise Unknown("WAL summaries are missing: the first one begins after the parent's position")
    for (_, _, _, end, _), (_, _, start, _, _) in pairwise(found):
        if end != start:
            raise Unknown("WAL summaries are missing: there is a gap between them")
    return bool(found[-1][1])


_CONTENTS = """
SELECT s.reltablespace::bigint, s.relfilenode::bigint, s.is_limit_block, min(s.relblocknumber),
       array_agg(DISTINCT s.relblocknumber / %(size)s) FILTER (WHERE NOT s.is_limit_block)
FROM pg_catalog.pg_available_wal_summaries() AS a,
LATERAL pg_catalog.pg_wal_summary_contents(a.tli, a.start_lsn, a.end_lsn) AS s
WHERE a.tli = %(timeline)s AND a.end_lsn > %(since)s::pg_catalog.pg_lsn
  AND a.start_lsn < %(until)s::pg_catalog.pg_lsn
  AND (s.relforknumber = 0 OR s.is_limit_block)
  AND s.reldatabase = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
GROUP BY 1, 2, 3
"""


def _read(connection: Connection, since: str, until: str, timeline: int) -> Changes:
    rows = connection.execute(
        _CONTENTS, {"since": since, "until": until, "timeline": timeline, "size": tables.RANGE_BLOCKS}
    ).fetchall()
    if not _covered(connection, since, until, timeline):
        raise Unknown("WAL summaries went away while they were read")
    if any(filenode == 0 for _, filenode, *_ in rows):
        raise Unknown("the whole database was made again")
    buckets: dict[File, frozenset[int]] = {}
    limits: dict[File, int] = {}
    for space, filenode, is_limit, lowest, touched in rows:
        if is_limit:
            limits[space, filenode] = int(lowest)
        else:
            buckets[space, filenode] = frozenset(int(bucket) for bucket in touched)
    return Changes(buckets, limits)
