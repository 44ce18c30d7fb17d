"""Filling packs: the one writer of a pipeline. Packs are durable before the index names them."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable

from holdfast.formats.restic import documents
from holdfast.formats.restic.pack import TARGET_BYTES, BlobType, PackedBlob, build_header
from holdfast.kernel.crashpoints import crash_point
from holdfast.vault.blobs import pack_name
from holdfast.vault.repository import Repository

_INDEX_BLOBS = 50_000
_INDEX_SECONDS = 600.0


class _OpenPack:
    """Sealed blobs waiting to become one file of about 16 MiB."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.blobs: list[PackedBlob] = []
        self.size = 0

    def add(self, blob: bytes, kind: BlobType, sealed: bytes, raw_length: int) -> None:
        self.blobs.append(PackedBlob(blob, kind, self.size, len(sealed), raw_length))
        self.pieces.append(sealed)
        self.size += len(sealed)


class Packer:
    """Not thread-safe: one thread adds. Data and trees go to different packs.

    `written` counts stored bytes. Call `finish` to write what is open and the last index.
    """

    def __init__(self, repo: Repository, written: Callable[[int], None]) -> None:
        self._repo, self._written = repo, written
        self._open = {kind: _OpenPack() for kind in BlobType}
        self._unindexed: list[tuple[bytes, list[PackedBlob]]] = []
        self._since = time.monotonic()

    def add(self, blob: bytes, kind: BlobType, sealed: bytes, raw_length: int) -> None:
        pack = self._open[kind]
        pack.add(blob, kind, sealed, raw_length)
        if pack.size >= TARGET_BYTES:
            self._close(kind)

    def _close(self, kind: BlobType) -> None:
        pack, self._open[kind] = self._open[kind], _OpenPack()
        if not pack.blobs:
            return
        pieces = [*pack.pieces, build_header(pack.blobs, self._repo.key)]
        digest = hashlib.sha256()
        for piece in pieces:
            digest.update(piece)
        name = digest.digest()
        crash_point("upload.pack")
        self._repo.store.put(pack_name(name), pieces)
        self._written(sum(map(len, pieces)))
        self._unindexed.append((name, pack.blobs))
        if (
            sum(len(blobs) for _, blobs in self._unindexed) >= _INDEX_BLOBS
            or time.monotonic() - self._since > _INDEX_SECONDS
        ):
            self.write_index()

    def write_index(self) -> None:
        """Name the finished packs, so that the next snapshot finds their blobs even if this one never ends."""
        if not self._unindexed:
            return
        sealed = documents.encode(documents.build_index(self._unindexed), self._repo.key)
        crash_point("upload.index")
        self._repo.store.put(f"index/{hashlib.sha256(sealed).hexdigest()}", [sealed])
        self._written(len(sealed))
        self._unindexed, self._since = [], time.monotonic()

    def finish(self) -> None:
        for kind in BlobType:
            self._close(kind)
        self.write_index()
