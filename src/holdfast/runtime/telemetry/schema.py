"""The file itself: its tables, and connections to it."""

from __future__ import annotations

from pathlib import Path

import apsw

from holdfast.runtime.python.tally import BOUNDS_MS

VERSION = 2
# `class`: the first digit of the status, 0 without one. `d0` ...: how many took so long, as BOUNDS_MS has it; a zero
# takes one byte of a row, so that a minute's histogram costs about as much as its times.
BUCKETS = tuple(f"d{each}" for each in range(len(BOUNDS_MS) + 1))
_TABLES = """
create table invocations (
  seq integer primary key autoincrement, id text not null, worker_id text not null, version_id text not null,
  at integer not null, trigger text not null, outcome text not null, wall_ms real not null, method text, path text,
  status integer, cpu_ms real, memory_bytes integer, error text, ray text);
create index invocations_worker on invocations (worker_id, at);
create index invocations_version on invocations (version_id, at);
create index invocations_id on invocations (id);
create index invocations_at on invocations (at);
create table logs (
  seq integer primary key autoincrement, worker_id text not null, version_id text not null, at integer not null,
  level text not null, text text not null, invocation text);
create index logs_worker on logs (worker_id, seq);
create index logs_invocation on logs (invocation) where invocation is not null;
create index logs_at on logs (at);
create table crons (
  seq integer primary key autoincrement, id text not null unique, worker_id text not null, version_id text not null,
  cron text not null, scheduled_at integer not null, started_at integer not null, attempt integer not null,
  outcome text, wall_ms real, error text);
create index crons_worker on crons (worker_id, scheduled_at);
create table minutes (
  version_id text not null, worker_id text not null, minute integer not null, outcome text not null,
  class integer not null, count integer not null, wall_ms real not null, cpu_ms real not null, memory_bytes integer,
  {buckets},
  primary key (version_id, minute, outcome, class)) without rowid;
create index minutes_worker on minutes (worker_id, minute);
create table totals (
  version_id text not null, worker_id text not null, trigger text not null, outcome text not null,
  class integer not null, count integer not null, wall_ms real not null, cpu_ms real not null,
  primary key (version_id, trigger, outcome, class)) without rowid;
create table durations (
  version_id text not null, worker_id text not null, bound integer not null, count integer not null,
  primary key (version_id, bound)) without rowid;
create table unfit (
  version_id text not null, worker_id text not null, minute integer not null, count integer not null,
  primary key (version_id, minute)) without rowid;
create index unfit_worker on unfit (worker_id, minute);
create table unfit_totals (version_id text primary key, worker_id text not null, count integer not null) without rowid;
create table dropped (version_id text primary key, worker_id text not null, count integer not null) without rowid;
create table states (
  version_id text primary key, worker_id text not null, state text not null, since integer not null,
  processes integer not null, memory_bytes integer, cpu_seconds real, starts integer not null,
  crashes integer not null, oom_kills integer not null, error text, retry_at integer, start_ms real) without rowid;
""".format(buckets=", ".join(f"{each} integer not null" for each in BUCKETS))


def open_writer(path: Path) -> apsw.Connection:
    """The one writing connection; makes the file (0600) where there is none. A file of another schema or a damaged one
    is put aside as `workers.db.old`: telemetry is never a reason not to start."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        return _prepared(path)
    except (apsw.NotADBError, apsw.CorruptError, _OtherSchemaError):
        for suffix in ("", "-wal", "-shm"):
            file = path.with_name(path.name + suffix)
            if file.exists():
                file.replace(path.with_name(f"{path.name}.old{suffix}"))
        return _prepared(path)


class _OtherSchemaError(Exception):
    """Written by another release."""


def _prepared(path: Path) -> apsw.Connection:
    path.touch(mode=0o600)
    connection = apsw.Connection(str(path))
    try:
        connection.set_busy_timeout(5000)
        connection.pragma("auto_vacuum", 2)  # incremental, so that the bytes of old rows are given back in small steps
        connection.pragma("journal_mode", "wal")
        connection.pragma("synchronous", 1)
        found = connection.pragma("user_version")
        if found == 0:
            with connection:
                connection.execute(_TABLES)
                connection.pragma("user_version", VERSION)
        elif found != VERSION:
            raise _OtherSchemaError(str(found))
    except BaseException:
        connection.close()
        raise
    return connection


def open_reader(path: Path) -> apsw.Connection | None:
    """None while nothing was ever written."""
    try:
        connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    except apsw.CantOpenError:
        return None
    connection.set_busy_timeout(5000)
    if connection.pragma("user_version") != VERSION:
        connection.close()
        return None
    return connection
