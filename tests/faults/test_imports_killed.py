"""kill -9 of the runner, and a cancel, in the middle of imports: all of a file or nothing of it, and never twice."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from faults_cluster import ENGINES, Answer, Cluster, eventually, taken_over

pytestmark = [pytest.mark.faults, pytest.mark.slow]
ROWS = 30_000
WIDE = "x" * 90  # past 2 MiB: at half of it, rows are in the transaction


def csv(bad: int = 0) -> bytes:
    lines = [f"{n},{WIDE}" for n in range(1, ROWS + 1)]
    for n in range(bad):
        lines.insert((n + 1) * 100, f"none{n},x")
    return ("id,body\n" + "\n".join(lines) + "\n").encode()


def sent(it: Cluster, database: str, data: bytes) -> str:
    made = it.client.post(f"/databases/{database}/uploads", {"name": "t.csv", "size": len(data)})["id"]
    it.client.put_part(f"/uploads/{made}/content", 0, data, len(data))
    it.client.post(f"/uploads/{made}/complete")
    return str(made)


def importing(it: Cluster, database: str, upload: str, errors: int = 0) -> Answer:
    body = {"upload_id": upload, "table": "t", "errors": errors}
    answer: Answer = it.client.post(f"/databases/{database}/imports", body)
    return answer


def marks(it: Cluster, database: str, engine: str) -> list[list[object]]:
    """Tables an import leaves behind until its run is written down."""
    there = "sqlite_master" if engine == "sqlite" else "pg_class"
    column = "name" if engine == "sqlite" else "relname"
    return it.rows(database, f"SELECT {column} FROM {there} WHERE {column} LIKE 'holdfast_import%'")


POINTS = (("import.half", 0), ("import.before_commit", 1), ("import.committed", 2))
DYING = (*(point for point, _ in POINTS), "export.piece")


@pytest.mark.parametrize(("point", "errors"), POINTS)
def test_an_import_survives_its_runner(kept: Callable[..., Cluster], point: str, errors: int) -> None:
    """Killed before the commit: it begins again from nothing. Killed after: the database says so, and it ends there."""
    it = kept(crash=DYING)
    for engine in ENGINES:
        database = it.create(engine, f"{engine} {point}", rows=0)
        upload, runner = sent(it, database, csv(errors)), it.pid("runner")
        it.arm(point)
        made = importing(it, database, upload, errors)
        taken_over(it, runner, made)
        found = it.client.get(f"/imports/{made['import']['id']}")
        assert (found["state"], found["result"]["rows"], found["result"]["bad"]) == ("done", ROWS, errors)
        counted = "SELECT count(*), count(DISTINCT id), min(id), max(id) FROM t"
        assert it.rows(database, counted) == [[ROWS, ROWS, 1, ROWS]]
        assert marks(it, database, engine) == []
        if errors:
            report = b"".join(it.client.content(f"/imports/{found['id']}/bad-rows"))
            assert report.count(b"\n") == errors, "a second attempt does not list the rows of the first"
    assert not list(it.data.glob("transfers/uploads/*")), "the uploads have served"


def test_an_import_that_is_cancelled_leaves_nothing_and_can_be_done_again(start: Callable[..., Cluster]) -> None:
    it = start(hold="import.half")
    for engine in ENGINES:
        database = it.create(engine, engine, rows=0)
        upload = sent(it, database, csv())
        it.held.touch()
        it.arm()
        made = importing(it, database, upload)
        it.reached()
        it.client.post(f"/runs/{made['run']['id']}/cancel")
        eventually(lambda run=made["run"]["id"]: it.client.get(f"/runs/{run}")["cancel_requested_at"])
        it.release()
        assert it.ended(made)["state"] == "cancelled"
        assert it.client.get(f"/imports/{made['import']['id']}")["state"] == "cancelled"
        assert it.rows(database, "SELECT count(*) FROM t") == [[0]]
        assert marks(it, database, engine) == []
        it.done(importing(it, database, upload))
        assert it.rows(database, "SELECT count(*) FROM t") == [[ROWS]]


def test_an_export_whose_runner_dies_is_written_again_whole(kept: Callable[..., Cluster]) -> None:
    it = kept(crash=DYING)
    database = it.create("postgresql", "exported", rows=20_000)
    runner = it.pid("runner")
    it.arm("export.piece")
    made = it.client.post(f"/databases/{database}/exports", {"table": "t", "format": "ndjson"})
    taken_over(it, runner, made)
    whole = b"".join(it.client.content(f"/exports/{made['export']['id']}/content"))
    assert whole.count(b"\n") == 20_000
