"""`env.DB` over its socket, as Cloudflare's own list of behaviours has it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import closing
from functools import partial
from typing import Any

import apsw
import pytest
import uvloop
from bindings_served import Place, client, env, served, version

from holdfast.runtime.bindings.attributes import BindingError
from holdfast.runtime.bindings.d1_store import D1Database


def run(place: Place, act: Callable[[Any], Awaitable[None]]) -> None:
    async def main() -> None:
        async with env(place, place.d1()) as found:
            db = found["DB"]
            await db.exec("CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE, value, b BLOB)")
            await act(db)

    uvloop.run(main())


def test_run_tells_what_changed(place: Place) -> None:
    async def act(db) -> None:
        result = await db.prepare("INSERT INTO t (name, value) VALUES (?, ?)").bind("a", "hello").run()
        assert result.success is True
        assert result["results"] == []
        meta = result["meta"]
        assert (meta["changes"], meta["last_row_id"], meta["changed_db"], meta["rows_written"]) == (1, 1, True, 1)
        assert meta["duration"] >= 0
        assert meta["size_after"] >= 4096
        found = await db.prepare("SELECT id, name, value FROM t WHERE id = ?").bind(meta["last_row_id"]).run()
        assert found["results"] == [{"id": 1, "name": "a", "value": "hello"}]
        assert found.results[0].name == "a"
        assert (found.meta.changed_db, found.meta.changes, found.meta.rows_written) == (False, 0, 0)
        assert found.meta.rows_read >= 1
        updated = await db.prepare("UPDATE t SET value = ? WHERE id = ?").bind("new", 1).run()
        assert updated["meta"]["changes"] == 1
        assert await db.prepare("SELECT value FROM t WHERE id = 1").first("value") == "new"
        deleted = await db.prepare("DELETE FROM t WHERE id = ?").bind(1).run()
        assert deleted["meta"]["changes"] == 1
        assert await db.prepare("SELECT * FROM t WHERE id = 1").first() is None
        returned = await db.prepare("INSERT INTO t (name) VALUES ('r') RETURNING id, name").all()
        assert returned.results == [{"id": 2, "name": "r"}]

    run(place, act)


def test_first_raw_and_all_shape_rows(place: Place) -> None:
    async def act(db) -> None:
        await db.prepare("INSERT INTO t (name, value) VALUES ('a', 1), ('b', 2)").run()
        ordered = db.prepare("SELECT name, value FROM t ORDER BY id")
        assert await ordered.first() == {"name": "a", "value": 1}
        assert await ordered.first("value") == 1
        with pytest.raises(BindingError, match="D1_COLUMN_NOTFOUND"):
            await ordered.first("other")
        assert await ordered.raw() == [["a", 1], ["b", 2]]
        assert await ordered.raw(None) == [["a", 1], ["b", 2]]
        named = [["name", "value"], ["a", 1], ["b", 2]]
        assert await ordered.raw(columnNames=True) == named
        assert await ordered.raw({"columnNames": True}) == named
        assert (await ordered.all())["results"][1]["name"] == "b"
        nothing = db.prepare("SELECT name FROM t WHERE 0")
        assert await nothing.raw(columnNames=True) == [["name"]]
        assert (await nothing.all()).results == []
        found = await ordered.all()
        assert found.to_py() is found
        assert found.results.to_py() == found["results"]
        assert found.results[0].to_py()["name"] == "a"

    run(place, act)


def test_values_of_every_type_are_bound_by_place_and_by_number(place: Place) -> None:
    async def act(db) -> None:
        for value, stored in (
            (None, None),
            (True, 1),
            (False, 0),
            (42, 42),
            (-(1 << 63), -(1 << 63)),
            (3.14, 3.14),
            ("hällo\0", "hällo\0"),
            (b"\0\xff", [0, 255]),
            (memoryview(b"m"), [109]),
            ([1, 2], [1, 2]),
        ):
            assert await db.prepare("SELECT ? AS v").bind(value).first("v") == stored
        assert await db.prepare("SELECT ?2, ?1, ?2").bind("one", "two").raw() == [["two", "one", "two"]]
        assert await db.prepare("SELECT typeof(?)").bind(b"x").raw() == [["blob"]]
        for wrong in ({"a": 1}, object(), ("a",), [256], ["a"]):
            with pytest.raises(BindingError, match="D1_TYPE_ERROR: Type"):
                db.prepare("SELECT ?").bind(wrong)
        with pytest.raises(BindingError, match="D1_TYPE_ERROR"):
            await db.prepare("SELECT ?").bind(1 << 63).first()
        for values in ((), (1, 2)):
            with pytest.raises(BindingError, match="D1_ERROR: Wrong number of parameter bindings"):
                await db.prepare("SELECT ?").bind(*values).first()

    run(place, act)


def test_a_batch_is_one_transaction(place: Place) -> None:
    async def act(db) -> None:
        insert = db.prepare("INSERT INTO t (name) VALUES (?)")
        results = await db.batch([insert.bind("a"), insert.bind("b"), db.prepare("SELECT count(*) AS n FROM t")])
        assert [result.success for result in results] == [True] * 3
        assert results[2].results == [{"n": 2}]
        with pytest.raises(BindingError, match=r"D1_ERROR: UNIQUE constraint failed: t.name: SQLITE_CONSTRAINT"):
            await db.batch([insert.bind("c"), insert.bind("a")])
        assert await db.prepare("SELECT group_concat(name) AS n FROM t").first("n") == "a,b"
        both = await db.batch([db.prepare("SELECT 1 AS x"), db.prepare("VALUES (2)")])
        assert [list(result.results[0].values()) for result in both] == [[1], [2]]

    run(place, act)


def test_exec_runs_a_script(place: Place) -> None:
    async def act(db) -> None:
        result = await db.exec(
            "CREATE TABLE s (v TEXT);\nINSERT INTO s VALUES ('a');\nINSERT INTO s VALUES ('b; -- no end');\n"
            "CREATE TRIGGER g AFTER INSERT ON s BEGIN DELETE FROM s WHERE v = 'x'; SELECT 1; END;"
        )
        assert result["count"] == 4
        assert result.duration >= 0
        assert await db.prepare("SELECT v FROM s ORDER BY v").raw() == [["a"], ["b; -- no end"]]
        with pytest.raises(BindingError, match=r"D1_EXEC_ERROR: Error in line \d+: no such table: absent"):
            await db.exec("INSERT INTO s VALUES ('kept');\nINSERT INTO absent VALUES (1)")
        assert await db.prepare("SELECT count(*) AS n FROM s").first("n") == 3
        with pytest.raises(BindingError, match=r"D1_EXEC_ERROR: .*begin or end a transaction"):
            await db.exec("BEGIN; INSERT INTO s VALUES ('no'); COMMIT")

    run(place, act)


def test_sessions_carry_bookmarks(place: Place) -> None:
    async def act(db) -> None:
        session = db.withSession()
        assert session.getBookmark() is None
        await session.prepare("INSERT INTO t (name) VALUES ('s')").run()
        first = session.getBookmark()
        assert isinstance(first, str)
        results = await session.batch([session.prepare("SELECT count(*) AS n FROM t")])
        assert results[0].results == [{"n": 1}]
        assert session.getBookmark() > first
        later = db.withSession(first)
        assert await later.prepare("SELECT name FROM t").first("name") == "s"
        assert db.withSession("first-primary").getBookmark() is None
        with pytest.raises(TypeError):
            db.withSession(7)

    run(place, act)


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("INVALID SQL GIBBERISH", 'near "INVALID": syntax error'),
        ("", "No SQL statements"),
        ("-- only words", "No SQL statements"),
        ("SELECT * FROM absent", "no such table: absent"),
        ("SELECT 1; SELECT 2", "one statement"),
        ("INSERT INTO t (name) VALUES ('x'); DELETE FROM t", "one statement"),
        ("ATTACH '/etc/passwd' AS p", "not authorized"),
        ("DETACH main", "not authorized"),
        ("VACUUM", "not authorized|cannot VACUUM"),
        ("VACUUM INTO '/tmp/stolen.db'", "not authorized|cannot VACUUM"),
        ("SELECT load_extension('x')", "not authorized|no such function"),
        ("PRAGMA journal_mode = DELETE", "not authorized"),
        ("PRAGMA writable_schema = 1", "not authorized"),
        ("PRAGMA foreign_keys = OFF", "not authorized"),
        ("PRAGMA locking_mode = EXCLUSIVE", "not authorized"),
        ("PRAGMA temp_store_directory = '/'", "not authorized"),
        ("PRAGMA mmap_size = 1000000000", "not authorized"),
        ("UPDATE sqlite_schema SET sql = ''", "not authorized|may not be modified"),
        ("CREATE TEMP TABLE x (a)", "not authorized"),
        ("CREATE VIRTUAL TABLE x USING dbstat", "not authorized|no such module"),
        ("BEGIN", "begin or end a transaction"),
        ("COMMIT", "begin or end a transaction"),
        ("ROLLBACK", "begin or end a transaction"),
        ("SAVEPOINT s", "begin or end a transaction"),
        ("BEGIN IMMEDIATE", "begin or end a transaction"),
        (f"SELECT '{'x' * 100_001}'", "at most 100000 bytes|TOOBIG"),
        ("SELECT zeroblob(3000000)", "TOOBIG"),
        ("SELECT " + ",".join("?" * 101), "variable number|too many SQL variables"),
        ("SELECT 'a' LIKE '" + "%a" * 40 + "'", "pattern too complex"),
    ],
)
def test_what_sql_may_not_do_is_refused_and_changes_nothing(place: Place, sql: str, words: str) -> None:
    async def act(db) -> None:
        await db.prepare("INSERT INTO t (name) VALUES ('kept')").run()
        with pytest.raises(BindingError, match=f"D1_ERROR: .*({words})"):
            await db.prepare(sql).run()
        assert await db.prepare("SELECT group_concat(name) AS n FROM t").first("n") == "kept"

    run(place, act)
    with closing(apsw.Connection(str(place.data / "d.db"))) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchall() == [("wal",)]


def test_pragmas_that_tell_are_allowed_and_foreign_keys_hold(place: Place) -> None:
    async def act(db) -> None:
        columns = (await db.prepare("PRAGMA table_info(t)").all()).results
        assert [column.name for column in columns] == ["id", "name", "value", "b"]
        assert [each.name for each in (await db.prepare("PRAGMA table_list").all()).results].count("t") == 1
        assert (await db.prepare("SELECT name FROM pragma_table_info('t')").raw())[0] == ["id"]
        await db.exec("CREATE TABLE c (t_id INTEGER REFERENCES t (id))")
        with pytest.raises(BindingError, match="FOREIGN KEY constraint failed"):
            await db.prepare("INSERT INTO c VALUES (99)").run()
        await db.batch(
            [
                db.prepare("PRAGMA defer_foreign_keys = on"),
                db.prepare("INSERT INTO c VALUES (7)"),
                db.prepare("INSERT INTO t (id) VALUES (7)"),
            ]
        )
        with pytest.raises(BindingError, match="FOREIGN KEY constraint failed"):
            await db.prepare("INSERT INTO c VALUES (99)").run()
        found = await db.prepare("WITH n AS (SELECT 5 AS id) INSERT INTO t (id) SELECT id FROM n RETURNING id").all()
        assert found.results == [{"id": 5}]
        assert (await db.prepare("EXPLAIN DELETE FROM t").all()).success

    run(place, act)


def test_statements_and_results_without_end_are_stopped(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("holdfast.runtime.bindings.server.D1Database", partial(D1Database, seconds=0.3))
    endless = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT {} FROM n"

    async def act(db) -> None:
        started = time.monotonic()
        with pytest.raises(BindingError, match=r"longer than 0\.3 seconds"):
            await db.prepare(endless.format("count(*)")).first()
        assert time.monotonic() - started < 3
        with pytest.raises(BindingError, match=r"result is longer than|longer than 0\.3"):
            await db.prepare(endless.format("zeroblob(1000000)")).all()
        with pytest.raises(BindingError, match=r"longer than 0\.3 seconds"):
            await db.prepare("INSERT INTO t (name) " + endless.format("i")).run()
        assert await db.prepare("SELECT count(*) AS n FROM t").first("n") == 0

    run(place, act)


def test_a_worker_that_goes_away_takes_its_statement_with_it(place: Place) -> None:
    async def main() -> None:
        async with served(place, version("a", [place.d1()])):
            async with client(place, "a") as gone:
                db = gone.env([{"name": "DB", "kind": "d1"}])["DB"]
                await db.exec("CREATE TABLE t (a)")
                slow = asyncio.ensure_future(
                    db.prepare(
                        "INSERT INTO t WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n"
                    ).run()
                )
                await asyncio.sleep(0.2)
            with pytest.raises(BindingError, match="connection to the bindings was lost"):
                await slow
            async with client(place, "a") as other:
                db = other.env([{"name": "DB", "kind": "d1"}])["DB"]
                async with asyncio.timeout(3):
                    await db.prepare("INSERT INTO t VALUES (1)").run()
                assert await db.prepare("SELECT count(*) AS n FROM t").first("n") == 1

    uvloop.run(main())


def test_reads_go_on_while_a_write_takes_long(place: Place) -> None:
    async def act(db) -> None:
        endless = (
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 3000000) SELECT count(*) FROM n"
        )
        slow = asyncio.ensure_future(db.prepare(f"INSERT INTO t (value) {endless}").run())
        await asyncio.sleep(0.02)
        for _ in range(3):
            assert await db.prepare("SELECT count(*) AS n FROM t").first("n") == 0
            assert not slow.done()
        await slow

    run(place, act)


def test_a_database_that_is_not_ready_says_so(place: Place) -> None:
    async def main() -> None:
        binding = place.d1()
        async with env(place, binding) as found:
            (place.data / "d.db").unlink()
            with pytest.raises(BindingError, match="D1_ERROR: the database is not there"):
                await found["DB"].prepare("SELECT 1").first()
        for path in ("",):
            not_ready = type(binding)("DB", "d1", {"resource_id": "x", "path": path})
            async with env(place, not_ready) as found:
                with pytest.raises(BindingError, match="D1_ERROR: the database is not ready"):
                    await found["DB"].prepare("SELECT 1").first()

    uvloop.run(main())
