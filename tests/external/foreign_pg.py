"""A real PostgreSQL server that is not ours: a cluster with roles of its own, none of Holdfast's."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import psycopg
from pg_server import Cluster

from holdfast.contract.conformance import Place
from holdfast.contract.engine import Engine
from holdfast.contract.spec import Endpoint, Role
from holdfast.engines.postgresql import engine, link
from holdfast.engines.postgresql.prepare import drop_database
from holdfast.engines.postgresql.trial import DIALECT
from holdfast.kernel.errors import HoldfastError

LOGIN, READER = 'app "admin"', "app-reader"
PASSWORDS = {"login": "p@ss:/?#[]w'ö\"rd%20", "reader": "r'e\\a d;--er-1"}


def superuser(cluster: Cluster, database: str = "postgres") -> psycopg.Connection[Any]:
    keywords = link.parameters(replace(cluster.endpoint, database=database), "admin", {})
    return psycopg.connect(**keywords, autocommit=True)


def make_roles(cluster: Cluster) -> None:
    """What a stranger's administrator would have made. Idempotent."""
    with superuser(cluster) as admin:
        for name, password, flags in ((LOGIN, "login", "CREATEDB"), (READER, "reader", "")):
            quoted = '"' + name.replace('"', '""') + '"'
            if admin.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (name,)).fetchone() is None:
                admin.execute(f"CREATE ROLE {quoted} LOGIN {flags}")  # type: ignore[call-overload]
            secret = PASSWORDS[password].replace("'", "''")
            admin.execute(
                f"ALTER ROLE {quoted} PASSWORD '{secret}'"
                if "\\" not in secret
                # type: ignore[call-overload]
                else f"ALTER ROLE {quoted} PASSWORD E'" + secret.replace("\\", "\\\\") + "'"
            )


def endpoint(cluster: Cluster, database: str) -> Endpoint:
    login = Role(LOGIN, "login")
    return Endpoint(
        sockets=cluster.endpoint.sockets,
        port=cluster.endpoint.port,
        database=database,
        roles={"admin": login, "owner": login, "rw": login, "ro": Role(READER, "reader")},
        secrets=PASSWORDS,
        software=cluster.endpoint.software,
        hosted=False,
    )


@dataclass
class ForeignSubject:
    """Implements Subject: every fresh database is one on somebody else's server."""

    cluster: Cluster

    def __post_init__(self) -> None:
        make_roles(self.cluster)
        self.engine: Engine = engine
        self.spec = self.cluster.spec
        # making databases is what this login was given the right for
        denied = tuple(text for text in DIALECT.denied if not text.startswith("CREATE DATABASE"))
        refused = tuple(
            text.replace("db_owner", f'"{LOGIN}"'.replace('"app "admin""', '"app ""admin"""')).replace(
                "db_ro", f'"{READER}"'
            )
            for text in DIALECT.refused
        )
        self.dialect = replace(DIALECT, denied=denied, refused=refused)

    @contextlib.contextmanager
    def fresh(self, name: str = "app") -> Iterator[Place]:
        self.cluster.count += 1
        at = endpoint(self.cluster, f"{name}_x{os.getpid()}_{self.cluster.count}"[-63:])
        try:
            asyncio.run(self.engine.prepare(at, self.spec, self.cluster.tools))
            with superuser(self.cluster, at.database or "") as admin:  # the hardening a report suggests
                admin.execute("REVOKE EXECUTE ON FUNCTION pg_terminate_backend(integer, bigint) FROM PUBLIC")
                admin.execute('GRANT EXECUTE ON FUNCTION pg_terminate_backend(integer, bigint) TO "app ""admin"""')
            yield Place(at.database or "", at, self.cluster.tools)
        finally:
            with contextlib.suppress(HoldfastError), superuser(self.cluster) as admin:
                drop_database(admin, at.database or "")
