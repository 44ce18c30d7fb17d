"""A restored candidate takes the place of the live database by two renames.

Each step looks at what is there and does only what is missing, so a second call after a crash completes the first.
ALTER DATABASE RENAME needs the database free of sessions: connections are disallowed first, then ended.
"""

from __future__ import annotations

import time

import psycopg

from holdfast.contract.snapshot import Receipt
from holdfast.contract.spec import Endpoint
from holdfast.engines.postgresql import faults, link, prepare
from holdfast.engines.postgresql.link import Connection
from holdfast.engines.postgresql.names import identifier, maintenance
from holdfast.kernel.crashpoints import crash_point
from holdfast.kernel.errors import Conflict, Invalid, Retryable

DRAIN_SECONDS = 10.0


def swap(at: Endpoint, candidate: Endpoint, kept: Endpoint) -> Receipt:
    """See `contract.engine.CanSwap.swap`."""
    live, fresh, old = _name(at), _name(candidate), _name(kept)
    if len({live, fresh, old}) != 3:
        raise Invalid("the live, candidate and kept databases must differ", code="swap_invalid")
    try:
        with link.connect(maintenance(at)) as admin:
            return _swap(admin, live, fresh, old, hosted=at.hosted)
    except psycopg.Error as error:
        raise faults.from_psycopg(error, "swapping the databases") from error


def _swap(admin: Connection, live: str, fresh: str, old: str, *, hosted: bool) -> Receipt:
    has = {name: prepare.database_exists(admin, name) for name in (live, fresh, old)}
    if not has[fresh]:
        if has[live] and has[old]:
            _allow(admin, live)
            _allow(admin, old)
            return Receipt(notes=("the swap was already complete",))
        raise Conflict(f"there is no candidate database {fresh!r}", code="candidate_absent")
    if has[live]:
        if has[old]:
            raise Conflict(
                f"a kept database {old!r} is in the way",
                code="kept_exists",
                hint="discard it, or keep under another label",
            )
        limit = _limit(admin, live)
        _drain(admin, live, hosted=hosted)
        _rename(admin, live, old)
        prepare.run(admin, f"ALTER DATABASE {identifier(fresh)} CONNECTION LIMIT {limit}")
    elif not has[old]:
        raise Conflict(f"neither {live!r} nor {old!r} exists", code="swap_impossible")
    crash_point("swap.kept")
    _drain(admin, fresh, hosted=hosted)
    _rename(admin, fresh, live)
    crash_point("swap.renamed")
    _allow(admin, live)
    _allow(admin, old)
    return Receipt(notes=(f"the former database is kept as {old!r}",), facts={"kept": old})


def discard(at: Endpoint) -> Receipt:
    """Remove a candidate or kept database for good. Absent is success."""
    if at.beside is None:
        raise Invalid("only a database beside the live one can be discarded", code="discard_refused")
    name = _name(at)
    try:
        with link.connect(maintenance(at)) as admin:
            prepare.drop_database(admin, name)
    except psycopg.Error as error:
        raise faults.from_psycopg(error, "discarding a database") from error
    return Receipt(notes=(f"{name!r} was removed",))


def _name(at: Endpoint) -> str:
    if not at.database:
        raise Invalid("the endpoint names no database", code="endpoint_invalid")
    return at.database


def _limit(admin: Connection, name: str) -> int:
    row = admin.execute("SELECT datconnlimit FROM pg_catalog.pg_database WHERE datname = %s", (name,)).fetchone()
    return int(row[0]) if row else -1


def _drain(admin: Connection, name: str, *, hosted: bool) -> None:
    """Nobody new, nobody left. Raises Retryable when a session will not end."""
    whose = "" if hosted else " AND backend_type = 'client backend'"  # only a superuser ends the server's own workers
    prepare.run(admin, f"ALTER DATABASE {identifier(name)} ALLOW_CONNECTIONS false")
    deadline = time.monotonic() + DRAIN_SECONDS
    while True:
        left = admin.execute(
            link.statement(
                f"SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity "
                f"WHERE datname = %s{whose}"
            ),
            (name,),
        ).fetchall()
        if not left:
            return
        if time.monotonic() > deadline:
            _allow(admin, name)
            raise Retryable(f"{len(left)} sessions of {name!r} would not end", code="drain_timeout")
        time.sleep(0.02)


def _rename(admin: Connection, name: str, to: str) -> None:
    prepare.run(admin, f"ALTER DATABASE {identifier(name)} RENAME TO {identifier(to)}")


def _allow(admin: Connection, name: str) -> None:
    prepare.run(admin, f"ALTER DATABASE {identifier(name)} ALLOW_CONNECTIONS true")
