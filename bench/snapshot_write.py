"""First snapshot of a 2 GB SQLite database, and an unchanged second one of a fresh copy, beside stock restic.

Required of the first: 1.7 times as fast as the restic of this machine, at no more than 1.03 times its stored size; of
the second: 1.5 times as fast as `restic backup --force`, storing less than 0.5 % anew; under 300 MB of memory.

Ours is measured as the runner does it: a process that is up opens the repository and takes the snapshot; with its
start is told beside. Every act is a process of its own, in turn with restic's on the same file; all write durably.
The files are made once and kept for the next time, and read once before, so the page cache is as warm for one as for
the other (`--cold` drops it before each, for who may). Copies are made by SQLite's backup. A newer restic in
HOLDFAST_BENCH_RESTIC is measured beside, without a bar.
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
from dataclasses import dataclass, field
from pathlib import Path

from bench.__main__ import machine
from bench.data import kept_copy, kept_sqlite

PASSWORD = "bench"
FIRST_BAR, SIZE_BAR, SECOND_BAR, NEW_BAR, MEMORY_BAR = 1.7, 1.03, 1.5, 0.005, 300 << 20


def child(database: Path, repository: Path, level: str) -> None:
    """One snapshot in this process; says what it took."""
    from bench.snapshot_sqlite import _NoTools
    from holdfast.contract.snapshot import CaptureRequest
    from holdfast.contract.spec import Endpoint
    from holdfast.engines.sqlite import engine
    from holdfast.kernel.malloc import keep_big_buffers
    from holdfast.kernel.stop import Stop
    from holdfast.vault.options import SnapshotOptions
    from holdfast.vault.pipeline import write_snapshot
    from holdfast.vault.repository import Repository
    from holdfast.vault.stores.local import LocalStore

    keep_big_buffers()  # as the runner does
    session = engine.connect(Endpoint(path=database), _NoTools(repository.parent))
    began = time.monotonic()
    repo = Repository.open(LocalStore(repository), PASSWORD)
    with session.capture(None, CaptureRequest(), Stop()) as capture:
        options = SnapshotOptions.of({"level": level})
        written = write_snapshot(repo, capture, hostname="bench", paths=[str(database)], options=options)
    seconds = time.monotonic() - began
    print(json.dumps({"seconds": seconds, "read": written.stats.bytes_read, "new": written.stats.bytes_new}))


@dataclass
class Measured:
    """Of one act: seconds of the process, and what it said of itself."""

    seconds: float
    peak: int
    cpu: float = 0.0  # of all its threads, user and system, its start too
    said: dict[str, float] = field(default_factory=dict)

    @property
    def inside(self) -> float:
        return self.said.get("seconds", self.seconds)


def measured(argv: list[str], environ: dict[str, str] | None = None) -> Measured:
    os.sync()
    began = time.monotonic()
    process = subprocess.Popen(argv, env=os.environ | (environ or {}), stdout=subprocess.PIPE)
    output = process.stdout.read() if process.stdout else b""
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise RuntimeError(f"{argv} ended with {process.returncode}")
    said = json.loads(output) if output.startswith(b"{") else {}
    return Measured(seconds, usage.ru_maxrss << 10, usage.ru_utime + usage.ru_stime, said)


class Peers:
    """Who is measured, each with its own repository, made new for every round."""

    def __init__(self, root: Path, level: str, *, cold: bool) -> None:
        self.root, self.level, self.cold = root, level, cold
        self.programs = {"restic": shutil.which("restic") or "restic"}
        if newest := os.environ.get("HOLDFAST_BENCH_RESTIC"):
            self.programs["newest"] = newest

    def names(self) -> list[str]:
        return ["ours", *self.programs]

    def begin(self) -> None:
        from holdfast.vault.repository import Repository
        from holdfast.vault.stores.local import LocalStore

        for name in self.names():
            shutil.rmtree(self.root / name, ignore_errors=True)
        Repository.create(LocalStore(self.root / "ours"), PASSWORD)
        for name, program in self.programs.items():
            argv = [program, "-q", "--no-cache", "-r", str(self.root / name), "init"]
            subprocess.run(argv, env=self._secret(), check=True, stdout=subprocess.DEVNULL)

    def backup(self, name: str, database: Path, *options: str) -> Measured:
        if self.cold:
            os.sync()
            Path("/proc/sys/vm/drop_caches").write_text("1")
        if name == "ours":
            argv = [sys.executable, "-m", "bench.snapshot_write", "child"]
            return measured([*argv, str(database), str(self.root / "ours"), self.level])
        repository = str(self.root / name)
        argv = [self.programs[name], "-q", "--no-cache", "-r", repository, "backup", *options, str(database)]
        return measured(argv, self._secret())

    def stored(self, name: str) -> int:
        return sum(f.stat().st_size for f in (self.root / name).rglob("*") if f.is_file())

    def _secret(self) -> dict[str, str]:
        return dict(os.environ) | {"RESTIC_PASSWORD": PASSWORD}


def rounds(peers: Peers, database: Path, again: Path, count: int) -> dict[tuple[str, str], list[Measured]]:
    found: dict[tuple[str, str], list[Measured]] = {}
    for number in range(count):
        peers.begin()
        turn = peers.names() if number % 2 == 0 else peers.names()[::-1]
        for name in turn:
            found.setdefault(("first", name), []).append(peers.backup(name, database))
        for name in turn:
            found.setdefault(("second", name), []).append(peers.backup(name, again, "--force"))
    return found


def told(act: str, name: str, runs: list[Measured], size: int) -> None:
    inside = statistics.median(r.inside for r in runs)
    cpu = statistics.median(r.cpu for r in runs) / size * 1e9
    line = f"{act:7} {name:7} median {inside:6.2f} s  {size / 1e6 / inside:5.0f} MB/s  {cpu:.2f} s of CPU a GB"
    if name == "ours":
        line += f"  (with the process's start {statistics.median(r.seconds for r in runs):.2f} s)"
    print(f"{line}  peak {max(r.peak for r in runs) >> 20} MiB  n={len(runs)}")


def judged(what: str, value: float, bar: float, *, least: bool) -> bool:
    good = value >= bar if least else value <= bar
    print(f"{what}: {value:.4g}  bar {'>=' if least else '<='} {bar:g}  {'ok' if good else 'MISSED'}")
    return good


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--size", type=int, default=2 << 30)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--level", default="default")
    parser.add_argument("--cold", action="store_true")
    asked = parser.parse_args()
    root = Path(tempfile.mkdtemp(prefix="hfbench-", dir=os.environ.get("HOLDFAST_BENCH_DIR")))
    try:
        database = kept_sqlite(asked.size)
        again, size = kept_copy(database), database.stat().st_size
        peers = Peers(root, asked.level, cold=asked.cold)
        for path in (database, again):
            subprocess.run(["cat", str(path)], check=True, stdout=subprocess.DEVNULL)
        found = rounds(peers, database, again, asked.runs)
        stored = {name: peers.stored(name) for name in peers.names()}
    finally:
        shutil.rmtree(root, ignore_errors=True)
    cache = "cold" if asked.cold else "warm"
    print(f"{machine()}; load {os.getloadavg()[0]:.1f}; {size / 1e6:.0f} MB, page cache {cache}, level {asked.level}")
    for (act, name), runs in found.items():
        told(act, name, runs, size)
    print("stored, both snapshots: " + ", ".join(f"{name} {held / size:.3f}" for name, held in stored.items()))

    def faster(act: str, than: str) -> float:
        pairs = zip(found[act, than], found[act, "ours"], strict=True)
        return statistics.median(theirs.inside / ours.inside for theirs, ours in pairs)

    if "newest" in peers.programs:
        first, again = faster("first", "newest"), faster("second", "newest")
        print(f"beside the newest restic: first {first:.2f}x, second {again:.2f}x")
    second = found["second", "ours"]
    good = [
        judged("first, times as fast as restic", faster("first", "restic"), FIRST_BAR, least=True),
        judged("stored beside restic's", stored["ours"] / stored["restic"], SIZE_BAR, least=False),
        judged("second, times as fast as restic --force", faster("second", "restic"), SECOND_BAR, least=True),
        judged("second, part that is new", max(r.said["new"] / r.said["read"] for r in second), NEW_BAR, least=False),
        judged(
            "peak memory of ours, bytes",
            max(r.peak for (_, name), runs in found.items() if name == "ours" for r in runs),
            MEMORY_BAR,
            least=False,
        ),
    ]
    return 0 if all(good) else 1


if __name__ == "__main__":
    if sys.argv[1:2] == ["child"]:
        child(Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4])
    else:
        sys.exit(main())
