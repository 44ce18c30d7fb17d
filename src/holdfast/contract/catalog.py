"""What is inside a database, in words every engine shares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

JSON = None | bool | int | float | str | Sequence["JSON"] | Mapping[str, "JSON"]

RelationKind = Literal["table", "view", "materialized view", "foreign table", "virtual table", "sequence", "collection"]


@dataclass(frozen=True)
class Column:
    """`type` is the engine's own spelling, complete with modifiers (`numeric(12,2)`, `text[]`)."""

    name: str
    type: str
    nullable: bool = True
    default: str | None = None
    primary_key: int = 0  # 1-based position in the primary key, 0 = not part of it
    generated: bool = False


@dataclass(frozen=True)
class Index:
    name: str
    columns: tuple[str, ...]
    unique: bool = False
    definition: str | None = None


@dataclass(frozen=True)
class ForeignKey:
    columns: tuple[str, ...]
    references: str  # "schema.table" or "table"
    referenced_columns: tuple[str, ...]
    name: str | None = None


@dataclass(frozen=True)
class Relation:
    """A table, view or collection. `rows` is exact at depth "full", an estimate at "shallow", None when unknown."""

    schema: str
    name: str
    kind: RelationKind
    columns: tuple[Column, ...] = ()
    indexes: tuple[Index, ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()
    rows: int | None = None
    bytes: int | None = None
    definition: str | None = None


@dataclass(frozen=True)
class Catalog:
    """One database as seen at one moment. `objects` counts everything else by kind (function, trigger, type...)."""

    engine: str
    version: str
    database: str
    relations: tuple[Relation, ...] = ()
    schemas: tuple[str, ...] = ()
    extensions: Mapping[str, str] = field(default_factory=dict)
    objects: Mapping[str, int] = field(default_factory=dict)
    bytes: int | None = None
    rows_exact: bool = False
