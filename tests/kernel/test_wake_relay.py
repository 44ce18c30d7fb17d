"""Wake-ups between nodes: different runtime directories, one PostgreSQL."""

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import metadata_home
import psycopg
import pytest

from holdfast.kernel.db import Database
from holdfast.kernel.wake import Listener, Wake
from holdfast.kernel.wake_relay import CHANNEL, WakeRelay, node_id, start_relay

Node = Callable[[str], tuple[Database, Wake]]


@pytest.fixture(scope="module")
def url() -> str:
    return metadata_home.on_postgresql()


@pytest.fixture
def node(url: str) -> Iterator[Node]:
    """Makes processes by the name of their node: its database and its wake-ups, relayed."""
    with ExitStack() as stack:
        runtime = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hf")))

        def make(name: str) -> tuple[Database, Wake]:
            db, wake = Database(url), Wake(runtime / name)
            stack.callback(db.close)
            stack.callback(wake.close)
            stack.callback(WakeRelay(db, wake).start().close)
            return db, wake

        yield make


def _listeners(db: Database) -> list[int]:
    with db.engine.connect() as conn:
        statement = "SELECT pid FROM pg_stat_activity WHERE application_name = 'holdfast wake'"
        return [row[0] for row in conn.exec_driver_sql(statement + " AND datname = current_database()")]


def _heard(ear: Listener, said: Callable[[], None], topic: str, seconds: float = 60) -> bool:
    """A hint may be lost while a relay is not there yet, so it is said again."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        said()
        if topic in ear.wait(0.3):
            return True
    return False


def test_two_nodes_hear_each_other_once_and_themselves_by_datagram_only(node: Node) -> None:
    (_, here), (_, there) = node("a"), node("b")
    with here.listen("x") as mine, there.listen("x") as theirs:
        assert _heard(theirs, lambda: here.notify("up"), "up")
        assert _heard(mine, lambda: there.notify("up"), "up")
        while mine.wait(0.3) | theirs.wait(0.3):
            continue
        here.notify("run:run_1")
        assert mine.wait(30) == {"run:run_1"}
        assert theirs.wait(30) == {"run:run_1"}
        assert mine.wait(0.3) == set()
        assert theirs.wait(0.3) == set()


def test_a_killed_connection_comes_back(node: Node) -> None:
    (db, here), (_, there) = node("a"), node("b")
    with there.listen("x") as ear:
        assert _heard(ear, lambda: here.notify("before"), "before")
        before = set(_listeners(db))
        assert len(before) >= 2
        with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
            for pid in before:
                conn.exec_driver_sql(f"SELECT pg_terminate_backend({pid})")
        assert _heard(ear, lambda: here.notify("after"), "after")
        assert before.isdisjoint(_listeners(db))


def test_a_notification_holds_nobody_up_while_postgresql_is_away(tmp_path: Path) -> None:
    db = Database(f"postgresql+psycopg://nobody:x@/none?host={tmp_path}")
    with tempfile.TemporaryDirectory(prefix="hf") as runtime:
        wake = Wake(Path(runtime))
        relay = start_relay(db, wake)
        assert relay is not None
        with wake.listen("x") as ear:
            started = time.monotonic()
            for number in range(3000):
                wake.notify(f"run:{number % 2000}")
            relay.close()
            assert time.monotonic() - started < 5
            assert ear.wait(30)
        wake.close()
    db.close()


def test_processes_of_one_node_have_one_name(node: Node) -> None:
    (_, first), (_, second), (_, other) = node("a"), node("a"), node("b")
    assert node_id(first) == node_id(second) != node_id(other)
    assert [each.name for each in first.directory.parent.iterdir() if each.name.startswith("wake-node.")] == []


def test_a_stranger_on_the_channel_does_no_harm(url: str, node: Node) -> None:
    _, wake = node("a")
    _, other = node("b")
    with wake.listen("x") as ear, psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as conn:
        assert _heard(ear, lambda: other.notify("up"), "up")
        for payload in ("", "one", " ", "\N{SNOWMAN}" * 2000):
            conn.execute("SELECT pg_notify(%s, %s)", [CHANNEL, payload])
        assert _heard(ear, lambda: other.notify("still"), "still")


def test_metadata_in_a_file_has_no_relay(tmp_path: Path) -> None:
    db = Database(f"sqlite+apsw:///{tmp_path}/m.db")
    with tempfile.TemporaryDirectory(prefix="hf") as runtime:
        wake = Wake(Path(runtime))
        assert start_relay(db, wake) is None
        wake.close()
    db.close()
