"""Rows back by COPY, in parallel, as a login without superuser rights.

A CHECK constraint or a generated column may call a function from the snapshot. It runs here with the rights of a
role made for this load, which may write tables and act as the owner, and cannot RESET its way to the superuser.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg

from holdfast.contract.snapshot import Source
from holdfast.contract.spec import Endpoint
from holdfast.engines.postgresql import faults, link
from holdfast.engines.postgresql.names import OUR_ROLES, OWNER, identifier, identifiers, literal, maintenance, qualified
from holdfast.kernel.errors import HoldfastError, Permanent
from holdfast.kernel.stop import Stop

CHUNK = 1024 * 1024
PREFIX = "holdfast_load_"


@dataclass(frozen=True)
class Part:
    """One entry of rows and where they go."""

    path: str
    schema: str
    table: str
    columns: tuple[str, ...]

    def copy_in(self) -> str:
        columns = f" ({identifiers(self.columns)})" if self.columns else ""
        return f"COPY {qualified(self.schema, self.table)}{columns} FROM STDIN"


@contextmanager
def loader_role(at: Endpoint, extra: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Connection keywords of a role that exists for this load only. Leftovers of killed loads go first."""
    if not at.hosted:  # an ordinary login already: `report` keeps superusers from restoring
        yield link.parameters(at, "admin", label="holdfast load")
        return
    name, password = PREFIX + secrets.token_hex(6), secrets.token_urlsafe(24)
    with link.connect(maintenance(at)) as admin:
        for (stale,) in admin.execute(_STALE).fetchall():
            drop_role(at, stale)
        verifier = admin.pgconn.encrypt_password(password.encode(), name.encode(), b"scram-sha-256").decode()
        groups = [OWNER, "pg_write_all_data", *(role for role in extra if role not in OUR_ROLES)]
        admin.execute(
            link.statement(
                f"CREATE ROLE {identifier(name)} LOGIN NOSUPERUSER INHERIT PASSWORD {literal(verifier)} "
                f"IN ROLE {identifiers(groups)}"
            )
        )
    try:
        yield link.parameters(at, "admin", label="holdfast load") | {"user": name, "password": password}
    finally:
        drop_role(at, name)


_STALE = f"""
SELECT rolname FROM pg_catalog.pg_roles r WHERE r.rolname LIKE '{PREFIX.replace("_", chr(92) + "_")}%'
AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_stat_activity a WHERE a.usesysid = r.oid)
"""


def drop_role(at: Endpoint, name: str) -> None:
    """A server that is gone takes the role's use with it; the next load removes what is left."""
    try:
        with link.connect(at) as inside:
            inside.execute(
                "SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity WHERE usename = %s",
                (name,),
            )
            inside.execute(link.statement(f"REASSIGN OWNED BY {identifier(name)} TO {identifier(OWNER)}"))
            inside.execute(link.statement(f"DROP OWNED BY {identifier(name)}"))
            inside.execute(link.statement(f"DROP ROLE {identifier(name)}"))
    except (HoldfastError, psycopg.Error):
        return


class Loader:
    """Copies parts in `parallel` sessions; the first error ends them all."""

    def __init__(self, source: Source, keywords: Mapping[str, Any], pulled: Callable[[int], None], stop: Stop) -> None:
        self._source, self._keywords, self._pulled, self._stop = source, keywords, pulled, stop
        self._local = threading.local()
        self._lock = threading.Lock()
        self._connections: list[link.Connection] = []
        self._failed = threading.Event()

    def run(self, parts: Sequence[Part], parallel: int) -> None:
        self._stop.on_stop(self._cancel)
        try:
            with ThreadPoolExecutor(max(1, parallel), thread_name_prefix="pg-load") as pool:
                futures = [pool.submit(self._load, part) for part in parts]
                done, _ = wait(futures, return_when=FIRST_EXCEPTION)
                if any(future.exception() for future in done):
                    self._failed.set()
                    self._cancel()
            for future in futures:
                future.result()
        finally:
            for connection in self._connections:
                connection.close()

    def _cancel(self) -> None:
        self._failed.set()
        with self._lock:
            connections = list(self._connections)
        for connection in connections:
            connection.cancel()

    def _session(self) -> link.Connection:
        session: link.Connection | None = getattr(self._local, "session", None)
        if session is None:
            session = self._local.session = link.dial(self._keywords)
            with self._lock:
                self._connections.append(session)
        return session

    def _load(self, part: Part) -> None:
        self._stop.check()
        if self._failed.is_set():
            return
        session = self._session()
        stream = self._source.open(part.path)
        buffer = memoryview(bytearray(CHUNK))
        try:
            with session.cursor().copy(link.statement(part.copy_in())) as copy:
                while count := stream.readinto(buffer):
                    self._stop.check()
                    if self._failed.is_set():
                        raise Permanent("another part of this restore failed", code="restore_failed")
                    copy.write(bytes(buffer[:count]))
                    self._pulled(count)
        except psycopg.Error as error:
            self._stop.check()
            raise faults.from_psycopg(error, f"loading {part.schema}.{part.table}") from error
        finally:
            stream.close()
