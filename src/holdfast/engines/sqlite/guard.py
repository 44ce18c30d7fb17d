"""What a tenant's statement may do: the authorizer and the limits. Everything not named is refused."""

from __future__ import annotations

import apsw

_READ_ACTIONS = frozenset(
    {apsw.SQLITE_SELECT, apsw.SQLITE_READ, apsw.SQLITE_FUNCTION, apsw.SQLITE_RECURSIVE, apsw.SQLITE_PRAGMA}
)
_WRITE_ACTIONS = frozenset(
    {
        apsw.SQLITE_INSERT,
        apsw.SQLITE_UPDATE,
        apsw.SQLITE_DELETE,
        apsw.SQLITE_CREATE_TABLE,
        apsw.SQLITE_CREATE_INDEX,
        apsw.SQLITE_CREATE_VIEW,
        apsw.SQLITE_CREATE_TRIGGER,
        apsw.SQLITE_CREATE_VTABLE,
        apsw.SQLITE_DROP_TABLE,
        apsw.SQLITE_DROP_INDEX,
        apsw.SQLITE_DROP_VIEW,
        apsw.SQLITE_DROP_TRIGGER,
        apsw.SQLITE_DROP_VTABLE,
        apsw.SQLITE_ALTER_TABLE,
        apsw.SQLITE_REINDEX,
        apsw.SQLITE_ANALYZE,
    }
)
_FUNCTIONS_DENIED = frozenset({"load_extension", "fts3_tokenizer", "readfile", "writefile", "edit", "fsdir", "eval"})
_MODULES_ALLOWED = frozenset({"fts3", "fts4", "fts5", "fts5vocab", "fts4aux", "rtree", "rtree_i32", "geopoly"})

# Pragmas that only tell; those in the second set tell about the name given to them.
_PRAGMAS_PLAIN = frozenset(
    {
        "application_id",
        "auto_vacuum",
        "cache_size",
        "collation_list",
        "compile_options",
        "data_version",
        "encoding",
        "foreign_keys",
        "freelist_count",
        "function_list",
        "journal_mode",
        "max_page_count",
        "module_list",
        "page_count",
        "page_size",
        "pragma_list",
        "schema_version",
        "synchronous",
        "user_version",
    }
)
_PRAGMAS_OF_NAME = frozenset(
    {
        "foreign_key_check",
        "foreign_key_list",
        "index_info",
        "index_list",
        "index_xinfo",
        "integrity_check",
        "quick_check",
        "table_info",
        "table_list",
        "table_xinfo",
    }
)
_PRAGMAS_SET = frozenset({"application_id", "user_version", "foreign_keys", "optimize", "incremental_vacuum"})

LIMITS = {
    apsw.SQLITE_LIMIT_LENGTH: 100_000_000,
    apsw.SQLITE_LIMIT_SQL_LENGTH: 4_000_000,
    apsw.SQLITE_LIMIT_ATTACHED: 0,
    apsw.SQLITE_LIMIT_VDBE_OP: 5_000_000,
    apsw.SQLITE_LIMIT_FUNCTION_ARG: 127,
    apsw.SQLITE_LIMIT_LIKE_PATTERN_LENGTH: 10_000,
    apsw.SQLITE_LIMIT_TRIGGER_DEPTH: 100,
    apsw.SQLITE_LIMIT_WORKER_THREADS: 0,
}


class Guard:
    """An authorizer. `refused` holds, in words, the last action it refused."""

    def __init__(self, write: bool) -> None:
        self._write = write
        self.refused = ""

    def install(self, connection: apsw.Connection) -> None:
        for limit, value in LIMITS.items():
            connection.limit(limit, value)
        connection.set_authorizer(self)

    def __call__(
        self, action: int, first: str | None, second: str | None, schema: str | None, _inner: str | None
    ) -> int:
        if self._allowed(action, first, second, schema):
            return apsw.SQLITE_OK
        name = str(apsw.mapping_authorizer_function.get(action, action)).removeprefix("SQLITE_")
        self.refused = " ".join(part for part in (name, first, second) if part)
        return apsw.SQLITE_DENY

    def _allowed(self, action: int, first: str | None, second: str | None, schema: str | None) -> bool:
        if action == apsw.SQLITE_PRAGMA:
            return self._pragma((first or "").lower(), second)
        if action == apsw.SQLITE_FUNCTION:
            return (second or "").lower() not in _FUNCTIONS_DENIED
        if action in _READ_ACTIONS:
            return True
        if not self._write or action not in _WRITE_ACTIONS:
            return False
        if schema == "temp":  # ALTER TABLE looks through this one itself; nobody else may write it, SQLite sees to that
            return action == apsw.SQLITE_UPDATE and first == "sqlite_temp_master"
        if action == apsw.SQLITE_CREATE_VTABLE:
            return (second or "").lower() in _MODULES_ALLOWED
        return True

    def _pragma(self, name: str, value: str | None) -> bool:
        if name in _PRAGMAS_OF_NAME:
            return True
        if self._write and name in _PRAGMAS_SET:
            return True
        return name in _PRAGMAS_PLAIN and value is None
