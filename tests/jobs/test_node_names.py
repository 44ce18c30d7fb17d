"""Names of nodes, who may have one, and whose runs a runner takes. Faults here would mix up two machines' data."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import metadata_home
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from holdfast.jobs import Jobs, Runner, TaskRegistry, nodes
from holdfast.jobs.nodes import Node
from holdfast.jobs.schema import nodes as table
from holdfast.jobs.schema import runs
from holdfast.kernel.clock import ManualClock, SystemClock
from holdfast.kernel.db import Database
from holdfast.kernel.errors import Conflict, NeedsOperator
from holdfast.kernel.node import identity
from holdfast.kernel.stop import Stop


def test_a_name_is_made_once_and_kept(tmp_path: Path) -> None:
    first = identity(tmp_path / "data")
    assert identity(tmp_path / "data") == first
    assert identity(tmp_path / "data", first.name) == first
    assert (tmp_path / "data" / "node").stat().st_mode & 0o777 == 0o600
    assert identity(tmp_path / "other", "web-1").name == "web-1"
    assert identity(tmp_path / "third").data_id != first.data_id
    with pytest.raises(NeedsOperator) as error:
        identity(tmp_path / "other", "web-2")
    assert error.value.code == "node_renamed"


def test_many_processes_ask_first(tmp_path: Path) -> None:
    found: list[Any] = []
    threads = [threading.Thread(target=lambda: found.append(identity(tmp_path / "d"))) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 16
    assert len(set(found)) == 1
    assert [path.name for path in (tmp_path / "d").iterdir()] == ["node"]


@pytest.mark.parametrize("name", ["Web", "-a", "a-", "a_b", "a b", "ä", "x" * 64, 'a"b', "a\n", ".", "../x"])
def test_names_that_are_none(tmp_path: Path, name: str) -> None:
    with pytest.raises(NeedsOperator) as error:
        identity(tmp_path / "data", name)
    assert error.value.code == "node_name_invalid"
    assert not (tmp_path / "data").exists()


@given(st.binary(max_size=40))
def test_a_damaged_file_is_said_so(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    data = tmp_path_factory.mktemp("d")
    (data / "node").write_bytes(content)
    try:
        found = identity(data)
    except NeedsOperator as error:
        assert error.code == "node_file"  # noqa: PT017 - some bytes are a name and an id
    else:
        assert found.name
        assert found.data_id


@pytest.fixture
def db(tmp_path: Path) -> Any:
    made = Database(metadata_home.url(tmp_path / "holdfast.db"))
    made.create_all()
    yield made
    made.close()


def node(db: Database, data: Path, name: str = "", clock: Any = None, **more: Any) -> Node:
    return Node(db, clock or SystemClock(), identity(data, name), **more)


def test_a_name_belongs_to_one_data_directory(db: Database, tmp_path: Path) -> None:
    node(db, tmp_path / "a", "web").join()
    node(db, tmp_path / "a", "web").join()  # its runner beside its api, or the next start
    with pytest.raises(NeedsOperator) as error:
        node(db, tmp_path / "b", "web").join()
    assert error.value.code == "node_name_taken"
    with db.read() as conn:
        assert [row.name for row in nodes.known(conn, SystemClock())] == ["web"]


@pytest.mark.skipif(not metadata_home.POSTGRESQL, reason="never: a file has one node")
def test_a_data_directory_works_on_one_machine(db: Database, tmp_path: Path) -> None:
    """It runs elsewhere: refused as long as that one beats; taken over when it has not for the lease. What was taken
    over can beat no more, and so claim nothing."""
    there, here = node(db, tmp_path / "a", "web"), node(db, tmp_path / "a", "web")
    there._machine = "other:1:1"
    there.join()
    with pytest.raises(NeedsOperator) as error:
        here.join(patience=0.2)
    assert error.value.code == "node_running"
    with db.write() as conn:
        there.beat(conn)
        conn.execute(table.update().values(beat_at=sa.text("clock_timestamp() - interval '16 s'")))
    here.join(patience=0.2)
    with db.write() as conn, pytest.raises(Conflict) as lost:
        there.beat(conn)
    assert lost.value.code == "node_lost"


def test_the_first_node_adopts_and_the_second_does_not(db: Database, tmp_path: Path) -> None:
    adopted: list[str] = []
    for name in ("a", "b", "a"):
        node(db, tmp_path / name, name, adopt=lambda _conn, who: adopted.append(who)).join()
    assert adopted == ["a"]


def test_only_a_silent_node_is_forgotten(db: Database, tmp_path: Path) -> None:
    clock = ManualClock()
    node(db, tmp_path / "a", "a", clock).join()
    with db.write() as conn:
        assert not nodes.forget(conn, clock, "a")
        assert not nodes.forget(conn, clock, "b")
        conn.execute(table.update().values(beat_at=nodes.moment(conn, clock) - nodes.timedelta(seconds=16)))
        found = nodes.one(conn, clock, "a")
        assert found is not None
        assert not found.alive
        assert nodes.forget(conn, clock, "a")
        assert nodes.one(conn, clock, "a") is None


def test_a_runner_takes_its_nodes_runs_and_those_of_none(db: Database, tmp_path: Path) -> None:
    tasks, done, stop = TaskRegistry(), [], Stop()
    tasks.add("note", lambda ctx: done.append(ctx.run.input["name"]))
    jobs = Jobs(db, node_of=lambda resource: sa.literal("a" if resource == "db_a" else None))
    wanted: list[dict[str, Any]] = [
        {"node": "a"},
        {"node": "b"},
        {},
        {"resource_id": "db_a"},
        {"resource_id": "db_x"},
        {"resource_id": "db_a", "node": "b"},
    ]
    with db.write() as conn:
        made = [
            jobs.submit(conn, kind="note", actor="usr_1", project_id="prj_1", input={"name": index}, **each)
            for index, each in enumerate(wanted)
        ]
    assert [run.node for run in made] == ["a", "b", None, "a", None, "b"]
    runner = Runner(db, tasks, name="r", scratch_root=tmp_path / "scratch", node="a")
    thread = threading.Thread(target=runner.run_forever, args=(stop,))
    thread.start()
    for index in (0, 2, 3, 4):
        assert jobs.wait(made[index].id, 10).state == "succeeded"
    stop.stop()
    thread.join(10)
    assert sorted(done) == [0, 2, 3, 4]
    with db.read() as conn:
        left = conn.execute(sa.select(runs.c.state).where(runs.c.node == "b")).scalars().all()
    assert left == ["queued", "queued"]


def test_a_runner_whose_node_was_taken_over_stops(db: Database, tmp_path: Path) -> None:
    stop, own = Stop(), node(db, tmp_path / "a", "a")
    own.join()
    runner = Runner(db, TaskRegistry(), name="r", scratch_root=tmp_path / "scratch", joined=own)
    thread = threading.Thread(target=runner.run_forever, args=(stop,))
    thread.start()
    with db.write() as conn:
        conn.execute(table.update().values(machine="another"))
    thread.join(10)
    assert not thread.is_alive()
    assert "somebody else's" in stop.reason
