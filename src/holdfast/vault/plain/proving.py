"""Proving plain files: there with their size and digest, or also opened and unpacked to the last byte."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Collection
from typing import TYPE_CHECKING

from holdfast.kernel.errors import Corrupt, NeedsOperator, NotFound
from holdfast.kernel.stop import Stop
from holdfast.vault.check import CheckReport, VerifyReport
from holdfast.vault.plain.document import GUIDE, FileDocument, Piece
from holdfast.vault.plain.naming import SNAPSHOT_IDS
from holdfast.vault.plain.reading import inside, stored
from holdfast.vault.plain.source import FileSource
from holdfast.vault.proving import Progress
from holdfast.vault.reaching import Reached
from holdfast.vault.stores.cloud_errors import ARCHIVED
from holdfast.vault.subset import Choice

if TYPE_CHECKING:
    from holdfast.vault.plain.repository import PlainRepository

_KEPT_ERRORS = 1000


def verify(repo: PlainRepository, snapshot_id: str, stop: Stop, progress: Progress | None) -> VerifyReport:
    """The whole file read, opened, unpacked and compared with what was put in; the notes too. Damage is reported, not
    raised; Denied is, when its key is not kept here. Where only the public half of the key ever was, the files are read
    as they lie, and the report says that they were not opened."""
    began = time.monotonic()
    try:
        document = repo.document(snapshot_id)
    except (NotFound, Corrupt) as error:
        return VerifyReport(0, 0, time.monotonic() - began, [error.message])
    note = document.key
    unopened = f"only the public half of the key {note.name!r} is here" if note and not repo.keys.opens(note) else None
    total, errors, read, done = document.file.bytes + document.notes.bytes, list[str](), 0, 0
    sound: list[bytes] = []
    for piece in (document.file, document.notes):

        def seen(at: int, before: int = done) -> None:
            if progress is not None:
                progress(before + at, total)

        try:
            for found in (
                stored(repo.store, piece, stop, seen)
                if unopened
                else inside(repo.store, document, piece, repo.keys, stop, seen)
            ):
                read += len(found)
            sound.append(_pack(piece))
        except Corrupt as error:
            errors.append(error.message)
        done += piece.bytes
    if not errors and not unopened:
        errors += _unmapped(repo, snapshot_id, document, stop)
    return VerifyReport(2, read, round(time.monotonic() - began, 3), errors, frozenset(sound), unopened)


def _unmapped(repo: PlainRepository, snapshot_id: str, document: FileDocument, stop: Stop) -> list[str]:
    """Notes that name places behind the file's end."""
    with repo.source(snapshot_id, stop) as source:
        if (ends := _end(source)) > document.file.plain_bytes:
            return [f"the notes of {document.file.name} name bytes behind its end ({ends})"]
    return []


def _end(source: FileSource) -> int:
    ends = [0]
    for path in source.paths():
        for each in source.segments(path):
            if each.in_file and each.length:
                place, _ = each.place(each.start + each.length - 1)
                ends.append(place + 1)
    return max(ends)


def check(
    repo: PlainRepository,
    *,
    read_data: bool,
    stop: Stop,
    progress: Progress | None,
    choice: Choice | None,
    suspects: Collection[bytes] = (),
) -> CheckReport:
    """Every document's files are there with their sizes; what is to be read is compared with its digest. The report's
    packs are files; one in an archive is counted and not read. A guide that is gone is an error, and reaches no
    snapshot: it opens without."""
    began = time.monotonic()
    listing = repo.listing()
    documents, errors = repo.documents(listing)
    unread = len(errors)
    pieces: dict[bytes, Piece] = {}
    wrong: dict[bytes, str] = {}
    for document in documents:
        for piece in (document.file, document.notes):
            pieces[_pack(piece)] = piece
            if (gone := _missing(listing, piece)) is not None:
                errors.append(gone)
                wrong[_pack(piece)] = gone
        if document.file.name + GUIDE not in listing:
            errors.append(f"{document.file.name}{GUIDE} is not there any more")
    sizes = {pack: piece.bytes for pack, piece in pieces.items()}
    wish = set(choice.of(sizes)) if choice is not None else set(sizes) if read_data else set[bytes]()
    chosen = sorted(wish.union(suspects) & sizes.keys())
    total, read = sum(sizes[pack] for pack in chosen), 0
    sound, damaged, archived = list[bytes](), list[bytes](), 0
    for pack in chosen:
        try:
            for found in stored(repo.store, pieces[pack], stop):
                read += len(found)
                if progress is not None:
                    progress(read, total)
            sound.append(pack)
        except NeedsOperator as error:
            if error.code != ARCHIVED:
                raise
            archived += 1
        except Corrupt as error:
            damaged.append(pack)
            wrong[pack] = error.message
            if error.message not in errors:
                errors.append(error.message)
    method = choice.method if choice is not None else "all data" if read_data else "structure"
    return CheckReport(
        packs=len(pieces),
        blobs=len(documents),
        bytes=read,
        seconds=time.monotonic() - began,
        errors=errors[:_KEPT_ERRORS],
        method=method,
        packs_read=len(chosen) - archived,
        archived=archived,
        bytes_total=sum(sizes.values()),
        sound=sound,
        damaged=damaged,
        present=frozenset(pieces),
        errors_total=len(errors),
        reached=_reached(documents, wrong) | _unread(errors[:unread]),
    )


def _reached(documents: Collection[FileDocument], wrong: dict[bytes, str]) -> dict[str, Reached]:
    found: dict[str, Reached] = {}
    for document in documents:
        packs = tuple(pack for piece in (document.file, document.notes) if (pack := _pack(piece)) in wrong)
        if packs:
            found[document.id] = Reached("; ".join(wrong[pack] for pack in packs), packs)
    return found


def _pack(piece: Piece) -> bytes:
    """As proofs of reading know it: two files may have the same bytes."""
    return hashlib.sha256(f"{piece.name}\n{piece.sha256}".encode()).digest()


def _unread(errors: Collection[str]) -> dict[str, Reached]:
    """Snapshots whose documents are damaged: their errors begin with the name, and that has their id in it."""
    return {found: Reached(error) for error in errors for found in SNAPSHOT_IDS.findall(error)}


def _missing(listing: dict[str, int], piece: Piece) -> str | None:
    if piece.name not in listing:
        return f"{piece.name} is not there any more"
    if listing[piece.name] != piece.bytes:
        return f"{piece.name} has not the size it was written with"
    return None
