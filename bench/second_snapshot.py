"""The second snapshot of a database nobody changed, beside the first: hosted SQLite, then hosted PostgreSQL 18.

Required of both: at least 5 times as fast. Also reported: after 1,000 rows changed, and reading everything again.
Each snapshot re-reads its rolling sample; what came with it is compared with the parent's blobs, and that is timed too.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import apsw

from bench.data import TABLES, fill_postgresql, fill_sqlite
from bench.hosted_postgresql import hosted
from bench.snapshot_sqlite import _NoTools
from holdfast.contract.engine import Session
from holdfast.contract.snapshot import CaptureRequest
from holdfast.contract.spec import Endpoint
from holdfast.features.backups import chaining
from holdfast.features.backups.chaining import Chained, Parent
from holdfast.kernel.malloc import keep_big_buffers
from holdfast.kernel.stop import Stop
from holdfast.vault.pipeline import write_snapshot
from holdfast.vault.repository import Repository
from holdfast.vault.stores.local import LocalStore

BAR, ROUNDS = 5.0, 5
Act = Callable[[], object]


class Chain:
    """Snapshot after snapshot of one database, as the runner takes them."""

    def __init__(self, session: Callable[[], Session], where: Path) -> None:
        self._session, self._repo, self._number = session, Repository.create(LocalStore(where), "bench"), 0
        self.parent = Parent()

    def take(self, *, full: bool = False) -> tuple[float, str]:
        """Seconds, and what was read."""
        began = time.monotonic()
        self._number += 1
        name, want = f"snap_{self._number}", CaptureRequest(full=full, sample=self.parent.sequence)
        inner = self._session().capture(self.parent.manifest, want, Stop())
        with Chained(inner, self.parent, name, datetime.now(UTC)) as capture:
            written = write_snapshot(
                self._repo, capture, parent=self.parent.restic_id, hostname="bench", paths=["/bench"]
            )
        verdict = chaining.proven(self._repo, written.id, written.manifest)
        seconds = time.monotonic() - began
        if verdict is not None and any(check.ok is False for check in verdict.checks):
            raise RuntimeError(f"what was left out had changed: {verdict}")
        self.parent = Parent(written.id, name, self._repo.manifest(written.id))
        about = chaining.summary(written.manifest)
        read, skipped = about["read_bytes"] / 1e6, about["skipped_bytes"] / 1e6
        return seconds, f"{about['type']}, {read:.0f} MB read, {skipped:.0f} MB left out {about.get('why_full', '')}"


def measure(what: str, size: int, chain: Chain, change: Act) -> bool:
    """Print the figures; whether the bar was met."""
    first, said = chain.take()
    print(f"{what}: {size / 1e6:.0f} MB")
    print(f"  first               {first:7.2f} s  ({said})")
    chain.take()
    seconds = [chain.take() for _ in range(ROUNDS)]
    second = statistics.median(s for s, _ in seconds)
    ratio = first / second
    print(f"  unchanged, median   {second:7.2f} s  ({seconds[-1][1]})  {ratio:.1f}x as fast  bar {BAR}x  ", end="")
    print("ok" if ratio >= BAR else "MISSED")
    change()
    changed, said = chain.take()
    print(f"  1,000 rows changed  {changed:7.2f} s  ({said})")
    again, said = chain.take(full=True)
    print(f"  all read again      {again:7.2f} s  ({said})", flush=True)
    return ratio >= BAR


def sqlite(size: int) -> bool:
    from holdfast.engines.sqlite import engine

    root = Path(tempfile.mkdtemp(prefix="hfbench-"))
    try:
        path = root / "hosted.sqlite"
        fill_sqlite(path, size)
        tools = _NoTools(root)

        def change() -> None:
            connection = apsw.Connection(str(path))
            connection.execute("UPDATE parcel SET label = label || ' x' WHERE id BETWEEN 5000 AND 5999")
            connection.close()

        chain = Chain(lambda: engine.connect(Endpoint(path=path, database="bench"), tools), root / "repository")
        return measure("SQLite", path.stat().st_size, chain, change)
    finally:
        shutil.rmtree(root, ignore_errors=True)


def postgresql(size: int) -> bool:
    with hosted(shared_buffers_mb=128) as server, server.sql() as session:
        fill_postgresql(lambda text: session.execute(text.encode()), size)
        tables = " + ".join(f"pg_total_relation_size('mixed_{n}')" for n in range(TABLES))
        row = session.execute(f"SELECT {tables}".encode()).fetchone()

        def change() -> None:
            session.execute("UPDATE mixed_0 SET label = label || ' x' WHERE id BETWEEN 5000 AND 5999")

        return measure("PostgreSQL 18", row[0] if row else 0, Chain(server.session, server.root / "repository"), change)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--size", type=int, default=2 << 30)
    parser.add_argument("--only", choices=("sqlite", "postgresql"))
    options = parser.parse_args()
    keep_big_buffers()  # as the runner does
    met = [act(options.size) for act in (sqlite, postgresql) if options.only in (None, act.__name__)]
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main())
