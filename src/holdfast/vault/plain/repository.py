"""A plain-file repository: one file for each snapshot, below `files/`, with what belongs to it beside it.

holdfast-files.json                            whose it is
files/shop/production/app/2026-...-snap_x.sqlite.gz                the file: stock tools open it
files/shop/production/app/2026-...-snap_x.sqlite.gz.holdfast       notes, sealed as the file is
files/shop/production/app/2026-...-snap_x.sqlite.gz.RESTORE.md     how it is opened
files/shop/production/app/2026-...-snap_x.sqlite.gz.json           the document, written last: with it, it counts
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from holdfast.contract.snapshot import Manifest
from holdfast.kernel.clock import Clock, SystemClock
from holdfast.kernel.errors import Conflict, Corrupt, HoldfastError, NotFound
from holdfast.kernel.stop import Stop
from holdfast.vault.check import CheckReport, VerifyReport
from holdfast.vault.plain import proving
from holdfast.vault.plain.document import ENDING, FileDocument, document_of
from holdfast.vault.plain.keys import FileKeys
from holdfast.vault.plain.naming import SNAPSHOT_IDS
from holdfast.vault.plain.reading import Laid, inside
from holdfast.vault.plain.source import FileSource
from holdfast.vault.proving import Progress
from holdfast.vault.repository import SnapshotInfo, TreeEntry
from holdfast.vault.stores.base import Store
from holdfast.vault.subset import Choice

MARKER, FILES = "holdfast-files.json", "files"
_VERSION = 1
_AT_ONCE = 8  # documents of a bucket are small, and many
IDS = SNAPSHOT_IDS


class PlainRepository:
    """An open one. Thread-safe; several may write at once: files are written once, under names of their own.

    Snapshots go by the id that Holdfast gave them when they were taken.
    """

    def __init__(self, store: Store, repository_id: str, keys: FileKeys, scratch: Path, clock: Clock) -> None:
        """`scratch`: where files are unpacked while they are read."""
        self.store, self.id, self.keys, self.clock = store, repository_id, keys, clock
        self.scratch = scratch

    @classmethod
    def create(cls, store: Store, keys: FileKeys, scratch: Path, clock: Clock | None = None) -> PlainRepository:
        """A new, empty one. Raises Conflict (code "repository_exists") when one is there, of whatever format."""
        if store.exists("config"):
            raise Conflict("there is a restic repository here already", code="repository_exists")
        made = {"format": "holdfast-files", "version": _VERSION, "id": os.urandom(32).hex()}
        try:
            store.create(MARKER, [json.dumps(made, indent=1).encode()])
        except Conflict:
            raise Conflict("there is a repository here already", code="repository_exists") from None
        return cls(store, str(made["id"]), keys, scratch, clock or SystemClock())

    @classmethod
    def open(cls, store: Store, keys: FileKeys, scratch: Path, clock: Clock | None = None) -> PlainRepository:
        """Raises NotFound (code "repository_missing"), Corrupt."""
        try:
            said = json.loads(store.get(MARKER))
        except NotFound:
            raise NotFound("there is no plain-file repository here", code="repository_missing") from None
        except ValueError:
            raise Corrupt(f"{MARKER} cannot be read", code="document_damaged") from None
        if not isinstance(said, dict) or said.get("version") != _VERSION or not isinstance(said.get("id"), str):
            raise Corrupt(f"{MARKER} is of another version than this Holdfast reads", code="document_damaged")
        return cls(store, said["id"], keys, scratch, clock or SystemClock())

    # -- what there is ---------------------------------------------------------------------------------------------

    def listing(self) -> dict[str, int]:
        """Every file below `files/` with its size."""
        return dict(self.store.walk(FILES))

    def documents(self, listing: Mapping[str, int] | None = None) -> tuple[list[FileDocument], list[str]]:
        """(oldest first, each snapshot once; what is wrong with those that cannot be read)."""
        found, errors = self._read(listing)
        winners = {each.id: each for each in sorted(found, key=lambda each: each.attempt)}
        return sorted(winners.values(), key=lambda each: (each.taken_at, each.id)), errors

    def superseded(self, listing: Mapping[str, int]) -> tuple[str, ...]:
        """What belongs to documents of attempts that were taken over, and finished all the same."""
        found, _ = self._read(listing)
        highest = {each.id: each for each in sorted(found, key=lambda each: each.attempt)}
        return tuple(name for each in found if highest[each.id] != each for name in each.names)

    def _read(self, listing: Mapping[str, int] | None) -> tuple[list[FileDocument], list[str]]:
        names = [name for name in (self.listing() if listing is None else listing) if name.endswith(ENDING)]
        with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="documents") as pool:
            read = list(pool.map(self._looked_at, sorted(names)))
        found = [each for each in read if isinstance(each, FileDocument)]
        errors = [each for each in read if isinstance(each, str)]
        return found, errors

    def _looked_at(self, name: str) -> FileDocument | str | None:
        """The document, what is wrong with it, or None when it was deleted meanwhile."""
        try:
            return self._document(name)
        except NotFound:
            return None
        except Corrupt as error:
            return error.message

    def document(self, snapshot_id: str) -> FileDocument:
        """Of its last attempt. Raises NotFound (code "snapshot_missing"), Corrupt."""
        read = [self._looked_at(name) for name in self.leftovers(snapshot_id) if name.endswith(ENDING)]
        found = [each for each in read if isinstance(each, FileDocument) and each.id == snapshot_id]
        if found:
            return max(found, key=lambda each: each.attempt)
        for each in read:
            if isinstance(each, str):
                raise Corrupt(each, code="document_damaged")
        raise NotFound(f"the repository has no snapshot {snapshot_id}", code="snapshot_missing")

    def _document(self, name: str) -> FileDocument:
        return document_of(self.store.get(name), name)

    def has(self, snapshot_id: str) -> bool:
        try:
            return bool(self.document(snapshot_id))
        except NotFound:
            return False

    def snapshots(self) -> list[SnapshotInfo]:
        """Oldest first. A document that is damaged is left out here, and told by `check`."""
        return [
            SnapshotInfo(each.id, each.taken_at, "holdfast", (f"/{each.resource_id}",), each.tags, each.file.sha256)
            for each in self.documents()[0]
        ]

    def forget(self, snapshot_id: str) -> None:
        """Delete the file and what belongs to it, the document first: what a kill leaves is no snapshot, and is swept
        up later. Absent is success."""
        for name in sorted(self.leftovers(snapshot_id), key=lambda name: not name.endswith(ENDING)):
            self.store.delete(name)

    # -- inside a snapshot -------------------------------------------------------------------------------------------

    def source(self, snapshot_id: str, stop: Stop | None = None) -> FileSource:
        """To restore from; close it. Nothing is given before the whole file was proven."""
        document, stop = self.document(snapshot_id), stop or Stop()

        def laid(piece: Any) -> Laid:
            return Laid(inside(self.store, document, piece, self.keys, stop), self.scratch)

        return FileSource(lambda: laid(document.notes), lambda: laid(document.file))

    def manifest(self, snapshot_id: str) -> Manifest:
        with self.source(snapshot_id) as source:
            return source.manifest

    def tree(self, snapshot_id: str) -> list[TreeEntry]:
        with self.source(snapshot_id) as source:
            entries = source.manifest.entries
            return [TreeEntry(path, source.size(path), "file", dict(entries.get(path, {}))) for path in source.paths()]

    # -- proving ---------------------------------------------------------------------------------------------------

    def verify_snapshot(
        self, snapshot_id: str, stop: Stop | None = None, progress: Progress | None = None
    ) -> VerifyReport:
        """See `proving.verify`."""
        return proving.verify(self, snapshot_id, stop or Stop(), progress)

    def check(
        self,
        read_data: bool = False,
        stop: Stop | None = None,
        progress: Progress | None = None,
        choice: Choice | None = None,
        suspects: Collection[bytes] = (),
    ) -> CheckReport:
        """See `proving.check`."""
        stop = stop or Stop()
        return proving.check(self, read_data=read_data, stop=stop, progress=progress, choice=choice, suspects=suspects)

    # -- small facts beside the snapshots ----------------------------------------------------------------------------

    def sealed(self, facts: Mapping[str, Any]) -> bytes:
        """Facts that are no secret, as they lie in this repository."""
        return json.dumps(dict(facts), sort_keys=True).encode()

    def unsealed(self, data: bytes) -> dict[str, Any]:
        """Raises Corrupt."""
        try:
            return dict(json.loads(data))
        except (ValueError, TypeError):
            raise Corrupt("this document cannot be read", code="document_damaged") from None

    def leftovers(self, snapshot_id: str) -> tuple[str, ...]:
        """What an earlier attempt at this snapshot wrote, under whatever name."""
        return tuple(name for name in self.listing() if snapshot_id in IDS.findall(name.rpartition("/")[2]))

    def discard(self, names: tuple[str, ...]) -> None:
        """What a failed write may have left, as far as the store lets it be deleted; the rest is swept up later."""
        for name in names:
            try:
                self.store.delete(name)
            except HoldfastError:
                return
