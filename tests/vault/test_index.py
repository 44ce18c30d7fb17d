"""The index beside a plain dictionary."""

from __future__ import annotations

import random
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kit import BytesCapture, new_repository, snapshot

from holdfast.formats.restic.pack import BlobType, PackedBlob
from holdfast.vault import index as module
from holdfast.vault import index_building, index_view
from holdfast.vault.index import BlobIndex
from holdfast.vault.repository import Repository
from holdfast.vault.stores.local import LocalStore

few_ids = st.integers(0, 60).map(lambda n: bytes((n * 37 % 256,)) + n.to_bytes(31, "big"))
blobs = st.builds(
    PackedBlob,
    few_ids,
    st.sampled_from(BlobType),
    st.integers(0, (1 << 32) - 1),
    st.integers(32, (1 << 32) - 1),
    st.integers(0, (1 << 32) - 1),
)
adds = st.lists(st.tuples(few_ids, st.lists(blobs, max_size=12)), max_size=40)


@settings(max_examples=150)
@given(adds)
def test_it_finds_what_was_added_and_nothing_else(steps: list[tuple[bytes, list[PackedBlob]]]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_FRESH_LIMIT", 7)
        patch.setattr(module, "_SEGMENTS_LIMIT", 2)
        patch.setattr(index_building, "_RUN", 5)
        patch.setattr(index_view, "_PART", 9)
        patch.setattr(index_view, "_STEP", 4)
        index, model = BlobIndex(), dict[tuple[bytes, BlobType], set[tuple[bytes, PackedBlob]]]()
        for pack, listed in steps:
            index.add(pack, listed)
            for blob in listed:
                model.setdefault((blob.id, blob.type), set()).add((pack, blob))
        for number in range(61):
            blob = bytes((number * 37 % 256,)) + number.to_bytes(31, "big")
            for kind in BlobType:
                found = index.find(blob, kind)
                assert found in model[blob, kind] if (blob, kind) in model else found is None
        held = {(b.id, b.type) for _, listed in index.contents() for b in listed}
        assert held == set(model)
        assert len(index) >= len(model)
        for pack, listed in index.by_pack().items():
            assert len(set(listed)) == len(listed)
            assert all((pack, b) in model[b.id, b.type] for b in listed)


def test_a_hundred_thousand_blobs_stay_small() -> None:
    index, rng = BlobIndex(), random.Random(2)
    ids = [rng.randbytes(32) for _ in range(100_000)]
    for at in range(0, len(ids), 50):
        index.add(
            at.to_bytes(32, "big"),
            [PackedBlob(b, BlobType.DATA, n * 100, 100) for n, b in enumerate(ids[at : at + 50])],
        )
    assert len(index) == 100_000
    assert len(index._fresh) < module._FRESH_LIMIT
    for at in range(0, len(ids), 997):
        found = index.find(ids[at])
        assert found is not None
        assert found[0] == (at // 50 * 50).to_bytes(32, "big")
        assert found[1].offset == at % 50 * 100
    assert index.find(bytes(32)) is None


def test_two_threads_may_read_it_for_the_first_time(tmp_path: Path) -> None:
    """While a third keeps adding index files."""
    repo = new_repository(tmp_path / "r")
    other = Repository(LocalStore(tmp_path / "r"), repo.key, repo.config, repo.clock)
    failed: list[BaseException] = []

    def look() -> None:
        try:
            for _ in range(30):
                known = {s.id for s in repo.snapshots()}
                assert all(repo.manifest(s).engine == "bytes" for s in known)
        except BaseException as error:  # noqa: BLE001
            failed.append(error)

    threads = [threading.Thread(target=look) for _ in range(3)]
    for thread in threads:
        thread.start()
    for number in range(5):
        snapshot(other, BytesCapture({"x": bytes((number,)) * 1000}))
    for thread in threads:
        thread.join()
    assert failed == []
