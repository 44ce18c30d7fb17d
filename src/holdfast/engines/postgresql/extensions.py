"""Extensions by allow-list."""

from __future__ import annotations

import psycopg

from holdfast.contract.spec import Endpoint
from holdfast.contract.upkeep import Extension
from holdfast.engines.postgresql import faults, link, prepare
from holdfast.engines.postgresql.names import identifier
from holdfast.kernel.errors import Conflict, NotFound

# Types, functions and index methods only. Left out for good: what reads files (file_fdw, adminpack), dials out (dblink,
# postgres_fdw), runs code of other languages, or shows other sessions' statements.
ALLOWED = frozenset(
    [
        "bloom",
        "btree_gin",
        "btree_gist",
        "citext",
        "cube",
        "dict_int",
        "dict_xsyn",
        "earthdistance",
        "fuzzystrmatch",
        "hstore",
        "intarray",
        "isn",
        "ltree",
        "pg_trgm",
        "pgcrypto",
        "postgis",
        "seg",
        "tablefunc",
        "tcn",
        "tsm_system_rows",
        "tsm_system_time",
        "unaccent",
        "uuid-ossp",
        "vector",
    ]
)
_LIST = """
SELECT a.name, coalesce(a.comment, ''), a.default_version, a.installed_version
FROM pg_catalog.pg_available_extensions a WHERE a.name = ANY (%s) ORDER BY a.name
"""


class Extensions:
    """Implements CanExtend."""

    def extensions(self, at: Endpoint) -> tuple[Extension, ...]:
        try:
            with link.connect(at) as admin:
                return tuple(Extension(*row) for row in admin.execute(_LIST, (sorted(ALLOWED),)))
        except psycopg.Error as error:
            raise faults.from_psycopg(error, "listing extensions") from error

    def enable(self, at: Endpoint, name: str) -> None:
        self._require(at, name)
        try:
            with link.connect(at) as admin:
                prepare.run(admin, f"CREATE EXTENSION IF NOT EXISTS {identifier(name)} SCHEMA public CASCADE")
        except psycopg.Error as error:
            raise faults.from_psycopg(error, "enabling the extension") from error

    def disable(self, at: Endpoint, name: str, *, cascade: bool) -> None:
        self._require(at, name)
        try:
            with link.connect(at) as admin:
                prepare.run(
                    admin, f"DROP EXTENSION IF EXISTS {identifier(name)} {'CASCADE' if cascade else 'RESTRICT'}"
                )
        except psycopg.errors.DependentObjectsStillExist as error:
            objects = (error.diag.message_detail or "").splitlines()[:50]
            raise Conflict(
                f"{len(objects)} objects need {name}",
                code="extension_in_use",
                hint="Drop them first, or say cascade to drop them with it.",
                details={"objects": objects},
            ) from error
        except psycopg.Error as error:
            raise faults.from_psycopg(error, "disabling the extension") from error

    def _require(self, at: Endpoint, name: str) -> None:
        if name not in {each.name for each in self.extensions(at)}:
            raise NotFound(
                f"there is no extension {name!r} that may be enabled here",
                code="extension_not_found",
                hint="The list shows those this server has.",
            )
