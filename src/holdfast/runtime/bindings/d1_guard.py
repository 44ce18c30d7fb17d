"""What a worker's SQL may do: the authorizer and the limits. What is not named is refused."""

from __future__ import annotations

from typing import Final

import apsw

_READ: Final = frozenset({apsw.SQLITE_SELECT, apsw.SQLITE_READ, apsw.SQLITE_FUNCTION, apsw.SQLITE_RECURSIVE})
_WRITE: Final = frozenset(
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
_FUNCTIONS_DENIED: Final = frozenset(
    {"load_extension", "fts3_tokenizer", "readfile", "writefile", "edit", "fsdir", "eval"}
)
_MODULES: Final = frozenset({"fts3", "fts4", "fts5", "fts5vocab", "rtree", "rtree_i32"})
_PRAGMAS_TOLD: Final = frozenset(
    {
        "application_id",
        "compile_options",
        "collation_list",
        "data_version",
        "encoding",
        "foreign_keys",
        "freelist_count",
        "function_list",
        "journal_mode",
        "module_list",
        "page_count",
        "page_size",
        "pragma_list",
        "schema_version",
        "user_version",
    }
)
_PRAGMAS_OF_NAME: Final = frozenset(
    {
        "foreign_key_check",
        "foreign_key_list",
        "index_info",
        "index_list",
        "index_xinfo",
        "quick_check",
        "table_info",
        "table_list",
        "table_xinfo",
    }
)
# They last for the transaction or are part of the file: no other caller of the shared connection meets them.
_PRAGMAS_SET: Final = frozenset({"defer_foreign_keys", "optimize", "user_version", "application_id"})

STATEMENT_BYTES: Final = 100_000
PARAMETERS: Final = 100
ROW_BYTES: Final = 2_000_000
LIMITS: Final = {
    apsw.SQLITE_LIMIT_LENGTH: ROW_BYTES + 64 * 1024,
    apsw.SQLITE_LIMIT_SQL_LENGTH: STATEMENT_BYTES,
    apsw.SQLITE_LIMIT_VARIABLE_NUMBER: PARAMETERS,
    apsw.SQLITE_LIMIT_COLUMN: 100,
    apsw.SQLITE_LIMIT_ATTACHED: 0,
    apsw.SQLITE_LIMIT_FUNCTION_ARG: 32,
    apsw.SQLITE_LIMIT_LIKE_PATTERN_LENGTH: 50,
    apsw.SQLITE_LIMIT_COMPOUND_SELECT: 50,
    apsw.SQLITE_LIMIT_VDBE_OP: 250_000,
    apsw.SQLITE_LIMIT_TRIGGER_DEPTH: 10,
    apsw.SQLITE_LIMIT_WORKER_THREADS: 0,
}


class Guard:
    """An authorizer. `refused` says in words what it refused last."""

    def __init__(self, write: bool) -> None:
        self._write = write
        self.refused = ""
        self.ours = False  # while we begin and end transactions ourselves

    def install(self, connection: apsw.Connection) -> None:
        for limit, value in LIMITS.items():
            connection.limit(limit, value)
        connection.set_authorizer(self)

    def __call__(self, action: int, first: str | None, second: str | None, schema: str | None, _by: str | None) -> int:
        if self.ours or self._allowed(action, first, second, schema):
            return apsw.SQLITE_OK
        if action in (apsw.SQLITE_TRANSACTION, apsw.SQLITE_SAVEPOINT):
            self.refused = "a statement cannot begin or end a transaction: use batch(), which is one"
        else:
            name = str(apsw.mapping_authorizer_function.get(action, action)).removeprefix("SQLITE_")
            self.refused = "not authorized: " + " ".join(part for part in (name, first, second) if part)
        return apsw.SQLITE_DENY

    def _allowed(self, action: int, first: str | None, second: str | None, schema: str | None) -> bool:
        if action == apsw.SQLITE_PRAGMA:
            return self._pragma((first or "").lower(), second)
        if action == apsw.SQLITE_FUNCTION:
            return (second or "").lower() not in _FUNCTIONS_DENIED
        if action in _READ:
            return True
        if not self._write or action not in _WRITE:
            return False
        if schema == "temp":  # ALTER TABLE looks through this one itself
            return action == apsw.SQLITE_UPDATE and first == "sqlite_temp_master"
        if action == apsw.SQLITE_CREATE_VTABLE:
            return (second or "").lower() in _MODULES
        return True

    def _pragma(self, name: str, value: str | None) -> bool:
        if name in _PRAGMAS_OF_NAME or (self._write and name in _PRAGMAS_SET):
            return True
        return name in _PRAGMAS_TOLD and value is None
