"""Rows and tables on the wire."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from holdfast.contract.rows import Edited, Operator, RowsFound, Table
from holdfast.features.databases.encoding import encode_row, encode_value
from holdfast.features.rows.digest import digest


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid")


class FilterIn(_In):
    """`null` takes true or false, `in` a list, `like` the engine's own LIKE, `contains` text in text, case folded."""

    column: str = Field(max_length=256)
    op: Operator
    value: Any = None


class SearchIn(_In):
    """What a page of rows should hold. Paging goes on by `cursor` with the same filters and order."""

    columns: list[str] = Field(default_factory=list, max_length=1000)
    filters: list[FilterIn] = Field(default_factory=list, max_length=50)
    order: list[str] = Field(default_factory=list, max_length=8, description="Columns; `-name` runs downwards.")
    search: str | None = Field(default=None, max_length=1000, description="Text to find in any text column.")
    limit: int = Field(default=100, ge=1, le=1000)
    cursor: str | None = Field(default=None, max_length=1 << 16)
    count: bool = Field(default=False, description="Count the rows that fit, exactly, up to 10,000.")


class RowsIn(_In):
    """New rows. All of them are written, or none."""

    rows: list[dict[str, Any]] = Field(min_length=1, max_length=10_000)
    upsert: bool = Field(default=False, description="A row whose key is there already is changed instead.")


class UpsertIn(_In):
    values: dict[str, Any]


class UpdateIn(_In):
    """`expected`: values the row must still have; If-Match with the row's digest asks the same of the whole row."""

    values: dict[str, Any] = Field(min_length=1)
    expected: dict[str, Any] | None = None


class RowColumn(BaseModel):
    name: str
    type: str | None


class RowOut(BaseModel):
    """One row: `values` by column, its `key`, and a `digest` for If-Match."""

    key: dict[str, Any] | None
    digest: str | None
    values: dict[str, Any]


class RowsOut(BaseModel):
    """A page. `key_kind` says by what rows are told apart; `next_cursor` is null on the last page, and on the only one
    of a relation that has no key. `count` stops at 10,000, then `count_capped`."""

    columns: list[RowColumn]
    rows: list[RowOut]
    key: list[str]
    key_kind: str
    more: bool
    next_cursor: str | None
    truncated: str | None
    count: int | None
    count_capped: bool

    @classmethod
    def of(cls, found: RowsFound, cursor: str | None) -> RowsOut:
        names = [column.name for column in found.columns]
        whole = set(names) >= {column.name for column in found.table.columns}
        rows = []
        for place, row in enumerate(found.rows):
            values = dict(zip(names, encode_row(row), strict=True))
            key = dict(zip(found.table.key, encode_row(found.keys[place]), strict=True)) if found.keys else None
            rows.append(RowOut(key=key, digest=digest(values) if whole and key is not None else None, values=values))
        return cls(
            columns=[RowColumn(name=column.name, type=column.type) for column in found.columns],
            rows=rows,
            key=list(found.table.key) if found.table.editable else [],
            key_kind=found.table.key_kind,
            more=found.more,
            next_cursor=cursor,
            truncated=found.truncated,
            count=found.count,
            count_capped=found.count_capped,
        )


class EditedOut(BaseModel):
    """How many rows were written, and the first of them as they are now (of deletions: as they were)."""

    affected: int
    rows: list[RowOut]

    @classmethod
    def of(cls, done: Edited) -> EditedOut:
        return cls(affected=done.affected, rows=[row_out(done.table, done, row) for row in done.rows])


def row_out(table: Table, done: Edited, row: tuple[Any, ...]) -> RowOut:
    raw = dict(zip((column.name for column in done.columns), row, strict=True))
    values = {name: encode_value(value) for name, value in raw.items()}
    whole = all(name in values for name in table.key)
    key = {name: values[name] for name in table.key} if table.editable and whole else None
    return RowOut(key=key, digest=digest(values), values=values)
