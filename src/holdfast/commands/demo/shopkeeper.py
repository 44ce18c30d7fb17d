"""The shop inside one database, through the query API alone: load it, change it, say exactly what it holds."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from holdfast.client import Client
from holdfast.commands.demo.dialects import Dialect
from holdfast.commands.demo.shop import TABLES, Row, Shop, Table
from holdfast.features.databases.cli_query import Result

BATCH_ROWS = 2000
_ALL_ROWS = 100_000
_ALL_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True)
class Facts:
    """What a table holds: rows and a checksum of every value in it."""

    rows: int
    checksum: str


class Shopkeeper:
    """Speaks to one database. Every statement goes through the public API with bound parameters."""

    def __init__(self, client: Client, database_id: str, dialect: Dialect) -> None:
        self._client = client
        self.database_id = database_id
        self._dialect = dialect

    def load(self, shop: Shop, progress: Callable[[str, int], None] = lambda *_: None) -> int:
        """Tables, rows, then indexes, views and the trigger; the number of rows."""
        for statement in self._dialect.DDL:
            self.ask(statement, write=True)
        total = 0
        for table in TABLES:
            rows = shop.table(table.name)
            while batch := list(islice(rows, BATCH_ROWS)):
                self._insert(table, batch)
                total += len(batch)
                progress(table.name, total)
        for statement in self._dialect.AFTER_LOAD:
            self.ask(statement, write=True)
        return total

    def change(self, shop: Shop) -> dict[str, int]:
        """Updates, deletes and inserts as a day of business makes them; rows touched by each kind."""
        text = self._dialect.text(1)
        updated = self.ask("update products set price = price + 1 where id % 10 = 3", write=True)
        renamed = self.ask(
            f"update customers set name = {text} where id % 50 = 7", ["Changed 変更 \U0001f501"], write=True
        )
        deleted = self.ask("delete from reviews where rating = 1", write=True)
        first = shop.count["orders"] + 1
        orders: list[Row] = [
            (number, 1 + number % shop.count["customers"], None, "new", None, "2026-01-02T03:04:05.678901+00:00")
            for number in range(first, first + 50)
        ]
        lines: list[Row] = [(order[0], 1, 1 + order[0] % shop.count["products"], 2, "19.99") for order in orders]
        by_name = {table.name: table for table in TABLES}
        self._insert(by_name["orders"], orders)
        self._insert(by_name["order_items"], lines)
        return {"updated": updated + renamed, "deleted": deleted, "inserted": len(orders) + len(lines)}

    def facts(self) -> dict[str, Facts]:
        """Rows and checksum of every table, and of both views' contents by their base tables."""
        return {table.name: self._facts(table) for table in TABLES}

    def alive(self) -> None:
        """Raises what the server says when it is not there."""
        self.ask("select 1")

    def ask(self, statement: str, params: list[Any] | None = None, *, write: bool = False) -> int:
        """Rows affected (0 when the engine does not say)."""
        result = self._result(statement, params or [], write)
        for _ in result.rows():
            pass
        return int(result.end.get("affected") or 0)

    def rows(self, statement: str) -> Iterator[list[Any]]:
        return self._result(statement, [], False).rows()

    def _facts(self, table: Table) -> Facts:
        (counted,) = self.rows(f"select count(*) from {table.name}")
        digest = hashlib.sha256()
        for (line,) in self.rows(self._dialect.content(table)):
            digest.update(str(line).encode())
            digest.update(b"\n")
        return Facts(int(counted[0]), digest.hexdigest())

    def _insert(self, table: Table, rows: list[Row]) -> None:
        document = json.dumps([[_plain(value) for value in row] for row in rows], ensure_ascii=False)
        self.ask(self._dialect.insert(table), [document], write=True)

    def _result(self, statement: str, params: list[Any], write: bool) -> Result:
        body = {"statement": statement, "params": params, "write": write, "rows": _ALL_ROWS, "bytes": _ALL_BYTES}
        return Result(self._client, self.database_id, body)


def _plain(value: Any) -> Any:
    return value.hex() if isinstance(value, bytes) else value


def differences(expected: dict[str, Facts], actual: dict[str, Facts]) -> list[str]:
    """What is not equal, table by table; empty when everything is."""
    found = []
    for name in sorted(expected.keys() | actual.keys()):
        want, have = expected.get(name), actual.get(name)
        if want is None or have is None:
            found.append(f"{name}: {'missing' if have is None else 'unexpected'}")
        elif want.rows != have.rows:
            found.append(f"{name}: {want.rows} rows expected, {have.rows} found")
        elif want.checksum != have.checksum:
            found.append(f"{name}: same number of rows, other contents")
    return found
