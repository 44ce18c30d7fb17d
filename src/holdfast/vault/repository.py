"""A restic v2 repository: keys, index, snapshots, trees. Writing snapshots is `pipeline`, checking is `check`."""

from __future__ import annotations

import hashlib
import os
import socket
import threading
from collections.abc import Collection, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from holdfast.contract.catalog import JSON
from holdfast.contract.codec import manifest_from_json
from holdfast.contract.snapshot import Manifest
from holdfast.formats.restic import documents, keyfile, tree
from holdfast.formats.restic.documents import SnapshotDocument
from holdfast.formats.restic.pack import BlobType
from holdfast.formats.restic.polynomial import random_polynomial
from holdfast.formats.restic.sealing import Key
from holdfast.kernel.clock import Clock, SystemClock, timestamp
from holdfast.kernel.errors import Conflict, Corrupt, Denied, HoldfastError, NotFound
from holdfast.kernel.stop import Stop
from holdfast.vault.blobs import BlobReader
from holdfast.vault.index import BlobIndex, IndexFiles, Rows
from holdfast.vault.locks import Locks
from holdfast.vault.source import SnapshotSource
from holdfast.vault.stores.base import Store, pieces

if TYPE_CHECKING:
    from holdfast.vault.check import CheckReport, VerifyReport
    from holdfast.vault.proving import Progress
    from holdfast.vault.subset import Choice

MANIFEST = "manifest.json"
MAX_DEPTH = 64


@dataclass(frozen=True)
class SnapshotInfo:
    """A snapshot as the repository itself knows it. `id` is the file's name, as stock restic shows it."""

    id: str
    time: str
    hostname: str
    paths: tuple[str, ...]
    tags: tuple[str, ...]
    tree: str


@dataclass(frozen=True)
class TreeEntry:
    """One file of a snapshot. `facts` are the manifest's for that path."""

    path: str
    size: int
    type: str
    facts: dict[str, JSON]


@dataclass(frozen=True)
class KeyInfo:
    id: str
    created: str
    username: str
    hostname: str


@dataclass(frozen=True)
class RepositoryStats:
    snapshots: int
    packs: int
    bytes: int
    blobs: int


