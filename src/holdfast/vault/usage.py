"""What a repository takes, by kind and by whom its snapshots are of, and what no snapshot needs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from holdfast.formats.restic import tree
from holdfast.formats.restic.pack import BlobType
from holdfast.kernel.errors import Corrupt, NotFound
from holdfast.kernel.stop import Stop
from holdfast.vault.blobs import BlobReader
from holdfast.vault.index_view import Chosen
from holdfast.vault.repository import MAX_DEPTH, Repository
from holdfast.vault.stores.base import pieces

KINDS = ("data", "index", "snapshots", "keys", "locks")


@dataclass(frozen=True)
class KindUsage:
    files: int
    bytes: int


@dataclass(frozen=True)
class OwnerUsage:
    """`bytes`: stored bytes its snapshots need, each once. What owners share counts at each of them."""

    owner: str
    snapshots: int
    bytes: int


@dataclass(frozen=True)
class Usage:
    """Stored bytes. `referenced` is what snapshots need, each once; `unreferenced` what a garbage collection could
    free: blobs no snapshot needs, and packs no index names. `unreadable` snapshots could not be counted: while there
    are any, nothing should be called unreferenced."""

    kinds: Mapping[str, KindUsage]
    owners: list[OwnerUsage]
    referenced: int
    unreferenced: int
    unreadable: list[str]

    @property
    def bytes(self) -> int:
        return sum(kind.bytes for kind in self.kinds.values())


def measure(
    repo: Repository, owner: Callable[[str], str], stop: Stop, progress: Callable[[int, int], None] | None = None
) -> Usage:
    """`owner` tells whose a snapshot is, by its id. Reads trees, never data; holds the readers' lock and two bits for
    each blob. `progress` hears of snapshots done, and how many there are."""
    with repo.locks.reading():
        groups: dict[str, list[str]] = {}
        for info in repo.snapshots():
            groups.setdefault(owner(info.id), []).append(info.id)
        view = repo.index().view()
        present = {bytes.fromhex(name[-64:]): size for name, size in pieces(repo.store, "data")}
        reader, everything = repo.reader(), view.choose()
        owners, unreadable, done = list[OwnerUsage](), list[str](), 0
        for name, snapshots in sorted(groups.items()):
            own = view.choose()
            for snapshot in snapshots:
                stop.check()
                try:
                    root = repo.root_of(snapshot)
                    need(reader, root, (own, everything), stop)
                except NotFound:
                    continue  # forgotten meanwhile
                except Corrupt:
                    unreadable.append(snapshot)
                done += 1
                if progress is not None:
                    progress(done, sum(map(len, groups.values())))
            owners.append(OwnerUsage(name, len(snapshots), own.bytes))
        stored = 0
        for pack, length in view.stored():
            stop.check()
            stored += length if present.pop(pack, None) is not None else 0
    kinds = {kind: _kind(repo, kind) for kind in KINDS}  # without the lock held until here
    unreferenced = max(0, stored - everything.bytes) + sum(present.values())
    return Usage(kinds, owners, everything.bytes, unreferenced, unreadable)


def need(reader: BlobReader, root: bytes, chosen: Iterable[Chosen], stop: Stop, depth: int = 0) -> None:
    """Choose a tree and all below it. Raises Corrupt for a tree that cannot be read; what the index lacks is left
    out."""
    if depth > MAX_DEPTH:
        raise Corrupt("its directories are nested too deeply")
    wanted = [some for some in chosen if not some.has(root, BlobType.TREE)]
    if not wanted:
        return
    for node in tree.parse(reader.read(root, BlobType.TREE)):
        stop.check()
        if node.subtree is not None:
            need(reader, node.subtree, wanted, stop, depth + 1)
        for some in wanted:
            some.add(node.content)
    for some in wanted:  # last: a tree that was given up half way is not taken for done
        some.add(root, BlobType.TREE)


def _kind(repo: Repository, kind: str) -> KindUsage:
    sizes = [size for _, size in pieces(repo.store, kind)]
    return KindUsage(len(sizes), sum(sizes))
