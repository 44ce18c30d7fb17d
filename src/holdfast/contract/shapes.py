"""The shape of tables: what may be made, changed and dropped, and the statements that do it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict, Field

from holdfast.contract.query import QueryLimits
from holdfast.contract.rows import Table, TableName

Name = Field(min_length=1, max_length=128)
Act = Literal["NO ACTION", "RESTRICT", "CASCADE", "SET NULL", "SET DEFAULT"]


class _Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ColumnShape(_Shape):
    """`type`, `default` and `check` are in the engine's own words: they are code, and need the right to write it."""

    name: str = Name
    type: str = Field(default="", max_length=200, examples=["integer", "numeric(12,2)"])
    nullable: bool = True
    default: str | None = Field(default=None, max_length=2000, examples=["0", "'new'", "now()"])


class KeyShape(_Shape):
    """Columns together: a unique constraint, or an index."""

    columns: tuple[str, ...] = Field(min_length=1, max_length=32)
    name: str | None = Field(default=None, min_length=1, max_length=128)


class IndexShape(KeyShape):
    unique: bool = False


class LinkShape(KeyShape):
    """A foreign key; without `referenced` it points to the other table's primary key."""

    references: str = Name
    referenced_schema: str | None = Field(default=None, min_length=1, max_length=128)
    referenced: tuple[str, ...] = Field(default=(), max_length=32)
    on_delete: Act = "NO ACTION"
    on_update: Act = "NO ACTION"


class CheckShape(_Shape):
    expression: str = Field(min_length=1, max_length=4000)
    name: str | None = Field(default=None, min_length=1, max_length=128)


class TableShape(_Shape):
    """A new table."""

    name: str = Name
    columns: tuple[ColumnShape, ...] = Field(min_length=1, max_length=1000)
    primary_key: tuple[str, ...] = Field(default=(), max_length=32)
    unique: tuple[KeyShape, ...] = ()
    indexes: tuple[IndexShape, ...] = ()
    foreign_keys: tuple[LinkShape, ...] = ()
    checks: tuple[CheckShape, ...] = ()


class ColumnChange(_Shape):
    """What is given changes; `default` null takes the default away."""

    column: str = Name
    rename: str | None = Field(default=None, min_length=1, max_length=128)
    type: str | None = Field(default=None, min_length=1, max_length=200)
    nullable: bool | None = None
    default: str | None = Field(default=None, max_length=2000)


class TableChange(_Shape):
    """Everything that is to change, carried out in the order of the fields, in one transaction; but all renaming comes
    last, so that the rest says the names of before.

    Constraints are dropped by name; those without one by kind and columns (`{"columns": ["a", "b"]}`). A column that a
    key, an index or a check uses is dropped only after these: nothing goes silently with it.
    """

    drop_foreign_keys: tuple[KeyShape | str, ...] = ()
    drop_indexes: tuple[str, ...] = ()
    drop_unique: tuple[KeyShape | str, ...] = ()
    drop_checks: tuple[str, ...] = ()
    drop_columns: tuple[str, ...] = ()
    columns: tuple[ColumnChange, ...] = ()
    add_columns: tuple[ColumnShape, ...] = ()
    add_checks: tuple[CheckShape, ...] = ()
    add_unique: tuple[KeyShape, ...] = ()
    add_foreign_keys: tuple[LinkShape, ...] = ()
    add_indexes: tuple[IndexShape, ...] = ()
    rename: str | None = Field(default=None, min_length=1, max_length=128)


@dataclass(frozen=True)
class Constraint:
    """A constraint as it stands. `name` None = it has none."""

    kind: Literal["check", "unique", "foreign key", "exclusion"]
    name: str | None
    columns: tuple[str, ...]
    definition: str


@dataclass(frozen=True)
class Shape:
    """A table with its constraints."""

    table: Table
    constraints: tuple[Constraint, ...] = ()
    triggers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Create:
    shape: TableShape
    schema: str | None = None


@dataclass(frozen=True)
class Alter:
    table: TableName
    change: TableChange


@dataclass(frozen=True)
class Drop:
    """Refused while rows elsewhere point here, or a view looks at it."""

    table: TableName


Reshape = Create | Alter | Drop


@dataclass(frozen=True)
class Steps:
    """What would run, or ran, in order. `rebuilt`: the table is written anew, which takes time and room by its size."""

    statements: tuple[str, ...]
    rebuilt: bool = False
    notes: tuple[str, ...] = field(default=())


@runtime_checkable
class CanReshape(Protocol):
    """Sessions that change the shape of tables. Nothing to change = no statements, and nothing happens."""

    async def shape(self, name: TableName) -> Shape: ...

    async def reshape(self, act: Reshape, limits: QueryLimits, *, preview: bool) -> Steps:
        """`preview` runs nothing. Otherwise all statements run in one transaction: all or none.

        Raises NotFound("table_unknown"), Invalid("column_unknown" | "shape_invalid"), Conflict("table_exists" |
        "column_exists" | "in_use" | "constraint_unknown"), and what `CanEdit.edit` raises where the rows do not fit.
        """
        ...


def given(change: ColumnChange, name: str) -> bool:
    """Whether the field was said at all: a null default is a wish too."""
    return name in change.model_fields_set
