"""The pipeline: entries are cut, hashed, compared with what is there, compressed, sealed, proven, packed and stored.

Threads, because hash, zstd and cipher release the interpreter's lock; bounded channels, so that memory does not grow
with the database. The snapshot document is written last: a crash leaves packs nobody refers to, never a readable but
wrong snapshot.
"""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from backports.zstd import ZstdCompressor, decompress

from holdfast.contract.catalog import JSON
from holdfast.contract.codec import manifest_to_json
from holdfast.contract.snapshot import Capture, Entry, Manifest, Pages
from holdfast.formats.restic import documents, tree
from holdfast.formats.restic.documents import SnapshotDocument
from holdfast.formats.restic.pack import BlobType
from holdfast.kernel.clock import timestamp
from holdfast.kernel.crashpoints import crash_point
from holdfast.kernel.errors import Cancelled, Corrupt, DiskFull, HoldfastError, Permanent, Retryable
from holdfast.kernel.stop import Stop
from holdfast.vault.channel import Aborted, Channel, Failure
from holdfast.vault.cutting import cut_pages, cut_stream
from holdfast.vault.layout import WrittenFile, complete, require_path, store_trees
from holdfast.vault.locks import LOCK_LOST, Held
from holdfast.vault.packing import Finished, Packer
from holdfast.vault.repository import MANIFEST, Repository

_RAW_BYTES = 24 << 20  # cut chunks waiting for a worker
_SEALED_BYTES = 24 << 20  # sealed chunks waiting for the writer
_TRIES = 3


@dataclass(frozen=True)
class SnapshotOptions:
    """`level` is zstd's. `readers` and `workers` are threads."""

    level: int = 1
    readers: int = 2
    workers: int = field(default_factory=lambda: os.cpu_count() or 2)


@dataclass(frozen=True)
class SnapshotStats:
    """bytes_read from the engine, bytes_new of them not known before, bytes_stored after compression and sealing."""

    bytes_read: int = 0
    bytes_new: int = 0
    bytes_stored: int = 0
    entries_done: int = 0
    chunks: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class WrittenSnapshot:
    """`id` is the snapshot's name in the repository, as stock restic shows it."""

    id: str
    manifest: Manifest
    stats: SnapshotStats


@dataclass(frozen=True, slots=True)
class _Chunk:
    file: WrittenFile | None
    position: int
    data: bytes
    kind: BlobType = BlobType.DATA


@dataclass(frozen=True, slots=True)
class _Sealed:
    blob: bytes
    kind: BlobType
    sealed: bytes
    raw_length: int


