"""Writing one plain file: staged first, because its head needs sizes that are known at the end; the document last."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from holdfast.contract.catalog import JSON
from holdfast.contract.plain import PlainFile
from holdfast.contract.registry import Registry
from holdfast.contract.snapshot import Capture, Manifest, Source
from holdfast.contract.tools import Tools
from holdfast.formats.restic.polynomial import random_polynomial
from holdfast.formats.restic.sealing import Key
from holdfast.kernel.clock import timestamp
from holdfast.kernel.crashpoints import crash_point
from holdfast.kernel.errors import Conflict, Corrupt
from holdfast.kernel.stop import Stop
from holdfast.vault.limiting import Bandwidth
from holdfast.vault.line import SnapshotStats
from holdfast.vault.options import SnapshotOptions
from holdfast.vault.pipeline import write_snapshot
from holdfast.vault.plain import notes
from holdfast.vault.plain.document import ENDING, GUIDE, NOTES, FileDocument, Piece
from holdfast.vault.plain.encoding import plain_file, wrapped
from holdfast.vault.plain.guide import guide
from holdfast.vault.plain.named import Seal
from holdfast.vault.plain.naming import filled
from holdfast.vault.plain.repository import FILES, PlainRepository
from holdfast.vault.plain.settings import FileSettings
from holdfast.vault.plain.wish import FileWish
from holdfast.vault.repository import Repository
from holdfast.vault.stores.local import LocalStore

Sent = Callable[[int], None]


@dataclass(frozen=True)
class FileAbout:
    """Names for people, and what `facts` go into the manifest. `taken_at` is the moment the snapshot shows. `attempt`:
    files of two attempts have names of their own, so that neither deletes or overwrites the other's."""

    snapshot_id: str
    project: str
    environment: str
    database: str
    resource_id: str
    engine: str
    taken_at: datetime
    tags: tuple[str, ...]
    facts: Mapping[str, JSON]
    attempt: int = 1
    chosen: bool = False


@dataclass(frozen=True)
class WrittenFile:
    document: FileDocument
    manifest: Manifest
    stats: SnapshotStats


@dataclass(frozen=True)
class Reports:
    """`staged` hears of what was read from the database, `sent` of bytes of the file before packing."""

    staged: Callable[[SnapshotStats], None] = lambda _: None
    sent: Callable[[int, int], None] = lambda _done, _total: None


def write_file(
    repo: PlainRepository,
    capture: Capture,
    about: FileAbout,
    settings: FileSettings,
    engines: Registry,
    scratch: Path,
    *,
    options: SnapshotOptions,
    stop: Stop,
    reports: Reports = Reports(),
    still_ours: Callable[[], None] = lambda: None,
    tools: Tools | None = None,
) -> WrittenFile:
    """The snapshot that an entered capture yields, as a file. After any error there is no such snapshot, and nothing in
    plain text where it was to be encrypted.

    `still_ours` raises when another writer has taken the snapshot over: asked before anything is deleted or counts, and
    right after, so that one that was paused in between takes its own back. `tools`: for gpg and public keys.

    Raises what the capture raises, what `FileKeys.seal` raises before anything is read, Cancelled, DiskFull,
    Corrupt when the store has not what it was given, and the store's errors.
    """
    settings = settings.at(options.level)
    seal = repo.keys.seal(settings.encryption, settings.key)
    wish = settings.wish(seal)
    wish.check()
    repo.store.sweep()
    still_ours()  # what lies there is perhaps of whoever took it over
    repo.discard(repo.leftovers(about.snapshot_id))  # of an attempt that was killed: its moment was another one
    with tempfile.TemporaryDirectory(prefix="file-", dir=scratch) as directory:
        staged = _staging(Path(directory), repo)
        quick = replace(options, level="fast", bandwidth=None)
        first = write_snapshot(
            staged, capture, hostname="holdfast", paths=["/staged"], facts=about.facts,
            stop=stop, progress=reports.staged, options=quick,
        )  # fmt: skip
        crash_point("plain.staged")
        with staged.source(first.id) as source:
            limit = Bandwidth(options.bandwidth, stop)
            writer = _Writer(repo, about, settings, wish, seal, limit, stop, reports, still_ours, tools)
            document = writer.write(*_form(engines, source, wish, about), source)
    stats = replace(first.stats, bytes_stored=document.file.bytes + document.notes.bytes)
    return WrittenFile(document, first.manifest, stats)


def _staging(directory: Path, repo: PlainRepository) -> Repository:
    """Compressed and sealed under a key that nobody keeps: nothing readable lies there, also after a kill."""
    config = {"version": 2, "id": os.urandom(32).hex(), "chunker_polynomial": f"{random_polynomial():x}"}
    return Repository(LocalStore(directory), Key.generate(), config, repo.clock)


