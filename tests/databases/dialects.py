"""What the journeys say in each engine's words. An engine without a row here fails loudly."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import apsw

from holdfast.engines.valkey.link import Link, Refused, unix


@dataclass(frozen=True)
class Asked:
    """A read and the rows it must give over the API."""

    statement: str
    rows: list[list[Any]]


ODD = 'odd "/ü name'
_ODD = ODD.replace('"', '""')


@dataclass(frozen=True)
class Sentences:
    """What the whole journeys say in an engine's language; these are SQL's. `big` is the statement of the dialect."""

    ping: Asked = Asked("select 1", [[1]])
    keep: tuple[str, ...] = ("create table kept (id int)", "insert into kept values (7)")
    kept: Asked = Asked("select id from kept", [[7]])
    lose: str = "delete from kept"
    fill: tuple[str, ...] = (
        f'create table "{_ODD}" (id integer primary key, "select" text)',
        f"insert into \"{_ODD}\" values (1, 'it''s'), (2, null), (3, 'ü')",
        "create table empty (a int)",
    )
    make_big: tuple[str, ...] = ("create table big (id integer primary key, note text)",)
    tables: dict[str, int] = field(default_factory=lambda: {"big": 3000, ODD: 3, "empty": 0})
    big_table: str = "big"
    columns_of: tuple[str, tuple[str, ...]] = (ODD, ("id", "select"))
    first_big: Callable[[list[Any]], bool] = lambda row: row[0] in range(1, 6)
    whole: tuple[tuple[str, list[Any]], ...] = (
        (ODD, [[1, "it's"], [2, None], [3, "ü"]]),
        ("empty", []),
    )
    big: Asked = Asked("select count(*), max(note) from big", [[3000, "note 999"]])
    some: tuple[str, str, str] = ("*big", "big", "empty")  # (selects, what comes back, what does not)
    damage: tuple[str, ...] = ("delete from big", "drop table empty")
    tables_left: int = 2
    mended: tuple[Asked, ...] = (
        Asked("select count(*) from big", [[3000]]),
        Asked("select count(*) from empty", [[0]]),
    )


@dataclass(frozen=True)
class Dialect:
    """`values` are (expression, how the API writes its value)."""

    big_table: str  # statement that makes table big(id, note) with %d rows
    many_rows: str  # %d rows of one number each
    half_way: str  # rows, then an error
    sleep: str  # a minute of work in a statement that writes; ends at once when cancelled
    positional: str
    named: str
    values: tuple[tuple[str, Any], ...]
    types: tuple[tuple[str, Any], ...]  # (expression of one named parameter :p, value as sent and as answered)
    literal: str
    impossible: dict[str, Any]  # a spec that parses and cannot start
    wrong_spec: dict[str, Any]
    sentences: Sentences

    def big(self, rows: int) -> tuple[str, ...]:
        """Statements that make the big table with its rows."""
        return (*self.sentences.make_big, *_pieces(self.big_table, rows))


def _pieces(statement: str, rows: int) -> Iterator[str]:
    """One statement for all rows; or as many as it takes, where rows must be written out."""
    if "%d" in statement:
        yield statement % rows
        return
    pairs = [f'note:{number} "note {number}"' for number in range(1, rows + 1)]
    for start in range(0, rows, 500):
        yield f"{statement} {' '.join(pairs[start : start + 500])}"


_SQLITE = Dialect(
    big_table="insert into big with recursive n(i) as (select 1 union all select i + 1 from n where i < %d)"
    " select i, 'note ' || i from n",
    many_rows="with recursive n(i) as (select 1 union all select i + 1 from n where i < %d) select i from n",
    half_way="with recursive n(i) as (select 1 union all select i + 1 from n where i < 5000)"
    " select case when i < 4000 then i else json('{') end from n",
    sleep="insert into sink with recursive n(i) as (select 1 union all select i + 1 from n) select i from n",
    positional="select ?, ?, ?",
    named="select :a, :b",
    values=(
        ("null", None),
        ("9007199254740991", 9007199254740991),
        ("9223372036854775807", "9223372036854775807"),
        ("-9223372036854775807 - 1", "-9223372036854775808"),
        ("1.5", 1.5),
        ("9e999", "Infinity"),
        ("-9e999", "-Infinity"),
        ("x'00ff'", {"$bytes": "AP8="}),
        ("'ü''\"\n'", "ü'\"\n"),
        ("date('2024-02-29')", "2024-02-29"),
    ),
    types=((":p", 7), (":p", "it's"), (":p", {"$bytes": "AAEC"}), (":p", None), (":p", 2.5)),
    literal="select 'secret-4711' as a, 4711 as b, 'x' -- secret-comment",
    impossible={},
    wrong_spec={"page_size": 1000},
    sentences=Sentences(),
)

_POSTGRESQL = Dialect(
    big_table="insert into big select i, 'note ' || i from generate_series(1, %d) as g(i)",
    many_rows="select i from generate_series(1, %d) as g(i)",
    half_way="select 1 / (4000 - i) from generate_series(1, 5000) as g(i)",
    sleep="insert into sink select 1 from pg_sleep(60)",
    positional="select $1::int, $2::text, $3::bytea",
    named="select :a::int, :b::text",
    values=(
        ("null", None),
        ("9007199254740991::bigint", 9007199254740991),
        ("9223372036854775807::bigint", "9223372036854775807"),
        ("'NaN'::float8", "NaN"),
        ("'-Infinity'::float8", "-Infinity"),
        ("1.5::float8", 1.5),
        ("12345678901234567890.0010::numeric", "12345678901234567890.0010"),
        ("'NaN'::numeric", "NaN"),
        ("'\\x00ff'::bytea", {"$bytes": "AP8="}),
        ("date '2024-02-29'", "2024-02-29"),
        ("timestamp '2024-02-29 12:00:00.25'", "2024-02-29T12:00:00.250000"),
        ("timestamptz '2024-02-29 12:00:00+00'", "2024-02-29T12:00:00+00:00"),
        ("'{\"a\": [1, null]}'::jsonb", {"a": [1, None]}),
        ('\'{"$bytes": "x"}\'::jsonb', {"$json": {"$bytes": "x"}}),
        ("array[1, null, 3]", [1, None, 3]),
        ("array['a', 'b,\"']", ["a", 'b,"']),
        ("true", True),
        ("'7f2c0b9e-0000-4000-8000-000000000001'::uuid", "7f2c0b9e-0000-4000-8000-000000000001"),
        ("interval '1 day 2 seconds'", "P1DT2S"),
    ),
    types=(
        (":p::int", 7),
        (":p::text", "it's"),
        (":p::bytea", {"$bytes": "AAEC"}),
        (":p::text", None),
        (":p::float8", 2.5),
        (":p::int[]", [1, 2]),
        (":p::jsonb", {"a": 1}),
    ),
    literal="select 'secret-4711' as a, 4711 as b, $$x secret-dollar$$ /* secret-comment */",
    impossible={"shared_buffers_mb": 16384, "memory_mb": 64},
    wrong_spec={"version": "9.6"},
    sentences=Sentences(),
)

_VALKEY = Dialect(
    big_table="MSET",
    many_rows="ECHO %d",
    half_way="",
    sleep="",
    positional="",
    named="",
    values=(),
    types=(),
    literal="",
    impossible={},
    wrong_spec={"databases": 0},
    sentences=Sentences(
        ping=Asked("PING", [["PONG"]]),
        keep=("SET kept 7",),
        kept=Asked("GET kept", [["7"]]),
        lose="DEL kept",
        make_big=(),
        fill=(r'HSET "odd \x22/ü name" select "it\x27s" "" ü', "-n 3 RPUSH empty a b"),
        tables={"string": 3000, "hash": 1, "list": 1},
        big_table="string",
        columns_of=("hash", ("key", "expires", "size", "value")),
        first_big=lambda row: row[3] == row[0].replace(":", " "),
        whole=(("hash", [[ODD, None, 2, [["select", "it's"], ["", "ü"]]]]), ("list", [["empty", None, 2, ["a", "b"]]])),
        big=Asked("MGET note:1 note:3000 note:3001", [["note 1"], ["note 3000"], [None]]),
        some=("*.string", "string", "hash"),
        damage=("DEL note:1", "SET note:2 changed", "-n 3 DEL empty", "-n 9 SET later 1"),
        tables_left=3,
        mended=(
            Asked("MGET note:1 note:2", [["note 1"], ["note 2"]]),
            Asked("-n 3 LRANGE empty 0 -1", [["a"], ["b"]]),
            Asked("-n 9 EXISTS later", [[0]]),
            Asked("DBSIZE", [[3001]]),
        ),
    ),
)

DIALECTS = {"sqlite": _SQLITE, "postgresql": _POSTGRESQL, "valkey": _VALKEY}


def _sqlite_recovered(files: Path) -> int:
    target = files.parent / "back.db"
    subprocess.run(["/bin/sh", str(files / "restore.sh"), str(target)], check=True, capture_output=True, timeout=60)
    with closing(apsw.Connection(str(target))) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return int(connection.execute("select count(*) from big").fetchone()[0])


def _postgresql_recovered(files: Path) -> int:
    binary = next((path for path in Path(sys.prefix).rglob("pg_restore") if path.is_file()), None)
    tool = str(binary) if binary else shutil.which("pg_restore")
    assert tool, "no pg_restore here"
    listed = ""
    for section in ("pre-data", "post-data"):
        argv = [tool, "-l", str(files / "schema" / f"{section}.dump")]
        listed += subprocess.run(argv, check=True, capture_output=True, text=True, timeout=60).stdout
    assert "TABLE public big" in listed
    assert "big_pkey" in listed
    subprocess.run(["/bin/sh", "-n", str(files / "restore.sh")], check=True, timeout=60)
    return sum(part.read_bytes().count(b"\n") for part in (files / "data" / "public" / "big").glob("*.copy"))


def _valkey_recovered(files: Path) -> int:
    """The steps of RESTORE.md on a stock server."""
    binary = next(path for path in Path(sys.prefix).rglob("valkey-server") if path.is_file())
    data = files.parent / "stock"
    data.mkdir()
    subprocess.run(["/bin/sh", str(files / "restore.sh"), str(data)], check=True, capture_output=True, timeout=60)
    argv = [str(binary), "--dir", str(data), "--dbfilename", "dump.rdb", "--appendonly", "no", "--port", "0"]
    child = subprocess.Popen([*argv, "--unixsocket", "s"], stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                with unix(data / "s") as sock:
                    link = Link(sock)
                    link.command("PING")
                    return int(link.command("EVAL", "return #redis.call('KEYS', 'note:*')", 0))
            except (OSError, Refused):
                assert time.monotonic() < deadline
                time.sleep(0.05)
    finally:
        child.kill()
        child.wait()


RECOVERED: dict[str, Callable[[Path], int]] = {
    "sqlite": _sqlite_recovered,
    "postgresql": _postgresql_recovered,
    "valkey": _valkey_recovered,
}
"""Rows of table big got back from the files of a stock restic restore by stock means only."""
