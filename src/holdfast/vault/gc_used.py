"""Which blobs the snapshots of a repository need: the mark of mark and sweep."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence

from holdfast.formats.restic import tree
from holdfast.formats.restic.pack import BlobType
from holdfast.kernel.errors import Corrupt, NotFound
from holdfast.kernel.stop import Stop
from holdfast.vault.index import BlobIndex
from holdfast.vault.repository import MAX_DEPTH, Repository

_FIRST_SLOTS = 1 << 16
_FULL = 0.75  # of the slots; beyond, chains grow long
_STOP_EVERY = 4096  # ids between two looks at the stop


class UsedIds:
    """A set of blob ids by their first 64 bits: 11 to 21 bytes each, ten million in 134 MB.

    Two ids that begin alike count as one: then garbage is kept, never a needed blob given away.
    """

    def __init__(self) -> None:
        self._slots = array("Q", bytes(8 * _FIRST_SLOTS))
        self._mask = _FIRST_SLOTS - 1
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, blob: bytes) -> bool:
        """Whether it was new."""
        number = int.from_bytes(blob[:8], "little") or 1  # 0 marks an empty slot
        if self._count > len(self._slots) * _FULL:
            self._grow()
        slots, mask = self._slots, self._mask
        at = number & mask
        while found := slots[at]:
            if found == number:
                return False
            at = (at + 1) & mask
        slots[at] = number
        self._count += 1
        return True

    def __contains__(self, blob: bytes) -> bool:
        number = int.from_bytes(blob[:8], "little") or 1
        slots, mask = self._slots, self._mask
        at = number & mask
        while found := slots[at]:
            if found == number:
                return True
            at = (at + 1) & mask
        return False

    def _grow(self) -> None:
        old, self._mask = self._slots, 2 * len(self._slots) - 1
        slots = self._slots = array("Q", bytes(16 * len(old)))
        for number in old:
            if number:
                at = number & self._mask
                while slots[at]:
                    at = (at + 1) & self._mask
                slots[at] = number


def refused(message: str) -> Corrupt:
    """Nothing may be deleted from a repository that is not whole."""
    return Corrupt(
        f"the repository is not whole, so nothing is deleted: {message}",
        code="gc_refused",
        hint="Check it with --read-data and repair it first; a snapshot that cannot be repaired can be deleted.",
    )


def used_blobs(repo: Repository, snapshots: Sequence[str], index: BlobIndex, stop: Stop) -> tuple[int, UsedIds]:
    """(snapshots that are still there, ids of all blobs they need, trees included).

    Raises Corrupt (code "gc_refused") for a snapshot or tree that cannot be read and a blob that no index has.
    """
    used, trees, there = UsedIds(), set[bytes](), 0
    for name in snapshots:
        stop.check()
        try:
            root = repo.root_of(name.rpartition("/")[2])
        except NotFound:
            continue  # forgotten meanwhile
        except Corrupt as error:
            raise refused(error.message) from None
        there += 1
        for blob, kind in _below(repo, root, trees, stop):
            if used.add(blob) and index.find(blob, kind) is None:
                raise refused(f"blob {blob.hex()[:12]} of the snapshot {name[10:22]} is in no index")
    return there, used


def _below(repo: Repository, root: bytes, trees: set[bytes], stop: Stop) -> Iterator[tuple[bytes, BlobType]]:
    """Every tree not walked before and every blob of its files."""
    reader, waiting, seen = repo.reader(), [(root, 0)], 0
    while waiting:
        blob, depth = waiting.pop()
        if blob in trees:
            continue
        trees.add(blob)
        yield blob, BlobType.TREE
        if depth > MAX_DEPTH * 4:
            raise refused("directories are nested too deeply")
        try:
            nodes = tree.parse(reader.read(blob, BlobType.TREE))
        except Corrupt as error:
            raise refused(error.message) from None
        for node in nodes:
            if node.subtree is not None:
                waiting.append((node.subtree, depth + 1))
            for at in range(0, len(node.content), 32):
                seen += 1
                if seen % _STOP_EVERY == 0:
                    stop.check()
                yield node.content[at : at + 32], BlobType.DATA
