"""Semi-compressible data, the same at every run."""

from __future__ import annotations

import os
import random
import tempfile
from collections.abc import Callable
from pathlib import Path

import apsw

WORDS = [
    "state",
    "keeper",
    "ledger",
    "order",
    "parcel",
    "invoice",
    "harbour",
    "copper",
    "quiet",
    "morning",
    "signal",
    "north",
    "thread",
    "cellar",
    "window",
    "bridge",
    "paper",
    "silver",
    "garden",
    "engine",
    "record",
    "letter",
    "stone",
    "winter",
]


def fill_sqlite(path: Path, size: int, seed: int = 7) -> None:
    """Grow a SQLite database to about `size` bytes: half words, half random bytes; about 0.7 after compression."""
    rng = random.Random(seed)
    db = apsw.Connection(str(path))
    db.pragma("journal_mode", "WAL")
    db.pragma("synchronous", "OFF")
    db.execute("CREATE TABLE IF NOT EXISTS parcel (id integer PRIMARY KEY, label text, note text, payload blob)")
    number = 0
    while path.stat().st_size < size:
        with db:
            rows = []
            for _ in range(4000):
                number += 1
                note = " ".join(rng.choices(WORDS, k=80))
                rows.append((number, f"parcel {number}", note, rng.randbytes(560)))
            db.executemany("INSERT INTO parcel VALUES (?, ?, ?, ?)", rows)
        db.pragma("wal_checkpoint(TRUNCATE)")
    db.close()


# What programs keep: orders with small columns, documents, logs of words, hashes, events, values out of line.
KINDS = (
    "n AS id, 'order ' || n AS label, (n::bigint * 7919) % 100003 AS customer, (n % 9973)::numeric / 100 AS price, "
    "timestamptz '2026-01-01' + n * interval '1 second' AS at, n % 3 = 0 AS paid, md5(n::text) AS token",
    "n AS id, jsonb_build_object('n', n, 'weight', (n::bigint * 7919) % 1000, 'tags', array['a', 'b', md5(n::text)], "
    "'note', repeat(md5((n % 1000)::text), 6)) AS body",
    "n AS id, (SELECT string_agg((array['state','keeper','ledger','order','parcel','invoice','harbour','copper',"
    "'quiet','morning','signal','north'])[1 + (n * 31 + k * k * 17 + n / 7 * k) % 12], ' ') "
    "FROM generate_series(1, 60) k) AS words, md5(n::text) AS digest",
    "n AS id, md5(n::text) || md5((n * 3)::text) || md5((n * 7)::text) AS a, decode(md5((n + 1)::text) || "
    "md5((n + 2)::text), 'hex') AS b, random() AS c, random() AS d",
)
TABLES = 12
_ROW_BYTES = (120, 360, 420, 220)


def fill_postgresql(execute: Callable[[str], object], size: int) -> None:
    """Make 12 tables of together about `size` bytes of mixed data, three of each kind, and vacuum them."""
    for number in range(TABLES):
        kind = number % len(KINDS)
        rows = max(1, int(size / TABLES / _ROW_BYTES[kind]))
        first = number * 10**7 + 1  # no table repeats another
        execute(f"SELECT setseed({number / TABLES})")
        numbers = f"generate_series({first}::bigint, {first + rows - 1}) AS n"
        execute(f"CREATE TABLE mixed_{number} AS SELECT {KINDS[kind]} FROM {numbers}")
        execute(f"VACUUM (FREEZE, ANALYZE) mixed_{number}")


def kept_sqlite(size: int, seed: int = 7) -> Path:
    """`fill_sqlite`, made once: two gigabytes take longer to make than to measure. Readers only; copy it to change it.

    Lies in HOLDFAST_BENCH_DIR or the temporary directory, named after what makes it what it is."""
    place = Path(os.environ.get("HOLDFAST_BENCH_DIR") or tempfile.gettempdir()) / "hfbench-data"
    place.mkdir(exist_ok=True)
    made = place / f"parcel-{seed}-{size}.sqlite"
    if not made.exists():
        with tempfile.TemporaryDirectory(dir=place) as unfinished:
            database = Path(unfinished) / made.name
            fill_sqlite(database, size, seed)
            database.rename(made)
    return made


def kept_copy(database: Path) -> Path:
    """A fresh copy of it by SQLite's backup: the same rows in a file of its own, made once."""
    made = database.parent / "again" / database.name
    if not made.exists():
        made.parent.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=made.parent) as unfinished:
            copy = Path(unfinished) / made.name
            source, target = apsw.Connection(str(database)), apsw.Connection(str(copy))
            with target.backup("main", source, "main") as backup:
                backup.step()
            target.close()
            source.close()
            copy.rename(made)
    return made
