"""A 1 GB snapshot given out as one file: speed and peak memory of every packing and sealing.

Required: the process that makes the file stays under 200 MB, whatever the file's size. Each is a process of its own,
reading a real repository in the page cache and writing to /dev/null.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from bench.data import fill_sqlite
from bench.snapshot_sqlite import PASSWORD, child, measured

MEMORY_BAR = 200 << 20
PASSPHRASE = "a passphrase of the bench"
KINDS = (
    "none,none",
    "gzip,none",
    "zstd,none",
    "bzip2,none",
    "none,age",
    "zstd,age",
    "none,gpg",
    "none,aes256",
    "tar,none",
)


def give(repository: Path, kind: str) -> None:
    """One file to /dev/null, in this process."""
    from datetime import UTC, datetime

    from holdfast.catalog import ENGINES
    from holdfast.kernel.stop import Stop
    from holdfast.vault.plain.encoding import encoded, plain_file
    from holdfast.vault.plain.wish import FileWish
    from holdfast.vault.repository import Repository
    from holdfast.vault.stores.local import LocalStore

    packing, _, sealing = kind.partition(",")
    form = "tar" if packing == "tar" else "native"
    secret = None if sealing == "none" else PASSPHRASE
    wish = FileWish(form, "none" if form == "tar" else packing, None, sealing, (), secret)  # type: ignore[arg-type]
    wish.check()
    repo = Repository.open(LocalStore(repository), PASSWORD)
    with repo.source(repo.snapshots()[-1].id) as source, Path("/dev/null").open("wb") as out:
        made = plain_file(ENGINES, "sqlite", source, wish, datetime.now(UTC))
        for piece in encoded(made, source, wish, None, Stop()):
            out.write(piece)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--megabytes", type=int, default=1024)
    parser.add_argument("--kinds", nargs="*", default=KINDS)
    parser.add_argument("--child", nargs=2)
    given = parser.parse_args()
    if given.child:
        give(Path(given.child[0]), given.child[1])
        return 0
    worst = 0
    with tempfile.TemporaryDirectory(prefix="hf-bench-") as text:
        place = Path(text)
        database, repository = place / "shop.sqlite", place / "repository"
        fill_sqlite(database, given.megabytes << 20)
        size = database.stat().st_size
        child("init", database, repository, place / "x")
        child("backup", database, repository, place / "x")
        for kind in given.kinds:
            argv = [sys.executable, "-m", "bench.files", "--child", str(repository), kind]
            seconds, peak = measured(argv)
            worst = max(worst, peak)
            print(f"{kind:12} {size / seconds / 1e6:7.0f} MB/s  peak {peak >> 20} MiB", flush=True)
    print(f"peak {worst >> 20} MiB of {MEMORY_BAR >> 20} MiB allowed")
    return 0 if worst <= MEMORY_BAR else 1


if __name__ == "__main__":
    sys.exit(main())
