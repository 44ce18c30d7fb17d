"""The SQLite engine: one folder, one file per database, no server."""

# ruff: noqa: ARG002  the contract gives every engine the same arguments; a file needs few of them

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar
from urllib.parse import quote as url_quote

from holdfast.contract.engine import Capabilities
from holdfast.contract.external import Address, ExternalTraits, Wire
from holdfast.contract.plain import PlainFile
from holdfast.contract.privileges import Report
from holdfast.contract.query import Batch
from holdfast.contract.rows import TableName
from holdfast.contract.snapshot import Receipt, Source, Verdict
from holdfast.contract.spec import Access, Endpoint, Plan, Site, Software, Spec
from holdfast.contract.tools import Tools
from holdfast.engines.sqlite import foreign
from holdfast.engines.sqlite.cloning import Clones
from holdfast.engines.sqlite.connections import database, literal, path_of, quote
from holdfast.engines.sqlite.dumps import TakesIn
from holdfast.engines.sqlite.plain import plain
from holdfast.engines.sqlite.preview import preview
from holdfast.engines.sqlite.scripts import Splits
from holdfast.engines.sqlite.session import SqliteSession
from holdfast.engines.sqlite.spec import CAPABILITIES, ENTRY, SCHEMA, SqliteSpec
from holdfast.engines.sqlite.swap import discard, swap_files, sync_directory
from holdfast.engines.sqlite.upkeep import Upkeep
from holdfast.engines.sqlite.verify import readable
from holdfast.kernel.errors import Conflict, Invalid
from holdfast.kernel.stop import Stop

_LABEL = re.compile(r"[a-z0-9_]{1,24}")


class SqliteEngine(Splits, Clones, Upkeep, TakesIn):
    """Implements Engine, CanSwap, CanPreview, CanSplit, CanClone and CanTakeIn."""

    name: ClassVar[str] = "sqlite"
    spec: ClassVar[type[Spec]] = SqliteSpec
    capabilities: ClassVar[Capabilities] = CAPABILITIES
    external: ClassVar[ExternalTraits] = foreign.TRAITS
    wire: ClassVar[Wire | None] = None

    def software(self, spec: Spec) -> Software | None:
        return None

    def needs(self, spec: Spec) -> tuple[bool, Sequence[str]]:
        return False, ()

    def plan(self, spec: Spec, site: Site) -> Plan:
        _checked(spec)
        return Plan(
            host="embedded",
            endpoint=Endpoint(path=site.data / ENTRY, database=site.name),
            directories=(site.data,),
        )

    async def prepare(self, at: Endpoint, spec: Spec, tools: Tools) -> Receipt:
        return await asyncio.to_thread(_prepare, at, _checked(spec))

    def connect(self, at: Endpoint, tools: Tools, access: Access = "admin") -> SqliteSession:
        return SqliteSession(at, tools, access)

    def url(self, at: Endpoint, access: Access) -> str:
        return f"sqlite:///{url_quote(str(path_of(at)))}{'?mode=ro' if access == 'ro' else ''}"

    def address(self, url: str) -> Address:
        return foreign.parse(url)

    def sibling(self, at: Endpoint, name: str) -> Endpoint:
        raise Conflict(
            "Holdfast makes no file beside one that is not ours",
            code="cannot_create_there",
            hint="Restore into a database of Holdfast's own.",
        )

    async def report(self, at: Endpoint, tools: Tools) -> Report:
        return await asyncio.to_thread(foreign.report, at)

    def readable(self, source: Source, tools: Tools, stop: Stop) -> Verdict:
        return readable(source, tools.scratch, stop)

    def preview(self, source: Source, table: str, limit: int, tools: Tools, stop: Stop) -> Batch:
        return preview(source, table, limit, stop)

    def plain(self, source: Source) -> PlainFile:
        return plain(source)

    def quoted(self, table: TableName) -> str:
        return f"{quote(table.schema or SCHEMA)}.{quote(table.name)}"

    def literal(self, text: str) -> str:
        return literal(text)

    def default_schema(self) -> str:
        return SCHEMA

    def beside(self, at: Endpoint, label: str) -> Endpoint:
        if not _LABEL.fullmatch(label):
            raise Invalid(f"not a label: {label!r}", code="label_invalid")
        path = path_of(at)
        return replace(at, path=path.with_name(f"{path.name}.{label}"), beside=label)

    async def swap(self, at: Endpoint, candidate: Endpoint, kept: Endpoint, tools: Tools) -> Receipt:
        if candidate.beside is None or kept.beside is None:
            raise Invalid("a swap needs two endpoints made by `beside`", code="endpoint_invalid")
        if not at.hosted:
            await asyncio.to_thread(foreign.fit, path_of(at), path_of(candidate))
        return await asyncio.to_thread(swap_files, path_of(at), path_of(candidate), path_of(kept))

    async def discard(self, at: Endpoint, tools: Tools) -> Receipt:
        if at.beside is None:
            raise Conflict("this is the live database, not one beside it", code="discard_live")
        return await asyncio.to_thread(discard, path_of(at))


def _checked(spec: Spec) -> SqliteSpec:
    if not isinstance(spec, SqliteSpec):
        raise Invalid(f"not a SQLite spec: {type(spec).__name__}", code="spec_invalid")
    return spec


def _prepare(at: Endpoint, spec: SqliteSpec) -> Receipt:
    path = path_of(at)
    there = path.exists()
    if there and not at.hosted:
        return Receipt(facts={"created": False})
    with database(path, "create") as connection:
        connection.execute(f"PRAGMA page_size = {spec.page_size}")
        connection.execute("PRAGMA journal_mode = WAL").fetchall()
    if not there:
        sync_directory(path.parent)
    return Receipt(facts={"created": not there})
