"""Plain files: one self-contained file for each snapshot, which stock tools open."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from holdfast.contract.catalog import JSON
from holdfast.contract.registry import Registry
from holdfast.contract.snapshot import Capture
from holdfast.features.backups.formats import (
    Abilities,
    Material,
    Movable,
    Opened,
    Settings,
    StoredFile,
    Taken,
    Taking,
)
from holdfast.kernel.crashpoints import crash_point
from holdfast.kernel.errors import Conflict, Denied
from holdfast.kernel.stop import Stop
from holdfast.vault.gc import GcOptions, GcReport
from holdfast.vault.plain import care
from holdfast.vault.plain.document import GUIDE, FileDocument
from holdfast.vault.plain.keys import FileKeys, new_key
from holdfast.vault.plain.named import KeyNote
from holdfast.vault.plain.reading import stored_from
from holdfast.vault.plain.repository import FILES, MARKER, PlainRepository
from holdfast.vault.plain.settings import FileSettings
from holdfast.vault.plain.writing import FileAbout, Reports, write_file
from holdfast.vault.proving import Progress
from holdfast.vault.repository import SnapshotInfo
from holdfast.vault.stores.base import Store
from holdfast.vault.usage import Usage

# ruff: noqa: ARG002  one face for formats that need different parts of what they are given


class PlainFormat:
    """See `RepositoryFormat`."""

    name = "plain"
    abilities = Abilities(
        title="plain files",
        stock="the engine's own tools, as each file's RESTORE.md says",
        dedup=False,
        incremental=False,
        copies=False,
        repairs=False,
        rekeys=False,
        foreign=False,
        records=False,
        stages=True,
        batches=False,
        archives=True,
    )

    def checked(self, settings: Settings | None) -> Settings | None:
        found = FileSettings.of(settings)
        found.check()
        return found.as_json()

    def chosen(self, settings: Settings | None, words: Mapping[str, Any]) -> Settings | None:
        return FileSettings.of(settings).chosen(words).as_json()

    def weaker(self, settings: Settings | None, chosen: Settings | None) -> bool:
        return FileSettings.of(chosen).encryption == "none" != FileSettings.of(settings).encryption

    def opens(self, settings: Settings | None) -> bool:
        key = FileSettings.of(settings).key
        return key is None or key.opens

    def reads(self, opened: Opened, snapshot_id: str) -> bool:
        repository = _plain(opened)
        return repository.keys.opens(repository.document(snapshot_id).key)

    def new_key(self, settings: Settings | None) -> str:
        return new_key(FileSettings.of(settings).encryption)

    def there(self, store: Store) -> bool:
        return store.exists(MARKER)

    def open(self, store: Store, material: Material) -> Opened:
        return PlainRepository.open(store, _keys(material), _scratch(material))

    def create(self, store: Store, material: Material) -> Opened:
        return PlainRepository.create(store, _keys(material), _scratch(material))

    def adopted(self, store: Store, password: str, material: Material) -> tuple[Opened, Material]:
        """`password`: its keys, one a line. The newest file that was written as the repository's are says how the next
        are, and which key is the one in use. Raises Denied when that is not among them."""
        given = tuple(line.strip() for line in password.splitlines() if line.strip() and not line.startswith("#"))
        opened = PlainRepository.open(store, FileKeys(None, given, material.ring), _scratch(material))
        documents = opened.documents()[0]
        own = [each for each in documents if each.key is None]  # those of named keys say nothing of its own
        usual = [each for each in own if not each.chosen] or own
        newest = usual[-1] if usual else None
        settings = _settings_of(newest)
        current = opened.keys.by_id().get(newest.sealed_by or "") if newest else None
        if newest is not None and newest.sealed_by is not None and current is None:
            raise Denied(
                f"its newest file is sealed with the key {newest.sealed_by}, which is not among those given",
                code="repository_password",
            )
        key = current or self.new_key(settings)
        older = tuple(each for each in given if each != key)
        kept = Material(key, older, settings, scratch=material.scratch, ring=material.ring)
        return PlainRepository(store, opened.id, _keys(kept), _scratch(kept), opened.clock), kept

    def find(self, opened: Opened, snapshot_id: str, tag: str) -> str | None:
        return snapshot_id if _plain(opened).has(snapshot_id) else None

    def said(self, opened: Opened, snapshot_id: str) -> Mapping[str, Any]:
        document = _plain(opened).document(snapshot_id)
        return {
            "options": _options(document),
            "taken_at": datetime.fromisoformat(document.taken_at),
            "source_bytes": document.source_bytes,
            "stored_bytes": document.file.bytes + document.notes.bytes,
        }

    def take(
        self, opened: Opened, capture: Capture, taking: Taking, settings: Settings | None, engines: Registry
    ) -> Taken:
        about = FileAbout(
            snapshot_id=taking.snapshot_id,
            project=taking.project,
            environment=taking.environment,
            database=taking.database,
            resource_id=taking.resource_id,
            engine=taking.engine,
            taken_at=taking.taken_at,
            tags=taking.tags,
            facts=taking.facts,
            attempt=taking.attempt,
            chosen=taking.chosen,
        )
        written = write_file(
            _plain(opened),
            capture,
            about,
            FileSettings.of(settings),
            engines,
            taking.scratch,
            options=taking.options,
            stop=taking.stop,
            reports=Reports(taking.reading, taking.sending),
            still_ours=taking.still_ours,
            tools=taking.tools,
        )
        options = {**taking.options.as_json(), **_options(written.document)}
        return Taken(written.document.id, written.manifest, written.stats, options)

    def usage(self, opened: Opened, owner: Callable[[str], str], stop: Stop, progress: Progress) -> Usage:
        return care.usage(_plain(opened), owner, stop, progress)

    def collect(
        self,
        opened: Opened,
        known: Collection[str],
        options: GcOptions,
        *,
        dry_run: bool,
        stop: Stop,
        progress: Callable[[str, int, int], None],
    ) -> GcReport:
        return care.collect(_plain(opened), known, options.grace, dry_run=dry_run, stop=stop, progress=progress)

    @contextmanager
    def movable(
        self, opened: Opened, young: Callable[[SnapshotInfo], bool], stop: Stop, progress: Progress
    ) -> Iterator[Movable]:
        """The file of each snapshot; notes, guides and documents are small, and read often."""
        repository, found = _plain(opened), dict[str, str]()
        documents = {each.id: each for each in repository.documents()[0]}
        infos = repository.snapshots()
        for done, info in enumerate(infos):
            stop.check()
            if info.id in documents and not young(info):
                found[documents[info.id].file.name] = info.id
            progress(done + 1, len(infos))
        yield Movable(frozenset(found), found)

    def heavy(self, opened: Opened, snapshot_id: str) -> Sequence[str]:
        document = _plain(opened).document(snapshot_id)
        return [document.file.name, document.notes.name]

    def stored(self, opened: Opened, snapshot_id: str) -> StoredFile | None:
        repository = _plain(opened)
        document = repository.document(snapshot_id)
        name = document.file.name

        def read(offset: int, stop: Stop) -> Iterator[bytes]:
            return stored_from(repository.store, document.file, offset, stop)

        guide = repository.store.get(name + GUIDE).decode("utf-8", "replace")
        return StoredFile(name.rpartition("/")[2], document.file.bytes, document.encryption, guide, read)

    def bytes(self, store: Store) -> int:
        return sum(size for _, size in store.walk(FILES))

    def clear(self, opened: Opened, ours: Sequence[str], *, everything: bool, stop: Stop, progress: Progress) -> None:
        repository = _plain(opened)
        for done, each in enumerate(ours):
            stop.check()
            progress(done, len(ours))
            repository.forget(each)
        crash_point("clear.forgotten")
        if everything:
            care.clear(repository)

    def end_clearing(self, store: Store) -> None:
        """There is nothing that opens the others: a killed `clear` opens again."""


def _options(document: FileDocument) -> dict[str, JSON]:
    return {
        "file": document.file.name,
        "sha256": document.file.sha256,
        "compression": document.compression,
        "compression_level": document.level,
        "encryption": document.encryption,
        "sealed_by": document.sealed_by,
        **({"recipients": list(document.recipients)} if document.recipients else {}),
        **({"key": _told(document.key)} if document.key else {}),
    }


def _told(note: KeyNote) -> dict[str, JSON]:
    """What a snapshot's row keeps of its key; what opens it is asked of the document."""
    return {"id": note.id, "name": note.name, "kind": note.kind, "fingerprint": note.fingerprint, "opens": note.opens}


def _plain(opened: Opened) -> PlainRepository:
    if not isinstance(opened, PlainRepository):
        raise Conflict("this is no plain-file repository", code="repository_format")
    return opened


def _keys(material: Material) -> FileKeys:
    return FileKeys(material.password or None, material.older, material.ring)


def _scratch(material: Material) -> Path:
    return material.scratch or Path(tempfile.gettempdir())


def _settings_of(newest: FileDocument | None) -> Settings:
    if newest is None:
        return FileSettings().as_json()
    form = "tar" if newest.form == "tar" else "native"
    kept = {"form": form, "compression": newest.compression, "level": newest.level, "encryption": newest.encryption}
    return FileSettings.of(kept).as_json()
