"""A database's shape in no engine's words: what a move from one engine to another goes through.

A value of each kind, in both directions and in every engine: boolean bool, integer int, float float, bytes bytes, all
others str in one form: numeric in decimal digits, dates and times in ISO 8601 with a space, UTC written +00:00, json
and whatever is `other` as the engine that knows the type writes it. NULL is None.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, runtime_checkable

from holdfast.contract.catalog import JSON
from holdfast.kernel.stop import Stop

Kind = Literal[
    "boolean", "integer", "float", "numeric", "text", "bytes", "date", "time", "timetz", "timestamp", "timestamptz",
    "uuid", "json", "enum", "other",
]  # fmt: skip
Action = Literal["no action", "restrict", "cascade", "set null", "set default"]
What = Literal["dropped", "changed", "renamed"]


@dataclass(frozen=True)
class NeutralType:
    """`size`: integer and float in bytes, text its most characters, numeric its precision; None = no bound.

    `fixed`: text padded to its size. `values` are an enum's. `spelling` is what the source calls an `other` type (and
    jsonb, where it differs from json): an engine that knows it by this name may use it again.
    """

    kind: Kind
    size: int | None = None
    scale: int | None = None
    fixed: bool = False
    values: tuple[str, ...] = ()
    spelling: str | None = None


@dataclass(frozen=True)
class Default:
    """`now`: the moment of the insert; `today` its date. `literal`: `value` as a neutral value."""

    kind: Literal["literal", "now", "today"]
    value: Any = None


@dataclass(frozen=True)
class NeutralColumn:
    """`identity`: the engine counts up when nothing is given; None, or whether a given value is refused."""

    name: str
    type: NeutralType
    nullable: bool = True
    default: Default | None = None
    identity: Literal["always", "by default"] | None = None


@dataclass(frozen=True)
class NeutralKey:
    """A unique constraint or an index over plain columns."""

    name: str
    columns: tuple[str, ...]
    unique: bool = False
    descending: tuple[bool, ...] = ()


@dataclass(frozen=True)
class NeutralReference:
    """A foreign key. `table` is a `NeutralTable.name`."""

    name: str | None
    columns: tuple[str, ...]
    table: str
    referenced: tuple[str, ...]
    on_delete: Action = "no action"
    on_update: Action = "no action"


@dataclass(frozen=True)
class NeutralTable:
    """`source` is where its own engine has it, schema first; `name` is one word, unlike all others. `origin`: the
    `source` of the table that `accept` made it of; its columns are in the same order, whatever their names."""

    name: str
    source: tuple[str, str]
    columns: tuple[NeutralColumn, ...]
    primary_key: tuple[str, ...] = ()
    uniques: tuple[NeutralKey, ...] = ()
    indexes: tuple[NeutralKey, ...] = ()
    references: tuple[NeutralReference, ...] = ()
    rows: int | None = None
    origin: tuple[str, str] | None = None

    def column(self, name: str) -> NeutralColumn:
        return next(each for each in self.columns if each.name == name)


@dataclass(frozen=True)
class Loss:
    """One thing that will not be as it was. `where` names the table, column or object; `text` says what happens to it
    and why, for the person who must accept it."""

    what: What
    where: str
    text: str

    def as_dict(self) -> dict[str, JSON]:
        return {"what": self.what, "where": self.where, "text": self.text}


@dataclass(frozen=True)
class Neutral:
    """A described database. `losses` are what the neutral words could not say of it."""

    engine: str
    tables: tuple[NeutralTable, ...]
    losses: tuple[Loss, ...] = ()
    facts: Mapping[str, JSON] = field(default_factory=dict)


class Reading(Protocol):
    """A context manager that holds ONE moment of the source. Synchronous, for one thread."""

    def describe(self, stop: Stop) -> Neutral:
        """Everything, from the catalog and, where types do not bind values, from the values themselves."""
        ...

    def rows(self, table: NeutralTable, stop: Stop) -> Iterator[Sequence[Sequence[Any]]]:
        """Batches of neutral rows, in the order of `table.columns`, of the kinds `table` says: it may be what another
        engine planned. Raises Permanent (code "value_unfit") naming column and row when a value is not of its kind."""
        ...


class Writing(Protocol):
    """A context manager over an empty database. What is not committed is not there afterwards."""

    def put(self, table: NeutralTable, rows: Sequence[Sequence[Any]]) -> None: ...

    def finish(self, tables: Sequence[NeutralTable]) -> None:
        """Indexes, foreign keys, counters; then commit."""
        ...


@runtime_checkable
class CanTranslate(Protocol):
    """Sessions that a move can read from or write to."""

    def reading(self) -> AbstractContextManager[Reading]: ...

    def accept(self, neutral: Neutral) -> Neutral:
        """What this engine would make of it: names and types it can hold, and every loss on the way (those of
        `neutral` are not repeated). A table it cannot have at all is left out. Pure."""
        ...

    def writing(self, tables: Sequence[NeutralTable], stop: Stop) -> AbstractContextManager[Writing]:
        """Tables as `accept` said, made first, without foreign keys and indexes. Raises Conflict (code "not_empty")."""
        ...
