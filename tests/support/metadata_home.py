"""Where a test's metadata lives: in a file, or with HOLDFAST_TEST_METADATA=postgresql in a database of its own there.

One server per test process, started when first asked for.
"""

from __future__ import annotations

import atexit
import itertools
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import psycopg

if TYPE_CHECKING:
    from pg_server import Cluster

    from holdfast.kernel.db import Database

POSTGRESQL = os.environ.get("HOLDFAST_TEST_METADATA") == "postgresql"
_numbers = itertools.count(1)


def url(file: Path) -> str:
    """An empty metadata database's SQLAlchemy URL; `file` is where it is when it is a file.

    On PostgreSQL its tables are there already: making them takes a second each time.
    """
    return database_on(_server(), _template()) if POSTGRESQL else f"sqlite+apsw:///{file}"


def bare(file: Path) -> str:
    """As `url`, without a table on PostgreSQL either: for what makes the tables of an older version."""
    return on_postgresql() if POSTGRESQL else f"sqlite+apsw:///{file}"


def elsewhere() -> str | None:
    """A URL when the metadata is not to be the file that a server makes by itself."""
    return database_on(_server(), _template()) if POSTGRESQL else None


@contextmanager
def away(db: Database) -> Iterator[None]:
    """The database is out of reach for a while: its file is elsewhere, or its server lets nobody in."""
    name = str(db.url.database)
    if db.embedded:
        db.close()
        Path(name).rename(f"{name}.away")
        Path(name).mkdir()
    else:
        with psycopg.connect(_server(), autocommit=True) as conn:
            conn.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")  # type: ignore[call-overload]
            conn.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
    try:
        yield
    finally:
        db.close()
        if db.embedded:
            Path(name).rmdir()
            Path(f"{name}.away").rename(name)
        else:
            with psycopg.connect(_server(), autocommit=True) as conn:
                conn.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")  # type: ignore[call-overload]


def on_postgresql() -> str:
    """A fresh database without a table on the process's server."""
    return database_on(_server())


def database_on(dsn: str, template: str = "template1") -> str:
    """A fresh database on that server, reached with the same words; a copy of `template`."""
    name = f"metadata_{os.getpid()}_{next(_numbers)}"
    with psycopg.connect(dsn, autocommit=True) as conn:
        conn.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")  # type: ignore[call-overload]
    parts = psycopg.conninfo.conninfo_to_dict(dsn)
    who = f"{quote(str(parts['user']), safe='')}:{quote(str(parts['password']), safe='')}"
    return (
        f"postgresql+psycopg://{who}@/{name}?host={quote(str(parts['host']), safe='/')}&port={parts.get('port', 5432)}"
    )


@cache
def _template() -> str:
    """The name of a database with the tables of this version, and no connection."""
    from holdfast.kernel.db import Database

    made = Database(on_postgresql())
    made.migrate()
    made.close()
    return str(made.url.database)


@cache
def _server() -> str:
    """Connection words of an administrator."""
    from pg_server import running

    stack = ExitStack()
    atexit.register(stack.close)
    # Room for the pools of every test that did not close its own, and of two nodes' processes.
    dsn = administrator(stack.enter_context(running("18", max_connections=400)))
    with psycopg.connect(dsn, autocommit=True) as conn:  # the machine is not switched off in the middle of a test
        for name in ("fsync", "synchronous_commit", "full_page_writes"):
            conn.execute(f"ALTER SYSTEM SET {name} = off")  # type: ignore[call-overload]
        conn.execute("SELECT pg_reload_conf()")
    return dsn


def administrator(cluster: Cluster) -> str:
    """Connection words of a server's administrator."""
    from pg_server import link

    words = link.parameters(cluster.endpoint, "admin", {})
    kept = {name: words[name] for name in ("host", "port", "user", "password") if words.get(name)}
    return psycopg.conninfo.make_conninfo(**kept, dbname="postgres")
