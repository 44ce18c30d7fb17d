"""Which packs only old snapshots need: they may lie in a colder class that is still read at once.

Index, snapshots, keys, config, locks and packs of trees never move: every snapshot, check and collection reads them.
"""

from __future__ import annotations

from collections.abc import Callable

from holdfast.formats.restic.pack import BlobType
from holdfast.kernel.errors import Corrupt, NotFound
from holdfast.kernel.stop import Stop
from holdfast.vault.blobs import pack_name
from holdfast.vault.proving import Progress
from holdfast.vault.repository import Repository, SnapshotInfo
from holdfast.vault.usage import need


def movable(
    repo: Repository, young: Callable[[SnapshotInfo], bool], stop: Stop, progress: Progress | None = None
) -> frozenset[str]:
    """Names of packs of data of which an old snapshot needs a blob and no young one does. What no snapshot needs stays:
    the next collection deletes it. Reads trees, never data; the caller holds the readers' lock.

    Raises Corrupt (code "colder_refused") when a snapshot cannot be read: then nobody knows what is needed.
    """
    view, reader = repo.index().view(), repo.reader()
    hot, cold = view.choose(), view.choose()
    snapshots = repo.snapshots()
    for done, info in enumerate(snapshots):
        stop.check()
        try:
            need(reader, repo.root_of(info.id), (hot if young(info) else cold,), stop)
        except NotFound:
            continue  # forgotten meanwhile
        except Corrupt as error:
            raise Corrupt(
                f"snapshot {info.id[:12]} cannot be read, so nothing moves: {error.message}",
                code="colder_refused",
                hint="`holdfast repo check` says what is damaged.",
            ) from None
        if progress is not None:
            progress(done + 1, len(snapshots))
    warm = {pack for pack, _ in view.contents(hot)}
    found = set[str]()
    for pack, blobs in view.contents(cold):
        if pack not in warm and all(blob.type is BlobType.DATA for blob in blobs):
            found.add(pack_name(pack))
    return frozenset(found)
