"""A PostgreSQL database's own numbers: pg_stat_database and pg_database_size, in one statement."""

from __future__ import annotations

import psycopg

from holdfast.contract.measure import Measures
from holdfast.contract.spec import Endpoint
from holdfast.engines.postgresql import faults, link

_ASK = """
SELECT pg_database_size(d.oid), s.numbackends - 1, s.xact_commit + s.xact_rollback,
       CASE WHEN d.datconnlimit >= 0 THEN d.datconnlimit ELSE current_setting('max_connections')::int END
FROM pg_database d JOIN pg_stat_database s ON s.datid = d.oid WHERE d.datname = current_database()
"""


def measure(at: Endpoint) -> Measures:
    """Our own connection is not counted."""
    with link.connect(at) as connection:
        try:
            row = connection.execute(_ASK).fetchone()
        except psycopg.Error as error:
            raise faults.from_psycopg(error, "measuring") from error
    size, connections, transactions, most = row or (None, None, None, None)
    return Measures(size, connections, most, transactions)
