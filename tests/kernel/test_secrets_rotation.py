"""Rotation of the master key and of data keys: under load, killed anywhere, by several processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import metadata_home
import pytest
import sqlalchemy as sa

from holdfast.kernel.crypto import sealed_by
from holdfast.kernel.db import Database
from holdfast.kernel.errors import Corrupt, NeedsOperator, Retryable
from holdfast.kernel.master import EnvironmentSource, FileSource, MasterKey, MasterKeys
from holdfast.kernel.rotation import DataKeyRotation, MasterRotated, MasterRotation
from holdfast.kernel.secrets import INTERNAL, Secrets, data_keys, master_keys, secrets

ENVIRONMENTS = [f"env_{number}" for number in range(7)]


class Place:
    """An installation's metadata file and key file, opened as often as a test wants a process."""

    def __init__(self, root: Path, url: str) -> None:
        self.root = root
        self.url = url
        self.key_file = root / "keys" / "master.key"
        self.told: list[tuple[str, dict[str, Any]]] = []
        self._opened: list[Database] = []

    def opened(self) -> tuple[Database, Secrets]:
        db = Database(self.url)
        self._opened.append(db)
        store = Secrets(db, MasterKeys(FileSource(self.key_file)))
        store.check()
        return db, store

    def hear(self, _conn: sa.Connection, state: str, details: Any) -> None:
        self.told.append((state, dict(details)))

    def keys(self) -> list[str]:
        return [key.id for key in FileSource(self.key_file).read()]

    def close(self) -> None:
        for db in self._opened:
            db.close()


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path, metadata_home.url(tmp_path / "meta.db"))
    empty = Database(made.url)
    empty.create_all()
    empty.close()
    db, store = made.opened()
    with db.write() as conn:
        for environment in ENVIRONMENTS:
            store.open_environment(conn, "prj", environment)
            for number in range(3):
                store.put(conn, environment, "db_1", f"password {number}", f"value {number} of {environment}")
    yield made
    made.close()


def everything_opens(place: Place) -> Secrets:
    """With keys from the file alone, in what is a new process as far as `Secrets` can tell."""
    db, store = place.opened()
    with db.read() as conn:
        for environment in ENVIRONMENTS:
            found = store.all(conn, environment, "db_1")
            for number in range(3):
                assert found[f"password {number}"] == f"value {number} of {environment}"
    return store


def wrapped_by(db: Database) -> set[str]:
    with db.read() as conn:
        return {sealed_by(text) for text in conn.scalars(sa.select(data_keys.c.wrapped))}


def test_afterwards_only_the_new_master_key_is_needed_and_there(place) -> None:
    db, store = place.opened()
    (before,) = place.keys()
    done = MasterRotation(db, store, batch=3).rotate(place.hear)
    assert place.keys() == [done.now] != [before]
    assert done.before == (before,)
    assert done.rewrapped == len(ENVIRONMENTS) + 1
    assert not done.leftover
    assert wrapped_by(db) == {done.now}
    assert [state for state, _ in place.told] == ["started", "finished"]
    assert place.key_file.stat().st_mode & 0o777 == 0o600
    assert os.listdir(place.key_file.parent) == ["master.key"]
    everything_opens(place)
    assert MasterRotation(db, store).finish(place.hear).before == ()
    assert len(place.told) == 2


def test_another_process_learns_of_the_new_key_without_a_restart(place) -> None:
    other_db, other = place.opened()
    db, store = place.opened()
    MasterRotation(db, store).rotate(place.hear)
    with other_db.write() as conn:
        other.open_environment(conn, "prj", "env_new")
        assert other.get(conn, "env_3", "db_1", "password 0") == "value 0 of env_3"
    assert wrapped_by(db) == set(place.keys())


def test_another_process_that_wraps_in_the_moment_of_the_switch_waits_and_takes_the_new_key(place) -> None:
    other_db, other = place.opened()
    db, store = place.opened()

    def open_one() -> str:
        with other_db.write() as conn:
            return str(other.open_environment(conn, "prj", "env_meanwhile").wrapped)

    with ThreadPoolExecutor(1) as beside:

        def hear(_conn: sa.Connection, _state: str, _details: Any) -> None:
            opening.append(beside.submit(open_one))
            time.sleep(0.5)  # it waits for the row of the old key by now

        opening: list[Future[str]] = []
        MasterRotation(db, store)._begin(hear)
        wrapped = opening[0].result(30)
    assert sealed_by(wrapped) == place.keys()[0]
    MasterRotation(db, store).finish(place.hear)
    assert wrapped_by(db) == set(place.keys())


def test_several_first_starts_at_once_are_one(tmp_path: Path) -> None:
    place = Place(tmp_path, metadata_home.url(tmp_path / "meta.db"))
    empty = Database(place.url)
    empty.create_all()
    empty.close()
    together = threading.Barrier(4)

    def start(_: int) -> tuple[Database, Secrets]:
        together.wait(30)
        return place.opened()

    try:
        with ThreadPoolExecutor(4) as several:
            started = list(several.map(start, range(4)))
        assert MasterRotation(*started[0]).states() == {place.keys()[0]: "current"}
        with started[0][0].read() as conn:
            assert conn.execute(sa.select(sa.func.count()).select_from(data_keys)).scalar() == 1
    finally:
        place.close()


