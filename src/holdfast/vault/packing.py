"""Filling packs: the one writer of a pipeline. Packs are durable before the index names them."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from holdfast.formats.restic import documents
from holdfast.formats.restic.pack import TARGET_BYTES, BlobType, PackedBlob, build_header
from holdfast.kernel.crashpoints import crash_point
from holdfast.kernel.errors import HoldfastError
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


Finished = Sequence[tuple[bytes, list[PackedBlob]]]


class Packer:
    """Not thread-safe: one thread adds. Data and trees go to different packs.

    Data goes to one of two open packs by chance: the order of lengths in a pack would otherwise give away what was
    cut where (eprint 2025/532). `written` counts stored bytes, `indexed` hears of packs that an index names now.
    Call `finish` to write what is open and the last index. `require` is asked before an index is written: it raises
    when the lock went, for then a prune may have taken the packs that the index would name.
    """

    def __init__(
        self,
        repo: Repository,
        written: Callable[[int], None],
        indexed: Callable[[Finished], None],
        require: Callable[[], None],
    ) -> None:
        self._repo, self._written, self._indexed, self._require = repo, written, indexed, require
        self._data = [_OpenPack(), _OpenPack()]
        self._trees = [_OpenPack()]
        self._unindexed: list[tuple[bytes, list[PackedBlob]]] = []
        self._since = time.monotonic()

    def add(self, blob: bytes, kind: BlobType, sealed: bytes, raw_length: int) -> None:
        group = self._data if kind is BlobType.DATA else self._trees
        chosen = secrets.randbelow(len(group))
        group[chosen].add(blob, kind, sealed, raw_length)
        if group[chosen].size >= TARGET_BYTES:
            full, group[chosen] = group[chosen], _OpenPack()
            self._close(full)

    def _close(self, pack: _OpenPack) -> None:
        if not pack.blobs:
            return
        pieces = [*pack.pieces, build_header(pack.blobs, self._repo.key)]
        digest = hashlib.sha256()
        for piece in pieces:
            digest.update(piece)
        name = digest.digest()
        crash_point("upload.pack")
        self._repo.store.put(pack_name(name), pieces)
        crash_point("upload.pack.done")
        self._written(sum(map(len, pieces)))
        self._unindexed.append((name, pack.blobs))
        if (
            sum(len(blobs) for _, blobs in self._unindexed) >= _INDEX_BLOBS
            or time.monotonic() - self._since > _INDEX_SECONDS
        ):
            self.write_index()

    def write_index(self) -> None:
        """Name the finished packs, so that the next snapshot finds their blobs even if this one never ends.

        Once tried, they are out of `discard`'s reach: a write that raises may have been done all the same."""
        if not self._unindexed:
            return
        finished, self._unindexed, self._since = self._unindexed, [], time.monotonic()
        sealed = documents.encode(documents.build_index(finished), self._repo.key)
        crash_point("upload.index")
        self._require()
        self._repo.store.put(f"index/{hashlib.sha256(sealed).hexdigest()}", [sealed])
        crash_point("upload.index.done")
        self._written(len(sealed))
        self._indexed(finished)

    def finish(self) -> None:
        first, second = self._data
        if first.size + second.size <= TARGET_BYTES:  # a small snapshot is one file, not two
            for blob, sealed in zip(second.blobs, second.pieces, strict=True):
                first.add(blob.id, blob.type, sealed, blob.raw_length)
            second = _OpenPack()
        for pack in (first, second, *self._trees):
            self._close(pack)
        self._data, self._trees = [_OpenPack(), _OpenPack()], [_OpenPack()]
        self.write_index()

    def discard(self) -> None:
        """Delete the finished packs that no index can name: nobody else knows them. What cannot be deleted is left
        for a prune."""
        for name, _ in self._unindexed:
            with suppress(HoldfastError):
                self._repo.store.delete(pack_name(name))
        self._unindexed = []
