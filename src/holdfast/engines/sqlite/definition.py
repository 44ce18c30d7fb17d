"""A CREATE TABLE text taken apart and put together again, what is not touched kept to the letter.

Grammar: https://www.sqlite.org/lang_createtable.html. The text is SQLite's own copy in sqlite_schema, so it parses.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

_TOKEN = re.compile(
    r"""(?P<space>\s+)|(?P<comment>--[^\n]*(?:\n|\Z)|/\*.*?(?:\*/|\Z))
    |(?P<name>"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\])|(?P<string>'(?:[^']|'')*')
    |(?P<word>[^\W\d][\w$]*)|(?P<number>\d[\w.]*|\.\d+\w*)|(?P<other>.)""",
    re.S | re.X,
)
_TABLE_STARTS = frozenset({"CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN"})
_COLUMN_STARTS = _TABLE_STARTS - {"FOREIGN"} | {"NOT", "NULL", "DEFAULT", "COLLATE", "REFERENCES", "GENERATED", "AS"}
_KINDS = {"PRIMARY": "primary key", "NOT": "not null", "REFERENCES": "foreign key", "FOREIGN": "foreign key",
          "UNIQUE": "unique", "CHECK": "check", "DEFAULT": "default"}  # fmt: skip


@dataclass(frozen=True)
class Token:
    kind: str
    text: str

    @property
    def upper(self) -> str:
        return self.text.upper() if self.kind == "word" else self.text


@dataclass(frozen=True)
class Clause:
    """One constraint: of a column, or of the table. `name` None = it has none."""

    kind: str
    name: str | None
    text: str
    columns: tuple[str, ...] = ()


@dataclass(frozen=True)
class ColumnText:
    name: str
    type: str
    clauses: tuple[Clause, ...]
    text: str | None = None  # as it stood, until something changed

    def render(self) -> str:
        if self.text is not None:
            return self.text
        return " ".join([quote(self.name), *([self.type] if self.type else []), *(c.text for c in self.clauses)])


@dataclass(frozen=True)
class Definition:
    """`tail` is what stands behind the closing bracket: WITHOUT ROWID, STRICT."""

    columns: tuple[ColumnText, ...]
    constraints: tuple[Clause, ...]
    tail: str = ""

    def render(self, name: str) -> str:
        parts = [column.render() for column in self.columns] + [clause.text for clause in self.constraints]
        # A line comment would swallow the comma behind it.
        body = ",\n  ".join(part + "\n" if "--" in part else part for part in parts)
        return f"CREATE TABLE {quote(name)} (\n  {body}\n){' ' + self.tail if self.tail else ''}"

    def column(self, name: str) -> ColumnText:
        return next(column for column in self.columns if column.name.lower() == name.lower())

    def with_column(self, name: str, changed: ColumnText) -> Definition:
        return replace(self, columns=tuple(changed if c.name.lower() == name.lower() else c for c in self.columns))

    def every(self) -> Iterator[tuple[ColumnText | None, Clause]]:
        """(its column, the constraint), the table's own with None."""
        for column in self.columns:
            for clause in column.clauses:
                yield column, clause
        for clause in self.constraints:
            yield None, clause

    def without(self, gone: Clause) -> Definition:
        columns = tuple(
            replace(c, clauses=tuple(x for x in c.clauses if x is not gone), text=None) if gone in c.clauses else c
            for c in self.columns
        )
        return replace(self, columns=columns, constraints=tuple(x for x in self.constraints if x is not gone))


def quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def parse(sql: str) -> Definition:
    tokens = [Token(str(m.lastgroup), m[0]) for m in _TOKEN.finditer(sql)]
    start = next(n for n, token in enumerate(tokens) if token.text == "(")
    depth, end = 0, start
    for n in range(start, len(tokens)):
        depth += (tokens[n].text == "(") - (tokens[n].text == ")")
        if depth == 0:
            end = n
            break
    columns: list[ColumnText] = []
    constraints: list[Clause] = []
    for item in _split(tokens[start + 1 : end]):
        first = next(token for token in item if token.kind not in ("space", "comment"))
        if first.kind == "word" and first.upper in _TABLE_STARTS and columns:
            constraints += _clauses(item, _TABLE_STARTS, None)
        else:
            columns.append(_column(item))
    tail = " ".join("".join(token.text for token in tokens[end + 1 :]).split())
    return Definition(tuple(columns), tuple(constraints), tail)


def _split(tokens: list[Token]) -> Iterator[list[Token]]:
    depth, item = 0, list[Token]()
    for token in tokens:
        depth += (token.text == "(") - (token.text == ")")
        if token.text == "," and depth == 0:
            yield item
            item = []
        else:
            item.append(token)
    yield item


def _column(item: list[Token]) -> ColumnText:
    at = next(n for n, token in enumerate(item) if token.kind not in ("space", "comment"))
    name, rest = unquoted(item[at]), item[at + 1 :]
    depth, split = 0, len(rest)
    for n, token in enumerate(rest):
        if depth == 0 and token.kind == "word" and token.upper in _COLUMN_STARTS:
            split = n
            break
        depth += (token.text == "(") - (token.text == ")")
    kind = "".join(token.text for token in rest[:split] if token.kind != "comment").strip()
    return ColumnText(name, kind, tuple(_clauses(rest[split:], _COLUMN_STARTS, name)), _text(item))


def _clauses(tokens: list[Token], starts: frozenset[str], column: str | None) -> Iterator[Clause]:
    """Cut at words that begin a clause, but for those that go on with one: DEFAULT NULL, SET NULL, NOT DEFERRABLE."""
    solid = [n for n, token in enumerate(tokens) if token.kind not in ("space", "comment")]
    cuts: list[int] = []
    depth, before, named = 0, "", False
    for place, n in enumerate(solid):
        token = tokens[n]
        following = tokens[solid[place + 1]].upper if place + 1 < len(solid) else ""
        if depth == 0 and token.kind == "word" and token.upper in starts and not named:
            goes_on = before in ("SET", "DEFAULT", "NOT", "ALWAYS") or (
                token.upper == "NOT" and following == "DEFERRABLE"
            )
            if not goes_on:
                cuts.append(n)
        named = bool(cuts) and (before == "CONSTRAINT" or token.upper == "CONSTRAINT") and depth == 0
        depth += (token.text == "(") - (token.text == ")")
        before = token.upper
    for begin, end in zip(cuts, [*cuts[1:], len(tokens)], strict=False):
        yield _clause(tokens[begin:end], column)


def _clause(tokens: list[Token], column: str | None) -> Clause:
    solid = [token for token in tokens if token.kind not in ("space", "comment")]
    name = None
    if solid[0].upper == "CONSTRAINT":
        name, solid = unquoted(solid[1]), solid[2:]
    kind = _KINDS.get(solid[0].upper, solid[0].upper.lower()) if solid else ""
    columns = (column,) if column is not None else tuple(_listed(solid)) if kind != "check" else ()
    return Clause(kind, name, _text(tokens), columns)


def _listed(tokens: list[Token]) -> Iterator[str]:
    """The names in the first brackets, orders and collations left out."""
    depth, fresh = 0, True
    for token in tokens:
        if token.text == ")":
            return
        if token.text == "(":
            depth, fresh = 1, True
        elif depth and token.text == ",":
            fresh = True
        elif depth and fresh:
            yield unquoted(token)
            fresh = False


def _text(tokens: list[Token]) -> str:
    """Without the blanks and comments at its end."""
    end = len(tokens)
    while end and tokens[end - 1].kind in ("space", "comment"):
        end -= 1
    return "".join(token.text for token in tokens[:end]).strip()


def unquoted(token: Token) -> str:
    text = token.text
    if text[:1] in "\"`'" and len(text) > 1:
        return text[1:-1].replace(text[0] * 2, text[0])
    return text[1:-1] if text[:1] == "[" else text


__all__ = ["Clause", "ColumnText", "Definition", "parse", "quote"]
