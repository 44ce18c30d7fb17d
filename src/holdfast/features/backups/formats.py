"""What a repository can be written as: the one seam between those who use repositories and how they lie.

Services never ask which format a repository has: they ask its format what it can do, or have it do it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from holdfast.contract.catalog import JSON
from holdfast.contract.registry import Registry
from holdfast.contract.snapshot import Capture, Manifest, Source
from holdfast.contract.tools import Tools
from holdfast.kernel.clock import Clock
from holdfast.kernel.errors import Conflict
from holdfast.kernel.stop import Stop
from holdfast.vault.check import CheckReport, VerifyReport
from holdfast.vault.gc import GcOptions, GcReport
from holdfast.vault.line import SnapshotStats
from holdfast.vault.options import SnapshotOptions
from holdfast.vault.plain.named import KeyRing
from holdfast.vault.proving import Progress
from holdfast.vault.repository import Repository, SnapshotInfo, TreeEntry
from holdfast.vault.stores.base import Store
from holdfast.vault.subset import Choice
from holdfast.vault.usage import Usage

Settings = Mapping[str, Any]


@dataclass(frozen=True)
class Abilities:
    """What users may expect; each is asked by name.

    `dedup`: what two snapshots share is stored once. `incremental`: what did not change is not read again. `copies`:
    its snapshots can be copied into another repository as they lie. `repairs`: its index can be made again. `rekeys`: a
    new password opens everything that is there, and the old one nothing. `foreign`: other programs write into it too.
    `records`: snapshots of Holdfast's own records go there. `stages`: a snapshot takes room on this machine's disk
    while it is taken. `batches`: many small databases are taken into it under one lock. `archives`: a snapshot may
    lie where it has to be asked for hours before it is read. `stock`: what opens it without Holdfast.
    """

    title: str
    stock: str
    dedup: bool
    incremental: bool
    copies: bool
    repairs: bool
    rekeys: bool
    foreign: bool
    records: bool
    stages: bool
    batches: bool
    archives: bool

    def names(self) -> list[str]:
        """Those it has."""
        return [name for name in ABILITIES if getattr(self, name)]


ABILITIES = ("dedup", "incremental", "copies", "repairs", "rekeys", "foreign", "records")
_CANNOT = {
    "copies": "its snapshots are not copied as they lie: take one into the other repository",
    "repairs": "it has no index that could be made again; `repo check` says what is wrong",
    "records": "Holdfast's own records go into one that is always encrypted",
    "foreign": "it holds Holdfast's snapshots only",
}


class OpenSource(Source, Protocol):
    """A source that is closed by whoever opened it."""

    def close(self) -> None: ...
    def __enter__(self) -> OpenSource: ...
    def __exit__(self, *exc: object) -> None: ...


class Opened(Protocol):
    """An open repository of any format. Snapshots go by the id that `snapshots` tells (a row's `restic_id`)."""

    id: str
    store: Store
    clock: Clock

    def snapshots(self) -> list[SnapshotInfo]: ...
    def manifest(self, snapshot_id: str) -> Manifest: ...
    def tree(self, snapshot_id: str) -> list[TreeEntry]: ...
    def source(self, snapshot_id: str) -> OpenSource: ...
    def forget(self, snapshot_id: str) -> None: ...

    def verify_snapshot(
        self, snapshot_id: str, stop: Stop | None = None, progress: Progress | None = None
    ) -> VerifyReport: ...

    def check(
        self,
        read_data: bool = False,
        stop: Stop | None = None,
        progress: Progress | None = None,
        choice: Choice | None = None,
        suspects: Collection[bytes] = (),
    ) -> CheckReport: ...

    def sealed(self, facts: Mapping[str, Any]) -> bytes:
        """Facts as they lie beside the snapshots."""
        ...

    def unsealed(self, data: bytes) -> dict[str, Any]: ...


@dataclass(frozen=True)
class Material:
    """What opening takes. `older`: passwords before this one, which older files may need. `cache`, `scratch`: of this
    machine. `ring`: the project's named keys."""

    password: str = field(repr=False)
    older: tuple[str, ...] = field(default=(), repr=False)
    settings: Settings | None = None
    cache: Path | None = None
    scratch: Path | None = None
    ring: KeyRing | None = None


@dataclass(frozen=True)
class Taking:
    """A snapshot that is to be stored. `parent`: what it builds on, by its id in the repository. `attempt`: how often a
    runner began. `chosen`: its settings are not the repository's. `still_ours` raises Conflict("claim_lost") when
    another has taken it over. `tools`: for formats that have a program of the machine's seal."""

    snapshot_id: str
    project: str
    environment: str
    database: str
    resource_id: str
    engine: str
    taken_at: datetime
    tags: tuple[str, ...]
    facts: Mapping[str, JSON]
    options: SnapshotOptions
    scratch: Path
    stop: Stop
    reading: Callable[[SnapshotStats], None]
    sending: Callable[[int, int], None]
    parent: str | None = None
    attempt: int = 1
    chosen: bool = False
    still_ours: Callable[[], None] = lambda: None
    tools: Tools | None = None


@dataclass(frozen=True)
class Taken:
    """`options`: what it was stored with, for its row."""

    id: str
    manifest: Manifest
    stats: SnapshotStats
    options: Mapping[str, JSON]


@dataclass(frozen=True)
class StoredFile:
    """A snapshot that lies as a file of its own. `read`: its bytes from an offset; from the start they are compared
    with what was written, and the end raises Corrupt when they are not that."""

    name: str
    size: int
    encryption: str
    guide: str
    read: Callable[[int, Stop], Iterator[bytes]]


@dataclass(frozen=True)
class Movable:
    """What may lie in a colder class. `snapshots`: which it is of, where a piece is of one only."""

    pieces: frozenset[str]
    snapshots: Mapping[str, str] = field(default_factory=dict)


class RepositoryFormat(Protocol):
    name: str
    abilities: Abilities

    def checked(self, settings: Settings | None) -> Settings | None:
        """What a row keeps of them. Raises Invalid for what this format does not take."""
        ...

    def chosen(self, settings: Settings | None, words: Mapping[str, Any]) -> Settings | None:
        """A repository's settings for one snapshot, whose options say `words`. Raises Invalid for those that this
        format does not take, naming what it takes."""
        ...

    def weaker(self, settings: Settings | None, chosen: Settings | None) -> bool:
        """Whether the snapshot is in plain text where the repository's others are encrypted."""
        ...

    def opens(self, settings: Settings | None) -> bool:
        """Whether Holdfast can open again what it writes with these settings."""
        ...

    def reads(self, opened: Opened, snapshot_id: str) -> bool:
        """Whether what is stored can be opened here; False where only the public half of its key is."""
        ...

    def new_key(self, settings: Settings | None) -> str: ...

    def there(self, store: Store) -> bool:
        """Whether a repository of this format lies at this place."""
        ...

    def open(self, store: Store, material: Material) -> Opened:
        """Raises NotFound, Denied (code "repository_password"), Corrupt."""
        ...

    def create(self, store: Store, material: Material) -> Opened:
        """Raises Conflict (code "repository_exists")."""
        ...

    def adopted(self, store: Store, password: str, material: Material) -> tuple[Opened, Material]:
        """One that is there already, and what it is to be opened with from now on. `password` is as it was given."""
        ...

    def find(self, opened: Opened, snapshot_id: str, tag: str) -> str | None:
        """A complete snapshot by Holdfast's own id: its id in the repository."""
        ...

    def said(self, opened: Opened, snapshot_id: str) -> Mapping[str, Any]:
        """What the repository itself says of a snapshot beside its manifest, as columns of its row."""
        ...

    def take(
        self, opened: Opened, capture: Capture, taking: Taking, settings: Settings | None, engines: Registry
    ) -> Taken: ...

    def usage(self, opened: Opened, owner: Callable[[str], str], stop: Stop, progress: Progress) -> Usage: ...

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
        """The phase of a collection that is due. What belongs to the snapshots `known` here is never collected."""
        ...

    def movable(
        self, opened: Opened, young: Callable[[SnapshotInfo], bool], stop: Stop, progress: Progress
    ) -> AbstractContextManager[Movable]:
        """Pieces that no snapshot needs which is `young`; they stay so until the block ends. Everything that is read to
        list, find, take, check the structure and collect stays out of it."""
        ...

    def heavy(self, opened: Opened, snapshot_id: str) -> Sequence[str]:
        """The pieces that may have moved of a snapshot, where they are of one only."""
        ...

    def stored(self, opened: Opened, snapshot_id: str) -> StoredFile | None:
        """None where snapshots are not files of their own."""
        ...

    def bytes(self, store: Store) -> int:
        """What lies at its place."""
        ...

    def clear(self, opened: Opened, ours: Sequence[str], *, everything: bool, stop: Stop, progress: Progress) -> None:
        """Delete the snapshots `ours`; `everything`: all that is ours at its place, and what opens it last. Again goes
        on."""
        ...

    def end_clearing(self, store: Store) -> None:
        """What does not open any more because a `clear` was killed at its end: the rest goes. Where there is data
        beside what is missing somebody else did that, and all stays."""
        ...


def restic(opened: Opened) -> Repository:
    """For what only restic's format has. Raises Conflict (code "repository_format") for another."""
    if not isinstance(opened, Repository):
        raise Conflict("this is no restic repository", code="repository_format")
    return opened


def cannot(abilities: Abilities, ability: str, name: str) -> Conflict:
    return Conflict(
        f"the repository {name!r} cannot do that: it is of {abilities.title}",
        code="repository_format",
        hint=_CANNOT.get(ability),
        details={"ability": ability},
    )
