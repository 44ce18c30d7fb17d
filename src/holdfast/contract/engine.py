"""The engine contract. One folder under `engines/` implements it, one line in `catalog.py` registers it.

Tried on sqlite, postgresql and an embedded vector store. It may change freely until the vault issues close;
then only with a decision page. Docstrings here *are* the contract and `contract/conformance` tests them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal, Protocol, runtime_checkable

from holdfast.contract.catalog import Catalog
from holdfast.contract.query import Batch, Params, QueryLimits
from holdfast.contract.snapshot import (
    Capture,
    CaptureRequest,
    Level,
    Manifest,
    Receipt,
    RestoreRequest,
    Source,
    Verdict,
)
from holdfast.contract.spec import Access, Endpoint, HostKind, Plan, Site, Software, Spec
from holdfast.contract.tools import Tools
from holdfast.kernel.stop import Stop


@dataclass(frozen=True)
class CaptureTraits:
    """How a capture behaves: data for the service, the CLI and the operator's expectations.

    isolation: "snapshot" = one transaction's view; "frozen" = writers wait; "fuzzy" = not one moment.
    temporary_disk: sentence that bounds the extra disk a capture needs.
    incremental: whether a later capture may leave out what did not change (`contract.incremental.CanSkip`).
    unchanged: sentence that says how that is known, or what is done instead.
    """

    isolation: Literal["snapshot", "frozen", "fuzzy"]
    temporary_disk: str
    incremental: bool = False
    unchanged: str = "everything is read each time; what is stored already is not stored again"
    where: Literal["runner", "owner"] = "runner"


@dataclass(frozen=True)
class Capabilities:
    """What the engine can do, read by services, CLI and UI; never tested by name.

    `gaps` names what the conformance suite may not expect, each with its reason: {"case": "theirs: ..."}, and every
    optional protocol that is not there: {"CanBulk": "never: ..."}.
    `templates` are ready statements shown in shells and editors: (title, statement).
    `translates`: its sessions are `contract.neutral.CanTranslate`, so that it can be moved from and to.
    `vocabulary`: for a language that is not SQL, the only words of a statement its history may keep, in lower case.
    """

    title: str
    language: str  # "sql", "commands"
    dialect: str | None
    hosts: tuple[HostKind, ...]
    versions: tuple[str, ...]
    default_version: str
    capture: CaptureTraits
    read_only: bool = True
    transactions: bool = True
    schemas: bool = False
    large_rows: bool = True
    translates: bool = False
    url_schemes: tuple[str, ...] = ()
    templates: tuple[tuple[str, str], ...] = ()
    vocabulary: frozenset[str] = frozenset()
    gaps: dict[str, str] = field(default_factory=dict)


class Session(Protocol):
    """An open line to one database. Used by one task at a time; `close` is idempotent."""

    async def inspect(self, depth: Literal["shallow", "full"] = "shallow") -> Catalog:
        """Look at the database; the number of statements does not grow with its tables.

        "shallow" may estimate row counts, "full" counts exactly.
        """
        ...

    def query(self, statement: str, params: Params, limits: QueryLimits) -> AsyncIterator[Batch]:
        """Run ONE statement with bound parameters. At least one batch comes; the last has `last`.

        Raises LimitExceeded (code "query_timeout") at `seconds`, Cancelled on `stop`, Denied (code "read_only") when
        the engine refuses a write, Invalid (code "statement_invalid" | "many_statements" | "params_invalid") otherwise.
        Closing the iterator early cancels the statement at the server.
        """
        ...

    def capture(self, since: Manifest | None, want: CaptureRequest, stop: Stop) -> Capture:
        """Synchronous, for runner threads. Nothing is locked until the capture is entered."""
        ...

    def restore(self, source: Source, want: RestoreRequest, stop: Stop) -> Receipt:
        """Synchronous. On any error the target is left unusable-by-accident: empty or absent, never half right."""
        ...

    def verify(self, expected: Manifest, depth: Level, stop: Stop) -> Verdict:
        """Synchronous. Compare with the manifest: catalog, counts, digests; L2: the engine's own checks."""
        ...

    async def close(self) -> None: ...


class Engine(Protocol):
    """One kind of state. Stateless: every verb takes what it needs."""

    name: ClassVar[str]
    spec: ClassVar[type[Spec]]
    capabilities: ClassVar[Capabilities]

    def software(self, spec: Spec) -> Software | None:
        """The native tools this spec needs; None when embedded."""
        ...

    def needs(self, spec: Spec) -> tuple[bool, Sequence[str]]:
        """(wants a TCP port, names of the secrets to generate before `plan`)."""
        ...

    def plan(self, spec: Spec, site: Site) -> Plan:
        """Pure: same arguments, same plan. No disk, no clock, no randomness."""
        ...

    async def prepare(self, at: Endpoint, spec: Spec, tools: Tools) -> Receipt:
        """Roles, database, grants. Idempotent: a second call changes nothing and succeeds."""
        ...

    def connect(self, at: Endpoint, tools: Tools, access: Access = "admin") -> Session:
        """No I/O until first use. `access` picks the role; query() with write=False always uses "ro" rights."""
        ...

    def url(self, at: Endpoint, access: Access) -> str:
        """Connection URL for people and programs, password included."""
        ...

    def readable(self, source: Source, tools: Tools, stop: Stop) -> Verdict:
        """L2: every part of the snapshot parses with the engine's tools, without a server."""
        ...


@runtime_checkable
class CanSwap(Protocol):
    """Engines whose restore into an existing resource builds beside it and swaps by rename."""

    def beside(self, at: Endpoint, label: str) -> Endpoint:
        """Pure: the endpoint of a candidate next to `at`; `label` is [a-z0-9_]{1,24}."""
        ...

    async def swap(self, at: Endpoint, candidate: Endpoint, kept: Endpoint, tools: Tools) -> Receipt:
        """Drain `at` (end its sessions, refuse new ones), rename it to `kept`, rename `candidate` to `at`.

        Idempotent after a crash at any point: called again with the same arguments it completes. Either the old
        or the new database is at `at` afterwards, never neither.
        """
        ...

    async def discard(self, at: Endpoint, tools: Tools) -> Receipt:
        """Remove a candidate or kept database for good. Absent is success. Refuses an endpoint that is not `beside`."""
        ...


@runtime_checkable
class CanDigest(Protocol):
    """Sessions that can compute row-set digests on demand (for equality and diff)."""

    def digests(self, select: Sequence[str], stop: Stop) -> dict[str, tuple[int, str]]:
        """{"schema.table": (rows, digest)}; order of rows does not matter, multiplicity does."""
        ...


@runtime_checkable
class CanPreview(Engine, Protocol):
    """Engines that can show the first rows of a table straight out of a snapshot, without restoring the whole."""

    def preview(self, source: Source, table: str, limit: int, tools: Tools, stop: Stop) -> Batch:
        """Synchronous. At most `limit` rows of `table` ("schema.table", as the manifest's tables read; "table" where
        the schema is empty) in one batch with `columns` and `last`; `truncated` is "rows" when the table has more.

        Reads only what it needs of `source`; uses at most a few MB of scratch. Raises NotFound, Corrupt, Cancelled.
        """
        ...
