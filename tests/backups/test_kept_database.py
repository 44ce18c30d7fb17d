"""The old database of a restore in place lives for the grace period and is discarded then."""

from __future__ import annotations

import pytest
from dialects import DIALECTS
from journey import EVERY
from world import eventually, world


@pytest.mark.slow
@pytest.mark.parametrize("engine", EVERY)
def test_the_kept_database_is_discarded_after_the_grace(engine: str) -> None:
    with world(delete_grace_seconds=2) as here:
        made = here.create(engine, "kept")
        said = DIALECTS[engine].sentences
        here.write(made.id, *said.keep)
        snapshot = here.snapshot(made.id, level=1)
        here.write(made.id, said.lose)
        restored = here.restore(snapshot.id, mode="in_place", confirm="kept", safety=False)
        assert [list(row) for row in here.rows(restored.id, said.kept.statement)] == said.kept.rows

        def discarded() -> bool:
            with here.db.read() as conn:
                runs = here.services.jobs.list(conn, resource_id=made.id, kinds=("restore.discard",))
            assert all(run.state != "failed" for run in runs), runs
            return bool(runs) and all(run.state == "succeeded" for run in runs)

        eventually(discarded)
        with here.db.read() as conn:
            kept = conn.exec_driver_sql("SELECT kept_until, receipt FROM restores").all()
        assert [row[0] for row in kept] == [None]
        assert [list(row) for row in here.rows(made.id, said.kept.statement)] == said.kept.rows
        if here.database(made.id).host == "embedded":
            assert [path.name for path in here.settings.data.rglob("old_*")] == []
