"""A toy engine: a notebook of `key = text` lines in one file. It shows how little an engine must say.

Statements: `PUT key` with the text as the one parameter, `GET key`, `KEYS`.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Literal

from holdfast.contract.catalog import JSON, Catalog, Column, Relation
from holdfast.contract.engine import Capabilities, CaptureTraits, Session
from holdfast.contract.query import Batch, Params, QueryLimits, ResultColumn
from holdfast.contract.snapshot import (
    CaptureRequest,
    Check,
    Entry,
    Level,
    Manifest,
    Receipt,
    RestoreRequest,
    Source,
    TableFacts,
    Verdict,
)
from holdfast.contract.spec import Access, Endpoint, Plan, Site, Software, Spec
from holdfast.contract.tools import Tools
from holdfast.kernel.errors import Denied, Invalid
from holdfast.kernel.stop import Stop

ENTRY = "notebook.txt"


class NotebookSpec(Spec):
    """Nothing to choose."""


def read(path: Path) -> dict[str, str]:
    lines = path.read_text().splitlines() if path.exists() else []
    return dict(line.split(" = ", 1) for line in lines)


def save(path: Path, notes: Mapping[str, str]) -> None:
    fresh = path.with_suffix(".new")
    fresh.write_text("".join(f"{key} = {text}\n" for key, text in sorted(notes.items())))
    os.replace(fresh, path)


def digest(notes: Mapping[str, str]) -> str:
    return hashlib.sha256(repr(sorted(notes.items())).encode()).hexdigest()


def catalog_of(name: str, notes: Mapping[str, str]) -> Catalog:
    columns = (Column("key", "text", nullable=False, primary_key=1), Column("text", "text"))
    relation = Relation("main", "notes", "collection", columns=columns, rows=len(notes))
    return Catalog("toy", "1", name, relations=(relation,), rows_exact=True)


class Text:
    """The one entry's bytes."""

    def __init__(self, data: bytes) -> None:
        self._rest = memoryview(data)

    def readinto(self, buffer: memoryview) -> int:
        taken = min(len(buffer), len(self._rest))
        buffer[:taken] = self._rest[:taken]
        self._rest = self._rest[taken:]
        return taken

    def close(self) -> None:
        self._rest = memoryview(b"")


class NotebookCapture:
    """The file as it was when the capture was entered: `save` replaces it whole, so one read is one moment."""

    position: Mapping[str, JSON]

    def __init__(self, name: str, path: Path) -> None:
        self._name, self._path = name, path

    def __enter__(self) -> NotebookCapture:
        self._data = self._path.read_bytes() if self._path.exists() else b""
        self._notes = read(self._path)
        self.position = {"bytes": len(self._data)}
        return self

    def __exit__(self, *exc: object) -> None:
        self._data = b""

    def entries(self) -> Iterator[Entry]:
        yield Entry(ENTRY, lambda: Text(self._data), size=len(self._data))

    def finish(self) -> Manifest:
        facts = TableFacts("main", "notes", len(self._notes), digest(self._notes), "toy-sha256", (ENTRY,))
        return Manifest("toy", "1", self._name, self.position, catalog_of(self._name, self._notes), (facts,))

    def companions(self) -> Mapping[str, bytes]:
        return {"RESTORE.md": b"Copy notebook.txt.\n", "restore.sh": b'#!/bin/sh\ncp notebook.txt "$1"\n'}


class NotebookSession:
    """Everything a session does, on one small file."""

    def __init__(self, at: Endpoint) -> None:
        if at.path is None:
            raise Invalid("a notebook has a path")
        self._path, self._name = at.path, at.database or "notebook"

    async def inspect(self, depth: Literal["shallow", "full"] = "shallow") -> Catalog:
        return catalog_of(self._name, read(self._path))

    async def query(self, statement: str, params: Params, limits: QueryLimits) -> AsyncIterator[Batch]:
        verb, _, key = statement.partition(" ")
        notes = read(self._path)
        if verb == "PUT" and len(params) == 1:
            if not limits.write:
                raise Denied("this is a reader", code="read_only")
            save(self._path, notes | {key: str(next(iter(params)))})
            yield Batch(last=True, affected=1)
        elif verb in ("GET", "KEYS") and not params:
            found = [(k, v) for k, v in sorted(notes.items()) if verb == "KEYS" or k == key]
            yield Batch((ResultColumn("key", "text"), ResultColumn("text", "text")), tuple(found), last=True)
        else:
            raise Invalid("PUT key, GET key or KEYS", code="statement_invalid")

    def capture(self, since: Manifest | None, want: CaptureRequest, stop: Stop) -> NotebookCapture:
        return NotebookCapture(self._name, self._path)

    def restore(self, source: Source, want: RestoreRequest, stop: Stop) -> Receipt:
        data, buffer = bytearray(), memoryview(bytearray(65536))
        stream = source.open(ENTRY)
        while taken := stream.readinto(buffer):
            stop.check()
            data += buffer[:taken]
        fresh = self._path.with_suffix(".new")
        fresh.write_bytes(data)
        os.replace(fresh, self._path)
        return Receipt((f"{len(data)} bytes",))

    def verify(self, expected: Manifest, depth: Level, stop: Stop) -> Verdict:
        notes, facts = read(self._path), expected.tables[0]
        return Verdict(
            depth,
            (
                Check("rows", len(notes) == facts.rows, str(facts.rows), str(len(notes))),
                Check("digest", digest(notes) == facts.digest, facts.digest or "", digest(notes)),
            ),
        )

    async def close(self) -> None:
        return None


class ToyEngine:
    """A notebook."""

    name: ClassVar[str] = "toy"
    spec: ClassVar[type[Spec]] = NotebookSpec
    capabilities: ClassVar[Capabilities] = Capabilities(
        title="Notebook",
        language="commands",
        dialect=None,
        hosts=("embedded",),
        versions=("1",),
        default_version="1",
        capture=CaptureTraits("frozen", "none"),
        transactions=False,
    )

    def software(self, spec: Spec) -> Software | None:
        return None

    def needs(self, spec: Spec) -> tuple[bool, Sequence[str]]:
        return False, ()

    def plan(self, spec: Spec, site: Site) -> Plan:
        return Plan("embedded", Endpoint(path=site.data / "notebook.txt", database=site.name), (site.data,))

    async def prepare(self, at: Endpoint, spec: Spec, tools: Tools) -> Receipt:
        if at.path is not None and not at.path.exists():
            at.path.touch(mode=0o600)
        return Receipt()

    def connect(self, at: Endpoint, tools: Tools, access: Access = "admin") -> Session:
        return NotebookSession(at)

    def url(self, at: Endpoint, access: Access) -> str:
        return f"file://{at.path}"

    def readable(self, source: Source, tools: Tools, stop: Stop) -> Verdict:
        return Verdict(Level.READABLE, (Check("entry", ENTRY in set(source.paths())),))


engine = ToyEngine()
