"""Writing a snapshot: its bytes pass the line (see `line`), its document is written last.

A crash leaves packs nobody refers to, never a readable but wrong snapshot.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from holdfast.contract.catalog import JSON
from holdfast.contract.codec import manifest_to_json
from holdfast.contract.snapshot import Capture, Manifest
from holdfast.formats.restic import documents
from holdfast.formats.restic.documents import SnapshotDocument
from holdfast.kernel.clock import timestamp
from holdfast.kernel.crashpoints import crash_point
from holdfast.kernel.errors import Cancelled, DiskFull, Retryable
from holdfast.kernel.stop import Stop
from holdfast.vault.layout import complete, store_trees
from holdfast.vault.line import Line, SnapshotStats
from holdfast.vault.locks import Held
from holdfast.vault.options import SnapshotOptions
from holdfast.vault.repository import MANIFEST, Repository

__all__ = [
    "About",
    "SnapshotOptions",
    "SnapshotStats",
    "WrittenSnapshot",
    "put_document",
    "put_snapshot",
    "write_snapshot",
]


@dataclass(frozen=True)
class WrittenSnapshot:
    """`id` is the snapshot's name in the repository, as stock restic shows it."""

    id: str
    manifest: Manifest
    stats: SnapshotStats


@dataclass(frozen=True)
class About:
    """What a snapshot's document says of it, as stock restic shows it; `facts` go into the manifest."""

    hostname: str
    paths: Sequence[str]
    tags: Sequence[str] = ()
    facts: Mapping[str, JSON] = field(default_factory=dict)
    parent: str | None = None


def put_snapshot(repo: Repository, lock: Held, about: About, root: bytes) -> str:
    """The last write of a snapshot: whatever its tree refers to is durable and in an index. Its name.

    Raises Retryable when the lock went before or meanwhile; then there is no snapshot."""
    snapshot = SnapshotDocument(
        time=timestamp(repo.clock.now()),
        tree=root.hex(),
        paths=tuple(about.paths),
        hostname=about.hostname,
        username="holdfast",
        tags=tuple(about.tags),
        parent=about.parent,
    )
    return put_document(repo, lock, snapshot, "upload.snapshot")


def put_document(repo: Repository, lock: Held, document: SnapshotDocument, point: str) -> str:
    """As `put_snapshot`, of a document that is made already. `point`: where a test may crash it."""
    sealed = documents.encode(document.as_dict(), repo.key)
    name = hashlib.sha256(sealed).hexdigest()
    crash_point(point)
    lock.require()
    repo.store.put(f"snapshots/{name}", [sealed])
    crash_point(f"{point}.done")
    _require_since(repo, lock, name)
    return name


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
    no new snapshot. What was stored by then is found again next time when an index names it: one is written as the
    snapshot goes (see `packing`) and on Cancelled; after DiskFull the packs no index names are deleted, after other
    errors they are left for a prune.
    """
    stop = stop or Stop()
    with repo.locks.held(stop=stop, wait=patience) as lock:
        repo.store.sweep()
        inherited = repo.nodes(parent) if parent else {}
        line = Line(repo, inherited, stop, progress, options or SnapshotOptions(), lock)
        try:
            manifest = complete(line.run(capture), line.files, facts or {})
            stop.check()
            extra = {MANIFEST: manifest_to_json(manifest), **capture.companions()}
            root = store_trees(line.files, extra, line.add_now, timestamp(repo.clock.now()))
            line.packer.finish()
        except Cancelled:
            line.packer.write_index()  # refuses without the lock
            raise
        except DiskFull:
            line.packer.discard()
            raise
        stop.check()
        about = About(hostname, paths, tags, facts or {}, parent)
        name = put_snapshot(repo, lock, about, root)
    return WrittenSnapshot(name, manifest, line.stats)
