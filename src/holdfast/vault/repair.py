"""Damage: what it reaches, and an index made again from what the packs themselves say."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial

from holdfast.formats.restic import documents, tree
from holdfast.formats.restic.pack import BlobType, PackedBlob
from holdfast.kernel.crashpoints import crash_point
from holdfast.kernel.errors import Corrupt, NotFound
from holdfast.kernel.stop import Stop
from holdfast.vault.blobs import BlobReader
from holdfast.vault.proving import Found, Progress, read_all, read_header, read_pack
from holdfast.vault.repository import MAX_DEPTH, Repository
from holdfast.vault.stores.base import pieces

_INDEX_BLOBS = 50_000
_MOST_ENTRIES = 200


@dataclass(frozen=True)
class AffectedEntry:
    """`lost` of its `blobs` cannot be read. A directory whose list of names is lost has no number of blobs."""

    path: str
    lost: int
    blobs: int | None


@dataclass(frozen=True)
class AffectedSnapshot:
    """`entries` are the first of `entries_total`; without any the snapshot itself cannot be read, and `error` says
    why."""

    id: str
    time: str
    entries: list[AffectedEntry] = field(default_factory=list)
    entries_total: int = 0
    error: str | None = None


@dataclass(frozen=True)
class DamageReport:
    """`packs_missing`: named by an index, not there. `packs_damaged`: there, and not what they should be.
    `packs_unindexed`: there, named by no sound index. `read`: bytes that were read for it."""

    index_errors: list[str]
    packs_missing: list[str]
    packs_damaged: list[str]
    packs_unindexed: list[str]
    blobs_lost: int
    snapshots: list[AffectedSnapshot]
    snapshots_total: int
    read: int

    @property
    def sound(self) -> bool:
        return not (self.index_errors or self.packs_missing or self.packs_damaged or self.snapshots)


@dataclass(frozen=True)
class IndexRepair:
    """What `rebuild_index` did. `unreadable` packs say nothing about themselves: they are left where they are."""

    packs_added: int
    packs_dropped: int
    blobs: int
    index_removed: int
    index_written: int
    unreadable: list[str]


def assess(repo: Repository, *, read_data: bool, stop: Stop, progress: Progress | None = None) -> DamageReport:
    """Which snapshots, and what in them, damage reaches. Changes nothing. `read_data`: packs are read whole as well, or
    only missing and short ones are known. A blob that also lies whole in another pack is not lost."""
    with repo.locks.reading():
        index_errors = repo.index_errors()
        view = repo.index().view()
        present = {bytes.fromhex(name[-64:]): size for name, size in pieces(repo.store, "data")}
        missing: list[bytes] = []
        damaged: set[bytes] = set()
        lost: set[bytes] = set()
        total = sum(present.values())

        def jobs() -> Iterator[Callable[[], Found]]:
            for pack, blobs in view.contents():
                size = present.get(pack)
                if size is None:
                    missing.append(pack)
                    lost.update(b.id for b in blobs)
                elif size < blobs[-1].offset + blobs[-1].length + 4:
                    damaged.add(pack)
                    lost.update(b.id for b in blobs if b.offset + b.length > size)
                if size is not None and read_data:
                    yield partial(read_pack, repo, pack, blobs, size)

        def take(found: Found) -> None:
            if found.errors:
                damaged.add(found.pack)
            lost.update(found.lost)

        read = read_all(jobs(), total, take, stop, progress)
        if lost:
            bad = damaged.union(missing)
            for pack, blobs in view.contents():
                if pack not in bad:
                    lost.difference_update(b.id for b in blobs)
        named = {view.packs[at : at + 32] for at in range(0, len(view.packs), 32)}
        affected, count = _affected(repo, lost, stop)
    return DamageReport(
        index_errors,
        sorted(pack.hex() for pack in missing),
        sorted(pack.hex() for pack in damaged),
        sorted(pack.hex() for pack in present if pack not in named),
        len(lost),
        affected,
        count,
        read,
    )


def _affected(repo: Repository, lost: set[bytes], stop: Stop) -> tuple[list[AffectedSnapshot], int]:
    """(snapshots that damage reaches, how many were looked at)."""
    found, reader, count = [], repo.reader(), 0
    for name, _ in pieces(repo.store, "snapshots"):
        stop.check()
        snapshot, when = name.rpartition("/")[2], ""
        try:
            document = repo.document(snapshot)
            count, when = count + 1, document.time
            entries = [e for e in _entries(reader, bytes.fromhex(document.tree), "", lost, stop, 0) if e.lost]
        except NotFound:
            continue  # forgotten meanwhile
        except Corrupt as error:
            found.append(AffectedSnapshot(snapshot, when, error=error.message))
            continue
        if entries:
            found.append(AffectedSnapshot(snapshot, when, entries[:_MOST_ENTRIES], len(entries)))
    return sorted(found, key=lambda s: s.time), count


def _entries(
    reader: BlobReader, root: bytes, path: str, lost: set[bytes], stop: Stop, depth: int
) -> Iterator[AffectedEntry]:
    if depth > MAX_DEPTH:
        raise Corrupt("its directories are nested too deeply")
    try:
        nodes = tree.parse(reader.read(root, BlobType.TREE))
    except Corrupt:
        if not path:
            raise
        yield AffectedEntry(path, 1, None)
        return
    for node in nodes:
        stop.check()
        if node.subtree is not None:
            yield from _entries(reader, node.subtree, f"{path}{node.name}/", lost, stop, depth + 1)
            continue
        blobs = [node.content[at : at + 32] for at in range(0, len(node.content), 32)]
        gone = sum(blob in lost or not reader.knows(blob) for blob in blobs)
        yield AffectedEntry(f"{path}{node.name}", gone, len(blobs))


def rebuild_index(repo: Repository, *, stop: Stop, progress: Progress | None = None) -> IndexRepair:
    """Every pack that is there and can be read is named by an index afterwards, and none that is not there.

    As `restic repair index`. Holds the exclusive lock: Conflict (code "repository_locked") while anyone works. Index
    files that say only what is true stay. New ones are written before the old go: killed at any moment, it loses
    nothing and can be run again. Data is never deleted.
    """
    with repo.lock(exclusive=True, stop=stop):
        present = {bytes.fromhex(name[-64:]): size for name, size in pieces(repo.store, "data")}
        work = _Rebuild(repo, present)
        names = sorted(bytes.fromhex(name[-64:]) for name, _ in pieces(repo.store, "index"))
        for name in names:
            stop.check()
            work.look(name)
        work.add_packs(stop, progress)
        work.flush()
        stop.check()
        for name in work.old:
            repo.store.delete(f"index/{name.hex()}")
            crash_point("repair.index.removed")
    return IndexRepair(
        len(work.added - work.known),
        len(work.dropped),
        work.blobs,
        len(work.old),
        work.written,
        sorted(work.unreadable),
    )


class _Rebuild:
    """What is known on the way: `whole` packs are named by an index that stays."""

    def __init__(self, repo: Repository, present: dict[bytes, int]) -> None:
        self._repo, self._present = repo, present
        self._whole: set[bytes] = set()
        self.known: set[bytes] = set()
        self.added: set[bytes] = set()
        self.dropped: set[bytes] = set()
        self.old: list[bytes] = []
        self.unreadable: list[str] = []
        self.blobs = self.written = 0
        self._waiting: list[tuple[bytes, list[PackedBlob]]] = []

    def look(self, name: bytes) -> None:
        """Keep an index file that says only what is true; the packs of another are looked at themselves."""
        try:
            listed = documents.parse_index(documents.decode(self._repo.index_file(name), self._repo.key))
        except Corrupt:
            self.old.append(name)
            return
        self.known.update(pack for pack, _ in listed)
        wrong = [pack for pack, blobs in listed if not self._fits(pack, blobs)]
        self.dropped.update(pack for pack in wrong if pack not in self._present)
        if wrong:
            self.old.append(name)
        else:
            self._whole.update(pack for pack, _ in listed)

    def _fits(self, pack: bytes, blobs: list[PackedBlob]) -> bool:
        size = self._present.get(pack)
        return size is not None and size >= max((b.offset + b.length for b in blobs), default=0) + 4

    def add_packs(self, stop: Stop, progress: Progress | None) -> None:
        wanted = sorted(self._present.keys() - self._whole)
        for number, pack in enumerate(wanted):
            stop.check()
            try:
                blobs = read_header(self._repo, pack, self._present[pack])
                if not self._fits(pack, blobs):
                    raise Corrupt("it is shorter than its header says")
            except (Corrupt, NotFound):
                self.unreadable.append(pack.hex())
                self.dropped.update({pack} & self.known)
            else:
                self.added.add(pack)
                self._waiting.append((pack, blobs))
                self.blobs += len(blobs)
                if sum(len(listed) for _, listed in self._waiting) >= _INDEX_BLOBS:
                    self.flush()
            if progress is not None:
                progress(number + 1, len(wanted))

    def flush(self) -> None:
        if not self._waiting:
            return
        sealed = documents.encode(documents.build_index(self._waiting), self._repo.key)
        crash_point("repair.index")
        self._repo.store.put(f"index/{hashlib.sha256(sealed).hexdigest()}", [sealed])
        crash_point("repair.index.done")
        self._waiting = []
        self.written += 1
