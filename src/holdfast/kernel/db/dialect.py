"""The SQLAlchemy dialect `sqlite+apsw`: SQLAlchemy's own SQLite dialect on our DB-API."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable
from typing import Any

from sqlalchemy import pool, util
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.sqlite.base import SQLiteDialect
from sqlalchemy.engine.url import URL

from holdfast.kernel.db import dbapi


def _regexp(pattern: str, value: str | None) -> bool | None:
    return None if value is None else re.search(pattern, value) is not None


class ApswDialect(SQLiteDialect):
    """Everything but the driver is SQLAlchemy's. URL: `sqlite+apsw:////absolute/path.db`; `:memory:` is per thread."""

    driver = "apsw"
    default_paramstyle = "qmark"
    supports_statement_cache = True
    returns_native_bytes = True
    description_encoding = None
    _isolation_lookup = SQLiteDialect._isolation_lookup.union({"AUTOCOMMIT": None})

    @classmethod
    def import_dbapi(cls) -> Any:
        return dbapi

    @classmethod
    def get_pool_class(cls, url: URL) -> type[pool.Pool]:
        return pool.QueuePool if url.database not in (None, "", ":memory:") else pool.SingletonThreadPool

    def _get_server_version_info(self, connection: Any) -> tuple[int, ...]:  # noqa: ARG002 - SQLAlchemy calls it so
        return dbapi.sqlite_version_info

    def retrieve_dbapi_version(self, dbapi: Any) -> util.VersionInfo:
        return util.VersionInfo(dbapi.apsw_version_info)

    def set_isolation_level(self, dbapi_connection: Any, level: Any) -> None:
        if level == "AUTOCOMMIT":
            dbapi_connection.isolation_level = None
            return
        dbapi_connection.isolation_level = ""
        super().set_isolation_level(dbapi_connection, level)

    def detect_autocommit_setting(self, dbapi_conn: Any) -> bool:
        return dbapi_conn.isolation_level is None

    def on_connect(self) -> Callable[[Any], None]:
        def connect(connection: dbapi.Connection) -> None:
            connection.create_function("regexp", 2, _regexp, deterministic=True)
            connection.create_function("floor", 1, math.floor, deterministic=True)

        return connect

    def create_connect_args(self, url: URL) -> tuple[list[str], dict[str, Any]]:
        if url.host or url.username or url.password or url.port:
            raise ValueError("a SQLite URL has no host: sqlite+apsw:////absolute/path.db")
        options: dict[str, Any] = {}
        util.coerce_kw_type(dict(url.query), "timeout", float, dest=options)
        name = url.database or ":memory:"
        return [name if name == ":memory:" else os.path.abspath(name)], options

    def is_disconnect(self, e: Any, connection: Any, cursor: Any) -> bool:  # noqa: ARG002 - SQLAlchemy calls it so
        return isinstance(e, dbapi.ProgrammingError) and "closed database" in str(e)


def register() -> None:
    """Make the URL `sqlite+apsw://` known to SQLAlchemy in this process. Idempotent."""
    registry.register("sqlite.apsw", "holdfast.kernel.db.dialect", "ApswDialect")
