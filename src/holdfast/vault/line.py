"""The line that a snapshot's bytes pass: readers cut, workers hash, compare, compress, seal and prove, uploads store.

Threads, because hash, zstd and cipher release the interpreter's lock; bounded channels, so that memory does not grow
with the database.
"""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from holdfast.contract.ahead import LooksAhead
from holdfast.contract.snapshot import Capture, Entry, Manifest, Pages
from holdfast.formats.restic import tree
from holdfast.formats.restic.pack import BlobType
from holdfast.kernel.crashpoints import crash_point
from holdfast.kernel.errors import Corrupt, HoldfastError, Permanent
from holdfast.kernel.stop import Stop
from holdfast.vault.channel import Aborted, Channel, Failure
from holdfast.vault.cutting import Emit, cut_pages, cut_stream
from holdfast.vault.known import Known
from holdfast.vault.layout import WrittenFile, require_path
from holdfast.vault.limiting import Bandwidth
from holdfast.vault.locks import Held
from holdfast.vault.options import SnapshotOptions
from holdfast.vault.packing import OpenPack, Packer
from holdfast.vault.repository import Repository
from holdfast.vault.sealer import Sealer

_RAW_BYTES = 24 << 20  # cut chunks waiting for a worker
_HANDED_BYTES = 1 << 20  # given to a worker at once: each hand-over costs as much as hashing 50 KiB
_FULL_BYTES = 16 << 20  # full packs waiting for an upload: one
_TRIES = 3


@dataclass(frozen=True)
class SnapshotStats:
    """bytes_read from the engine, bytes_new of them not known before, bytes_stored after compression and sealing."""

    bytes_read: int = 0
    bytes_new: int = 0
    bytes_stored: int = 0
    entries_done: int = 0
    chunks: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Chunk:
    file: WrittenFile
    position: int
    data: bytes | memoryview


class _Handing:
    """Chunks of one file on their way to a worker, some at a time."""

    def __init__(self, file: WrittenFile, hand: Callable[[Sequence[Chunk], int], None]) -> None:
        self._file, self._hand = file, hand
        self._chunks: list[Chunk] = []
        self._weight = 0

    def add(self, position: int, data: bytes | memoryview) -> None:
        self._file.size += len(data)
        self._chunks.append(Chunk(self._file, position, data))
        self._weight += len(data)
        if self._weight >= _HANDED_BYTES:
            self.flush()
        crash_point("capture.half")

    def flush(self) -> None:
        if self._chunks:
            self._hand(self._chunks, self._weight)
            self._chunks, self._weight = [], 0


