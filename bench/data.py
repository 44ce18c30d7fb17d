"""Semi-compressible data, the same at every run."""

from __future__ import annotations

import random
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