class Repository:
    """An open repository. Thread-safe for reading; one pipeline writes at a time per process."""

    def __init__(self, store: Store, key: Key, config: dict[str, Any], clock: Clock, cache: Path | None = None) -> None:
        """`cache`: a directory of this machine where the index is kept sorted, one folder for each repository; None =
        it is read anew by each object."""
        self.store, self.key, self.config, self.clock = store, key, config, clock
        self.id: str = str(config["id"])
        self.locks = Locks(store, key, clock)
        self._index: BlobIndex | None = None
        self._cache = cache / hashlib.sha256(self.id.encode()).hexdigest()[:32] if cache else None
        self._index_turn = threading.Lock()

    # -- opening ---------------------------------------------------------------------------------------------

    @classmethod
    def create(cls, store: Store, password: str, clock: Clock | None = None, cache: Path | None = None) -> Repository:
        """A new, empty repository. Raises Conflict (code "repository_exists") when one is there."""
        if store.exists("config"):
            raise Conflict("there is a repository here already", code="repository_exists")
        clock, key = clock or SystemClock(), Key.generate()
        config = {"version": 2, "id": os.urandom(32).hex(), "chunker_polynomial": f"{random_polynomial():x}"}
        repo = cls(store, key, config, clock, cache)
        own = repo.add_key(password)
        try:
            store.create("config", [documents.encode_config(config, key)])
        except Conflict:  # someone was faster: our key opens nothing
            store.delete(f"keys/{own}")
            raise Conflict("there is a repository here already", code="repository_exists") from None
        repo._drop_idle_keys(password, own)
        return repo

    @classmethod
    def open(cls, store: Store, password: str, clock: Clock | None = None, cache: Path | None = None) -> Repository:
        """Raises NotFound when there is none, Denied (code "repository_password"), Corrupt."""
        if not store.exists("config"):
            raise NotFound("there is no repository here", code="repository_missing")
        key, config = _unlock(store, password, store.get("config"))
        if config.get("version") != 2 or not isinstance(config.get("id"), str):
            raise Corrupt(f"this repository has version {config.get('version')!r}; Holdfast reads version 2")
        return cls(store, key, config, clock or SystemClock(), cache)

    # -- keys ------------------------------------------------------------------------------------------------

    def add_key(self, password: str) -> str:
        """One more password for the same repository; the new key's id."""
        created = timestamp(self.clock.now())
        data = keyfile.build(self.key, password, created=created, username="holdfast", hostname=socket.gethostname())
        name = hashlib.sha256(data).hexdigest()
        self.store.put(f"keys/{name}", [data])
        return name

    def _drop_idle_keys(self, password: str, own: str) -> None:
        """A key of that password for another master key is a dead creator's. Stock restic takes the first key that a
        password opens: with that one it would call the repository damaged."""
        with suppress(HoldfastError):  # whoever opens it next tries again
            for name, _ in list(pieces(self.store, "keys")):
                with suppress(Denied):
                    if name != f"keys/{own}" and keyfile.unlock(_key_file(self.store, name), password) != self.key:
                        self.store.delete(name)

    def keys(self) -> list[KeyInfo]:
        found = []
        for name, _ in pieces(self.store, "keys"):
            about = keyfile.describe(self.store.get(name))
            found.append(
                KeyInfo(
                    name.split("/")[-1],
                    str(about["created"]),
                    str(about["username"] or ""),
                    str(about["hostname"] or ""),
                )
            )
        return found

    def keys_of(self, password: str) -> list[str]:
        """The ids of the keys that this password opens. Half a second of work for each key there is.

        Raises Corrupt for a key file that is not what its name says: who passes over it would say that a password
        opens nothing any more, and it does."""
        found = []
        for name, _ in pieces(self.store, "keys"):
            with suppress(Denied):
                keyfile.unlock(_key_file(self.store, name), password)
                found.append(name.split("/")[-1])
        return found

    def remove_key(self, key_id: str) -> None:
        """Raises Conflict for the last one: without a key nobody could ever read the repository again."""
        if [k.id for k in self.keys()] == [key_id]:
            raise Conflict("this is the only key of the repository", code="last_key")
        self.store.delete(f"keys/{key_id}")

    def lock(self, *, exclusive: bool = False, stop: Stop | None = None) -> AbstractContextManager[Stop]:
        """See `Locks.hold`."""
        return self.locks.hold(exclusive=exclusive, stop=stop)

    # -- index and snapshots ---------------------------------------------------------------------------------

    def index(self) -> BlobIndex:
        """The index, made anew when index files went (a prune) and added to when new ones came.

        A damaged index file is left out and named by `index_errors`: what other files name stays readable."""
        with self._index_turn:
            names = frozenset(bytes.fromhex(name.rpartition("/")[2]) for name, _ in pieces(self.store, "index"))
            if self._index is None or not self._index.holds(names):
                files = IndexFiles(self._index_rows, lambda name: self.store.exists(f"index/{name.hex()}"))
                self._index = BlobIndex(self._cache, hashlib.sha256(self.id.encode()).digest(), files)
            self._index.sync(names)
            return self._index

    def _index_rows(self, name: bytes) -> Rows:
        return documents.parse_index_rows(documents.decode(self.index_file(name), self.key))

    def index_file(self, name: bytes) -> bytes:
        """An index file as stored. Raises NotFound, Corrupt when its bytes do not match its name."""
        sealed = self.store.get(f"index/{name.hex()}")
        if hashlib.sha256(sealed).digest() != name:
            raise Corrupt("its bytes do not match its name")
        return sealed

    def index_errors(self) -> list[str]:
        """One sentence for each damaged index file; each is read for it."""
        found = dict(self.index().errors)
        for piece, _ in pieces(self.store, "index"):
            name = bytes.fromhex(piece.rpartition("/")[2])
            try:
                if name not in found:
                    self.index_file(name)
            except Corrupt as error:
                found[name] = error.message
            except NotFound:
                continue  # a prune took it between the listing and the look
        return sorted(f"index {name.hex()[:12]} is damaged: {said}" for name, said in found.items())

    def reader(self) -> BlobReader:
        return BlobReader(self.store, self.key, self.index())

    def snapshots(self) -> list[SnapshotInfo]:
        """Oldest first."""
        found = []
        for name, _ in pieces(self.store, "snapshots"):
            document = self.document(name.split("/")[-1])
            found.append(
                SnapshotInfo(
                    name.split("/")[-1],
                    document.time,
                    document.hostname,
                    document.paths,
                    document.tags,
                    document.tree,
                )
            )
        return sorted(found, key=lambda s: s.time)

    def document(self, snapshot_id: str) -> SnapshotDocument:
        """The snapshot's own file. Raises NotFound, Corrupt."""
        try:
            sealed = self.store.get(f"snapshots/{snapshot_id}")
        except NotFound:
            raise NotFound(f"the repository has no snapshot {snapshot_id[:12]}", code="snapshot_missing") from None
        if hashlib.sha256(sealed).hexdigest() != snapshot_id:
            raise Corrupt(f"the snapshot file {snapshot_id[:12]} does not match its name")
        return SnapshotDocument.from_dict(documents.decode(sealed, self.key))

    def root_of(self, snapshot_id: str) -> bytes:
        """The id of the snapshot's root tree. Raises NotFound, Corrupt."""
        return bytes.fromhex(self.document(snapshot_id).tree)

    def forget(self, snapshot_id: str) -> None:
        """Remove the snapshot; its space comes back when the repository is pruned. Absent is success."""
        self.store.delete(f"snapshots/{snapshot_id}")

    def sealed(self, facts: Mapping[str, Any]) -> bytes:
        """Facts as they lie beside the snapshots."""
        return documents.encode(dict(facts), self.key)

    def unsealed(self, data: bytes) -> dict[str, Any]:
        """Inverse of `sealed`. Raises Corrupt."""
        return documents.decode(data, self.key)

    # -- inside a snapshot -----------------------------------------------------------------------------------

    def nodes(self, snapshot_id: str) -> dict[str, tree.Node]:
        """Every file of a snapshot by path, in order."""
        return dict(self.files(snapshot_id))

    def files(self, snapshot_id: str) -> Iterator[tuple[str, tree.Node]]:
        """As `nodes`, one after the other: only the directories on the way are held."""
        reader, root = self.reader(), self.root_of(snapshot_id)
        return _walk(reader, root, "", 0)

    def manifest(self, snapshot_id: str) -> Manifest:
        """Raises Corrupt when the snapshot was not written by Holdfast or cannot be read."""
        reader = self.reader()
        root = tree.parse(reader.read(self.root_of(snapshot_id), BlobType.TREE))
        node = next((n for n in root if n.name == MANIFEST), None)
        if node is None:
            raise Corrupt("this snapshot has no manifest: it was not made by Holdfast", code="not_ours")
        return manifest_from_json(_content(reader, node))

    def tree(self, snapshot_id: str) -> list[TreeEntry]:
        manifest = self.manifest(snapshot_id)
        return [
            TreeEntry(path, node.size, node.type, dict(manifest.entries.get(path, {})))
            for path, node in self.nodes(snapshot_id).items()
        ]

    def source(self, snapshot_id: str) -> SnapshotSource:
        """To restore from. Close it (or use `with`): it has threads, and a lock that keeps others from pruning.

        Raises Conflict (code "repository_locked") while someone prunes."""
        with ExitStack() as stack:
            stack.enter_context(self.locks.reading())
            manifest, files, reader = self.manifest(snapshot_id), self.nodes(snapshot_id), self.reader()
            return SnapshotSource(manifest, files, reader, release=stack.pop_all().close)

    def verify_snapshot(
        self, snapshot_id: str, stop: Stop | None = None, progress: Progress | None = None
    ) -> VerifyReport:
        """See `check.verify_snapshot`."""
        from holdfast.vault import check

        return check.verify_snapshot(self, snapshot_id, stop, progress)

    def check(
        self,
        read_data: bool = False,
        stop: Stop | None = None,
        progress: Progress | None = None,
        choice: Choice | None = None,
        suspects: Collection[bytes] = (),
    ) -> CheckReport:
        """See `check.check_repository`."""
        from holdfast.vault import check

        return check.check_repository(
            self, read_data=read_data, choice=choice, suspects=suspects, stop=stop, progress=progress
        )

    def stats(self) -> RepositoryStats:
        sizes = [size for _, size in pieces(self.store, "data")]
        return RepositoryStats(
            sum(1 for _ in pieces(self.store, "snapshots")), len(sizes), sum(sizes), len(self.index())
        )


