"""What the journeys say in each engine's words. An engine without a row here fails loudly."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apsw


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
)

DIALECTS = {"sqlite": _SQLITE, "postgresql": _POSTGRESQL}


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


RECOVERED: dict[str, Callable[[Path], int]] = {"sqlite": _sqlite_recovered, "postgresql": _postgresql_recovered}
"""Rows of table big got back from the files of a stock restic restore by stock means only."""
