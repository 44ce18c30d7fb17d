"""A snapshot as the engine sees it: entries, a manifest, and what is asked of capture, restore and verify."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Literal, Protocol, runtime_checkable

from holdfast.contract.catalog import JSON, Catalog

MANIFEST_VERSION = 1


class Level(IntEnum):
    """How far a snapshot was proven: L0 stored, L1 hashes read back, L2 readable by the engine's tools,
    L3 restored into a scratch server and compared."""

    STORED = 0
    HASHES = 1
    READABLE = 2
    RESTORED = 3


@runtime_checkable
class Stream(Protocol):
    """Bytes of one entry. The vault owns the buffers."""

    def readinto(self, buffer: memoryview) -> int:
        """Fill the front of `buffer`; 0 only at the true end. Raises if the producer died: never a short end."""
        ...

    def close(self) -> None: ...


@runtime_checkable
class Pages(Protocol):
    """Cells of a page-aligned entry, in ANY order; an absent cell is the parent's (all absent cells of a first
    snapshot are holes and read as zero). The buffer yielded is only valid until the next one."""

    def cells(self) -> Iterator[tuple[int, memoryview]]:
        """(index of the cell on the grid, its bytes: `page` long, the last cell may be shorter)."""
        ...

    def close(self) -> None: ...


@dataclass(frozen=True)
class Entry:
    """One named piece of a snapshot.

    `path`: components joined by "/", each an id or `escape_name`d name; stock restic shows it as a file path.
    `open`: callable from any thread, again on retry; None = same as in the parent snapshot.
    `page`: 0 = content-defined cuts; > 0 = fixed grid of that many bytes, `open` returns Pages.
    `size`: bytes if known (required for Pages).
    `facts`: small values kept in the manifest for this entry (rows, digest, table id, block range).
    """

    path: str
    open: Callable[[], Stream | Pages] | None
    page: int = 0
    size: int | None = None
    facts: Mapping[str, JSON] = field(default_factory=dict)


@dataclass(frozen=True)
class TableFacts:
    """What must be true of a table after restore. `digest` is order-independent over rows (None: not computed);
    digests are only comparable when `method` is equal."""

    schema: str
    name: str
    rows: int
    digest: str | None = None
    method: str | None = None
    entries: tuple[str, ...] = ()


@dataclass(frozen=True)
class Manifest:
    """Everything needed to understand, verify and restore a snapshot; stored as `manifest.json` inside it.

    `position` is the engine's own durable position (LSN, WAL salt and frame); `distrust` names what must not be
    assumed unchanged next time; `entries` holds per-entry facts by path; `options` the choices made at capture.
    """

    engine: str
    version: str
    database: str
    position: Mapping[str, JSON]
    catalog: Catalog
    tables: tuple[TableFacts, ...] = ()
    entries: Mapping[str, Mapping[str, JSON]] = field(default_factory=dict)
    options: Mapping[str, JSON] = field(default_factory=dict)
    distrust: tuple[str, ...] = ()
    manifest_version: int = MANIFEST_VERSION
    facts: Mapping[str, JSON] = field(default_factory=dict)  # id, project, environment... added by the backups slice


@dataclass(frozen=True)
class CaptureRequest:
    """`digests`: "auto" lets the engine skip row digests where they would cost more than the capture.

    `full`: read everything, whatever is known of the parent; only its grid is kept. `sample`: the place in the chain,
    which chooses what is read again although it is believed unchanged (see `contract.incremental.sampled`).
    """

    digests: Literal["auto", "always", "never"] = "auto"
    select: tuple[str, ...] = ()  # "schema.table" or "table" patterns (fnmatch); empty = everything
    parallel: int = 2
    full: bool = False
    sample: int = 0


class Capture(Protocol):
    """A context manager that holds ONE moment; leaving it releases that moment.

    Everything runs on runner threads, synchronously. `entries()` is lazy; different entries may be opened and read
    from different threads at once, and a single entry may be opened again after a failure.
    """

    position: Mapping[str, JSON]

    def entries(self) -> Iterator[Entry]: ...

    def finish(self) -> Manifest:
        """After all entries were read: catalog, counts, digests. Raises if the moment was lost meanwhile."""
        ...

    def companions(self) -> Mapping[str, bytes]:
        """`RESTORE.md` and `restore.sh`: how to restore this snapshot with stock tools only."""
        ...

    def __enter__(self) -> Capture: ...
    def __exit__(self, *exc: object) -> None: ...


class Source(Protocol):
    """A snapshot to restore from: the vault implements it, engines pull what they want, in their own order."""

    manifest: Manifest

    def paths(self) -> Iterator[str]: ...

    def size(self, path: str) -> int: ...

    def open(self, path: str, offset: int = 0) -> Stream:
        """Verified bytes from `offset`; raises Corrupt rather than returning a wrong byte. Thread-safe."""
        ...


@runtime_checkable
class CanFetch(Protocol):
    """A source that can also hand over a whole entry faster than a stream: an engine may use it when it is there."""

    def fetch(self, path: str, write: Callable[[int, memoryview], None], parallel: int = 2) -> None:
        """Call `write(offset, verified bytes)` until every byte of the entry was given exactly once.

        In any order, from up to `parallel` threads at once; the bytes are only valid during the call. Ends with the
        first error of `write` or of the repository (Corrupt); pieces given before it stay given."""
        ...


@dataclass(frozen=True)
class RestoreRequest:
    """`select`: tables to bring ("schema.table" patterns; empty = all). `rename`: "schema.table" -> new table name.
    `into`: "empty" demands an empty target; "existing" adds selected tables to a live database and refuses clashes.
    `closed`: the standing logins stay out afterwards too, until `prepare`, where the engine is a CanUpgrade."""

    select: tuple[str, ...] = ()
    rename: Mapping[str, str] = field(default_factory=dict)
    into: Literal["empty", "existing"] = "empty"
    parallel: int = 2
    closed: bool = False
    progress: Callable[[int], None] | None = None  # called with bytes pulled so far; any thread


@dataclass(frozen=True)
class Receipt:
    """What was done, for the run's record. `notes` are sentences an operator should read."""

    notes: tuple[str, ...] = ()
    facts: Mapping[str, JSON] = field(default_factory=dict)


@dataclass(frozen=True)
class Check:
    """One thing compared. `ok` None = could not be judged, and `detail` says why."""

    name: str
    ok: bool | None
    expected: str = ""
    actual: str = ""
    detail: str = ""


@dataclass(frozen=True)
class Verdict:
    """`ok` only when no check failed and at least one was judged."""

    level: Level
    checks: tuple[Check, ...]

    @property
    def ok(self) -> bool:
        judged = [c for c in self.checks if c.ok is not None]
        return bool(judged) and all(c.ok for c in judged)
