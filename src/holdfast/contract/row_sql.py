"""Statements on rows, composed for any SQL engine: names quoted by its own words, values always bound."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from holdfast.contract.catalog import Column
from holdfast.contract.rows import Filter, Order, RowsWanted, Table
from holdfast.kernel.errors import Conflict, Invalid, NotFound

_COMPARE = {"eq": "=", "ne": "<>", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}
MAX_IN = 1000


@dataclass(frozen=True)
class Words:
    """One engine's spelling. `bind` gives a value the form in which the driver hands it to that column; `as_text` an
    expression for a column read as text; `lower` one in lower case; `hidden` an expression for a key that is no column.
    `nulls_high`: nulls sort after every value when ascending. `exactly` is an equality that holds for nulls too."""

    quote: Callable[[str], str]
    placeholder: Callable[[int], str]
    bind: Callable[[Column | None, Any], Any]
    as_text: Callable[[str], str]
    within: Callable[[str, str], str]
    exactly: str
    nulls_high: bool
    hidden: Mapping[str, str]
    lock: str = ""


class Composer:
    """One statement on one table: `params` fill up as the text is made."""

    def __init__(self, words: Words, table: Table) -> None:
        self._words, self.table = words, table
        self._by_name = {column.name: column for column in table.columns}
        self.params: list[Any] = []

    @property
    def source(self) -> str:
        relation = self.table.relation
        return f"{self._words.quote(relation.schema)}.{self._words.quote(relation.name)}"

    def column(self, name: str) -> Column:
        """Raises Invalid("column_unknown") with the nearest names."""
        found = self._by_name.get(name)
        if found is None:
            raise unknown_column(name, self._by_name)
        return found

    def ref(self, name: str) -> str:
        if name not in self._by_name and name in self._words.hidden:
            return self._words.hidden[name]
        self.column(name)
        return self._words.quote(name)

    def put(self, name: str | None, value: Any) -> str:
        self.params.append(self._words.bind(self._by_name.get(name) if name else None, value))
        return self._words.placeholder(len(self.params))

    # -- reading

    def page(self, want: RowsWanted, order: Sequence[Order]) -> str:
        """Columns asked for, then the key, then what the order needs: `limit + 1` rows."""
        shown = want.columns or tuple(self._by_name)
        fields = [self.ref(name) for name in (*shown, *self.table.key, *(o.column for o in order))]
        where = self.conditions(want)
        if want.after is not None:
            where.append(self._after(order, want.after))
        text = f"SELECT {', '.join(fields)} FROM {self.source}{_where(where)}"
        if order:
            text += " ORDER BY " + ", ".join(self.ref(o.column) + (" DESC" if o.descending else "") for o in order)
        return f"{text} LIMIT {want.limit + 1}"

    def count(self, want: RowsWanted, most: int) -> str:
        inner = f"SELECT 1 FROM {self.source}{_where(self.conditions(want))} LIMIT {most + 1}"
        return f"SELECT count(*) FROM ({inner}) AS counted"

    def conditions(self, want: RowsWanted) -> list[str]:
        found = [self._filter(each) for each in want.filters]
        if want.search:
            names = [c.name for c in self.table.columns if c.name in self.table.text]
            if not names:
                raise Invalid("this table has no text columns to search", code="not_searchable")
            found.append("(" + " OR ".join(self._within(name, want.search) for name in names) + ")")
        return found

    def _filter(self, each: Filter) -> str:
        ref, op, value = self.ref(each.column), each.op, each.value
        if op == "null":
            if not isinstance(value, bool):
                raise _filter_invalid(each, "takes true or false")
            return f"{ref} IS {'' if value else 'NOT '}NULL"
        if op == "in":
            if not isinstance(value, Sequence) or isinstance(value, (str, bytes)) or len(value) > MAX_IN:
                raise _filter_invalid(each, f"takes a list of at most {MAX_IN} values")
            return f"{ref} IN ({', '.join(self.put(each.column, v) for v in value)})" if value else "1 = 0"
        if value is None:
            raise _filter_invalid(each, 'takes a value; use "null" to ask for nulls')
        if op in ("like", "contains"):
            if not isinstance(value, str):
                raise _filter_invalid(each, "takes text")
            if op == "contains":
                return self._within(each.column, value)
            return f"{self._words.as_text(ref)} LIKE {self.put(None, value)}"
        return f"{ref} {_COMPARE[op]} {self.put(each.column, value)}"

    def _within(self, name: str, text: str) -> str:
        return self._words.within(self.ref(name), self.put(None, text))

    def _after(self, order: Sequence[Order], values: Sequence[Any]) -> str:
        """Rows that come later than the one these values belong to, nulls included."""
        if len(values) != len(order):
            raise Invalid("this cursor was not made here", code="cursor_invalid")
        same = len({o.descending for o in order}) == 1
        if same and not any(self._nullable(o.column) for o in order):
            refs = ", ".join(self.ref(o.column) for o in order)
            marks = ", ".join(self.put(o.column, v) for o, v in zip(order, values, strict=True))
            return f"({refs}) {'<' if order[0].descending else '>'} ({marks})"
        choices = []
        for place, one in enumerate(order):
            beyond = self._beyond(one, values[place])
            if beyond is None:
                continue
            equal = [self._equal(o.column, v) for o, v in zip(order[:place], values[:place], strict=True)]
            choices.append("(" + " AND ".join([*equal, beyond]) + ")")
        return "(" + " OR ".join(choices) + ")" if choices else "1 = 0"

    def _nullable(self, name: str) -> bool:
        column = self._by_name.get(name)
        return column is not None and column.nullable

    def _equal(self, name: str, value: Any) -> str:
        return f"{self.ref(name)} IS NULL" if value is None else f"{self.ref(name)} = {self.put(name, value)}"

    def _beyond(self, order: Order, value: Any) -> str | None:
        ref = self.ref(order.column)
        nulls_last = self._words.nulls_high != order.descending
        if value is None:
            return None if nulls_last else f"{ref} IS NOT NULL"
        text = f"{ref} {'<' if order.descending else '>'} {self.put(order.column, value)}"
        return f"({text} OR {ref} IS NULL)" if nulls_last and self._nullable(order.column) else text

    # -- changing

    def by_key(self, key: Mapping[str, Any]) -> str:
        """The condition for one row. Raises Invalid("key_invalid") unless it names just the key's columns."""
        if not self.table.editable and self.table.key_kind in ("position", "none"):
            raise no_key(self.table)
        if set(key) != set(self.table.key):
            raise Invalid(
                f"the key of this table is {', '.join(self.table.key)}",
                code="key_invalid",
                details={"columns": list(self.table.key), "given": sorted(map(str, key))},
            )
        return " AND ".join(f"{self.ref(n)} {self._words.exactly} {self.put(n, key[n])}" for n in self.table.key)

    def one(self, key: Mapping[str, Any], *, lock: bool) -> str:
        fields = ", ".join(self.ref(name) for name in self._by_name)
        text = f"SELECT {fields} FROM {self.source} WHERE {self.by_key(key)} LIMIT 2"
        return text + (self._words.lock if lock else "")

    def insert(self, rows: Sequence[Mapping[str, Any]], *, or_update: bool) -> str:
        """All rows name the same columns, which may be none."""
        names = list(rows[0])
        for name in names:
            self.settable(name)
        if not names:
            return f"INSERT INTO {self.source} DEFAULT VALUES{self._returning()}"
        values = ", ".join("(" + ", ".join(self.put(n, row[n]) for n in names) + ")" for row in rows)
        columns = ", ".join(self.ref(n) for n in names)
        clause = self._or_update(names) if or_update else ""
        return f"INSERT INTO {self.source} ({columns}) VALUES {values}{clause}{self._returning()}"

    def _or_update(self, names: Sequence[str]) -> str:
        key = self.table.key
        if self.table.key_kind not in ("primary", "unique"):
            raise no_key(self.table)
        if missing := [name for name in key if name not in names]:
            raise Invalid(
                f"an upsert needs the whole key: {', '.join(missing)} is missing",
                code="key_invalid",
                details={"columns": list(key)},
            )
        on = ", ".join(self.ref(name) for name in key)
        rest = [name for name in names if name not in key] or [key[0]]  # DO NOTHING would return no row
        return f" ON CONFLICT ({on}) DO UPDATE SET " + ", ".join(
            f"{self.ref(name)} = excluded.{self.ref(name)}" for name in rest
        )

    def update(self, key: Mapping[str, Any], values: Mapping[str, Any]) -> str:
        if not values:
            raise Invalid("nothing to change", code="values_missing")
        for name in values:
            self.settable(name)
        sets = ", ".join(f"{self.ref(name)} = {self.put(name, value)}" for name, value in values.items())
        return f"UPDATE {self.source} SET {sets} WHERE {self.by_key(key)}{self._returning()}"

    def delete(self, key: Mapping[str, Any]) -> str:
        return f"DELETE FROM {self.source} WHERE {self.by_key(key)}{self._returning()}"

    def settable(self, name: str) -> None:
        self.column(name)
        if name in self.table.fixed:
            raise Invalid(
                f"{name!r} is generated by the database: leave it out",
                code="column_fixed",
                details={"columns": [name]},
            )

    def _returning(self) -> str:
        return " RETURNING " + ", ".join(self.ref(name) for name in self._by_name)


