"""What keeps Holdfast from starting is said in one message with a hint, and changes nothing."""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from faults_cluster import Cluster, processes_of

from holdfast.kernel.secrets import load_master_key

pytestmark = [pytest.mark.faults, pytest.mark.slow]


@contextmanager
def mounted(*words: str, at: Path) -> Iterator[None]:
    subprocess.run(["mount", *words, str(at)], check=True)  # noqa: S607
    try:
        yield
    finally:
        subprocess.run(["umount", str(at)], check=True)  # noqa: S607


def refusal(it: Cluster, *, hint: str, **variables: str) -> str:
    """What `holdfast up` says before it gives up; nothing of it goes on."""
    before = processes_of(it.root)
    ended = it.cli("up", seconds=180, **variables)
    said = ended.stderr + ended.stdout
    assert ended.returncode not in (0, None), said
    assert "Traceback" not in said, said
    assert hint in said, said
    assert len(said) < 2000, said
    assert set(processes_of(it.root)) <= set(before)
    return said


def test_a_second_holdfast_on_the_same_data_is_refused_with_the_pid_of_the_first(start: Callable[..., Cluster]) -> None:
    it = start()
    assert it.child is not None
    said = refusal(it, hint="holdfast down")
    assert f"process {it.child.pid}" in said
    said = refusal(it, hint="holdfast down", HOLDFAST_RUNTIME=str(it.root / "other"))
    assert f"process {it.child.pid}" in said
    database = it.create("sqlite")
    it.works(database)


def test_a_taken_port_is_named(root: Path) -> None:
    it = Cluster(root)
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        said = refusal(it, hint="HOLDFAST_CONTROL_PORT", HOLDFAST_CONTROL_PORT=port)
    assert port in said
    assert not it.settings.admin_socket.exists()


@pytest.mark.needs_root
def test_a_data_directory_that_cannot_be_written_is_named(root: Path) -> None:
    it = Cluster(root)
    it.data.mkdir()
    with mounted("-t", "tmpfs", "-o", "ro,size=1m", "tmpfs", at=it.data):
        said = refusal(it, hint="HOLDFAST_DATA")
    assert str(it.data) in said
    assert list(it.data.iterdir()) == []


@pytest.mark.needs_root
def test_data_that_became_read_only_is_named(start: Callable[..., Cluster], root: Path) -> None:
    it = start()
    database = it.create("sqlite")
    it.down()
    with mounted("--bind", "-o", "ro", str(it.data), at=it.data):
        subprocess.run(["mount", "-o", "remount,ro,bind", str(it.data)], check=True)  # noqa: S607
        said = refusal(it, hint="HOLDFAST_DATA")
    assert str(it.data) in said
    it.up()
    it.works(database)


def test_a_wrong_or_missing_master_key_is_refused_and_the_right_one_still_opens(start: Callable[..., Cluster]) -> None:
    it = start()
    database = it.create("sqlite")
    it.snapshot(database)
    it.down()
    key = it.settings.master_key_file
    wrong, absent = it.root / "wrong.key", it.root / "absent.key"
    load_master_key(wrong, {})
    kept = key.read_bytes()
    for file in (wrong, absent):
        said = refusal(it, hint="HOLDFAST_MASTER_KEY_FILE", HOLDFAST_MASTER_KEY_FILE=str(file))
        assert "key" in said
    assert not absent.exists(), "no new key may be made for data that has one"
    assert key.read_bytes() == kept
    it.up()
    it.works(database)


def test_copied_data_does_not_open_without_its_key(start: Callable[..., Cluster]) -> None:
    it = start()
    it.works(it.create("sqlite"))
    it.settled()
    it.down()
    copy = it.root / "c"
    copy.mkdir()
    shutil.copytree(it.data, copy / "data")
    thief = Cluster(copy)
    thief.env |= {name: it.env[name] for name in ("HOLDFAST_DATABASE_URL",) if name in it.env}
    refusal(thief, hint="HOLDFAST_MASTER_KEY_FILE")
    assert not thief.settings.master_key_file.exists()
    it.up()
