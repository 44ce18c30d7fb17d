"""The old database of a restore in place lives for the grace period and is discarded then."""

from __future__ import annotations

import pytest
from dialects import DIALECTS
from journey import NAMES
from world import eventually, world


@pytest.mark.slow
@pytest.mark.parametrize("engine", NAMES)
def test_the_kept_database_is_discarded_after_the_grace(engine: str) -> None:
    with world(delete_grace_seconds=2) as here:
        made = here.create(engine, "kept")
        here.write(made.id, "create table big (id integer primary key, note text)", DIALECTS[engine].big_table % 10)
        snapshot = here.snapshot(made.id, level=1)
        here.write(made.id, "delete from big")
        restored = here.restore(snapshot.id, mode="in_place", confirm="kept", safety=False)
        assert here.rows(restored.id, "select count(*) from big") == [(10,)]

        def discarded() -> bool:
            with here.db.read() as conn:
                runs = here.services.jobs.list(conn, resource_id=made.id, kinds=("restore.discard",))
            assert all(run.state != "failed" for run in runs), runs
            return bool(runs) and all(run.state == "succeeded" for run in runs)

        eventually(discarded, 30)
        with here.db.read() as conn:
            kept = conn.exec_driver_sql("SELECT kept_until, receipt FROM restores").all()
        assert [row[0] for row in kept] == [None]
        assert here.rows(made.id, "select count(*) from big") == [(10,)]
        if here.database(made.id).host == "embedded":
            assert [path.name for path in here.settings.data.rglob("old_*")] == []