def _key_file(store: Store, name: str) -> bytes:
    data, key_id = store.get(name), name.rpartition("/")[2]
    if hashlib.sha256(data).hexdigest() != key_id:
        raise Corrupt(f"the key file {key_id[:12]} does not match its name")
    return data


def _unlock(store: Store, password: str, sealed_config: bytes) -> tuple[Key, dict[str, Any]]:
    """The key that the password opens and that opens the config. A writer killed while it made the repository may have
    left a key of the same password that opens nothing: it goes, or stock restic calls the repository damaged."""
    refused: Denied | Corrupt | None = None
    idle = []
    for name, _ in pieces(store, "keys"):
        data = _key_file(store, name)
        try:
            key = keyfile.unlock(data, password)
            idle.append(name)
            config = documents.decode(sealed_config, key)
        except (Denied, Corrupt) as error:
            refused = error if refused is None or isinstance(error, Corrupt) else refused
            continue
        with suppress(HoldfastError):  # a store that only grows, or one that fails now: nothing of ours depends on it
            for other in idle[:-1]:
                store.delete(other)
        return key, config
    raise refused or Corrupt("the repository has no key file")


def _walk(reader: BlobReader, root: bytes, prefix: str, depth: int) -> Iterator[tuple[str, tree.Node]]:
    if depth > MAX_DEPTH:
        raise Corrupt("the snapshot's directories are nested too deeply")
    for node in tree.parse(reader.read(root, BlobType.TREE)):
        path = f"{prefix}{node.name}"
        if node.subtree is not None:
            yield from _walk(reader, node.subtree, path + "/", depth + 1)
        else:
            yield path, node


def _content(reader: BlobReader, node: tree.Node) -> bytes:
    return b"".join(reader.read(node.content[at : at + 32]) for at in range(0, len(node.content), 32))
