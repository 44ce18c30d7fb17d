"""Filling packs and storing them. A pack is durable before an index names it; an index names it soon after.

Soon: a writer that is killed loses at most the packs since its last index, and the next snapshot finds all others.
"""

from __future__ import annotations

import hashlib
import secrets
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from holdfast.formats.restic import documents
from holdfast.formats.restic.pack import TARGET_BYTES, BlobType, PackedBlob, build_header
from holdfast.kernel.crashpoints import crash_point
from holdfast.kernel.errors import HoldfastError
from holdfast.kernel.stop import Stop
from holdfast.vault.blobs import pack_name
from holdfast.vault.limiting import Bandwidth
from holdfast.vault.repository import Repository

_INDEX_BLOBS = 50_000
_INDEX_BYTES = 32 << 20
_INDEX_SECONDS = 30.0
_SHARE = 8  # an index also waits for an eighth of all there is so far: a long snapshot must not leave thousands
_SMALLEST_PACK = 4 << 20  # restic's own least


class OpenPack:
    """Sealed blobs waiting to become one file of about 16 MiB."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.blobs: list[PackedBlob] = []
        self.size = 0

    def add(self, blob: bytes, kind: BlobType, sealed: bytes, raw_length: int) -> None:
        self.blobs.append(PackedBlob(blob, kind, self.size, len(sealed), raw_length))
        self.pieces.append(sealed)
        self.size += len(sealed)

    def absorb(self, other: OpenPack) -> None:
        for blob, sealed in zip(other.blobs, other.pieces, strict=True):
            self.add(blob.id, blob.type, sealed, blob.raw_length)


Finished = Sequence[tuple[bytes, list[PackedBlob]]]


class Packer:
    """Thread-safe. Data and trees go to different packs.

    Data goes to one of two open packs by chance: the order of lengths in a pack would otherwise give away what was
    cut where (eprint 2025/532). `written` counts stored bytes, `indexed` hears of packs that an index names now.
    `require` is asked before an index is written: it raises when the lock went, for then a prune may have taken the
    packs that the index would name.
    """

    def __init__(
        self,
        repo: Repository,
        written: Callable[[int], None],
        indexed: Callable[[Finished], None],
        require: Callable[[], None],
        limit: Bandwidth | None = None,
    ) -> None:
        self._repo, self._written, self._indexed, self._require = repo, written, indexed, require
        self._limit = limit or Bandwidth(None, Stop())
        self._target = min(TARGET_BYTES, max(_SMALLEST_PACK, self._limit.piece or TARGET_BYTES))
        self._turn = threading.Lock()  # of what is open, and of what no index names yet
        self._naming = threading.Lock()  # one index at a time
        self._data, self._trees = [OpenPack(), OpenPack()], OpenPack()
        self._unindexed: list[tuple[bytes, list[PackedBlob]]] = []
        self._waiting_bytes = self._all_bytes = 0
        self._began = self._since = time.monotonic()

    def add(self, blob: bytes, kind: BlobType, sealed: bytes, raw_length: int) -> None:
        """Put a blob into an open pack, and store the pack when it is full: for who has no uploads of their own."""
        full = self.place(blob, kind, sealed, raw_length)
        if full is not None:
            self.store(full)

    def place(self, blob: bytes, kind: BlobType, sealed: bytes, raw_length: int) -> OpenPack | None:
        """Put a blob into an open pack; a pack that is full now, which the caller must `store`."""
        with self._turn:
            if kind is BlobType.TREE:
                chosen = self._trees
            else:
                chosen = self._data[number := secrets.randbelow(len(self._data))]
            chosen.add(blob, kind, sealed, raw_length)
            if chosen.size < self._target:
                return None
            if kind is BlobType.TREE:
                self._trees = OpenPack()
            else:
                self._data[number] = OpenPack()
            return chosen

    def take_open(self) -> list[OpenPack]:
        """The open packs of data, unless they are so small that they had better wait for what comes and be one file."""
        with self._turn:
            if sum(pack.size for pack in self._data) <= self._target:
                return []
            taken, self._data = [pack for pack in self._data if pack.blobs], [OpenPack(), OpenPack()]
            return taken

    def store(self, pack: OpenPack) -> None:
        """Write a pack durably, and an index when one is due. Raises what the store raises, Cancelled."""
        pieces = [*pack.pieces, build_header(pack.blobs, self._repo.key)]
        digest = hashlib.sha256()
        for piece in pieces:
            digest.update(piece)
        name, size = digest.digest(), sum(map(len, pieces))
        self._limit.take(size)
        crash_point("upload.pack")
        self._repo.store.put(pack_name(name), pieces)
        crash_point("upload.pack.done")
        self._written(size)
        with self._turn:
            self._unindexed.append((name, pack.blobs))
            self._waiting_bytes += size
            self._all_bytes += size
            due = self._is_due()
        if due:
            self.write_index()

    def _is_due(self) -> bool:
        now = time.monotonic()
        return (
            sum(len(blobs) for _, blobs in self._unindexed) >= _INDEX_BLOBS
            or self._waiting_bytes >= max(_INDEX_BYTES, self._all_bytes // _SHARE)
            or now - self._since >= max(_INDEX_SECONDS, (now - self._began) / _SHARE)
        )

    def write_index(self) -> None:
        """Name the finished packs, so that the next snapshot finds their blobs even if this one never ends.

        Once tried, they are out of `discard`'s reach: a write that raises may have been done all the same."""
        with self._naming:
            with self._turn:
                finished, self._unindexed = self._unindexed, []
                self._waiting_bytes, self._since = 0, time.monotonic()
            if not finished:
                return
            sealed = documents.encode(documents.build_index(finished), self._repo.key)
            crash_point("upload.index")
            self._require()
            self._repo.store.put(f"index/{hashlib.sha256(sealed).hexdigest()}", [sealed])
            crash_point("upload.index.done")
            self._written(len(sealed))
            self._indexed(finished)

    def finish(self) -> None:
        """Store what is open and name what no index names yet. For when nobody adds or stores any more."""
        (first, second), trees = self._data, self._trees
        if first.size + second.size <= self._target:  # a small snapshot is one file, not two
            first.absorb(second)
            second = OpenPack()
        self._data, self._trees = [OpenPack(), OpenPack()], OpenPack()
        for pack in (first, second, trees):
            if pack.blobs:
                self.store(pack)
        self.write_index()

    def discard(self) -> None:
        """Delete the finished packs that no index can name: nobody else knows them. What cannot be deleted is left
        for a prune."""
        for name, _ in self._unindexed:
            with suppress(HoldfastError):
                self._repo.store.delete(pack_name(name))
        self._unindexed = []
