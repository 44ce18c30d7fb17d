"""A check that reads all data finds every single wrong bit of a pack, and a pack that is not what it says."""

from __future__ import annotations

import hashlib
import random
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kit import BytesCapture, new_repository, packs, page_entry, snapshot

from holdfast.formats.restic.pack import PackedBlob, build_header
from holdfast.vault import proving
from holdfast.vault.blobs import pack_name
from holdfast.vault.repository import Repository

RANDOM = random.Random(11)
CELLS = {n: (b"words and words " * 50 + RANDOM.randbytes(224)) * 4 for n in range(40)}
HARD = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Repository, list[Path]]:
    """Blobs that shrink and one that does not, trees; one pack of each kind."""
    path = tmp_path_factory.mktemp("flips") / "r"
    repo = new_repository(path)
    cells = page_entry("db", CELLS, 4096 * len(CELLS), 4096)
    snapshot(repo, BytesCapture({"x": RANDOM.randbytes(30_000)}, (cells,)))
    assert repo.check(read_data=True).errors == []
    return repo, packs(path)


def told(repo: Repository, pack: Path, data: bytes) -> list[str]:
    """What a check finds when the pack is `data`; it is put back."""
    whole = pack.read_bytes()
    pack.write_bytes(data)
    try:
        return repo.check(read_data=True).errors
    finally:
        pack.write_bytes(whole)


@HARD
@given(st.data())
def test_any_bit_of_any_pack(made: tuple[Repository, list[Path]], data: st.DataObject) -> None:
    repo, files = made
    pack = data.draw(st.sampled_from(files))
    bytes_ = bytearray(pack.read_bytes())
    at = data.draw(st.integers(0, 8 * len(bytes_) - 1))
    bytes_[at // 8] ^= 1 << at % 8
    assert any(pack.name[:12] in error for error in told(repo, pack, bytes(bytes_)))


def test_every_bit_of_the_header_and_of_its_length(made: tuple[Repository, list[Path]]) -> None:
    """Where nothing but the header's own MAC and its length say what is right."""
    repo, files = made
    pack = min(files, key=lambda file: file.stat().st_size)
    whole = pack.read_bytes()
    blobs = next(blobs for name, blobs in repo.index().view().contents() if name.hex() == pack.name)
    end = blobs[-1].offset + blobs[-1].length
    assert proving.read_pack(repo, bytes.fromhex(pack.name), blobs, len(whole)).errors == []
    for at in range(8 * end, 8 * len(whole)):
        bent = bytearray(whole)
        bent[at // 8] ^= 1 << at % 8
        pack.write_bytes(bent)
        found = proving.read_pack(repo, bytes.fromhex(pack.name), blobs, len(whole))
        pack.write_bytes(whole)
        assert found.errors, f"bit {at}"


@HARD
@given(st.data())
def test_bytes_cut_off_put_in_or_behind(made: tuple[Repository, list[Path]], data: st.DataObject) -> None:
    repo, files = made
    pack = data.draw(st.sampled_from(files))
    whole = pack.read_bytes()
    at, gone = data.draw(st.integers(0, len(whole))), data.draw(st.integers(0, 100))
    bent = whole[:at] + data.draw(st.binary(max_size=100)) + whole[at + gone :]
    assert (bent == whole) == (told(repo, pack, bent) == [])


def sealed_pack(repo: Repository, blobs: list[PackedBlob], front: bytes, gap: bytes = b"") -> bytes:
    return front + gap + build_header(blobs, repo.key)


def test_what_is_more_than_its_blobs_is_hashed_whole(made: tuple[Repository, list[Path]]) -> None:
    """A header that is sealed rightly but lists others, less, or lies behind a gap: the name decides."""
    repo, files = made
    pack = files[0]
    whole = pack.read_bytes()
    blobs = next(blobs for name, blobs in repo.index().view().contents() if name.hex() == pack.name)
    front = whole[: blobs[-1].offset + blobs[-1].length]
    other = [replace(blobs[0], id=hashlib.sha256(b"another").digest()), *blobs[1:]]
    for bent in (
        sealed_pack(repo, blobs[:-1], front),
        sealed_pack(repo, other, front),
        sealed_pack(repo, blobs, front, gap=b"\0" * 7),
        sealed_pack(repo, [*blobs, blobs[0]], front),
    ):
        assert any("do not match its name" in error for error in told(repo, pack, bent))


def test_a_pack_with_a_blob_that_no_index_names_is_hashed(
    made: tuple[Repository, list[Path]], monkeypatch: pytest.MonkeyPatch
) -> None:
    repo, files = made
    name = bytes.fromhex(files[0].name)
    size = files[0].stat().st_size
    blobs = next(blobs for pack, blobs in repo.index().view().contents() if pack == name)
    hashed: list[int] = []
    real = hashlib.sha256

    def counting(*data: bytes) -> object:
        if not data:
            hashed.append(1)
        return real(*data)

    monkeypatch.setattr(proving.hashlib, "sha256", counting)
    assert proving.read_pack(repo, name, blobs, size).errors == []
    assert hashed == []
    for part in (blobs[:-1], blobs[1:]):
        assert proving.read_pack(repo, name, part, size).errors == []
    assert len(hashed) == 2
    assert repo.store.get(pack_name(name)) == files[0].read_bytes()
