"""D1. The names are those of Cloudflare's public list, and below them what the list leaves out."""

import asyncio

from expecting import raises
from pyodide.ffi import JsException

TABLE = "CREATE TABLE IF NOT EXISTS {} (id INTEGER PRIMARY KEY, name TEXT, value)"


async def table(env, name):
    await env.DB.exec(TABLE.format(name))
    await env.DB.exec(f"DELETE FROM {name}")
    return name


async def insert(env, name, *values):
    return await env.DB.prepare(f"INSERT INTO {name} (name, value) VALUES (?, ?)").bind(*values).run()


async def insert_and_select_via_run(env):
    t = await table(env, "t_run")
    made = await insert(env, t, "a", "b")
    assert made["success"] is True
    assert (made["meta"]["changes"], made["meta"]["last_row_id"]) == (1, 1)
    found = await env.DB.prepare(f"SELECT * FROM {t} WHERE id = ?").bind(1).run()
    assert found["results"] == [{"id": 1, "name": "a", "value": "b"}]
    assert found.results[0].name == "a"


async def all_returns_results(env):
    t = await table(env, "t_all")
    await insert(env, t, "a", 1)
    await insert(env, t, "b", 2)
    found = await env.DB.prepare(f"SELECT name FROM {t} ORDER BY id").all()
    assert found["success"] is True
    assert [row["name"] for row in found["results"]] == ["a", "b"]


async def first_returns_single_row(env):
    t = await table(env, "t_first")
    await insert(env, t, "a", "1")
    await insert(env, t, "b", "2")
    row = await env.DB.prepare(f"SELECT name, value FROM {t} ORDER BY id").first()
    assert isinstance(row, dict)
    assert row == {"name": "a", "value": "1"}


async def first_with_column_name(env):
    t = await table(env, "t_column")
    await insert(env, t, "a", "1")
    statement = env.DB.prepare(f"SELECT name, value FROM {t}")
    assert await statement.first("value") == "1"
    with raises(JsException, "D1_COLUMN_NOTFOUND"):
        await statement.first("nothing")


async def first_on_empty_result(env):
    t = await table(env, "t_empty")
    assert await env.DB.prepare(f"SELECT * FROM {t}").first() is None
    assert await env.DB.prepare(f"SELECT * FROM {t}").first("name") is None


async def raw_returns_arrays(env):
    t = await table(env, "t_raw")
    await insert(env, t, "a", "1")
    rows = await env.DB.prepare(f"SELECT name, value FROM {t}").raw()
    assert isinstance(rows, list)
    assert rows == [["a", "1"]]


async def raw_with_column_names(env):
    t = await table(env, "t_names")
    await insert(env, t, "a", "1")
    statement = env.DB.prepare(f"SELECT name, value AS v FROM {t}")
    assert await statement.raw(columnNames=True) == [["name", "v"], ["a", "1"]]
    nothing = env.DB.prepare(f"SELECT name, value FROM {t} WHERE id = 99")
    assert await nothing.raw(columnNames=True) == [["name", "value"]]
    twice = env.DB.prepare(f"SELECT name, name FROM {t}")
    assert await twice.raw(columnNames=True) == [["name", "name"], ["a", "a"]]


async def raw_dict_column_names(env):
    t = await table(env, "t_dict")
    await insert(env, t, "a", "1")
    rows = await env.DB.prepare(f"SELECT name FROM {t}").raw({"columnNames": True})
    assert rows == [["name"], ["a"]]


async def none_options_raw(env):
    t = await table(env, "t_none")
    await insert(env, t, "a", "1")
    assert await env.DB.prepare(f"SELECT name FROM {t}").raw(None) == [["a"]]


async def bind_types(env):
    t = await table(env, "t_types")
    for value in ("text", 3.25, 42, True, False):
        await insert(env, t, "x", value)
    rows = await env.DB.prepare(f"SELECT value, typeof(value) FROM {t} ORDER BY id").raw()
    assert rows == [["text", "text"], [3.25, "real"], [42, "integer"], [1, "integer"], [0, "integer"]]


async def bind_null(env):
    t = await table(env, "t_null")
    await insert(env, t, None, None)
    assert await env.DB.prepare(f"SELECT name, value FROM {t}").first() == {"name": None, "value": None}