def test_another_process_never_wraps_with_the_key_that_goes(place) -> None:
    """It holds only the old one in memory, at the worst moment: after the switch, before the end."""
    other_db, other = place.opened()
    db, store = place.opened()
    rotation = MasterRotation(db, store)
    rotation._begin(place.hear)
    with other_db.write() as conn:
        made = other.open_environment(conn, "prj", "env_late")
    assert sealed_by(made.wrapped) == place.keys()[0]
    rotation.finish(place.hear)
    everything_opens(place)


def under_load(place: Place, rotate: Callable[[], None]) -> None:
    """Three writers and readers with their own idea of the keys, while `rotate` runs."""
    stop, failures, written = threading.Event(), list[BaseException](), dict[tuple[str, str], str]()

    def work(number: int) -> None:
        try:
            db, store = place.opened()
            turn = 0
            while not stop.is_set():
                environment, name = ENVIRONMENTS[turn % len(ENVIRONMENTS)], f"load {number} {turn % 11}"
                with db.write() as conn:
                    store.put(conn, environment, "db_load", name, f"turn {turn}")
                written[environment, name] = f"turn {turn}"
                with db.read() as conn:
                    assert store.get(conn, environment, "db_load", name) == f"turn {turn}"
                    assert store.get(conn, environment, "db_1", "password 1") == f"value 1 of {environment}"
                turn += 1
        except BaseException as error:  # noqa: BLE001 - told by the test
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    try:
        rotate()
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert failures == []
    assert len(written) > 20
    store = everything_opens(place)
    with store._db.read() as conn:
        for (environment, name), value in written.items():
            assert store.get(conn, environment, "db_load", name) == value


@pytest.mark.slow
def test_the_master_key_rotates_under_load(place) -> None:
    def rotate() -> None:
        db, store = place.opened()
        for _ in range(8):
            done = MasterRotation(db, store, batch=2).rotate(place.hear)
            assert wrapped_by(db) == {done.now} == set(place.keys())

    under_load(place, rotate)


@pytest.mark.slow
def test_data_keys_rotate_under_load(place) -> None:
    """Nothing is lost, and what is destroyed at the end is needed by no row."""

    def rotate() -> None:
        db, store = place.opened()
        rotation = DataKeyRotation(db, store, [INTERNAL], batch=5)
        for environment in ENVIRONMENTS * 2:
            with db.write() as conn:
                version = rotation.begin(conn, environment)
            assert rotation.finish(environment, place.hear).version == version
        with db.read() as conn:
            versions = conn.execute(sa.select(data_keys.c.environment_id, data_keys.c.version)).all()
        assert sorted(tuple(row) for row in versions) == [*((each, 3) for each in ENVIRONMENTS), ("system", 1)]

    under_load(place, rotate)


CHILD = """
import sys
from pathlib import Path
sys.path[:0] = [{tests!r}, {tests!r} + "/../support"]
from test_secrets_rotation import Place, INTERNAL, DataKeyRotation, MasterRotation
place = Place(Path({root!r}), {url!r})
db, store = place.opened()
if {what!r} == "master":
    MasterRotation(db, store, batch=2).rotate(place.hear)
else:
    rotation = DataKeyRotation(db, store, [INTERNAL], batch=2)
    with db.write() as conn:
        rotation.begin(conn, "env_3")
    rotation.finish("env_3", place.hear)
"""


def killed(place: Place, what: str, point: str) -> None:
    program = CHILD.format(tests=str(Path(__file__).parent), root=str(place.root), url=place.url, what=what)
    environ = os.environ | {"HOLDFAST_CRASH_AT": point}
    done = subprocess.run([sys.executable, "-c", program], env=environ, capture_output=True, check=False, timeout=60)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()


@pytest.mark.faults
@pytest.mark.parametrize(
    "point",
    [
        "master.file_half",
        "master.key_added",
        "master.switched",
        "master.batch",
        "master.rewrapped",
        "master.retired",
    ],
)
def test_a_killed_master_rotation_is_taken_up(place, point) -> None:
    """Everything opens at once afterwards, and the next call ends with one key that opens everything."""
    (before,) = place.keys()
    killed(place, "master", point)
    assert place.key_file.stat().st_mode & 0o777 == 0o600
    everything_opens(place)
    db, store = place.opened()
    done = MasterRotation(db, store, batch=2).rotate(place.hear)
    assert place.keys() == [done.now] != [before]
    assert wrapped_by(db) == {done.now}
    assert os.listdir(place.key_file.parent) == ["master.key"]
    everything_opens(place)


