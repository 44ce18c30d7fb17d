"""A repository of 10 million chunks: opening it, a snapshot into it, and a check of its structure.

Required: each process under 300 MB, and the second opening under 2 s. The repository is made up: its index files, trees
and snapshots are real, of its data packs there are only names and sizes, answered by the store. Each act is a process.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from bench.snapshot_sqlite import measured
from holdfast.contract.catalog import JSON, Catalog
from holdfast.contract.snapshot import Entry, Manifest
from holdfast.formats.restic import documents, tree
from holdfast.formats.restic.documents import SnapshotDocument
from holdfast.formats.restic.pack import BlobType
from holdfast.vault.repository import Repository
from holdfast.vault.stores.local import LocalStore

PASSWORD = "bench"
MEMORY_BAR = 300 << 20
OPEN_BAR = 2.0
_BLOB = 200_032  # stored bytes of each made-up chunk
_IN_PACK = 64
_IN_INDEX = 50_048
_SNAPSHOTS = 100


def _id(kind: bytes, number: int) -> bytes:
    return hashlib.sha256(kind + number.to_bytes(8, "big")).digest()


class ScaleStore(LocalStore):
    """Local, and it says that the made-up packs are there."""

    def __init__(self, root: Path, chunks: int) -> None:
        super().__init__(root)
        self._packs = chunks // _IN_PACK

    def list(self, prefix: str) -> Iterator[tuple[str, int]]:
        yield from super().list(prefix)
        if prefix == "data":
            for number in range(self._packs):
                name = _id(b"pack", number).hex()
                yield f"data/{name[:2]}/{name}", _BLOB * _IN_PACK + 3000


def make(root: Path, chunks: int) -> None:
    """The made-up repository."""
    repo = Repository.create(LocalStore(root), PASSWORD)
    for first in range(0, chunks, _IN_INDEX):
        packs = []
        for pack in range(first // _IN_PACK, min(first + _IN_INDEX, chunks) // _IN_PACK):
            blobs = ",".join(
                f'{{"id":"{_id(b"blob", pack * _IN_PACK + n).hex()}","type":"data","offset":{n * _BLOB},'
                f'"length":{_BLOB},"uncompressed_length":262144}}'
                for n in range(_IN_PACK)
            )
            packs.append(f'{{"id":"{_id(b"pack", pack).hex()}","blobs":[{blobs}]}}')
        text = f'{{"packs":[{",".join(packs)}]}}'.encode()
        _put(repo, "index", repo.key.seal(b"\x02" + documents.compress(text, 1)))
    for number in range(_SNAPSHOTS):
        _snapshot(repo, range(number * chunks // _SNAPSHOTS, (number + 1) * chunks // _SNAPSHOTS))


def _put(repo: Repository, kind: str, sealed: bytes) -> None:
    repo.store.put(f"{kind}/{hashlib.sha256(sealed).hexdigest()}", [sealed])


def _snapshot(repo: Repository, chunks: range) -> None:
    from holdfast.vault.packing import Packer

    content = b"".join(_id(b"blob", n) for n in chunks)
    plain = tree.build([tree.Node("main.sqlite", "file", len(chunks) * 262_144, content)])
    packer = Packer(repo, lambda _: None, lambda _: None)
    root = hashlib.sha256(plain).digest()
    packed = documents.compress(plain, 1)
    packer.add(root, BlobType.TREE, repo.key.seal(packed), len(plain))
    packer.finish()
    document = SnapshotDocument("2026-01-01T00:00:00Z", root.hex(), ("/main.sqlite",), "bench")
    _put(repo, "snapshots", documents.encode(document.as_dict(), repo.key))


class _Stream:
    def __init__(self, size: int) -> None:
        self._left, self._random = size, random.Random(4)

    def readinto(self, buffer: memoryview) -> int:
        count = min(len(buffer), self._left, 1 << 20)
        buffer[:count] = self._random.randbytes(count)
        self._left -= count
        return count

    def close(self) -> None:
        return None


class _Capture:
    position: Mapping[str, JSON] = {"n": 1}

    def __enter__(self) -> _Capture:
        return self

    def __exit__(self, *exc: object) -> None:
        return None

    def entries(self) -> Iterator[Entry]:
        yield Entry("x", lambda: _Stream(256 << 20), size=256 << 20)

    def finish(self) -> Manifest:
        return Manifest("bench", "1", "b", self.position, Catalog("bench", "1", "b"))

    def companions(self) -> Mapping[str, bytes]:
        return {}


def child(act: str, root: Path, chunks: int) -> None:
    """One measured act, in this process."""
    from holdfast.kernel.malloc import keep_big_buffers
    from holdfast.vault.pipeline import write_snapshot

    keep_big_buffers()  # as the runner does
    repo = Repository.open(ScaleStore(root / "r", chunks), PASSWORD, cache=root / "cache")
    began = time.monotonic()
    index = repo.index()
    opened = time.monotonic() - began
    if act == "look":
        began = time.monotonic()
        for n in range(100_000):
            if (index.find(_id(b"blob", n * 97 % (chunks * 2))) is None) != (n * 97 % (chunks * 2) >= chunks):
                raise AssertionError(f"blob {n} is not as it was made")
        print(f"   {(time.monotonic() - began) * 10:.1f} us for each look-up, half of them misses")
    elif act == "snapshot":
        write_snapshot(repo, _Capture(), hostname="bench", paths=["/x"])
    elif act == "check":
        report = repo.check()
        print(f"   {report.blobs:,} blobs in {report.packs:,} packs, {report.errors_total} errors")
        if report.errors_total:
            raise AssertionError(report.errors[0])
    print(f"   index read in {opened:.2f} s, {len(index):,} entries", flush=True)
    (root / "opened").write_text(f"{opened:.3f}")


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--chunks", type=int, default=10_000_000)
    options = parser.parse_args()
    chunks = options.chunks // _IN_INDEX * _IN_INDEX
    root = Path(tempfile.mkdtemp(prefix="hfbench-", dir=os.environ.get("HOLDFAST_BENCH_DIR")))
    missed = False
    try:
        began = time.monotonic()
        make(root / "r", chunks)
        print(f"{chunks:,} chunks, made in {time.monotonic() - began:.0f} s", flush=True)
        for act in ("first", "second", "look", "snapshot", "check"):
            argv = [sys.executable, "-m", "bench.vault_scale", act, str(root), str(chunks)]
            seconds, peak = measured(argv, quiet=False)
            opened = float((root / "opened").read_text())
            bad = peak > MEMORY_BAR or (act != "first" and opened > OPEN_BAR)
            missed |= bad
            print(f"{act:9} {seconds:7.1f} s, peak {peak >> 20} MiB, bar 300  {'MISSED' if bad else 'ok'}", flush=True)
        cache = sum(f.stat().st_size for f in (root / "cache").rglob("*") if f.is_file())
        print(f"the cache takes {cache >> 20} MiB, {cache / chunks:.0f} bytes for each chunk")
    finally:
        shutil.rmtree(root, ignore_errors=True)
    return 1 if missed else 0


if __name__ == "__main__":
    if sys.argv[1:2] and not sys.argv[1].startswith("-"):
        child(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
    else:
        sys.exit(main())
