"""A check that reads all data, and a restore, of a 2 GB SQLite database, beside stock restic on the same data.

Required: both at least 1.5 times as fast as restic, and the process under 300 MB. Restic has its own repository of the
same file. Both write what they restore durably: restic does not sync what it restored, so a `sync` of the file is added
to its time. Both repositories are read into the page cache before each act, since ours would not be there (packs are
written past it) and on a slow disk both are as fast as the disk; `--cold` puts both out of it instead. Ours is checked
and restored as the runner does it, by a process that is up and opens the repository; with its start is told beside. Who
goes first changes from round to round.
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

from bench.data import kept_sqlite
from bench.snapshot_sqlite import PASSWORD, in_turn, measured
from bench.snapshot_write import Measured
from bench.snapshot_write import measured as process

BAR = 1.5
MEMORY_BAR = 300 << 20


def check(repository: Path) -> None:
    """In this process."""
    from holdfast.kernel.malloc import keep_big_buffers
    from holdfast.vault.repository import Repository
    from holdfast.vault.stores.local import LocalStore

    keep_big_buffers()  # as the runner does
    began = time.monotonic()
    report = Repository.open(LocalStore(repository), PASSWORD).check(read_data=True)
    print(json.dumps({"seconds": time.monotonic() - began}))
    if report.errors or not report.bytes:
        raise AssertionError(report.errors)


def made(root: Path, database: Path) -> None:
    """Both repositories."""
    restic = ["restic", "--no-cache", "-q", "-r", str(root / "theirs")]
    environ = os.environ | {"RESTIC_PASSWORD": PASSWORD}
    ours = [sys.executable, "-m", "bench.snapshot_sqlite"]
    arguments = [str(database), str(root / "ours"), str(root / "unused")]
    subprocess.run([*restic, "init"], env=environ, check=True, stdout=subprocess.DEVNULL)
    subprocess.run([*restic, "backup", str(database)], env=environ, check=True, stdout=subprocess.DEVNULL)
    for act in ("init", "backup"):
        subprocess.run([*ours, act, *arguments], check=True, stdout=subprocess.DEVNULL)


def cached(repository: Path, *, cold: bool) -> None:
    """All of it in the page cache, or nothing."""
    os.sync()
    for file in (path for path in repository.rglob("*") if path.is_file()):
        if cold:
            with file.open("rb") as opened:
                os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        else:
            subprocess.run(["cat", str(file)], check=True, stdout=subprocess.DEVNULL)


def checks(root: Path, *, cold: bool, first: bool) -> dict[str, Measured]:
    """Of both, ours first or last."""
    ours = [sys.executable, "-m", "bench.read_back", "check", str(root / "ours")]
    theirs = ["restic", "--no-cache", "-q", "-r", str(root / "theirs"), "check", "--read-data"]
    found: dict[str, Measured] = {}
    for name, argv in (("ours", ours), ("theirs", theirs))[:: 1 if first else -1]:
        cached(root / name, cold=cold)
        found[name] = process(argv, {"RESTIC_PASSWORD": PASSWORD})
    return found


def restores(root: Path, database: Path, *, cold: bool, first: bool) -> dict[str, tuple[float, int]]:
    """Of both, ours first or last. Each begins on a disk that has nothing left to write or to free."""
    secret, target = {"RESTIC_PASSWORD": PASSWORD}, root / "target"
    ours = [sys.executable, "-m", "bench.snapshot_sqlite", "restore", str(database), str(root / "ours")]
    theirs = ["restic", "--no-cache", "-q", "-r", str(root / "theirs"), "restore", "latest", "--target", str(target)]
    found: dict[str, tuple[float, int]] = {}
    for name in ("ours", "theirs")[:: 1 if first else -1]:
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir()
        cached(root / name, cold=cold)
        os.sync()
        if name == "ours":
            done = process([*ours, str(target / "restored")])
            found |= {"restore ours": (done.inside, done.peak), "restore started": (done.seconds, done.peak)}
        else:
            synced = ["sync", str(target / database.relative_to("/"))]
            found["restore restic"] = in_turn(measured(theirs, secret), measured(synced))
    return found


def one_round(root: Path, database: Path, *, cold: bool, first: bool) -> dict[str, tuple[float, int]]:
    checked = checks(root, cold=cold, first=first)
    ours, theirs = checked["ours"], checked["theirs"]
    figures = {"check ours": (ours.inside, ours.peak), "check started": (ours.seconds, ours.peak)}
    figures |= {"check restic": (theirs.seconds, theirs.peak)}
    figures |= {"cpu ours": (ours.cpu, 0), "cpu restic": (theirs.cpu, 0)}
    figures |= restores(root, database, cold=cold, first=first)
    return figures


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--size", type=int, default=2 << 30)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--cold", action="store_true")
    options = parser.parse_args()
    root = Path(tempfile.mkdtemp(prefix="hfbench-", dir=os.environ.get("HOLDFAST_BENCH_DIR")))
    try:
        database = kept_sqlite(options.size)
        size = database.stat().st_size
        made(root, database)
        rounds = [one_round(root, database, cold=options.cold, first=n % 2 == 0) for n in range(options.runs)]
    finally:
        shutil.rmtree(root, ignore_errors=True)
    cache = "cold" if options.cold else "warm"
    print(f"load {os.getloadavg()[0]:.1f}; {size / 1e6:.0f} MB database, page cache {cache} for both")
    for who in ("ours", "restic"):
        cpu = statistics.median(r[f"cpu {who}"][0] for r in rounds) / size * 1e9
        print(f"check    {who:7} {cpu:.2f} s of CPU a GB, its start too")
    missed = False
    for act in ("check", "restore"):
        for who in ("ours", "restic"):
            median = statistics.median(r[f"{act} {who}"][0] for r in rounds)
            peak = max(r[f"{act} {who}"][1] for r in rounds)
            missed |= who == "ours" and peak > MEMORY_BAR
            print(f"{act:8} {who:7} median {median:6.2f} s  {size / 1e6 / median:6.0f} MB/s  peak {peak >> 20} MiB")
            if f"{act} started" in rounds[0] and who == "ours":
                print(f"  with the process's start {statistics.median(r[f'{act} started'][0] for r in rounds):.2f} s")
        ratio = statistics.median(r[f"{act} restic"][0] / r[f"{act} ours"][0] for r in rounds)
        missed |= ratio < BAR
        print(f"{act:8} median of the pairs: {ratio:.2f}x restic  bar {BAR}x  {'ok' if ratio >= BAR else 'MISSED'}")
    return 1 if missed else 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["check"]:
        check(Path(sys.argv[2]))
    else:
        sys.exit(main())
