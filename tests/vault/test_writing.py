"""Files written past the page cache hold every byte, whatever the lengths of their parts and the file system."""

from __future__ import annotations

import os
import random
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.kernel.errors import HoldfastError
from holdfast.vault.stores import writing
from holdfast.vault.stores.local import LocalStore

SOME = random.Random(3).randbytes(9 << 20)


def written(directory: Path, parts: list[bytes | memoryview]) -> bytes:
    fd, name = tempfile.mkstemp(dir=directory)
    try:
        writing.write_all(fd, parts)
        os.fsync(fd)
        return Path(name).read_bytes()
    finally:
        os.close(fd)
        os.unlink(name)


@settings(max_examples=25, deadline=None)
@given(lengths=st.lists(st.sampled_from([0, 1, 511, 4095, 4096, 4097, 300_001, 1 << 20, (8 << 20) + 7]), max_size=9))
def test_all_parts_arrive(tmp_path_factory: pytest.TempPathFactory, lengths: list[int]) -> None:
    parts = [memoryview(SOME)[n : n + length] if n % 2 else SOME[n : n + length] for n, length in enumerate(lengths)]
    assert written(tmp_path_factory.mktemp("w"), parts) == b"".join(parts)


def test_where_the_cache_cannot_be_passed_it_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parts: list[bytes | memoryview] = [SOME[: 3 << 20], SOME[5:1_000_000]]
    shared = Path("/dev/shm")
    assert written(shared, parts) == b"".join(parts)
    monkeypatch.setattr(writing, "_direct", lambda *_, **__: False)
    assert written(tmp_path, parts) == b"".join(parts)


def test_a_disk_that_wants_another_alignment_is_served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The odd end is such a write: with the flag still on, the kernel refuses it."""
    plain = writing._direct
    monkeypatch.setattr(writing, "_ALIGNED", 1)
    parts: list[bytes | memoryview] = [SOME[: (1 << 20) + 77]]
    assert written(tmp_path, parts) == parts[0]
    assert writing._direct is plain


def test_buffers_are_used_again_and_few_are_kept(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "s")
    for number in range(5):
        store.put(f"data/{number}", [SOME[number:]])
        assert store.get(f"data/{number}") == SOME[number:]
    assert 1 <= len(writing._free) <= 2


def test_what_cannot_be_written_is_an_error_of_ours(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "s")
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "data").write_bytes(b"in the way")
    with pytest.raises(HoldfastError):
        store.put("data/x", [SOME])
    assert list((tmp_path / "s").glob("tmp/*")) == []
