"""Lists as long as they get, for the dashboard's own measurements: `python -m bench.dashboard DATA`.

Each list's newest row is put down many times in the metadata of the Holdfast that lives in DATA, which may be running.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from holdfast.features.backups.model import snapshots
from holdfast.features.databases.model import resources
from holdfast.jobs.schema import runs
from holdfast.kernel.db import Database
from holdfast.kernel.ids import new_id
from holdfast.kernel.settings import Settings

DATABASES, SNAPSHOTS, RUNS = 10_000, 5_000, 5_000
AT_ONCE = 1_000


def fill(db: Database) -> None:
    """Databases are stopped, so that nothing looks after ten thousand that have no files."""
    with db.write() as conn:
        _many(conn, resources, "db", DATABASES, lambda n: {"name": f"many-{n:05}", "state": "stopped", "run_id": None})
        _many(conn, snapshots, "snap", SNAPSHOTS, lambda n: {"resource_name": f"many-{n:05}", "run_id": None})
        _many(conn, runs, "run", RUNS, lambda _: {"state": "succeeded"})


def _many(conn: sa.Connection, table: sa.Table, prefix: str, many: int, own: Any) -> None:
    row = conn.execute(sa.select(table).order_by(table.c.id.desc()).limit(1)).one()
    for start in range(0, many, AT_ONCE):
        some = [dict(row._mapping) | own(n) | {"id": new_id(prefix)} for n in range(start, min(start + AT_ONCE, many))]
        conn.execute(table.insert(), some)


def main() -> int:
    data = Path(sys.argv[1])
    db = Database(Settings(data, data.parent / "run", data.parent / "master.key").metadata_url)
    try:
        fill(db)
    finally:
        db.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