async def exec_create_and_query(env):
    done = await env.DB.exec("CREATE TABLE IF NOT EXISTS t_exec (id INTEGER PRIMARY KEY)")
    assert done["count"] == 1
    assert done["duration"] >= 0


async def exec_multiple_statements(env):
    await env.DB.exec("DROP TABLE IF EXISTS t_script")
    script = "CREATE TABLE t_script (v TEXT);\nINSERT INTO t_script VALUES ('a');\nINSERT INTO t_script VALUES ('b');"
    assert (await env.DB.exec(script))["count"] == 3
    assert await env.DB.prepare("SELECT v FROM t_script ORDER BY v").raw() == [["a"], ["b"]]


async def batch_multiple_inserts(env):
    t = await table(env, "t_batch")
    statement = env.DB.prepare(f"INSERT INTO {t} (name) VALUES (?)")
    done = await env.DB.batch([statement.bind(name) for name in "abc"])
    assert [each["meta"]["last_row_id"] for each in done] == [1, 2, 3]
    assert await env.DB.prepare(f"SELECT name FROM {t} ORDER BY id").raw() == [["a"], ["b"], ["c"]]


async def run_metadata_fields(env):
    t = await table(env, "t_meta")
    meta = (await insert(env, t, "a", "b"))["meta"]
    for name in ("duration", "changes", "last_row_id", "changed_db", "rows_read", "rows_written", "size_after"):
        assert name in meta, name
    assert (meta["changes"], meta["changed_db"]) == (1, True)
    meta = (await env.DB.prepare(f"SELECT * FROM {t}").all())["meta"]
    assert (meta["changes"], meta["changed_db"]) == (0, False)


async def update_row(env):
    t = await table(env, "t_update")
    number = (await insert(env, t, "a", "old"))["meta"]["last_row_id"]
    done = await env.DB.prepare(f"UPDATE {t} SET value = ? WHERE id = ?").bind("new", number).run()
    assert done["meta"]["changes"] == 1
    assert await env.DB.prepare(f"SELECT value FROM {t}").first("value") == "new"


async def delete_row(env):
    t = await table(env, "t_delete")
    await insert(env, t, "a", "b")
    done = await env.DB.prepare(f"DELETE FROM {t} WHERE name = ?").bind("a").run()
    assert done["meta"]["changes"] == 1
    assert await env.DB.prepare(f"SELECT * FROM {t}").first() is None


async def session_prepare_and_query(env):
    t = await table(env, "t_session")
    await insert(env, t, "a", "b")
    session = env.DB.withSession()
    found = await session.prepare(f"SELECT count(*) AS n FROM {t}").all()
    assert found["success"] is True
    assert found["results"][0]["n"] == 1


async def session_bookmark(env):
    session = env.DB.withSession()
    assert session.getBookmark() is None
    await session.prepare("SELECT 1").all()
    mark = session.getBookmark()
    assert isinstance(mark, str)
    assert mark
    later = env.DB.withSession(mark)
    assert later.getBookmark() == mark
    await later.prepare("SELECT 1").all()
    assert later.getBookmark() > mark


async def session_batch(env):
    t = await table(env, "t_session_batch")
    session = env.DB.withSession("first-primary")
    statement = session.prepare(f"INSERT INTO {t} (name) VALUES (?)")
    assert len(await session.batch([statement.bind("a"), statement.bind("b")])) == 2
    assert (await session.prepare(f"SELECT name FROM {t} ORDER BY id").raw()) == [["a"], ["b"]]


async def invalid_sql_raises_error(env):
    with raises(JsException, "syntax error"):
        await env.DB.prepare("INVALID SQL GIBBERISH").run()
    with raises(JsException, r'^D1_ERROR: near "INVALID": syntax error at offset 0: SQLITE_ERROR$'):
        await env.DB.prepare("INVALID SQL GIBBERISH").run()


# not in the public list


async def batch_is_all_or_nothing(env):
    t = await table(env, "t_atomic")
    await env.DB.exec(f"CREATE UNIQUE INDEX IF NOT EXISTS t_atomic_name ON {t} (name)")
    statement = env.DB.prepare(f"INSERT INTO {t} (name) VALUES (?)")
    with raises(JsException, "^D1_ERROR: UNIQUE constraint failed: t_atomic.name: SQLITE_CONSTRAINT"):
        await env.DB.batch([statement.bind("a"), statement.bind("b"), statement.bind("a")])
    assert await env.DB.prepare(f"SELECT count(*) AS n FROM {t}").first("n") == 0


