"""What a repository holds beside what its snapshots need, pack by pack."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from holdfast.formats.restic import documents
from holdfast.formats.restic.pack import BlobType, PackedBlob, header_length, parse_header
from holdfast.formats.restic.sealing import OVERHEAD
from holdfast.kernel.errors import Corrupt, NotFound
from holdfast.kernel.stop import Stop
from holdfast.vault.blobs import pack_name
from holdfast.vault.gc_used import UsedIds, refused, used_blobs
from holdfast.vault.index import BlobIndex
from holdfast.vault.repository import Repository
from holdfast.vault.stores.base import pieces

_FRAME = 4  # bytes of the header's length
_PLAIN_ENTRY, _COMPRESSED_ENTRY = 37, 41


@dataclass(frozen=True, slots=True)
class Waste:
    """A pack with blobs that nobody needs. `unused` and `copies`: a bit for each of its blobs in order of offset; of a
    copy another pack has one as well. `size` 0 = the pack itself is gone."""

    pack: bytes
    size: int
    unused: int
    copies: int


@dataclass(frozen=True)
class Survey:
    """`orphans`: packs that no index names, with their sizes; a writer that died left them, or one is just writing."""

    snapshots: int
    packs: int
    blobs: int
    size: int
    used: int
    wastes: Mapping[bytes, Waste]
    orphans: Mapping[str, int]
    index_files: Sequence[str]


def survey(repo: Repository, stop: Stop) -> Survey:
    """Read all snapshots, trees and index files. The caller holds a lock.

    Raises Corrupt (code "gc_refused") when a needed blob is in no index, or its pack is missing or has another size
    than its blobs make: then what looks unneeded may be all there is.
    """
    names = [name for name, _ in pieces(repo.store, "snapshots")]  # before the index, and the index before the packs:
    files = [name for name, _ in pieces(repo.store, "index")]  # what is just being written is no error then
    if errors := repo.index_errors():
        raise refused(errors[0])
    index = repo.index()
    snapshots, used = used_blobs(repo, names, index, stop)
    present = {bytes.fromhex(name.rpartition("/")[2]): size for name, size in pieces(repo.store, "data")}
    looker = _Looker(repo, index, used, present)
    for pack, blobs in indexed(repo, files, stop):
        looker.look(pack, blobs)
    if looker.used > len(used):
        looker.find_copies(indexed(repo, files, stop))
    orphans = {pack_name(pack): size for pack, size in present.items() if pack not in looker.seen}
    return Survey(
        snapshots, len(present), looker.blobs, sum(present.values()), len(used), looker.wastes, orphans, files
    )


def indexed(repo: Repository, files: Sequence[str], stop: Stop) -> Iterator[tuple[bytes, list[PackedBlob]]]:
    """Every pack of these index files once, its blobs in order of offset. Holds one file at a time."""
    seen: set[bytes] = set()
    for name in files:
        stop.check()
        for pack, blobs in read_index(repo, name):
            if pack not in seen:
                seen.add(pack)
                yield pack, sorted(blobs, key=lambda blob: blob.offset)


def read_index(repo: Repository, name: str) -> list[tuple[bytes, list[PackedBlob]]]:
    try:
        sealed = repo.store.get(name)
        if hashlib.sha256(sealed).hexdigest() != name.rpartition("/")[2]:
            raise Corrupt("its bytes do not match its name")
        return documents.parse_index(documents.decode(sealed, repo.key))
    except NotFound:
        return []  # someone else's prune, before we had the lock
    except Corrupt as error:
        raise refused(f"index {name[6:18]} is damaged: {error.message}") from None


class _Looker:
    def __init__(self, repo: Repository, index: BlobIndex, used: UsedIds, present: Mapping[bytes, int]) -> None:
        self._repo, self._index, self._used, self._present = repo, index, used, present
        self.seen: set[bytes] = set()
        self.wastes: dict[bytes, Waste] = {}
        self.blobs = self.used = 0

    def look(self, pack: bytes, blobs: Sequence[PackedBlob]) -> None:
        self.seen.add(pack)
        self.blobs += len(blobs)
        unused = 0
        for number, blob in enumerate(blobs):
            if blob.id not in self._used:
                unused |= 1 << number
        needed = len(blobs) - unused.bit_count()
        self.used += needed
        size = self._present.get(pack)
        if needed:
            self._require_whole(pack, blobs, size)
        if unused or not blobs:
            self.wastes[pack] = Waste(pack, size or 0, unused, 0)

    def _require_whole(self, pack: bytes, blobs: Sequence[PackedBlob], size: int | None) -> None:
        if size is None:
            raise refused(f"pack {pack.hex()[:12]} is missing, and snapshots need it")
        entries = sum(_COMPRESSED_ENTRY if blob.raw_length else _PLAIN_ENTRY for blob in blobs)
        if size == blobs[-1].offset + blobs[-1].length + OVERHEAD + entries + _FRAME:
            return
        if not self._header_agrees(pack, blobs, size):
            raise refused(f"pack {pack.hex()[:12]} has {size} bytes, not what its blobs make")

    def _header_agrees(self, pack: bytes, blobs: Sequence[PackedBlob], size: int) -> bool:
        """An index may name fewer blobs than the pack has: its own header decides."""
        try:
            name = pack_name(pack)
            length = header_length(self._repo.store.get(name, max(0, size - _FRAME), _FRAME))
            listed = parse_header(self._repo.store.get(name, max(0, size - _FRAME - length), length), self._repo.key)
        except (Corrupt, NotFound):
            return False
        whole = listed[-1].offset + listed[-1].length + length + _FRAME if listed else 0
        return whole == size and set(blobs) <= set(listed)

    def find_copies(self, packs: Iterator[tuple[bytes, list[PackedBlob]]]) -> None:
        """Needed blobs that another pack has as well: the one that the index finds is kept."""
        for pack, blobs in packs:
            copies = 0
            for number, blob in enumerate(blobs):
                if blob.id in self._used and not self._is_home(pack, blob.id, blob.type):
                    copies |= 1 << number
            if copies:
                before = self.wastes.get(pack)
                unused = before.unused if before else 0
                self.wastes[pack] = Waste(pack, self._present.get(pack, 0), unused, copies)

    def _is_home(self, pack: bytes, blob: bytes, kind: BlobType) -> bool:
        found = self._index.find(blob, kind)
        return found is None or found[0] == pack
