"""A thousand SQLite databases of 1 MB, each a snapshot of its own, in one batch. Required: under 30 s.

The vault's part: captures, one repository, durable writes, one lock; beside it the same one by one. What the service
adds (a run, a row and a proof for each) is not in it.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

import apsw

from bench.__main__ import machine
from bench.data import WORDS
from bench.snapshot_sqlite import _NoTools
from holdfast.contract.snapshot import CaptureRequest
from holdfast.contract.spec import Endpoint
from holdfast.engines.sqlite import engine
from holdfast.kernel.malloc import keep_big_buffers
from holdfast.kernel.stop import Stop
from holdfast.vault.batch import Wish, write_snapshots
from holdfast.vault.pipeline import About, WrittenSnapshot, write_snapshot
from holdfast.vault.repository import Repository
from holdfast.vault.stores.local import LocalStore

SECONDS_BAR = 30.0


def database(path: Path, seed: int) -> None:
    """About 1 MB, like no other."""
    rng = random.Random(seed)
    db = apsw.Connection(str(path))
    db.pragma("journal_mode", "WAL")
    db.pragma("synchronous", "OFF")
    with db:
        db.execute("CREATE TABLE parcel (id integer PRIMARY KEY, note text, payload blob)")
        rows = [(n, " ".join(rng.choices(WORDS, k=60)), rng.randbytes(500)) for n in range(1100)]
        db.executemany("INSERT INTO parcel VALUES (?, ?, ?)", rows)
    db.close()


def wish(root: Path, path: Path) -> Wish:
    session = engine.connect(Endpoint(path=path), _NoTools(root))
    return Wish(lambda: session.capture(None, CaptureRequest(), Stop()), About("bench", [str(path)]))


def together(root: Path, repo: Repository, paths: list[Path]) -> float:
    began = time.monotonic()
    made = write_snapshots(repo, [wish(root, path) for path in paths])
    if not all(isinstance(one, WrittenSnapshot) for one in made):
        raise RuntimeError(f"not all were taken: {next(one for one in made if not isinstance(one, WrittenSnapshot))}")
    return time.monotonic() - began


def one_by_one(root: Path, repo: Repository, paths: list[Path]) -> float:
    began = time.monotonic()
    for path in paths:
        with wish(root, path).capture() as capture:
            write_snapshot(repo, capture, hostname="bench", paths=[str(path)])
    return time.monotonic() - began


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--many", type=int, default=1000)
    parser.add_argument("--runs", type=int, default=3)
    asked = parser.parse_args()
    keep_big_buffers()
    root = Path(tempfile.mkdtemp(prefix="hfbatch-", dir=os.environ.get("HOLDFAST_BENCH_DIR")))
    try:
        paths = [root / f"{number}.sqlite" for number in range(asked.many)]
        for number, path in enumerate(paths):
            database(path, number)
        size = sum(path.stat().st_size for path in paths)
        took, few = [], paths[:50]
        for number in range(asked.runs):
            repo = Repository.create(LocalStore(root / f"r{number}"), "bench")
            os.sync()
            took.append(together(root, repo, paths))
        single = one_by_one(root, Repository.create(LocalStore(root / "single"), "bench"), few) / len(few)
    finally:
        shutil.rmtree(root, ignore_errors=True)
    median = statistics.median(took)
    good = median < SECONDS_BAR
    print(f"{machine()}; load {os.getloadavg()[0]:.1f}; {asked.many} databases, {size / 1e6:.0f} MB, page cache warm")
    print(f"one batch: median {median:.1f} s of {', '.join(f'{t:.1f}' for t in took)}  bar {SECONDS_BAR:g}  ", end="")
    print(f"{'ok' if good else 'MISSED'}; one by one {single * 1000:.0f} ms each")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