class Line:
    """One snapshot being written. Threads share it; what is counted is counted under its lock."""

    def __init__(
        self,
        repo: Repository,
        parent: Mapping[str, tree.Node],
        stop: Stop,
        progress: Callable[[SnapshotStats], None] | None,
        options: SnapshotOptions,
        lock: Held,
        known: Known | None = None,
        packer: Packer | None = None,
        sealer: Sealer | None = None,
    ) -> None:
        """`known` and `packer` may be shared with other lines under the same lock, the `sealer` of `add_now` with other
        lines of the thread."""
        self.repo, self.parent, self.stop, self.progress, self.options = repo, parent, stop, progress, options
        self.known = known or Known(repo)
        self.failure = Failure()
        self.raw: Channel[Sequence[Chunk]] = Channel(_RAW_BYTES, self.failure)
        self.full: Channel[OpenPack] = Channel(_FULL_BYTES, self.failure)
        limit = Bandwidth(options.bandwidth, stop)
        self.packer = packer or Packer(repo, self._stored, self.known.named, lock.require, limit)
        self.files: list[WrittenFile] = []
        self._counted: Counter[str] = Counter()
        self._began = time.monotonic()
        self._lock = threading.Lock()
        self._sealer = sealer or Sealer(repo, options)

    # -- counting --------------------------------------------------------------------------------------------

    def _stored(self, count: int) -> None:
        self._count(bytes_stored=count)

    def _count(self, **added: int) -> None:
        with self._lock:
            self._counted.update(added)
        if self.progress is not None:
            self.progress(self.stats)

    @property
    def stats(self) -> SnapshotStats:
        """What was done until now."""
        with self._lock:
            return SnapshotStats(**self._counted, seconds=time.monotonic() - self._began)

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
            file = self.read(entry)
            with self._lock:
                self.files.append(file)
            self._count(entries_done=1)

    def read(self, entry: Entry) -> WrittenFile:
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

        handing = _Handing(file, self._handed)
        opened = entry.open()
        try:
            if isinstance(opened, Pages):
                self._read_pages(file, opened, handing.add)
            else:
                cut_stream(opened, handing.add, self.stop)
            handing.flush()
            if entry.size is not None and file.size != entry.size:
                raise Corrupt(f"the entry {entry.path!r} gave {file.size} bytes instead of {entry.size}")
        finally:
            opened.close()
        return file

    def _handed(self, chunks: Sequence[Chunk], weight: int) -> None:
        self.take(chunks, weight)
        self._count(bytes_read=weight, chunks=len(chunks))

    def take(self, chunks: Sequence[Chunk], weight: int) -> None:
        """What a reader does with chunks: wait until there is room for them."""
        self.raw.put(chunks, weight)

    def _read_pages(self, file: WrittenFile, pages: Pages, emit: Emit) -> None:
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
        found = self.known.index.find(blob)
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
        self._yield_to_others()
        sealer = Sealer(self.repo, self.options)
        while (chunks := self.raw.get()) is not None:
            self.pack(chunks, sealer, lambda full: self.full.put(full, full.size))

    def pack(self, chunks: Sequence[Chunk], sealer: Sealer, store: Callable[[OpenPack], None]) -> None:
        """Put what is not known yet into open packs; those that are full then are given to `store`."""
        blobs: list[bytes] = []
        for chunk in chunks:
            blob = hashlib.sha256(chunk.data).digest()
            blobs.append(blob)
            if self.known.claim(blob, BlobType.DATA):
                sealed, raw_length = sealer.seal(blob, chunk.data)
                self._count(bytes_new=len(chunk.data))
                if (full := self.packer.place(blob, BlobType.DATA, sealed, raw_length)) is not None:
                    store(full)
        with self._lock:
            for chunk, blob in zip(chunks, blobs, strict=True):
                chunk.file.place(chunk.position, blob)

    def _yield_to_others(self) -> None:
        """This thread alone: on Linux a thread has a priority of its own."""
        if self.options.nice:
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), self.options.nice)

    def upload(self) -> None:
        """Store full packs until there are no more."""
        self._yield_to_others()
        while (pack := self.full.get()) is not None:
            self.packer.store(pack)

    # -- running ---------------------------------------------------------------------------------------------

    def run(self, capture: Capture) -> Manifest:
        """All entries through all stages. Raises the first error of any thread, after all have ended.

        The capture is finished as soon as its entries are read: its counting runs while the last packs are stored.
        """
        entries: Iterable[Entry] = capture.entries()
        manifests: list[Manifest] = []
        iterator, turn = iter(entries), threading.Lock()
        readers = [self._thread(lambda: self.read_entries(iterator, turn)) for _ in range(self.options.readers)]
        workers = [self._thread(self.work) for _ in range(self.options.workers)]
        uploads = [self._thread(self.upload) for _ in range(self.options.uploads)]
        ahead = [self._thread(capture.look_ahead)] if isinstance(capture, LooksAhead) else []
        _join(readers)
        self.raw.close()
        _join(ahead)
        finishing = [] if self.failure.error else [self._thread(lambda: manifests.append(capture.finish()))]
        _join(workers)
        uploads.append(self._thread(self._upload_rest))
        _join([*uploads, *finishing])
        if self.failure.error is not None:
            raise self.failure.error
        return manifests[0]

    def _upload_rest(self) -> None:
        """Hand over the packs that are open and end the uploads."""
        for pack in self.packer.take_open():
            self.full.put(pack, pack.size)
        self.full.close()

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
        if self.known.claim(blob, kind):
            sealed, raw_length = self._sealer.seal(blob, data)
            if (full := self.packer.place(blob, kind, sealed, raw_length)) is not None:
                self.packer.store(full)
        return blob


def _join(threads: Iterable[threading.Thread]) -> None:
    for thread in threads:
        thread.join()
