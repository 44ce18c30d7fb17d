"""Stored secrets open only in their own row, and only with the installation's own master key."""

from __future__ import annotations

import base64
import os
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import metadata_home
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from holdfast.kernel import log
from holdfast.kernel.db import Database
from holdfast.kernel.errors import Corrupt, NeedsOperator, NotFound
from holdfast.kernel.secrets import Secrets, data_keys, load_master_key, secrets


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    made = Database(metadata_home.url(tmp_path / "meta.db"))
    made.create_all()
    yield made
    made.close()


@pytest.fixture
def store(db: Database, tmp_path: Path) -> Secrets:
    made = Secrets(db, load_master_key(tmp_path / "master.key", {}))
    made.check()
    with db.write() as conn:
        for name in ("env_a", "env_b"):
            made.open_environment(conn, "prj", name)
    return made


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.text(st.characters(exclude_categories=["Cs"])),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=40),
)
def test_the_newest_value_comes_back(db, store, value, name) -> None:
    with db.write() as conn:
        store.put(conn, "env_a", "db_1", name, "before")
        store.put(conn, "env_a", "db_1", name, value)
        assert store.get(conn, "env_a", "db_1", name) == value
        store.delete_resource(conn, "env_a", "db_1")
        with pytest.raises(NotFound):
            store.get(conn, "env_a", "db_1", name)


@pytest.mark.parametrize(
    "moved", [{"environment_id": "env_b"}, {"resource_id": "db_2"}, {"name": "other"}, {"version": 7}]
)
def test_a_ciphertext_moved_to_another_row_does_not_open(db, store, moved) -> None:
    with db.write() as conn:
        store.put(conn, "env_a", "db_1", "password", "the value itself")
        conn.execute(secrets.update().values(**moved))
        where = {"environment_id": "env_a", "resource_id": "db_1", "name": "password"} | moved
        with pytest.raises(Corrupt):
            store.get(conn, where["environment_id"], where["resource_id"], where["name"])


def test_a_data_key_moved_to_another_environment_does_not_open(db, store, tmp_path) -> None:
    with db.write() as conn:
        store.put(conn, "env_a", "db_1", "password", "the value itself")
        conn.execute(data_keys.delete().where(data_keys.c.environment_id == "env_b"))
        conn.execute(data_keys.update().where(data_keys.c.environment_id == "env_a").values(environment_id="env_b"))
        conn.execute(secrets.update().values(environment_id="env_b"))
    fresh = Secrets(db, load_master_key(tmp_path / "master.key", {}))
    with db.read() as conn, pytest.raises(Corrupt):
        fresh.get(conn, "env_b", "db_1", "password")


def test_another_master_key_is_named_as_such(db, store) -> None:
    other = load_master_key(Path("/nowhere"), {"HOLDFAST_MASTER_KEY": base64.b64encode(b"x" * 32).decode()})
    with pytest.raises(NeedsOperator) as refused:
        Secrets(db, other).check()
    assert refused.value.code == "master_key_wrong"
    assert "HOLDFAST_MASTER_KEY" in str(refused.value.hint)


def test_a_closed_environment_cannot_be_read_from_a_copy(db, store) -> None:
    with db.write() as conn:
        store.put(conn, "env_a", "db_1", "password", "the value itself")
        kept = conn.execute(sa.select(secrets.c.sealed)).scalar_one()
        store.delete_resource(conn, "env_a", "db_1")
        store.close_environment(conn, "env_a")
        assert conn.execute(sa.select(data_keys).where(data_keys.c.environment_id == "env_a")).first() is None
    assert "the value itself" not in kept


def test_nothing_readable_is_on_the_disk(db, store, tmp_path) -> None:
    canary = "canary-2b7f0e-in-the-file"
    with db.write() as conn:
        store.put(conn, "env_a", "db_1", "password", canary)
    raw = (tmp_path / "master.key").read_bytes().strip()
    with db.read() as conn:
        assert canary not in str(conn.execute(sa.select(secrets)).all())
    for file in tmp_path.glob("meta.db*"):
        content = file.read_bytes()
        assert canary.encode() not in content
        assert base64.b64decode(raw) not in content
        assert raw not in content
    assert log.redact(f"password is {canary}") == "password is [hidden]"


def test_the_file_is_ours_alone_and_made_once(tmp_path) -> None:
    path = tmp_path / "keys" / "master.key"
    found = []
    threads = [threading.Thread(target=lambda: found.append(load_master_key(path, {}))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({(key.id, key.text, key.key.secret) for key in found}) == 1
    assert len(found) == 8
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert os.listdir(path.parent) == ["master.key"]
    assert len(base64.b64decode(path.read_text())) == 32
    assert found[0].key.secret not in base64.b64decode(path.read_text())


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o666])
def test_a_file_others_may_touch_is_refused(tmp_path, mode) -> None:
    path = tmp_path / "master.key"
    load_master_key(path, {})
    path.chmod(mode)
    with pytest.raises(NeedsOperator) as refused:
        load_master_key(path, {})
    assert refused.value.code == "master_key_exposed"
    assert path.read_text().strip() not in str(refused.value.as_dict())


@pytest.mark.parametrize("content", ["", "short", "%%%", base64.b64encode(b"x" * 31).decode(), "x" * 44])
def test_what_is_no_key_is_refused_and_not_quoted(tmp_path, content) -> None:
    path = tmp_path / "master.key"
    path.write_text(content)
    path.chmod(0o600)
    attempts = [lambda: load_master_key(path, {})]
    if content:
        attempts.append(lambda: load_master_key(tmp_path / "none", {"HOLDFAST_MASTER_KEY": content}))
    for attempt in attempts:
        with pytest.raises(NeedsOperator) as refused:
            attempt()
        assert refused.value.code == "master_key_malformed"
        assert len(content) < 6 or content not in str(refused.value.as_dict())
    assert path.read_text() == content


def test_a_link_is_not_followed(tmp_path) -> None:
    load_master_key(tmp_path / "real.key", {})
    (tmp_path / "link.key").symlink_to(tmp_path / "real.key")
    with pytest.raises(NeedsOperator) as refused:
        load_master_key(tmp_path / "link.key", {})
    assert refused.value.code == "master_key_unreadable"