def _form(engines: Registry, source: Source, wish: FileWish, about: FileAbout) -> tuple[PlainFile, FileWish]:
    """What the engine's own tools open; a tar where the snapshot cannot be that."""
    taken = about.taken_at.astimezone(UTC)
    try:
        return plain_file(engines, about.engine, source, wish, taken), wish
    except Conflict as error:
        if error.code != "plain_unsupported":
            raise
        tar = replace(wish, form="tar")
        return plain_file(engines, about.engine, source, tar, taken), tar


class _Writer:
    def __init__(
        self,
        repo: PlainRepository,
        about: FileAbout,
        settings: FileSettings,
        wish: FileWish,
        seal: Seal | None,
        bandwidth: Bandwidth,
        stop: Stop,
        reports: Reports,
        still_ours: Callable[[], None],
        tools: Tools | None,
    ) -> None:
        self._repo, self._about, self._settings, self._wish = repo, about, settings, wish
        self._seal, self._bandwidth, self._stop, self._reports = seal, bandwidth, stop, reports
        self._still_ours, self._tools = still_ours, tools

    def write(self, made: PlainFile, wish: FileWish, source: Source) -> FileDocument:
        values = {
            "project": self._about.project,
            "environment": self._about.environment,
            "database": self._about.database,
            "engine": self._about.engine,
            "id": self._about.snapshot_id,
        }
        stem = filled(self._settings.template, values, self._about.taken_at)
        if self._about.attempt > 1:
            stem += f"-{self._about.attempt}"
        name = f"{FILES}/{stem}.{made.extension}{wish.extension}"
        try:
            return self._pieces(name, made, wish, source)
        except BaseException:
            self._repo.discard((name + ENDING, name, name + NOTES, name + GUIDE))
            raise

    def _pieces(self, name: str, made: PlainFile, wish: FileWish, source: Source) -> FileDocument:
        segments = notes.mapped(made, source)

        def sealed(plain: Iterator[bytes], seen: _Seen) -> Iterator[bytes]:
            return wrapped(_seen(plain, seen), wish, self._tools, self._stop)

        file = self._put(name, made.size, lambda seen: sealed(made.read(source), seen))
        crash_point("plain.file")
        beside = self._put(name + NOTES, 0, lambda seen: sealed(notes.pieces(segments, source), seen))
        self._repo.store.put(name + GUIDE, [guide(name.rpartition("/")[2], made, wish, self._seal).encode()])
        crash_point("plain.notes")
        self._stop.check()
        document = self._document(made, wish, source, file, beside)
        self._still_ours()
        crash_point("plain.document")
        self._repo.store.put(document.name, [document.to_json()])
        self._still_ours()
        crash_point("plain.done")
        return document

    def _put(self, name: str, expected: int, make: Callable[[_Seen], Iterator[bytes]]) -> Piece:
        """Written, and what the store says of it compared. Raises Corrupt (code "store_short")."""
        tally: list[tuple[_Seen, _Seen]] = []

        def begun() -> Iterator[bytes]:
            plain, stored = _Seen(), _Seen()
            tally.append((plain, stored))
            for piece in make(plain):
                self._bandwidth.take(len(piece))
                stored.add(piece)
                if expected:
                    self._reports.sent(plain.bytes, expected)
                crash_point("plain.half")
                yield piece

        self._repo.store.put_stream(name, begun, expected)
        plain, stored = tally[-1]
        if (there := self._repo.store.size(name)) != stored.bytes:
            raise Corrupt(
                f"the store has {there} bytes of {name}, and was given {stored.bytes}",
                code="store_short",
                hint="Nothing was kept. Take it again; when it stays so, the store cannot be trusted.",
            )
        return Piece(name, stored.bytes, stored.sha256, plain.bytes, plain.sha256)

    def _document(self, made: PlainFile, wish: FileWish, source: Source, file: Piece, beside: Piece) -> FileDocument:
        about, manifest = self._about, source.manifest
        return FileDocument(
            id=about.snapshot_id,
            file=file,
            notes=beside,
            form=made.form,
            compression=wish.packing,
            level=wish.level,
            encryption=wish.sealing,
            sealed_by=self._seal.sealed_by if self._seal else None,
            recipients=wish.recipients if wish.sealing == "age" else (),
            taken_at=timestamp(about.taken_at),
            project=about.project,
            environment=about.environment,
            database=about.database,
            engine=about.engine,
            engine_version=manifest.version,
            resource_id=about.resource_id,
            source_bytes=manifest.catalog.bytes or 0,
            entries=len(manifest.entries),
            tables=len(manifest.tables),
            rows=sum(table.rows for table in manifest.tables),
            tags=about.tags,
            holdfast=str(about.facts.get("holdfast_version", "")),
            attempt=about.attempt,
            chosen=about.chosen,
            key=self._seal.note if self._seal else None,
        )


class _Seen:
    """Bytes that passed."""

    def __init__(self) -> None:
        self.bytes, self._digest = 0, hashlib.sha256()

    def add(self, piece: bytes) -> None:
        self.bytes += len(piece)
        self._digest.update(piece)

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()


def _seen(pieces: Iterator[bytes], seen: _Seen) -> Iterator[bytes]:
    for piece in pieces:
        seen.add(piece)
        yield piece
