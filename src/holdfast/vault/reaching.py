"""Which snapshots damage reaches: those that would be read from where a blob of theirs is lost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from holdfast.formats.restic import tree
from holdfast.formats.restic.pack import BlobType
from holdfast.kernel.errors import Corrupt, NotFound
from holdfast.kernel.stop import Stop
from holdfast.vault.blobs import BlobReader
from holdfast.vault.index_view import Runs
from holdfast.vault.repository import MAX_DEPTH, Repository

_NAMED = 3  # packs that a reason tells


@dataclass(frozen=True)
class Reached:
    """Why a snapshot cannot be restored whole. `packs`: ids of those that lost blobs of it, sorted; none when the
    snapshot itself cannot be read, or needs what no index names."""

    reason: str
    packs: tuple[bytes, ...] = ()


class Lost:
    """Blobs that cannot be read, and the pack each was lost with: a blob that is read from another pack is not lost.
    About 200 bytes for each."""

    def __init__(self, reader: BlobReader) -> None:
        self._reader = reader
        self._packs: dict[bytes, bytes] = {}

    def __bool__(self) -> bool:
        return bool(self._packs)

    def add(self, pack: bytes, blobs: Iterable[bytes]) -> None:
        for blob in blobs:
            if any(self._reader.lies_in(blob, kind, pack) for kind in (BlobType.DATA, BlobType.TREE)):
                self._packs[blob] = pack

    def pack_of(self, blob: bytes) -> bytes | None:
        return self._packs.get(blob)

    def among(self, content: bytes) -> list[bytes]:
        ids = (content[at : at + 32] for at in range(0, len(content), 32))
        return [blob for blob in ids if blob in self._packs]


def reached(
    repo: Repository, snapshots: Sequence[str], lost: Lost, broken: Mapping[str, str], stop: Stop
) -> dict[str, Reached]:
    """By id. `broken`: snapshots whose structure is known to be wrong, and how."""
    found = {snapshot: Reached(why) for snapshot, why in broken.items()}
    if not lost:
        return found
    walk = _Walk(repo.reader(), lost, stop)
    for snapshot in snapshots:
        stop.check()
        try:
            packs = tuple(sorted(walk.below(repo.root_of(snapshot), 0)))
        except NotFound:
            continue  # forgotten meanwhile
        except Corrupt as error:
            found.setdefault(snapshot, Reached(error.message))
            continue
        if packs:
            found[snapshot] = Reached(_reason(packs), packs)
    return found


def _reason(packs: Sequence[bytes]) -> str:
    names = ", ".join(pack.hex()[:12] for pack in packs[:_NAMED])
    more = f" and {len(packs) - _NAMED} more" if len(packs) > _NAMED else ""
    return f"it needs data of the pack {names}{more}, which is missing or damaged"


class _Walk:
    """Each tree once, however many snapshots share it."""

    def __init__(self, reader: BlobReader, lost: Lost, stop: Stop) -> None:
        self._reader, self._lost, self._stop = reader, lost, stop
        self._runs, self._trees = Runs(), dict[bytes, frozenset[bytes]]()

    def below(self, root: bytes, depth: int) -> frozenset[bytes]:
        """The packs with which something below was lost. What lies below a lost tree cannot be known."""
        if (gone := self._lost.pack_of(root)) is not None:
            return frozenset((gone,))
        if root in self._trees:
            return self._trees[root]
        if depth > MAX_DEPTH:
            raise Corrupt("its directories are nested too deeply")
        packs: set[bytes] = set()
        for node in tree.parse(self._reader.read(root, BlobType.TREE)):
            self._stop.check()
            if node.subtree is not None:
                packs |= self.below(node.subtree, depth + 1)
            for blob in self._runs.of(node.content, self._lost.among):
                packs.add(self._lost.pack_of(blob) or b"")
        self._trees[root] = frozenset(packs)
        return self._trees[root]
