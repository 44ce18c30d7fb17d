"""kill -9 of the runner, and a cancel, while a dump becomes a snapshot: whole or nothing, and nothing left over."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import apsw
import pytest
from faults_cluster import Answer, Cluster, eventually, taken_over

pytestmark = [pytest.mark.faults, pytest.mark.slow]
ROWS = 40_000
POINTS = ("snapshot_import.half", "snapshot_import.loaded", "snapshot_import.stored")


def dump(engine: str, where: Path) -> bytes:
    if engine == "postgresql":
        lines = "".join(f"{n}\tx{n}\n" for n in range(ROWS))
        return f"CREATE TABLE t (id bigint, body text);\nCOPY t FROM stdin;\n{lines}\\.\n".encode()
    with closing(apsw.Connection(str(where / "x.db"))) as connection:
        connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, body)")
        connection.execute("BEGIN")
        connection.executemany("INSERT INTO t VALUES (?, ?)", ((n, f"x{n}" * 5) for n in range(ROWS)))
        connection.execute("COMMIT")
    return (where / "x.db").read_bytes()


def started(it: Cluster, database: str, content: bytes) -> Answer:
    made = it.client.post(f"/databases/{database}/uploads", {"name": "x", "size": len(content)})["id"]
    it.client.put_part(f"/uploads/{made}/content", 0, content, len(content))
    it.client.post(f"/uploads/{made}/complete")
    answer: Answer = it.client.post(f"/databases/{database}/snapshot-imports", {"upload_id": made, "level": 1})
    return answer


def nothing_left(it: Cluster) -> None:
    eventually(lambda: not list(it.data.glob("transfers/uploads/*")))
    eventually(lambda: not list((it.data / "scratch").rglob("srv_*")))
    assert list(it.client.items("/uploads")) == []


@pytest.mark.parametrize(
    ("engine", "point"),
    [
        ("postgresql", POINTS[0]),
        ("sqlite", POINTS[1]),
        ("sqlite", POINTS[2]),
    ],
)
def test_an_import_of_a_dump_survives_its_runner(
    kept: Callable[..., Cluster], engine: str, point: str, tmp_path: Path
) -> None:
    it = kept(crash=POINTS)
    database = it.create(engine, point)
    before, runner = it.rows(database), it.pid("runner")
    it.arm(point)
    made = started(it, database, dump(engine, tmp_path))
    taken_over(it, runner, made)
    facts = it.client.get(f"/snapshots/{made['snapshot']['id']}")
    assert (facts["state"], facts["verification"], facts["rows"]) == ("ready", "green", ROWS)
    assert len(list(it.client.items("/snapshots", resource_id=database))) == 1
    assert it.stored(database) == 1
    assert it.rows(database) == before
    nothing_left(it)
    it.works(database)


def test_a_cancelled_import_of_a_dump_leaves_nothing(start: Callable[..., Cluster], tmp_path: Path) -> None:
    it = start(hold="snapshot_import.half")
    database = it.create("postgresql")
    it.held.touch()
    it.arm()
    made = started(it, database, dump("postgresql", tmp_path))
    it.reached()
    it.client.post(f"/runs/{made['run']['id']}/cancel")
    eventually(lambda: it.client.get(f"/runs/{made['run']['id']}")["cancel_requested_at"])
    it.release()
    assert it.ended(made)["state"] == "cancelled"
    assert it.client.get(f"/snapshots/{made['snapshot']['id']}")["state"] == "failed"
    nothing_left(it)
    assert list(it.client.items("/snapshots", state="ready")) == []
    it.works(database)
