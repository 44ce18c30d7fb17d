"""Sessions and locks of one database, from the server's own views."""

from __future__ import annotations

import psycopg

from holdfast.contract.activity import Present, Wait
from holdfast.contract.spec import Endpoint
from holdfast.engines.postgresql import faults, link
from holdfast.engines.postgresql.names import SUPERUSER, elsewhere

_SESSIONS = """
SELECT pid::text, usename::text, application_name,
  coalesce(host(client_addr), CASE WHEN client_port = -1 THEN 'local' END),
  coalesce(state, backend_type), nullif(query, ''), backend_start,
  CASE WHEN state = 'active' THEN query_start ELSE state_change END,
  CASE WHEN wait_event_type IN ('Lock', 'LWLock', 'IO', 'BufferPin') THEN wait_event_type || ': ' || wait_event END,
  pg_catalog.pg_blocking_pids(pid)::text[], usename = %(us)s
FROM pg_catalog.pg_stat_activity
WHERE datname = %(database)s AND backend_type = 'client backend' AND pid <> pg_catalog.pg_backend_pid()
ORDER BY backend_start, pid
"""
_WAITS = """
SELECT w.pid::text, h.holder::text, l.mode,
  coalesce(CASE WHEN l.relation IS NOT NULL THEN n.nspname || '.' || c.relname END,
    CASE WHEN l.transactionid IS NOT NULL THEN 'transaction ' || l.transactionid END, l.locktype), l.waitstart
FROM pg_catalog.pg_stat_activity w
JOIN LATERAL (SELECT DISTINCT unnest(pg_catalog.pg_blocking_pids(w.pid)) AS holder) h ON true
JOIN pg_catalog.pg_locks l ON l.pid = w.pid AND NOT l.granted
LEFT JOIN pg_catalog.pg_class c ON c.oid = l.relation
LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE w.datname = %(database)s ORDER BY l.waitstart NULLS LAST, w.pid, h.holder
"""
_ACT = """
SELECT pg_catalog.{act}(pid) FROM pg_catalog.pg_stat_activity
WHERE datname = %(database)s AND backend_type = 'client backend' AND pid::text = %(session)s AND usename <> %(us)s
"""


class Activities:
    """Implements CanActivity. Read inside the database itself, so that locked tables have names."""

    def sessions(self, at: Endpoint) -> tuple[Present, ...]:
        try:
            with link.connect(at) as admin:
                rows = admin.execute(_SESSIONS, {"database": at.database, "us": SUPERUSER}).fetchall()
        except psycopg.Error as error:
            raise faults.from_psycopg(error, "reading the sessions") from error
        return tuple(Present(*row[:9], tuple(row[9] or ()), bool(row[10])) for row in rows)  # type: ignore[call-arg]

    def waits(self, at: Endpoint) -> tuple[Wait, ...]:
        try:
            with link.connect(at) as admin:
                rows = admin.execute(_WAITS, {"database": at.database}).fetchall()
        except psycopg.Error as error:
            raise faults.from_psycopg(error, "reading the locks") from error
        return tuple(Wait(*row) for row in rows)

    def cancel(self, at: Endpoint, session: str) -> bool:
        return self._act(at, session, "pg_cancel_backend")

    def end(self, at: Endpoint, session: str) -> bool:
        return self._act(at, session, "pg_terminate_backend")

    def _act(self, at: Endpoint, session: str, act: str) -> bool:
        values = {"database": at.database, "session": session, "us": SUPERUSER}
        try:
            with link.connect(elsewhere(at, "postgres")) as admin:
                row = admin.execute(link.statement(_ACT.format(act=act)), values).fetchone()
        except psycopg.Error as error:
            raise faults.from_psycopg(error, "ending the session") from error
        return bool(row and row[0])
