"""First snapshot and restore of a 1 GB SQLite database, beside stock restic on the same file.

Required: both at least as fast as restic, and the process under 400 MB. Each run is a process of its own on a fresh
repository, in turn with restic's; both write durably: restic's backup syncs its files as ours does, its restore does
not, so a `sync` of the restored file is added to its time. The file is in the page cache for both.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.data import fill_sqlite

PASSWORD = "bench"
MEMORY_BAR = 400 << 20


def child(act: str, database: Path, repository: Path, target: Path) -> None:
    """One measured act, in this process. Prints the seconds that it took once all was imported."""
    from holdfast.contract.snapshot import CaptureRequest, RestoreRequest
    from holdfast.contract.spec import Endpoint
    from holdfast.engines.sqlite import engine
    from holdfast.kernel.malloc import keep_big_buffers
    from holdfast.kernel.stop import Stop
    from holdfast.vault.pipeline import write_snapshot
    from holdfast.vault.repository import Repository
    from holdfast.vault.stores.local import LocalStore

    keep_big_buffers()  # as the runner does
    tools, began = _NoTools(target.parent), time.monotonic()
    if act == "init":
        Repository.create(LocalStore(repository), PASSWORD)
    elif act == "backup":
        repo = Repository.open(LocalStore(repository), PASSWORD)
        session = engine.connect(Endpoint(path=database), tools)
        with session.capture(None, CaptureRequest(), Stop()) as capture:
            write_snapshot(repo, capture, hostname="bench", paths=[str(database)])
    else:
        repo = Repository.open(LocalStore(repository), PASSWORD)
        session = engine.connect(Endpoint(path=target), tools)
        with repo.source(repo.snapshots()[-1].id) as source:
            session.restore(source, RestoreRequest(), Stop())
    print(json.dumps({"seconds": time.monotonic() - began}))


class _NoTools:
    """SQLite needs no programs; only the scratch directory is used."""

    def __init__(self, scratch: Path) -> None:
        self.scratch = scratch

    def run(self, *_: object, **__: object) -> None:
        raise AssertionError("no program is needed here")

    output = run


def measured(argv: list[str], environ: dict[str, str] | None = None, *, quiet: bool = True) -> tuple[float, int]:
    """Seconds and peak resident bytes of a process."""
    started = time.monotonic()
    out = subprocess.DEVNULL if quiet else None
    process = subprocess.Popen(argv, env=os.environ | (environ or {}), stdout=out)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise RuntimeError(f"{argv} ended with {process.returncode}")
    return seconds, usage.ru_maxrss << 10


def in_turn(first: tuple[float, int], second: tuple[float, int]) -> tuple[float, int]:
    return first[0] + second[0], max(first[1], second[1])


def one_round(root: Path, database: Path) -> dict[str, tuple[float, int]]:
    ours, theirs, target = root / "ours", root / "theirs", root / "target"
    secret = {"RESTIC_PASSWORD": PASSWORD}
    me = [sys.executable, "-m", "bench.snapshot_sqlite"]
    arguments = [str(database), str(ours), str(target / "restored.sqlite")]
    restic = ["restic", "--no-cache", "-q", "-r", str(theirs)]
    for path in (ours, theirs, target):
        shutil.rmtree(path, ignore_errors=True)
    target.mkdir()
    subprocess.run([*restic, "init"], env=os.environ | secret, check=True, stdout=subprocess.DEVNULL)
    subprocess.run([*me, "init", *arguments], check=True)
    os.sync()
    figures = {"backup ours": measured([*me, "backup", *arguments])}
    os.sync()
    figures["backup restic"] = measured([*restic, "backup", str(database)], secret)
    os.sync()
    figures["restore ours"] = measured([*me, "restore", *arguments])
    os.sync()
    theirs_restored = target / "theirs" / database.relative_to("/")
    figures["restore restic"] = in_turn(
        measured([*restic, "restore", "latest", "--target", str(target / "theirs")], secret),
        measured(["sync", str(theirs_restored)]),  # restic's restore does not sync what it wrote; ours does
    )
    return figures


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--size", type=int, default=1 << 30)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    root = Path(tempfile.mkdtemp(prefix="hfbench-", dir=os.environ.get("HOLDFAST_BENCH_DIR")))
    try:
        database = root / "big.sqlite"
        fill_sqlite(database, options.size)
        size = database.stat().st_size
        rounds = [one_round(root, database) for _ in range(options.runs)]
        stored = sum(f.stat().st_size for f in (root / "ours").rglob("*") if f.is_file())
        their = sum(f.stat().st_size for f in (root / "theirs").rglob("*") if f.is_file())
    finally:
        shutil.rmtree(root, ignore_errors=True)
    print(f"{size / 1e6:.0f} MB database; stored: ours {stored / size:.3f}, restic {their / size:.3f} of it")
    missed = False
    for act in ("backup", "restore"):
        for who in ("ours", "restic"):
            seconds = [r[f"{act} {who}"][0] for r in rounds]
            peak = max(r[f"{act} {who}"][1] for r in rounds)
            median = statistics.median(seconds)
            print(
                f"{act:8} {who:7} median {median:6.2f} s  {size / 1e6 / median:6.0f} MB/s  (min {min(seconds):.2f}, "
                f"max {max(seconds):.2f}, n={len(seconds)})  peak {peak >> 20} MiB"
            )
            missed |= who == "ours" and peak > MEMORY_BAR
        ratio = statistics.median(r[f"{act} restic"][0] / r[f"{act} ours"][0] for r in rounds)
        missed |= ratio < 1.0
        print(f"{act:8} median of the pairs: ours is {ratio:.2f}x restic  bar 1.0x  {'ok' if ratio >= 1 else 'MISSED'}")
    print(json.dumps(rounds))
    return 1 if missed else 0


if __name__ == "__main__":
    if sys.argv[1:2] in (["init"], ["backup"], ["restore"]):
        child(sys.argv[1], *map(Path, sys.argv[2:5]))
    else:
        sys.exit(main())
