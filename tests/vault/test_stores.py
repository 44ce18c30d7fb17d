"""The stores: the shared suite, and what a local directory adds."""

from __future__ import annotations

import os
import stat
import time
from pathlib import Path

import pytest

from holdfast.kernel.errors import HoldfastError, Retryable
from holdfast.vault.stores.conformance import CASES, Case
from holdfast.vault.stores.faulty import FaultyStore, NthCall
from holdfast.vault.stores.local import LocalStore


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
@pytest.mark.parametrize("kind", ["local", "faulty"])
def test_every_store_keeps_the_promises(case: Case, kind: str, tmp_path: Path) -> None:
    local = LocalStore(tmp_path / "store")
    case(local if kind == "local" else FaultyStore(local, lambda verb, name: None))


def test_pieces_and_directories_are_private(tmp_path: Path) -> None:
    LocalStore(tmp_path / "store").put("data/aa/x", [b"secret"])
    for path in (tmp_path / "store" / "data" / "aa" / "x", tmp_path / "store" / "data" / "aa"):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0


def test_only_old_leftovers_are_swept(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    store.put("config", [b"x"])
    old, young = tmp_path / "tmp" / "old", tmp_path / "tmp" / "young"
    for path in (old, young):
        path.write_bytes(b"half")
    os.utime(old, (time.time() - 7200,) * 2)
    store.sweep()
    assert not old.exists()
    assert young.exists()


def test_a_failed_write_leaves_nothing(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    with pytest.raises(TypeError):
        store.put("data/aa/x", [b"fine", 7])  # type: ignore[list-item]
    assert list((tmp_path / "tmp").iterdir()) == []
    assert not store.exists("data/aa/x")


def test_a_name_that_is_a_directory_is_an_error_of_ours(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    store.put("data/aa/x", [b"x"])
    with pytest.raises(HoldfastError, match="reading data"):
        store.get("data/aa")


def test_a_fault_strikes_at_its_call_only(tmp_path: Path) -> None:
    fault = NthCall("put", 2, Retryable("busy"), prefix="data/")
    store = FaultyStore(LocalStore(tmp_path), fault)
    store.put("config", [b"x"])
    store.put("data/aa/1", [b"x"])
    with pytest.raises(Retryable):
        store.put("data/aa/2", [b"x"])
    assert not store.exists("data/aa/2")
    store.put("data/aa/2", [b"x"])


def test_a_lost_answer_leaves_the_act_done(tmp_path: Path) -> None:
    store = FaultyStore(LocalStore(tmp_path), NthCall("put", 1, Retryable("cut off")), after=True)
    with pytest.raises(Retryable):
        store.put("config", [b"x"])
    assert store.get("config") == b"x"