class _Pipeline:
    """One snapshot being written. Threads share it; what is counted is counted under its lock."""

    def __init__(
        self,
        repo: Repository,
        parent: Mapping[str, tree.Node],
        stop: Stop,
        progress: Callable[[SnapshotStats], None] | None,
        options: SnapshotOptions,
        lock: Held,
    ) -> None:
        self.repo, self.parent, self.stop, self.progress, self.options = repo, parent, stop, progress, options
        self.index = repo.index()
        self.failure = Failure()
        self.raw: Channel[_Chunk] = Channel(_RAW_BYTES, self.failure)
        self.sealed: Channel[_Sealed] = Channel(_SEALED_BYTES, self.failure)
        self.packer = Packer(repo, self._stored, self._indexed, lock.require)
        self.files: list[WrittenFile] = []
        self.stats = SnapshotStats()
        self._began = time.monotonic()
        self._lock = threading.Lock()
        self._claimed: set[bytes] = set()

    # -- counting --------------------------------------------------------------------------------------------

    def _stored(self, count: int) -> None:
        self._count(bytes_stored=count)

    def _indexed(self, finished: Finished) -> None:
        """What an index names is found there from now on: `_claimed` holds only what waits for one."""
        with self._lock:
            for pack, blobs in finished:
                self.index.add(pack, blobs)
                self._claimed.difference_update(b.id + bytes((b.type,)) for b in blobs)

    def _count(self, **added: int) -> None:
        with self._lock:
            changed: dict[str, Any] = {name: getattr(self.stats, name) + value for name, value in added.items()}
            self.stats = replace(self.stats, seconds=time.monotonic() - self._began, **changed)
            stats = self.stats
        if self.progress is not None:
            self.progress(stats)

    # -- reading ---------------------------------------------------------------------------------------------

    def read_entries(self, entries: Iterator[Entry], turn: threading.Lock) -> None:
        """Take entries one by one, with the other readers, until there are no more."""
        while True:
            with turn:
                entry = next(entries, None)
            if entry is None:
                return
            self.stop.check()
            require_path(entry.path)
            file = self._read_with_retries(entry)
            with self._lock:
                self.files.append(file)
            self._count(entries_done=1)

    def _read_with_retries(self, entry: Entry) -> WrittenFile:
        """An entry that failed in a way that may pass is opened again; a fresh list, or late chunks would mix."""
        for attempt in range(1, _TRIES + 1):
            try:
                return self._read(entry)
            except HoldfastError as error:
                if not error.retryable or attempt == _TRIES:
                    raise
                if self.stop.wait(0.2 * attempt):
                    self.stop.check()
        raise AssertionError("unreachable")

    def _read(self, entry: Entry) -> WrittenFile:
        file = WrittenFile(entry)
        if entry.open is None:
            node = self._of_parent(entry.path)
            for at in range(0, len(node.content), 32):
                self._inherited(node.content[at : at + 32], entry.path)
            file.ids, file.size = bytearray(node.content), node.size
            return file

        def emit(position: int, data: bytes) -> None:
            file.size += len(data)
            self.raw.put(_Chunk(file, position, data), len(data))
            self._count(bytes_read=len(data), chunks=1)
            crash_point("capture.half")

        opened = entry.open()
        try:
            if isinstance(opened, Pages):
                self._read_pages(file, opened, emit)
            else:
                cut_stream(opened, emit, self.stop)
                if entry.size is not None and file.size != entry.size:
                    raise Corrupt(f"the entry {entry.path!r} gave {file.size} bytes instead of {entry.size}")
        finally:
            opened.close()
        return file

    def _read_pages(self, file: WrittenFile, pages: Pages, emit: Callable[[int, bytes], None]) -> None:
        """Cells come in any order; the absent ones are the parent's, or zeros where there is no parent."""
        entry, seen = file.entry, bytearray()

        def present(cell: int) -> None:
            if len(seen) <= cell:
                seen.extend(bytes(cell + 1 - len(seen)))
            seen[cell] = 1

        count = cut_pages(entry, pages, emit, self.stop, present)
        seen.extend(bytes(count - len(seen)))
        node = self.parent.get(entry.path)
        for cell in (cell for cell in range(count) if not seen[cell]):
            length = min(entry.page, (entry.size or 0) - cell * entry.page)
            if node is None:
                emit(cell, bytes(length))
            else:
                self._inherit_cell(file, node, cell, length)
        file.size = entry.size or 0

    def _inherit_cell(self, file: WrittenFile, node: tree.Node, cell: int, length: int) -> None:
        """The parent's blob in this place, only if as long as the cell: another grid holds other bytes."""
        blob = node.content[cell * 32 : (cell + 1) * 32]
        if not blob or self._inherited(blob, file.entry.path) != length:
            raise Permanent(
                f"cell {cell} of {file.entry.path!r} is not given and the parent snapshot has no cell like it",
                code="grid_changed",
                hint="take this snapshot without a parent",
            )
        file.place(cell, blob)

    def _inherited(self, blob: bytes, path: str) -> int:
        """Plain length of a blob taken over from the parent. Raises Corrupt when no index has it: a snapshot that
        refers to it would be readable but not whole."""
        found = self.index.find(blob)
        if found is None:
            raise Corrupt(f"blob {blob.hex()[:12]} of {path!r} in the parent snapshot is in no index")
        return found[1].plain_length

    def _of_parent(self, path: str) -> tree.Node:
        node = self.parent.get(path)
        if node is None:
            raise Permanent(f"the entry {path!r} is said to be unchanged, but the parent snapshot does not have it")
        return node

    # -- working ---------------------------------------------------------------------------------------------

    def work(self) -> None:
        """Hash, compare, compress, seal and prove chunks until there are no more."""
        compressor = ZstdCompressor(level=self.options.level)
        while (chunk := self.raw.get()) is not None:
            blob = hashlib.sha256(chunk.data).digest()
            if chunk.file is not None:
                with self._lock:
                    chunk.file.place(chunk.position, blob)
            if self._is_new(blob, chunk.kind):
                sealed = self.seal(blob, chunk.data, chunk.kind, compressor)
                self._count(bytes_new=len(chunk.data))
                self.sealed.put(sealed, len(sealed.sealed))

    def _is_new(self, blob: bytes, kind: BlobType) -> bool:
        key = blob + bytes((kind,))
        with self._lock:
            if key in self._claimed:
                return False
            if self.index.find(blob, kind) is not None:
                return False
            self._claimed.add(key)
            return True

    def seal(self, blob: bytes, data: bytes, kind: BlobType, compressor: ZstdCompressor) -> _Sealed:
        """Compressed, sealed and opened again: a fault of memory or code shows before the upload, not at restore."""
        packed = compressor.compress(data, ZstdCompressor.FLUSH_FRAME)
        raw_length = len(data) if len(packed) < len(data) else 0
        sealed = self.repo.key.seal(packed if raw_length else data)
        opened = self.repo.key.open(sealed)
        if (decompress(opened) if raw_length else opened) != data:
            raise Corrupt(f"blob {blob.hex()[:12]} did not survive sealing: this machine's memory may be bad")
        return _Sealed(blob, kind, sealed, raw_length)

    def write(self) -> None:
        while (item := self.sealed.get()) is not None:
            self.packer.add(item.blob, item.kind, item.sealed, item.raw_length)

    # -- running ---------------------------------------------------------------------------------------------

    def run(self, capture: Capture) -> Manifest:
        """All entries through all stages. Raises the first error of any thread, after all have ended.

        The capture is finished as soon as its entries are read: its counting runs while the last chunks are packed.
        """
        entries: Iterable[Entry] = capture.entries()
        manifests: list[Manifest] = []
        iterator, turn = iter(entries), threading.Lock()
        readers = [self._thread(lambda: self.read_entries(iterator, turn)) for _ in range(self.options.readers)]
        workers = [self._thread(self.work) for _ in range(self.options.workers)]
        writer = self._thread(self.write)
        _join(readers)
        self.raw.close()
        finishing = [] if self.failure.error else [self._thread(lambda: manifests.append(capture.finish()))]
        _join(workers)
        self.sealed.close()
        _join([writer, *finishing])
        if self.failure.error is not None:
            raise self.failure.error
        return manifests[0]

    def _thread(self, work: Callable[[], None]) -> threading.Thread:
        def guarded() -> None:
            try:
                work()
            except Aborted:
                return
            except BaseException as error:  # noqa: BLE001  carried to the caller by `run`
                self.failure.set(error)

        thread = threading.Thread(target=guarded, name="pipeline", daemon=True)
        thread.start()
        return thread

    def add_now(self, data: bytes, kind: BlobType) -> bytes:
        """A small blob (a tree, a companion), stored by the calling thread after `run`."""
        blob = hashlib.sha256(data).digest()
        if self._is_new(blob, kind):
            item = self.seal(blob, data, kind, ZstdCompressor(level=self.options.level))
            self.packer.add(item.blob, item.kind, item.sealed, item.raw_length)
        return blob


