"""Deleting what nobody needs, under the exclusive lock.

Order: needed blobs of wasteful packs are copied and named by a new index; index files that name what goes are replaced;
only then packs are deleted. Killed anywhere, every snapshot is whole: at worst something is stored or named twice.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from holdfast.formats.restic import documents
from holdfast.formats.restic.pack import PackedBlob
from holdfast.kernel.crashpoints import crash_point
from holdfast.kernel.errors import Corrupt, Denied, DiskFull, NeedsOperator
from holdfast.kernel.stop import Stop
from holdfast.vault.blobs import pack_name, unwrap
from holdfast.vault.fetching import neighbours
from holdfast.vault.gc_mark import Mark
from holdfast.vault.gc_survey import Survey, Waste, indexed, read_index
from holdfast.vault.gc_used import refused
from holdfast.vault.locks import Held
from holdfast.vault.packing import Packer
from holdfast.vault.repository import Repository

_SPAN = 8 << 20
_INDEX_BLOBS = 50_000
_SMALL_INDEX = 5_000
_MANY_SMALL = 24
_PROBE = "stream/gc/probe"

Progress = Callable[[str, int, int], None]  # phase, done, total
Packs = Iterator[tuple[bytes, list[PackedBlob]]]


@dataclass
class Doomed:
    """What may go: whole packs, packs whose other blobs are copied first (with the bits of those that go), orphans.
    `kept`: waste that is not worth a copy. `locked`: what would go, were its pack not held by the store."""

    packs: dict[bytes, Waste] = field(default_factory=dict)
    repacked: dict[bytes, int] = field(default_factory=dict)
    orphans: dict[str, int] = field(default_factory=dict)
    freed: int = 0
    kept: int = 0
    locked: int = 0

    def useless(self) -> set[str]:
        """Names of packs of which nothing is needed."""
        return {*map(pack_name, self.packs), *self.orphans}


def doomed(
    repo: Repository,
    found: Survey,
    mark: Mark | None,
    waste: float,
    stop: Stop,
    held: Callable[[str], bool] = lambda _name: False,
) -> Doomed:
    """With a mark only what it names too. Copies need no mark: another pack that stays has the blob. `held`: whether
    the store keeps a pack of this name from going."""
    result = Doomed()
    for pack, blobs in indexed(repo, found.index_files, stop):
        wasted = found.wastes.get(pack)
        if wasted is None:
            continue
        marked = wasted.unused if mark is None else wasted.unused & mark.packs.get(pack, 0)
        bits = marked | wasted.copies
        lost = sum(blob.length for number, blob in enumerate(blobs) if bits >> number & 1)
        whole = bits.bit_count() == len(blobs) and (mark is None or bool(blobs) or pack in mark.packs)
        worth = bool(bits) and lost >= waste * wasted.size
        if (whole or worth) and held(pack_name(pack)):
            result.locked += wasted.size if whole else lost
        elif whole:
            result.packs[pack] = wasted
            result.freed += wasted.size
        elif worth:
            result.repacked[pack] = bits
            result.freed += lost
        else:
            result.kept += lost
    for name, size in found.orphans.items():
        pack = bytes.fromhex(name.rpartition("/")[2])
        if mark is None or name in mark.orphans or pack in mark.packs:  # the latter by a run that was killed
            if held(name):
                result.locked += size
                continue
            result.orphans[name] = size
            result.freed += size
    return result


class Sweeper:
    """Of one delete phase. `lock` is asked before every act that cannot be taken back."""

    def __init__(self, repo: Repository, found: Survey, lock: Held, stop: Stop, progress: Progress) -> None:
        self._repo, self._found, self._lock, self._stop, self._progress = repo, found, lock, stop, progress
        self.no_room = False

    def sweep(self, going: Doomed) -> None:
        """Raises NeedsOperator (code "repository_append_only") where nothing can be deleted, Retryable when the lock
        went, Cancelled between two packs. What is left the next run finishes."""
        if going.packs or going.repacked or going.orphans:
            self._require_deletes()
        self._repack(going)
        gone = {*going.packs, *going.repacked}
        self._replace_indexes(gone)
        names = [pack_name(pack) for pack in gone if pack not in going.packs or going.packs[pack].size]
        names += going.orphans
        for done, name in enumerate(names):
            self._stop.check()
            crash_point("gc.pack")
            self._delete(name)
            self._progress("deleting", done + 1, len(names))
        crash_point("gc.packs.done")

    # -- copying ---------------------------------------------------------------------------------------------

    def _repack(self, going: Doomed) -> None:
        """Copy what is needed out of wasteful packs. On a full disk those stay as they are."""
        if not going.repacked:
            return
        packer = Packer(self._repo, _uncounted, _uncounted, self._lock.require)
        copied = 0
        try:
            for pack, blobs in indexed(self._repo, self._found.index_files, self._stop):
                if pack in going.repacked:
                    self._copy(pack, [b for n, b in enumerate(blobs) if not going.repacked[pack] >> n & 1], packer)
                    copied += 1
                    crash_point("gc.copied")
                    self._progress("copying", copied, len(going.repacked))
            self._lock.require()
            packer.finish()
        except DiskFull:
            packer.discard()
            going.repacked.clear()
            self.no_room = True
        crash_point("gc.copied.done")

    def _copy(self, pack: bytes, blobs: Sequence[PackedBlob], packer: Packer) -> None:
        """Sealed bytes as they are, each proven by its hash: a damaged one must not be the last copy's end."""
        self._stop.check()
        self._lock.require()
        for span in neighbours(blobs, _SPAN):
            start = span[0].offset
            length = span[-1].offset + span[-1].length - start
            data = memoryview(self._repo.store.get(pack_name(pack), start, length))
            for blob in span:
                sealed = data[blob.offset - start : blob.offset - start + blob.length]
                try:
                    unwrap(sealed, blob, self._repo.key)
                except Corrupt as error:
                    raise refused(f"pack {pack.hex()[:12]}: {error.message}") from None
                packer.add(blob.id, blob.type, bytes(sealed), blob.raw_length)

    # -- the index -------------------------------------------------------------------------------------------

    def _replace_indexes(self, gone: set[bytes]) -> None:
        """New index files first, all of them, then the old ones go. Many small ones become few."""
        old = self._touched(gone)
        if not old:
            return
        written = set()
        waiting: list[tuple[bytes, list[PackedBlob]]] = []
        count = 0
        for pack, blobs in indexed(self._repo, old, self._stop):
            if pack in gone:
                continue
            waiting.append((pack, blobs))
            count += len(blobs)
            if count >= _INDEX_BLOBS:
                written.add(self._put_index(waiting))
                waiting, count = [], 0
        if waiting:
            written.add(self._put_index(waiting))
        crash_point("gc.index.done")
        for done, name in enumerate(sorted(set(old) - written)):
            crash_point("gc.old_index")
            self._delete(name)
            self._progress("replacing the index", done + 1, len(old))
        crash_point("gc.old_index.done")

    def _touched(self, gone: set[bytes]) -> list[str]:
        touched, small = [], []
        for name in self._found.index_files:
            packs = read_index(self._repo, name)
            if not packs or any(pack in gone for pack, _ in packs):
                touched.append(name)
            elif sum(len(blobs) for _, blobs in packs) < _SMALL_INDEX:
                small.append(name)
        return touched + (small if len(small) >= _MANY_SMALL else [])

    def _put_index(self, packs: Sequence[tuple[bytes, list[PackedBlob]]]) -> str:
        sealed = documents.encode(documents.build_index(packs), self._repo.key)
        name = f"index/{hashlib.sha256(sealed).hexdigest()}"
        self._lock.require()
        crash_point("gc.index")
        self._repo.store.put(name, [sealed])
        return name

    # -- deleting --------------------------------------------------------------------------------------------

    def _delete(self, name: str) -> None:
        self._lock.require()
        try:
            self._repo.store.delete(name)
        except (NeedsOperator, Denied) as error:
            raise _append_only(error.message) from error

    def _require_deletes(self) -> None:
        """A small piece is written and deleted first: a repository that only grows is found before it was touched."""
        self._lock.require()
        try:
            self._repo.store.put(_PROBE, [b"probe"])
            self._repo.store.delete(_PROBE)
        except DiskFull:
            return
        except (NeedsOperator, Denied) as error:
            raise _append_only(error.message) from error


def _uncounted(_: object) -> None:
    return None


def _append_only(why: str) -> NeedsOperator:
    return NeedsOperator(
        f"nothing can be deleted in this repository: {why}",
        code="repository_append_only",
        hint="It is append-only or object-locked for this credential. Collect with a credential that may delete.",
    )
