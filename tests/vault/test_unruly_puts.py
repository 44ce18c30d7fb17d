"""Uploads that are torn, doubled or late: no snapshot over what is not there, and the next one goes through."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Literal

import pytest
from kit import BytesCapture, new_repository, read, restic, snapshot

from holdfast.kernel.errors import Retryable
from holdfast.vault.repository import Repository
from holdfast.vault.stores.faulty import UnrulyStore
from holdfast.vault.stores.local import LocalStore


@pytest.mark.slow
@pytest.mark.parametrize(
    ("way", "prefix", "numbers"),
    [
        ("torn", "data/", (2,)),
        ("doubled", "", (2, 5)),
        ("late", "data/", (1,)),
        ("late", "index/", (1,)),
        ("late", "snapshots/", (1,)),
    ],
)
def test_an_unruly_put_leaves_a_sound_repository(
    tmp_path: Path, way: Literal["torn", "doubled", "late"], prefix: str, numbers: tuple[int, ...]
) -> None:
    path = tmp_path / "r"
    clean = new_repository(path)
    for n in numbers:
        store = UnrulyStore(LocalStore(path), way, n, prefix)
        repo = Repository(store, clean.key, clean.config, clean.clock)
        before = {info.id for info in clean.snapshots()}
        files = {"x": random.Random(n).randbytes(20_000_000), "a\"b'; -- ü": b"small"}
        if way == "doubled":
            snapshot(repo, BytesCapture(files))
        else:
            with pytest.raises(Retryable):
                snapshot(repo, BytesCapture(files))
            assert {info.id for info in clean.snapshots()} == before
        assert store.calls >= n
        again = snapshot(clean, BytesCapture(files))
        assert read(clean, again.id, "x") == files["x"]
        store.arrive()
        late = {info.id for info in clean.snapshots()} - before - {again.id}
        assert all(read(clean, one, "x") == files["x"] for one in late), "a late document is of a whole snapshot"
        assert len(late) == (way == "doubled" or prefix == "snapshots/")
        assert clean.check(read_data=True).errors == []
    if way == "torn":
        restic(path, "prune")  # a torn pack that no index names is waste to us, an error to restic's check
    restic(path, "check", "--read-data")