@pytest.mark.faults
@pytest.mark.parametrize("point", ["datakey.added", "datakey.batch", "datakey.resealed", "datakey.destroyed"])
def test_a_killed_data_key_rotation_is_taken_up(place, point) -> None:
    killed(place, "data", point)
    everything_opens(place)
    db, store = place.opened()
    rotation = DataKeyRotation(db, store, [INTERNAL])
    assert rotation.unfinished() == ([] if point == "datakey.destroyed" else ["env_3"])
    for environment in rotation.unfinished():
        rotation.finish(environment, place.hear)
    assert rotation.unfinished() == []
    with db.read() as conn:
        here = secrets.c.environment_id == "env_3"
        used = set(conn.scalars(sa.select(secrets.c.data_key_id).where(here)))
        there = conn.execute(
            sa.select(data_keys.c.id, data_keys.c.version).where(data_keys.c.environment_id == "env_3")
        )
        assert [tuple(row) for row in there] == [(*used, 2)]
    everything_opens(place)


def test_a_key_put_beside_the_old_one_is_taken(place) -> None:
    """How the variable is rotated, and what a rotation that died early left behind."""
    old = FileSource(place.key_file).read()[0]
    new = MasterKey.new()
    db, _ = place.opened()
    store = Secrets(db, MasterKeys(EnvironmentSource({"HOLDFAST_MASTER_KEY": f"{new.text} {old.text}"})))
    done = MasterRotation(db, store).rotate(place.hear)
    assert (done.before, done.now, done.leftover) == ((old.id,), new.id, True)
    only = Secrets(db, MasterKeys(EnvironmentSource({"HOLDFAST_MASTER_KEY": new.text})))
    only.check()
    with db.read() as conn:
        assert only.get(conn, "env_2", "db_1", "password 2") == "value 2 of env_2"


def test_a_source_nobody_can_change_says_what_to_do(place) -> None:
    text = place.key_file.read_text().strip()
    db, _ = place.opened()
    store = Secrets(db, MasterKeys(EnvironmentSource({"HOLDFAST_MASTER_KEY": text})))
    with pytest.raises(NeedsOperator) as refused:
        MasterRotation(db, store).rotate(place.hear)
    assert refused.value.code == "master_key_readonly"
    assert text not in str(refused.value.as_dict())
    assert set(MasterRotation(db, store).states().values()) == {"current"}


def test_a_source_that_lost_the_key_in_use_is_not_rotated(place) -> None:
    """Otherwise a new key would be made and the old one, still in memory only, be gone at the next start."""
    db, store = place.opened()
    place.key_file.write_text(MasterKey.new().text)
    with pytest.raises(NeedsOperator) as refused:
        MasterRotation(db, store).rotate(place.hear)
    assert refused.value.code == "master_key_missing"
    assert place.told == []


def test_two_rotations_at_once_are_one(place) -> None:
    """Or one after the other; never a key that is lost."""

    def rotate(_: int) -> list[MasterRotated]:
        db, store = place.opened()
        with suppress(Retryable):
            return [MasterRotation(db, store, batch=1).rotate(place.hear)]
        return []

    with ThreadPoolExecutor(4) as several:
        assert any(several.map(rotate, range(4)))
    db, store = place.opened()
    last = MasterRotation(db, store).rotate(place.hear)
    assert place.keys() == [last.now]
    assert wrapped_by(db) == {last.now}
    everything_opens(place)


def test_a_data_key_that_does_not_open_stops_the_rotation_with_both_keys_kept(place) -> None:
    db, store = place.opened()
    with db.write() as conn:
        good = conn.scalars(sa.select(data_keys.c.wrapped).where(data_keys.c.environment_id == "env_5")).one()
        conn.execute(
            data_keys.update().where(data_keys.c.environment_id == "env_5").values(wrapped=good[:-8] + "AAAAAAA=")
        )
    with pytest.raises(Corrupt) as refused:
        MasterRotation(db, store).rotate(place.hear)
    assert "env_5" in refused.value.message
    assert len(place.keys()) == 2
    with db.write() as conn:
        conn.execute(data_keys.update().where(data_keys.c.environment_id == "env_5").values(wrapped=good))
    assert len(MasterRotation(db, store).rotate(place.hear).before) == 1
    assert len(place.keys()) == 1
    everything_opens(place)


def test_a_data_key_some_row_still_names_cannot_be_destroyed(place) -> None:
    """A rotation that forgot a table would otherwise destroy what opens it."""
    db, store = place.opened()
    rotation = DataKeyRotation(db, store, [])
    with db.write() as conn:
        rotation.begin(conn, "env_1")
    with pytest.raises(Retryable) as refused:
        rotation.finish("env_1", place.hear)
    assert refused.value.code == "rotation_unfinished"
    everything_opens(place)


def test_the_file_is_replaced_only_when_it_is_what_we_think(place) -> None:
    source = FileSource(place.key_file)
    held = source.read()
    with pytest.raises(Retryable):
        source.replace((MasterKey.new(),), held)
    assert [key.id for key in source.read()] == [key.id for key in held]


def test_an_installation_of_the_version_before_gets_its_row(place) -> None:
    db, _ = place.opened()
    with db.write() as conn:
        conn.execute(master_keys.delete())
    everything_opens(place)
    db, store = place.opened()
    assert MasterRotation(db, store).states() == {place.keys()[0]: "current"}
