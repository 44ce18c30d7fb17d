"""This engine's words for the conformance suite, and a subject that needs nothing but a directory."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from holdfast.contract.conformance import Dialect, Place
from holdfast.contract.conformance.subject import Writer
from holdfast.contract.engine import Engine
from holdfast.contract.spec import Endpoint, Site, Spec
from holdfast.contract.tools import Tools
from holdfast.engines.sqlite.connections import open_database, path_of, quote
from holdfast.engines.sqlite.engine import SqliteEngine
from holdfast.engines.sqlite.spec import SCHEMA, SqliteSpec
from holdfast.kernel.ids import new_id


@contextmanager
def writer(at: Endpoint) -> Iterator[Writer]:
    """One connection; each call is one transaction."""
    with closing(open_database(path_of(at), "write")) as connection:
        connection.set_busy_timeout(20_000)

        def execute(statements: Sequence[str]) -> None:
            connection.execute("BEGIN IMMEDIATE")
            try:
                for statement in statements:
                    connection.execute(statement)
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")

        yield execute


_NAMES = (
    "select",
    "plain name",
    'quo"te',
    "apo'strophe",
    "semi;colon -- drop",
    "a/b\\c",
    "naïve_表_😀",
    "n" * 63,
    "%s %(x)s {}",
    "Case",
    "[brackets]",
    "new\nline",
)

_AWKWARD = (
    """CREATE TABLE "type's; --" (id INTEGER PRIMARY KEY AUTOINCREMENT, "in""t" INTEGER, "real" REAL,
       t TEXT COLLATE NOCASE,
       b BLOB, n NUMERIC, anything, twice INTEGER GENERATED ALWAYS AS ("in""t" * 2) VIRTUAL,
       stored TEXT AS (upper(t)) STORED, CHECK (n IS NULL OR n <> 5))""",
    """INSERT INTO "type's; --" ("in""t", "real", t, b, n, anything) VALUES
       (9223372036854775807, 1e308, 'naïve 😀', x'00ff00', 12.50, 1), (-9223372036854775808, -0.0, '', x'', NULL, '1'),
       (0, 9e999, 'a' || char(0) || 'b', zeroblob(3000), '1e3', 1.0), (NULL, -9e999, NULL, NULL, 7, x'31'),
       (1, 0.1, 'line' || char(10) || 'break', randomblob(5000), -1, NULL)""",
    "CREATE TABLE composite (a TEXT, b INTEGER, c REAL NOT NULL DEFAULT 1.5, PRIMARY KEY (b, a DESC)) WITHOUT ROWID",
    "INSERT INTO composite VALUES ('x', 1, 2), ('y', 1, 3), ('x', 2, 4)",
    "CREATE TABLE strict_one (id INTEGER PRIMARY KEY, j ANY, t TEXT) STRICT",
    "INSERT INTO strict_one VALUES (1, 1, 'a'), (2, '1', 'b'), (3, 1.0, NULL), (4, x'31', ''), (5, NULL, NULL)",
    "CREATE TABLE empty_one (a, b, c)",
    "CREATE TABLE dangling (id INTEGER PRIMARY KEY, parent INTEGER REFERENCES strict_one (id) ON DELETE CASCADE)",
    "INSERT INTO dangling VALUES (1, 1), (2, 999), (3, NULL)",
    "CREATE TABLE twins (a, b)",
    "INSERT INTO twins VALUES (1, NULL), (1, NULL), (CAST(x'fffe' AS TEXT), 2)",
    "CREATE UNIQUE INDEX partial ON composite (c) WHERE c > 2",
    "CREATE INDEX expression ON strict_one (length(t), j COLLATE RTRIM)",
    """CREATE VIEW "the view" AS SELECT a, sum(c) AS total FROM composite GROUP BY a""",
    "CREATE VIEW broken AS SELECT * FROM not_there",
    "CREATE TRIGGER touched AFTER INSERT ON composite BEGIN INSERT INTO empty_one VALUES (new.a, new.b, new.c); END",
    'CREATE TRIGGER through INSTEAD OF INSERT ON "the view" BEGIN SELECT 1; END',
    "CREATE VIRTUAL TABLE search USING fts5(title, body)",
    "INSERT INTO search VALUES ('one', 'the quick brown fox'), ('two', 'jumps over')",
    "CREATE VIRTUAL TABLE boxes USING rtree(id, x1, x2)",
    "INSERT INTO boxes VALUES (1, 0, 1), (2, 5, 6)",
    "PRAGMA user_version = 42",
)

DIALECT = Dialect(
    schema=SCHEMA,
    quote=quote,
    blob="BLOB",
    blob_literal=lambda data: f"x'{data.hex()}'",
    placeholder=lambda number: f"?{number}",
    named=lambda name: f":{name}",
    endless="WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s) SELECT count(*) FROM s",
    flood="WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s) SELECT n FROM s",
    names=_NAMES,
    awkward=_AWKWARD,
    corrupt_row="UPDATE strict_one SET j = '1' WHERE id = 1",
    writer=writer,
    values=(
        ("NULL", None),
        ("9223372036854775807", 9223372036854775807),
        ("0.1", 0.1),
        ("'naïve 😀'", "naïve 😀"),
        ("x'00ff00'", b"\x00\xff\x00"),
        ("9e999", float("inf")),
        ("''", ""),
        ("x''", b""),
    ),
    refused=(
        "REPLACE INTO t VALUES (1, 'x')",
        "CREATE TEMP TABLE u (id)",
        "CREATE TEMP TRIGGER g AFTER INSERT ON t BEGIN SELECT 1; END",
        "PRAGMA user_version = 7",
        "PRAGMA writable_schema = ON",
        "PRAGMA journal_mode = DELETE",
        "ATTACH 'other.sqlite' AS other",
        "ATTACH ':memory:' AS other",
        "DETACH main",
        "VACUUM",
        "VACUUM INTO 'copy.sqlite'",
        "ANALYZE",
        "BEGIN IMMEDIATE",
        "SAVEPOINT s",
        "SELECT load_extension('x')",
        "EXPLAIN DELETE FROM t",
        "INSERT INTO t VALUES (50, 'x') RETURNING id",
        "CREATE VIRTUAL TABLE f USING fts5(a)",
    ),
    hostile=(
        "REINDEX",
        "PRAGMA query_only = OFF",
        "PRAGMA main.user_version(9)",
        "SELECT writefile('out', 'x')",
        "SELECT readfile('/etc/passwd')",
        "COMMIT",
        "SELECT zeroblob(900000000)",
        "SELECT * FROM pragma_journal_mode('delete')",
        "SELECT * FROM pragma_user_version(3)",
        "WITH x AS (SELECT 1) INSERT INTO t SELECT 77, 'x'",
    ),
    denied=(
        "ATTACH 'other.sqlite' AS other",
        "ATTACH 'file:other.sqlite?mode=rwc' AS other",
        "VACUUM INTO 'copy.sqlite'",
        "SELECT load_extension('x')",
        "SELECT writefile('out', 'x')",
        "PRAGMA writable_schema = ON",
        "PRAGMA journal_mode = OFF",
        "PRAGMA temp_store_directory = '/tmp'",
        "CREATE VIRTUAL TABLE f USING csv(filename='/etc/passwd')",
        "BEGIN",
    ),
)


class SqliteSubject:
    """Implements Subject in directories under `root`."""

    def __init__(self, root: Path, tools: Tools, spec: SqliteSpec | None = None) -> None:
        self._root, self._tools = root, tools
        self.engine: Engine = SqliteEngine()
        self.spec: Spec = spec or SqliteSpec()
        self.dialect = DIALECT

    @contextmanager
    def fresh(self, name: str = "app") -> Iterator[Place]:
        with tempfile.TemporaryDirectory(dir=self._root) as directory:
            data = Path(directory) / "data"
            data.mkdir()
            plan = self.engine.plan(self.spec, Site(new_id("db"), name, data, data))
            asyncio.run(self.engine.prepare(plan.endpoint, self.spec, self._tools))
            yield Place(name, plan.endpoint, self._tools)
