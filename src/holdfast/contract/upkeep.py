"""Looking after a database: chores, settings, extensions. Each ability is a protocol of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

from holdfast.contract.snapshot import Receipt
from holdfast.contract.spec import Endpoint
from holdfast.kernel.stop import Stop

Tell = Callable[[str, int, int | None, str], None]  # phase, done, total, unit


@dataclass(frozen=True)
class Chore:
    """`blocks`: who waits meanwhile, as a sentence. `targets`: it can be done to one table."""

    name: str
    title: str
    blocks: str
    targets: bool = False
    copies: bool = False  # needs about the database's size of free disk


@runtime_checkable
class CanMaintain(Protocol):
    def chores(self) -> tuple[Chore, ...]:
        """Pure."""
        ...

    def maintain(self, at: Endpoint, chore: str, target: str | None, stop: Stop, tell: Tell) -> Receipt:
        """Synchronous, for runner threads; may be run again. `target` reads "schema.table". Tables that are locked by
        others are left out and named in the notes. Raises NotFound for a target that is not there, Cancelled, and
        Corrupt when the chore is a check and something is wrong."""
        ...


Applies = Literal["at once", "new sessions", "restart", "next vacuum"]


@dataclass(frozen=True)
class Setting:
    """`value` is in force for new sessions, `pending` waits for what `applies` says. Values as the engine writes."""

    name: str
    description: str
    kind: Literal["integer", "real", "boolean", "choice", "text"]
    value: str
    default: str
    applies: Applies
    scope: Literal["database", "server"]
    changed: bool = False
    pending: str | None = None
    unit: str | None = None
    minimum: str | None = None
    maximum: str | None = None
    choices: tuple[str, ...] = ()


@runtime_checkable
class CanTune(Protocol):
    """Settings by allow-list: what is not in the list cannot be read or changed here."""

    def settings(self, at: Endpoint) -> tuple[Setting, ...]: ...

    def tune(self, at: Endpoint, changes: Mapping[str, str | None]) -> None:
        """All of them or, where one is refused, none. None = back to the default. Raises Invalid (code
        "setting_unknown" | "setting_invalid") naming the setting."""
        ...


@dataclass(frozen=True)
class Extension:
    """`installed` is the version in this database, None when it is not; `available` the one that would be."""

    name: str
    description: str
    available: str
    installed: str | None


@runtime_checkable
class CanExtend(Protocol):
    """Extensions by allow-list: nothing that reads files, opens connections or runs another language's code."""

    def extensions(self, at: Endpoint) -> tuple[Extension, ...]:
        """Those of the allow-list that this server has."""
        ...

    def enable(self, at: Endpoint, name: str) -> None:
        """Enabled already is success. Raises NotFound (code "extension_not_found")."""
        ...

    def disable(self, at: Endpoint, name: str, *, cascade: bool) -> None:
        """Raises Conflict (code "extension_in_use", details "objects") when something needs it, unless `cascade`: then
        that is dropped too. Absent is success."""
        ...
