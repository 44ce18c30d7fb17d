"""Database files and .dump texts that are taken in: whole, cut off, hostile, from a newer SQLite."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import apsw
import pytest
from endless import stopped_by_cancel, stopped_by_disk

from holdfast.contract.conformance import Place
from holdfast.contract.dumps import Dump
from holdfast.contract.snapshot import Receipt
from holdfast.engines.sqlite.connections import open_database, path_of
from holdfast.engines.sqlite.spec import SqliteSpec
from holdfast.engines.sqlite.trial import SqliteSubject
from holdfast.kernel.errors import HoldfastError, Invalid
from holdfast.kernel.stop import Stop

SPEC = SqliteSpec()


@pytest.fixture
def place(subject: SqliteSubject) -> Iterator[Place]:
    with subject.fresh() as made:
        yield made


@pytest.fixture
def engine(subject: SqliteSubject):  # type: ignore[no-untyped-def]
    return subject.engine


def made(path: Path) -> bytes:
    with closing(apsw.Connection(str(path))) as connection:
        connection.execute("PRAGMA page_size = 1024")
        connection.execute("""CREATE TABLE "a""b'; --" (id INTEGER PRIMARY KEY, t)""")
        connection.execute("BEGIN")
        rows = [(None, f"ü{n}\n;") for n in range(500)]
        connection.executemany("""INSERT INTO "a""b'; --" VALUES (?, ?)""", rows)
        connection.execute("COMMIT")
    return path.read_bytes()


def take_in(engine, place: Place, content: bytes) -> Receipt:  # type: ignore[no-untyped-def]
    dump = engine.recognised(content[:65536], SPEC)
    assert isinstance(dump, Dump)
    cut = iter([content[at : at + 1000] for at in range(0, len(content), 1000)])
    found: Receipt = engine.take_in(place.endpoint, place.tools, dump, cut, Stop())
    return found


def count(place: Place) -> int:
    with closing(open_database(path_of(place.endpoint), "read")) as connection:
        return int(connection.execute("""SELECT count(*) FROM "a""b'; --" """).fetchall()[0][0])


def schema(place: Place) -> list[str]:
    with closing(open_database(path_of(place.endpoint), "read")) as connection:
        return [row[0] for row in connection.execute("SELECT name FROM sqlite_schema").fetchall()]


def test_a_file_and_a_text_come_in_whole(engine, place: Place, subject: SqliteSubject, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    whole = made(tmp_path / "x.db")
    take_in(engine, place, whole)
    assert count(place) == 500
    argv = [str(shutil.which("sqlite3")), str(tmp_path / "x.db"), ".dump"]
    text = subprocess.run(argv, capture_output=True, check=True).stdout
    with subject.fresh() as other:
        take_in(engine, other, text)
        assert count(other) == 500
        assert schema(other) == ["a\"b'; --"], "no mark of the import stays"


def test_what_cloudflare_exports_of_a_d1_database_comes_in(engine, place: Place) -> None:  # type: ignore[no-untyped-def]
    """`wrangler d1 export`: its references are deferred, and its migrations have a table with a counter."""
    text = b"""PRAGMA defer_foreign_keys=TRUE;
CREATE TABLE d1_migrations(
\t\tid         INTEGER PRIMARY KEY AUTOINCREMENT,
\t\tname       TEXT UNIQUE,
\t\tapplied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL
);
INSERT INTO "d1_migrations" ("id","name","applied_at") VALUES(1,'0001_articles.sql','2026-01-01 10:00:00');
CREATE TABLE articles (id integer primary key, above integer references articles (id), name text not null unique);
CREATE TABLE prices (article integer references later (id), above integer);
INSERT INTO "prices" VALUES(3,1);
CREATE TABLE later (id integer primary key);
INSERT INTO "later" VALUES(3);
INSERT INTO "articles" ("id","above","name") VALUES(7,8,'Tea');
INSERT INTO "articles" ("id","above","name") VALUES(8,NULL,'Drinks');
DELETE FROM sqlite_sequence;
INSERT INTO "sqlite_sequence" ("name","seq") VALUES('d1_migrations',1);
"""
    take_in(engine, place, text)
    assert {"d1_migrations", "articles", "sqlite_sequence"} <= set(schema(place))


def test_a_file_that_is_not_whole_is_refused_and_leaves_nothing(engine, place: Place, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    whole = made(tmp_path / "x.db")
    torn = bytearray(whole)
    torn[2048:3072] = b"\xff" * 1024
    for bad in (whole[:-1], whole[: len(whole) // 2], whole[:-1024], bytes(torn), whole[:100]):
        with pytest.raises(Invalid) as caught:
            take_in(engine, place, bad)
        assert caught.value.code == "dump_unreadable", caught.value.as_dict()
        assert schema(place) == []
    assert not list(path_of(place.endpoint).parent.glob("*.incoming*"))
    for at, value in ((18, 3), (47, 5)):
        bad_version = bytearray(whole)
        bad_version[at] = value
        with pytest.raises(Invalid) as caught:
            engine.recognised(bytes(bad_version), SPEC)
        assert caught.value.code == "dump_newer"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (".shell touch /tmp/holdfast-was-here-too", "client_command"),
        (".load /tmp/x", "client_command"),
        ("ATTACH '/tmp/holdfast-was-here-too' AS other;", "script_invalid"),
        ("VACUUM INTO '/tmp/holdfast-was-here-too';", "script_invalid"),
        ("SELECT load_extension('/tmp/x');", "script_invalid"),
        ("SELECT writefile('/tmp/holdfast-was-here-too', 'x');", "script_invalid"),
        ("CREATE VIRTUAL TABLE f USING csv(filename='/etc/passwd');", "script_invalid"),
        ("INSERT INTO sqlite_schema VALUES ('table', 'x', 'x', 0, 'x');", "script_invalid"),
        ("nonsense;", "script_invalid"),
    ],
)
def test_a_hostile_text_reaches_nothing(engine, place: Place, text: str, code: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(HoldfastError) as caught:
        take_in(engine, place, f"PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\nCREATE TABLE t (x);\n{text}\n".encode())
    assert caught.value.code == code, caught.value.as_dict()
    assert caught.value.details["line"] == 4
    assert schema(place) == []
    assert not Path("/tmp/holdfast-was-here-too").exists()


def test_only_its_own_is_recognised(engine) -> None:  # type: ignore[no-untyped-def]
    for other in (
        b"PGDMP",
        b"--\n-- PostgreSQL database dump\n--\nSET x = 1;",
        b"REDIS0011",
        b"\x1f\x8b",
        b"",
        b"id,name\n1,x",
    ):
        assert engine.recognised(other, None) is None
    assert engine.recognised(b"-- mine\n/* x */\nCREATE TABLE t (x);", None).form == "sql"


@pytest.mark.parametrize("stopped", [stopped_by_disk, stopped_by_cancel])
def test_a_statement_without_end_is_stopped(engine, place: Place, stopped: Callable[..., None]) -> None:  # type: ignore[no-untyped-def]
    text = b"CREATE TABLE t (x);\nINSERT INTO t WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s) "
    stopped(engine, place, SPEC, text + b"SELECT randomblob(100) FROM s;\n")
