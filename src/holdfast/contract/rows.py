"""Reading and changing the rows of one table without writing the engine's language: what a session may add."""

from __future__ import annotations

from collections.abc import AsyncIterable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, get_args, runtime_checkable

from holdfast.contract.catalog import Column, Relation
from holdfast.contract.query import QueryLimits, ResultColumn

Operator = Literal["eq", "ne", "lt", "le", "gt", "ge", "like", "in", "null", "contains"]
OPERATORS: tuple[str, ...] = get_args(Operator)
KeyKind = Literal["primary", "unique", "rowid", "position", "none"]
Check = Callable[[Mapping[str, Any]], bool]


@dataclass(frozen=True)
class TableName:
    """`schema` None = the engine's own default."""

    name: str
    schema: str | None = None


@dataclass(frozen=True)
class Table:
    """What must be known of a table to read and change its rows.

    `key` names the columns that tell one row from all others. `key_kind`: "primary" or "unique" (of columns that are
    never null); "rowid": the engine's own number, stable but for a dump and restore; "position": where the row lies,
    good for reading pages and for nothing else; "none": one page only. `fixed` are columns no one may set; `given` are
    those the engine fills by itself when they are left out.
    """

    relation: Relation
    key: tuple[str, ...]
    key_kind: KeyKind
    text: frozenset[str] = frozenset()
    fixed: frozenset[str] = frozenset()
    estimate: int | None = None

    @property
    def columns(self) -> tuple[Column, ...]:
        return self.relation.columns

    @property
    def editable(self) -> bool:
        return self.relation.kind == "table" and self.key_kind in ("primary", "unique", "rowid")


@dataclass(frozen=True)
class Filter:
    """`null` takes True or False; `in` a list; `like` the engine's own LIKE; `contains` text in text, case folded."""

    column: str
    op: Operator
    value: Any = None


@dataclass(frozen=True)
class Order:
    column: str
    descending: bool = False


@dataclass(frozen=True)
class RowsWanted:
    """One page. `after` holds the values of `RowsFound.position` of the page before; `search` looks into every text
    column. `count`: None, or the most rows that are counted exactly."""

    table: TableName
    columns: tuple[str, ...] = ()
    filters: tuple[Filter, ...] = ()
    order: tuple[Order, ...] = ()
    search: str | None = None
    after: tuple[Any, ...] | None = None
    limit: int = 100
    count: int | None = None


@dataclass(frozen=True)
class RowsFound:
    """`positions` are one per row: hand the last one back as `after`. `more` = there are rows behind these; without
    `positions` they cannot be reached. `count` stops at the most asked for, then `count_capped`."""

    table: Table
    columns: tuple[ResultColumn, ...]
    rows: tuple[tuple[Any, ...], ...]
    keys: tuple[tuple[Any, ...], ...]
    positions: tuple[tuple[Any, ...], ...]
    more: bool
    truncated: str | None = None
    count: int | None = None
    count_capped: bool = False


@dataclass(frozen=True)
class Insert:
    """A new row. `or_update`: when a row of this key is there already, it gets these values instead."""

    values: Mapping[str, Any]
    or_update: bool = False


@dataclass(frozen=True)
class Update:
    """`check` sees the row as it is, locked; False raises PreconditionFailed and nothing changes."""

    key: Mapping[str, Any]
    values: Mapping[str, Any]
    check: Check | None = None


@dataclass(frozen=True)
class Delete:
    key: Mapping[str, Any]
    check: Check | None = None


Change = Insert | Update | Delete


@dataclass
class Edited:
    """`rows` are those written, as they are now (of deletions: as they were), up to the limit of rows."""

    table: Table
    columns: tuple[ResultColumn, ...] = ()
    rows: list[tuple[Any, ...]] = field(default_factory=list)
    affected: int = 0


@runtime_checkable
class CanEdit(Protocol):
    """Sessions that read and change rows. A session opened with "ro" rights only reads.

    Every verb raises NotFound("table_unknown"), Invalid("column_unknown") with what was probably meant, and what
    `Session.query` raises.
    """

    async def table(self, name: TableName) -> Table: ...

    async def rows(self, want: RowsWanted, limits: QueryLimits) -> RowsFound:
        """One page in the order asked for, the key breaking ties; always with the reader's rights."""
        ...

    async def edit(self, name: TableName, batches: AsyncIterable[Sequence[Change]], limits: QueryLimits) -> Edited:
        """All changes of all batches in one transaction, or none. `details["row"]` of an error counts from 0.

        Raises Conflict("unique_violation" | "foreign_key_violation" | "exclusion_violation" | "key_ambiguous" |
        "table_has_no_key" | "not_editable"), Invalid("not_null_violation" | "check_violation" | "value_type" |
        "value_too_long" | "column_fixed" | "key_invalid"), NotFound("row_unknown"), PreconditionFailed.
        Errors of the database name `constraint` and `columns` where the engine knows them.
        """
        ...
