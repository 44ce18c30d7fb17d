"""What the cases say, in a language's own words: collections of numbered rows, made, changed, counted and read.

A case asks for "a collection with 2000 rows" or "how many are there"; SQL engines share `SqlWords`, an engine of
another language brings its own beside its dialect. A row is a number and a text.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True)
class Answers:
    """A read statement and the rows and columns it must give."""

    statement: str
    rows: tuple[tuple[Any, ...], ...]
    columns: tuple[str, ...] | None = None


class Words(Protocol):
    """Every method gives statements for a writer, or one statement for `Session.query`. Names are plain words unless
    `quoted` by the caller; numbers and texts are pasted, so a case passes harmless ones only."""

    def collection(self, name: str, rows: int = 0, width: int = 0) -> list[str]:
        """Make collection `name` with rows 1 to `rows`, whose texts end in their number and have `width` or more."""
        ...

    def shop(self, rows: int) -> list[str]:
        """Make `orders` with so many rows and `customers` with a tenth, related where the language can say so."""
        ...

    def amounts(self, name: str, rows: int, amount: int) -> list[str]:
        """Make a collection whose rows hold a number to `move`."""
        ...

    def add(self, name: str, number: int, text: str) -> str: ...
    def add_bound(self, name: str) -> str:
        """Add a row; number and text are the first two positional parameters."""
        ...

    def change(self, name: str, number: int, text: str) -> str: ...
    def move(self, name: str, number: int, by: int) -> str: ...
    def touch_first(self, name: str, count: int) -> str:
        """Change or remove rows 1 to `count`; the answer's `affected` says how many."""
        ...

    def drop(self, name: str) -> str: ...
    def keep_first(self, name: str, count: int, of: int) -> str:
        """Remove all rows after the first `count` of `of`."""
        ...

    def count(self, name: str) -> str:
        """Gives one number."""
        ...

    def rows(self, name: str) -> str:
        """Gives (number, text) in any order; numbers may come as text."""
        ...

    def text_of(self, name: str, named: str | None = None) -> str:
        """The text of one row; its number is the first positional parameter, or the named one."""
        ...

    def both_of(self, name: str) -> str:
        """A read that takes exactly two positional parameters."""
        ...

    def value(self, expression: str) -> str:
        """A read whose only value is that of one of the dialect's `values`."""
        ...

    def flooded(self) -> list[str]:
        """What the dialect's `flood` needs to be there."""
        ...

    @property
    def ping(self) -> Answers: ...

    @property
    def nothing(self) -> Answers:
        """No rows, but columns."""
        ...

    @property
    def whole(self) -> tuple[Answers, ...]:
        """Single statements that look like two."""
        ...

    @property
    def two(self) -> tuple[str, ...]:
        """Two statements in one text; in each, one changes `t`."""
        ...

    @property
    def nonsense(self) -> tuple[str, ...]: ...

    @property
    def missing(self) -> str:
        """Cannot be run on what is there."""
        ...

    @property
    def writes(self) -> tuple[str, ...]:
        """Each changes `t` and is refused to a reader."""
        ...


_SQL_WRITES = (
    "INSERT INTO t VALUES (99, 'x')",
    "UPDATE t SET name = 'gone'",
    "DELETE FROM t",
    "WITH x AS (SELECT 1 AS id) DELETE FROM t WHERE id IN (SELECT id FROM x)",
    "/* SELECT */ DELETE FROM t",
    "-- SELECT\nDROP TABLE t",
    "CREATE TABLE u (id integer)",
    "CREATE VIEW v AS SELECT 1",
    "CREATE INDEX i ON t (name)",
    "ALTER TABLE t ADD COLUMN extra text",
    "ALTER TABLE t RENAME TO t2",
    "DROP TABLE t",
)


@dataclass(frozen=True)
class SqlWords:
    """SQL that every SQL engine takes; a row is (id integer, name text)."""

    placeholder: Callable[[int], str]
    named: Callable[[str], str]
    ping: Answers = Answers("SELECT 1", ((1,),))
    nothing: Answers = Answers("SELECT id, name AS title FROM t WHERE id < 0", (), ("id", "title"))
    whole: tuple[Answers, ...] = (
        Answers("SELECT ';', '--' ; -- that was all; really\n", ((";", "--"),)),
        Answers("SELECT 1 /* one; two */ ; ", ((1,),)),
    )
    two: tuple[str, ...] = (
        "SELECT 1; DROP TABLE t",
        "DELETE FROM t; SELECT 1",
        "SELECT 1;; SELECT 2",
        "COMMIT; DROP TABLE t",
    )
    nonsense: tuple[str, ...] = ("SELEC 1", "SELECT * FROM missing_table", "", "   ", "-- nothing")
    missing: str = "SELECT nothing FROM nowhere"
    writes: tuple[str, ...] = _SQL_WRITES

    def collection(self, name: str, rows: int = 0, width: int = 0) -> list[str]:
        made = [f"CREATE TABLE {name} (id integer PRIMARY KEY, name text)"]
        pad = "n" * max(1, width)
        return made + ([f"INSERT INTO {name} SELECT n, '{pad}' || n FROM {numbers(rows)}"] if rows else [])

    def shop(self, rows: int) -> list[str]:
        few = rows // 10
        return [
            *self.collection("customers", few),
            "CREATE TABLE orders (id integer PRIMARY KEY, name text, customer integer REFERENCES customers (id))",
            "CREATE INDEX orders_customer ON orders (customer)",
            f"INSERT INTO orders SELECT n, '{'note ' * 20}' || n, 1 + n % {few} FROM {numbers(rows)}",
        ]

    def amounts(self, name: str, rows: int, amount: int) -> list[str]:
        return [
            f"CREATE TABLE {name} (id integer PRIMARY KEY, amount bigint NOT NULL)",
            f"INSERT INTO {name} SELECT n, {amount} FROM {numbers(rows)}",
        ]

    def add(self, name: str, number: int, text: str) -> str:
        return f"INSERT INTO {name} VALUES ({number}, '{text}')"

    def add_bound(self, name: str) -> str:
        return f"INSERT INTO {name} VALUES ({self.placeholder(1)}, {self.placeholder(2)})"

    def change(self, name: str, number: int, text: str) -> str:
        return f"UPDATE {name} SET name = '{text}' WHERE id = {number}"

    def move(self, name: str, number: int, by: int) -> str:
        return f"UPDATE {name} SET amount = amount + {by} WHERE id = {number}"

    def touch_first(self, name: str, count: int) -> str:
        return f"UPDATE {name} SET name = 'x' WHERE id <= {count}"

    def drop(self, name: str) -> str:
        return f"DROP TABLE {name}"

    def keep_first(self, name: str, count: int, of: int) -> str:  # noqa: ARG002
        return f"DELETE FROM {name} WHERE id > {count}"

    def count(self, name: str) -> str:
        return f"SELECT count(*) FROM {name}"

    def rows(self, name: str) -> str:
        return f"SELECT * FROM {name}"

    def text_of(self, name: str, named: str | None = None) -> str:
        return f"SELECT name FROM {name} WHERE id = {self.named(named) if named else self.placeholder(1)}"

    def both_of(self, name: str) -> str:
        return f"SELECT name FROM {name} WHERE id = {self.placeholder(1)} AND name = {self.placeholder(2)}"

    def value(self, expression: str) -> str:
        return f"SELECT {expression}"

    def flooded(self) -> list[str]:
        return []


def numbers(count: int) -> str:
    """A table expression `s(n)` with 1..count."""
    return f"(WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {count}) SELECT n FROM s) AS s"