def _join(threads: Iterable[threading.Thread]) -> None:
    for thread in threads:
        thread.join()


def _require_since(repo: Repository, lock: Held, snapshot: str) -> None:
    """Take the snapshot back when the lock went while its document was written: a prune may not have seen it."""
    try:
        lock.require()
    except Retryable:
        repo.forget(snapshot)
        raise


def write_snapshot(
    repo: Repository,
    capture: Capture,
    *,
    parent: str | None = None,
    hostname: str,
    paths: Sequence[str],
    tags: Sequence[str] = (),
    facts: Mapping[str, JSON] | None = None,
    stop: Stop | None = None,
    progress: Callable[[SnapshotStats], None] | None = None,
    options: SnapshotOptions | None = None,
    patience: float = 0.0,
) -> WrittenSnapshot:
    """Store everything an entered capture yields, then its manifest and companions, then the snapshot itself.

    Raises what the capture raises, Cancelled, DiskFull, Corrupt (a blob that does not survive sealing), Conflict
    (locked, for more than `patience` seconds), Retryable (the lock went meanwhile). After any error the repository has
    no new snapshot. What was stored by then is found again next time when an index names it (on Cancelled one is
    written); after DiskFull the packs no index names are deleted, after other errors they are left for a prune.
    """
    stop = stop or Stop()
    with repo.locks.held(stop=stop, wait=patience) as lock:
        repo.store.sweep()
        inherited = repo.nodes(parent) if parent else {}
        line = _Pipeline(repo, inherited, stop, progress, options or SnapshotOptions(), lock)
        try:
            manifest = line.run(capture)
            stop.check()
            files = line.files
            manifest = complete(manifest, files, facts or {})
            extra = {MANIFEST: manifest_to_json(manifest), **capture.companions()}
            root = store_trees(files, extra, line.add_now, timestamp(repo.clock.now()))
            line.packer.finish()
        except Cancelled:
            if stop.reason == LOCK_LOST:  # nothing may be written without a lock, and nobody asked to stop
                raise Retryable(LOCK_LOST, code="repository_lock_lost") from None
            line.packer.write_index()
            raise
        except DiskFull:
            line.packer.discard()
            raise
        stop.check()
        snapshot = SnapshotDocument(
            time=timestamp(repo.clock.now()),
            tree=root.hex(),
            paths=tuple(paths),
            hostname=hostname,
            username="holdfast",
            tags=tuple(tags),
            parent=parent,
        )
        sealed = documents.encode(snapshot.as_dict(), repo.key)
        name = hashlib.sha256(sealed).hexdigest()
        crash_point("upload.snapshot")
        lock.require()
        repo.store.put(f"snapshots/{name}", [sealed])
        crash_point("upload.snapshot.done")
        _require_since(repo, lock, name)
    return WrittenSnapshot(name, manifest, line.stats)
