"""First snapshot of a PostgreSQL database into a repository, beside `pg_dump -Fc -Z0 | zstd -3 -T2` into a file.

Required on 2 GB of mixed data in 12 tables: at least 1.1 times as fast, and under 64 MB of temporary disk. Ours also
computes row digests, deduplicates, encrypts and opens each blob again; the peer does not. Both sync what they wrote.
Only the capture is timed: into an empty repository that is there already, as it is for every database but one.
Also reported: without row digests, processor seconds by who used them (they say more than seconds on a busy
machine), and a table as pgbench fills it.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bench.data import TABLES, fill_postgresql
from bench.hosted_postgresql import Hosted, hosted
from bench.processor import Used
from holdfast.contract.snapshot import CaptureRequest
from holdfast.kernel.malloc import keep_big_buffers
from holdfast.kernel.stop import Stop
from holdfast.vault.pipeline import write_snapshot
from holdfast.vault.repository import Repository
from holdfast.vault.stores.local import LocalStore

BAR, DISK_BAR, RUNS = 1.1, 64 << 20, 3
PGBENCH = (
    "CREATE TABLE pgbench_accounts AS "
    "SELECT n AS aid, n % 10 AS bid, 0 AS abalance, repeat(' ', 84)::char(84) AS filler "
    "FROM generate_series(1, 1500000) AS n"
)


class Disk(threading.Thread):
    """The most bytes there were at once in the directories where a capture may keep temporary files."""

    def __init__(self, root: Path, known: tuple[str, ...]) -> None:
        super().__init__(daemon=True)
        self._root, self._known, self._ended, self.most = root, known, threading.Event(), 0

    def run(self) -> None:
        while not self._ended.wait(0.1):
            self.most = max(self.most, sum(_size(path) for path in self._files()))

    def _files(self) -> list[Path]:
        found: list[Path] = []
        for directory, names, files in os.walk(self._root):
            if Path(directory) == self._root:
                names[:] = [name for name in names if name not in self._known]
                continue
            found += [Path(directory, name) for name in files]
        return found

    def end(self) -> int:
        self._ended.set()
        self.join()
        return self.most


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


@dataclass(frozen=True)
class Round:
    seconds: float
    used: Used
    stored: int


def ours(server: Hosted, digests: Literal["auto", "never"]) -> Round:
    repository = server.root / "repository"
    shutil.rmtree(repository, ignore_errors=True)
    repo = Repository.create(LocalStore(repository), "bench")
    os.sync()
    with Used(pid_of(server)) as used:
        started = time.monotonic()
        with server.session().capture(None, CaptureRequest(digests=digests), Stop()) as capture:
            written = write_snapshot(repo, capture, hostname="bench", paths=["/bench"])
        seconds = time.monotonic() - started
    return Round(seconds, used, written.stats.bytes_stored)


def pid_of(server: Hosted) -> int:
    """Of the server itself: it wrote it first in its lock file, beside the socket or in the cluster."""
    for lock in server.root.rglob("postmaster.pid"):
        return int(lock.read_text().split()[0])
    raise RuntimeError("the server has no postmaster.pid")


def theirs(server: Hosted) -> Round:
    role = server.at.roles["admin"]
    environ = {"PGPASSWORD": server.at.secrets[role.secret], "PATH": os.environ["PATH"]}
    target = server.root / "dump.zst"
    argv = [str(server.binaries / "pg_dump"), "-Fc", "-Z0", "-h", str(server.at.sockets)]
    argv += ["-p", str(server.at.port or 5432), "-U", role.user, "-d", str(server.at.database)]
    target.unlink(missing_ok=True)
    os.sync()
    with Used(pid_of(server)) as used:
        started = time.monotonic()
        _dump(argv, environ, target)
        seconds = time.monotonic() - started
    return Round(seconds, used, target.stat().st_size)


def _dump(argv: list[str], environ: dict[str, str], target: Path) -> None:
    with target.open("wb") as out:
        dump = subprocess.Popen(argv, env=environ, stdout=subprocess.PIPE)
        pack = subprocess.Popen(["zstd", "-q", "-3", "-T2"], stdin=dump.stdout, stdout=out)
        if dump.stdout is not None:
            dump.stdout.close()
        if dump.wait() or pack.wait():
            raise RuntimeError("the peer failed")
        os.fsync(out.fileno())


def compare(server: Hosted, what: str, runs: int) -> tuple[float, int]:
    """Print the figures; (how many times as fast as the peer, most temporary bytes)."""
    disk = Disk(server.root, ("data", "run", "repository"))
    disk.start()
    rounds = [(ours(server, "auto"), ours(server, "never"), theirs(server)) for _ in range(runs)]
    most = disk.end()
    stored, peer = rounds[-1][0].stored, rounds[-1][2].stored
    print(f"{what}: stored {stored / 1e6:.0f} MB, the peer {peer / 1e6:.0f} MB; temporary disk {most / 1e6:.1f} MB")
    print("  timed: the capture alone, into an empty repository that was there before")
    for number, who in enumerate(("ours, with digests", "ours, without", "pg_dump | zstd -3 -T2")):
        seconds = [taken[number].seconds for taken in rounds]
        spread = f"(min {min(seconds):.2f}, max {max(seconds):.2f})"
        used = sorted((taken[number].used for taken in rounds), key=lambda used: used.all)[len(rounds) // 2]
        print(f"  {who:22} median {statistics.median(seconds):6.2f} s {spread}, processor {used}", flush=True)
    return statistics.median(peer_took.seconds / auto.seconds for auto, _, peer_took in rounds), most


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--size", type=int, default=2 << 30)
    parser.add_argument("--runs", type=int, default=RUNS)
    options = parser.parse_args()
    if shutil.which("zstd") is None:
        print("MISSING on this machine: zstd (apt-get install zstd)")
        return 1
    keep_big_buffers()
    with hosted(shared_buffers_mb=128) as server, server.sql() as session:
        fill_postgresql(lambda text: session.execute(text.encode()), options.size)
        ratio, most = compare(server, f"{options.size / 1e6:.0f} MB of mixed data in {TABLES} tables", options.runs)
        for number in range(TABLES):
            session.execute(f"DROP TABLE mixed_{number}".encode())
        session.execute(PGBENCH)
        session.execute("VACUUM (FREEZE, ANALYZE) pgbench_accounts")
        other, _ = compare(server, "pgbench, scale 15", 1)
    met = ratio >= BAR and most < DISK_BAR
    print(f"mixed: {ratio:.2f}x as fast as the peer  bar {BAR}x, {DISK_BAR >> 20} MiB  {'ok' if met else 'MISSED'}")
    print(f"pgbench: {other:.2f}x as fast as the peer (reported)")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