async def batch_reads_what_it_wrote(env):
    t = await table(env, "t_seen")
    done = await env.DB.batch(
        [
            env.DB.prepare(f"INSERT INTO {t} (name) VALUES ('a') RETURNING id"),
            env.DB.prepare(f"SELECT name FROM {t}"),
        ]
    )
    assert [each["results"] for each in done] == [[{"id": 1}], [{"name": "a"}]]


async def batches_at_once_do_not_mix(env):
    t = await table(env, "t_once")
    await insert(env, t, "count", 0)
    read = env.DB.prepare(f"SELECT value FROM {t}")
    step = env.DB.prepare(f"UPDATE {t} SET value = value + 1")
    found = await asyncio.gather(*(env.DB.batch([read, step, read]) for _ in range(10)))
    pairs = [(each[0]["results"][0]["value"], each[2]["results"][0]["value"]) for each in found]
    assert sorted(pairs) == [(number, number + 1) for number in range(10)]


async def blobs_and_large_integers(env):
    t = await table(env, "t_blob")
    large = (1 << 63) - 1
    for value in (b"\x00\xff", memoryview(b"ab"), [1, 2, 255], bytearray(b"z"), large, -large - 1, b""):
        await insert(env, t, "x", value)
    rows = await env.DB.prepare(f"SELECT value, typeof(value) FROM {t} ORDER BY id").raw()
    blobs = [[[0, 255], "blob"], [[97, 98], "blob"], [[1, 2, 255], "blob"], [[122], "blob"]]
    assert rows == [*blobs, [large, "integer"], [-large - 1, "integer"], [[], "blob"]]


async def values_that_cannot_be_bound(env):
    for value in ({"a": 1}, {1, 2}, object(), 1 << 63, [256], ["a"]):
        with raises(JsException, "^D1_TYPE_ERROR: Type '.*' not supported for value"):
            await env.DB.prepare("SELECT ?").bind(value).first()
    with raises(JsException, "^D1_ERROR: Wrong number of parameter bindings for SQL query"):
        await env.DB.prepare("SELECT ?, ?").bind(1).first()


async def parameters_by_number(env):
    row = await env.DB.prepare("SELECT ?2 AS a, ?1 AS b, ?2 AS c").bind("x", "y").first()
    assert row == {"a": "y", "b": "x", "c": "y"}


async def limits_are_told(env):
    with raises(JsException, "at most 100000 bytes: SQLITE_TOOBIG"):
        await env.DB.prepare("SELECT '" + "x" * 100_000 + "'").first()
    with raises(JsException, "too many SQL variables"):
        await env.DB.prepare("SELECT " + ",".join("?" * 101)).bind(*range(101)).first()
    with raises(JsException, "too many columns|at most 100"):
        await env.DB.prepare("SELECT " + ",".join(["1"] * 101)).first()
    with raises(JsException, "string or blob too big|TOOBIG"):
        await env.DB.prepare("SELECT zeroblob(3000000)").first()
    with raises(JsException, "LIKE or GLOB pattern too complex"):
        await env.DB.prepare("SELECT 'a' LIKE ?").bind("%" * 51).first()
    with raises(JsException, "at most 1000 statements"):
        await env.DB.batch([env.DB.prepare("SELECT 1")] * 1001)
    with raises(JsException, "use batch.*exec|one statement"):
        await env.DB.prepare("SELECT 1; SELECT 2").first()
    with raises(JsException, "cannot begin or end a transaction"):
        await env.DB.exec("BEGIN")
    with raises(JsException, "No SQL statements detected"):
        await env.DB.prepare("-- nothing").first()


async def a_bookmark_of_no_session_is_refused(env):
    for start in ("yesterday", "first-somewhere", "0" * 200):
        with raises(JsException, "D1_SESSION_ERROR"):
            await env.DB.withSession(start).prepare("SELECT 1").first()
    foreign = "00000085-0000024c-00004c6d-8e61117bf38d7adb71b934ebbf891683"  # kept in a cookie since another host
    for start in ("", None, foreign):
        assert await env.DB.withSession(start).prepare("SELECT 1 AS x").first("x") == 1
    assert await env.DB.withSession("first-unconstrained").prepare("SELECT 1 AS x").first("x") == 1