def full_order(table: Table, order: Sequence[Order], hidden: Mapping[str, str]) -> tuple[Order, ...]:
    """What was asked for and then the key, so that no two rows are equal; empty when there is no key to page by."""
    names = [o.column for o in order]
    direction = order[-1].descending if order else False
    tail = [Order(name, direction) for name in table.key if name not in names]
    nullable = {column.name for column in table.columns if column.nullable}
    if any(name in nullable for name in table.key):  # keys with nulls can repeat: the row's own number tells them apart
        tail += [Order(name, direction) for name in hidden if name not in (*names, *table.key)][:1]
    return (*order, *tail)


def no_key(table: Table) -> Conflict:
    return Conflict(
        f"{table.relation.name!r} has no key by which one row can be told from the others",
        code="table_has_no_key",
        hint="Add a primary key, or a unique index over columns that are never null.",
    )


def unknown_column(name: str, there: Mapping[str, Any] | Sequence[str]) -> Invalid:
    near = get_close_matches(name, list(there), 3, 0.5)
    return Invalid(
        f"there is no column {name!r}",
        code="column_unknown",
        hint=f"Did you mean {' or '.join(repr(n) for n in near)}?"
        if near
        else f"Columns: {', '.join(list(there)[:50])}",
        details={"column": name, "near": near},
    )


def unknown_table(name: str, there: Sequence[str]) -> NotFound:
    near = get_close_matches(name, list(there), 3, 0.5)
    return NotFound(
        f"there is no table {name!r}",
        code="table_unknown",
        hint=f"Did you mean {' or '.join(repr(n) for n in near)}?" if near else None,
        details={"table": name, "near": near},
    )


def _filter_invalid(each: Filter, message: str) -> Invalid:
    return Invalid(
        f"the filter {each.op!r} on {each.column!r} {message}",
        code="filter_invalid",
        details={"fields": [{"field": "filters", "message": f"{each.op} {message}"}]},
    )


def _where(conditions: Sequence[str]) -> str:
    return f" WHERE {' AND '.join(conditions)}" if conditions else ""
