"""The small JSON document beside each file: facts, no secrets. What has one is complete; it is written last."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Any

from holdfast.contract.codec import from_dict
from holdfast.kernel.errors import Corrupt
from holdfast.kernel.ids import is_id
from holdfast.vault.plain.named import KeyNote

ENDING, NOTES, GUIDE = ".json", ".holdfast", ".RESTORE.md"
_VERSION = 1


@dataclass(frozen=True)
class Piece:
    """A file of the repository, as it lies there. `plain_*`: of what is inside, opened and unpacked."""

    name: str
    bytes: int
    sha256: str
    plain_bytes: int
    plain_sha256: str


@dataclass(frozen=True)
class FileDocument:
    """`file` is for everybody; `notes`, sealed the same way, is what Holdfast needs beside it to restore by itself.
    `sealed_by`: the name of the key that opens them. `tags` are those of the snapshot when it was taken.
    `attempt`: which one to take it wrote this; of two documents of one snapshot the higher counts. `chosen`: how it
    is written was chosen for it alone, and is not how the repository's files are. `key`: the named key that sealed it,
    when that was not the repository's own."""

    id: str
    file: Piece
    notes: Piece
    form: str
    compression: str
    level: int | None
    encryption: str
    sealed_by: str | None
    recipients: tuple[str, ...]
    taken_at: str
    project: str
    environment: str
    database: str
    resource_id: str
    engine: str
    engine_version: str
    source_bytes: int
    entries: int
    tables: int
    rows: int
    tags: tuple[str, ...]
    holdfast: str
    attempt: int = 1
    chosen: bool = False
    version: int = _VERSION
    key: KeyNote | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Of everything that belongs to it, this document first: what has none is no snapshot."""
        return (self.name, self.file.name, self.notes.name, self.file.name + GUIDE)

    @property
    def name(self) -> str:
        return self.file.name + ENDING

    def to_json(self) -> bytes:
        """For people too, with a digest of itself."""
        body = asdict(self) | {"recipients": list(self.recipients), "tags": list(self.tags)}
        if self.key is None:
            del body["key"]
        return json.dumps(body | {"digest": _digest(body)}, indent=1, sort_keys=True, ensure_ascii=False).encode()


def document_of(data: bytes, name: str) -> FileDocument:
    """Raises Corrupt for what is no such document, was altered, or lies under another name."""
    try:
        body: dict[str, Any] = json.loads(data)
        said = body.pop("digest")
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Corrupt(f"{name} cannot be read", code="document_damaged") from None
    if said != _digest(body):
        raise Corrupt(f"{name} was altered", code="document_damaged")
    found = from_dict(FileDocument, body)
    if found.version != _VERSION or found.name != name or not is_id(found.id, "snap"):
        raise Corrupt(f"{name} is not the document of its file", code="document_damaged")
    return found


def _digest(body: dict[str, Any]) -> str:
    text = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()
