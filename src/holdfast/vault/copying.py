"""Copying snapshots into another repository, under another master key: blob by blob, proven, sealed anew."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from holdfast.formats.restic import tree
from holdfast.formats.restic.documents import SnapshotDocument
from holdfast.formats.restic.pack import BlobType, PackedBlob
from holdfast.kernel.crashpoints import crash_point
from holdfast.kernel.errors import Corrupt
from holdfast.kernel.stop import Stop
from holdfast.vault.fetching import SPAN_BYTES, neighbours
from holdfast.vault.known import Known
from holdfast.vault.locks import Held
from holdfast.vault.options import SnapshotOptions
from holdfast.vault.packing import Packer
from holdfast.vault.pipeline import put_document
from holdfast.vault.repository import MAX_DEPTH, Repository
from holdfast.vault.sealer import Sealer

Progress = Callable[[int], None]


@dataclass(frozen=True)
class Copied:
    """`id` in the target; `blobs` and `bytes` that were not there before. `was_there`: an earlier copy had made it."""

    id: str
    blobs: int
    bytes: int
    was_there: bool


def copy_snapshot(
    source: Repository,
    target: Repository,
    snapshot_id: str,
    *,
    stop: Stop | None = None,
    progress: Progress = lambda _bytes: None,
) -> Copied:
    """The snapshot with its time, tags and paths, and `original` naming it, as stock restic's own copy does.

    What an index of the target names already is not sent again, so a copy that was cut off goes on where it was. When
    this returns every byte of it was read back from the target. Raises Corrupt, Cancelled, Conflict
    (locked), Retryable when the lock went: then there is no copy.
    """
    stop = stop or Stop()
    found = _copy_of(source, target, snapshot_id)
    if found is not None:
        _read_back(target, found, stop)
        return Copied(found, 0, 0, was_there=True)
    with source.locks.reading(), target.locks.held(stop=stop) as lock:
        target.store.sweep()
        writer = _Writer(source, target, lock, stop, progress)
        writer.send(writer.wanted(source.root_of(snapshot_id)))
        writer.packer.finish()
        stop.check()
        document = source.document(snapshot_id)
        extra = {**document.extra, "original": str(document.extra.get("original") or snapshot_id)}
        made: SnapshotDocument = replace(document, parent=None, extra=extra)
        name = put_document(target, lock, made, "copy.snapshot")
    _read_back(target, name, stop)
    return Copied(name, writer.blobs, writer.bytes, was_there=False)


def _copy_of(source: Repository, target: Repository, snapshot_id: str) -> str | None:
    """As stock restic tells it: of the same origin, and the same in all that matters. A copy's copy names the first one
    as its origin, and so may a snapshot that somebody made out of that one, with another tree."""
    wanted = source.document(snapshot_id)
    origin = str(wanted.extra.get("original") or snapshot_id)
    for info in target.snapshots():
        if (info.tree, info.time, info.tags) != (wanted.tree, wanted.time, wanted.tags):
            continue
        if origin in (info.id, target.document(info.id).extra.get("original")):
            return info.id
    return None


def _read_back(target: Repository, snapshot_id: str, stop: Stop) -> None:
    """Raises Corrupt, and takes the snapshot away again: a copy that does not read is none."""
    errors = target.verify_snapshot(snapshot_id, stop).errors
    if errors:
        target.forget(snapshot_id)
        raise Corrupt(f"the copy does not read back: {errors[0]}", code="verification_failed")


class _Writer:
    """What one snapshot still lacks in the target."""

    def __init__(self, source: Repository, target: Repository, lock: Held, stop: Stop, progress: Progress) -> None:
        self._reader = source.reader()
        self._target, self._stop, self._progress = target, stop, progress
        self._known, self._sealer = Known(target), Sealer(target, SnapshotOptions())
        self.packer = Packer(target, lambda _count: None, self._known.named, lock.require)
        self.blobs = self.bytes = 0

    def wanted(self, root: bytes) -> dict[bytes, list[PackedBlob]]:
        """By pack of the source, blobs that the target lacks; trees are copied at once, as their bytes are."""
        found: dict[bytes, list[PackedBlob]] = {}
        for blob in self._walk(root, 0):
            if self._known.claim(blob, BlobType.DATA):
                pack, where = self._reader.locate(blob)
                found.setdefault(pack, []).append(where)
        return found

    def _walk(self, root: bytes, depth: int) -> Iterator[bytes]:
        if depth > MAX_DEPTH:
            raise Corrupt("the snapshot's directories are nested too deeply")
        self._stop.check()
        plain = self._reader.read(root, BlobType.TREE)
        if self._known.claim(root, BlobType.TREE):
            self._add(root, BlobType.TREE, plain)
        for node in tree.parse(plain):
            if node.subtree is not None:
                yield from self._walk(node.subtree, depth + 1)
            else:
                yield from (node.content[at : at + 32] for at in range(0, len(node.content), 32))

    def send(self, wanted: dict[bytes, list[PackedBlob]]) -> None:
        for pack, blobs in wanted.items():
            for span in neighbours(blobs, SPAN_BYTES):
                self._stop.check()
                for where, plain in self._reader.read_span(pack, span):  # proven by its hash
                    self._add(where.id, BlobType.DATA, plain)
            crash_point("copy.half")

    def _add(self, blob: bytes, kind: BlobType, plain: bytes | memoryview) -> None:
        """Sealed with the target's key, and opened again before it is sent."""
        sealed, raw_length = self._sealer.seal(blob, plain)
        self.packer.add(blob, kind, sealed, raw_length)
        self.blobs, self.bytes = self.blobs + 1, self.bytes + len(plain)
        self._progress(self.bytes)
