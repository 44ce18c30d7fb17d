"""What a table's values really are: SQLite keeps any value in any column, so only the values can say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import apsw

from holdfast.contract.neutral import Loss, NeutralType
from holdfast.contract.neutral_values import canonical
from holdfast.engines.sqlite.connections import quote
from holdfast.engines.sqlite.neutral_types import wished
from holdfast.kernel.stop import Stop

_AT_ONCE = 100  # columns in one statement: eight results each, below SQLITE_LIMIT_COLUMN
_ASK = (
    "sum(typeof({c}) = 'integer'), sum(typeof({c}) = 'real'), sum(typeof({c}) = 'text'), sum(typeof({c}) = 'blob'), "
    "sum({c} IS NULL), min(CASE WHEN typeof({c}) = 'integer' THEN {c} END), "
    "max(CASE WHEN typeof({c}) = 'integer' THEN {c} END), sum(typeof({c}) = 'text' AND instr({c}, char(0)) > 0)"
)
_RANGES = {2: 1 << 15, 4: 1 << 31, 8: 1 << 63}
_TEXTUAL = frozenset({"numeric", "date", "time", "timetz", "timestamp", "timestamptz", "uuid", "json", "other"})


@dataclass(frozen=True)
class Found:
    """How many values of each storage class a column has; `least` and `most` are of its integers."""

    integers: int = 0
    reals: int = 0
    texts: int = 0
    blobs: int = 0
    nulls: int = 0
    least: int | None = None
    most: int | None = None
    with_nul: int = 0

    @property
    def classes(self) -> frozenset[str]:
        names = ("integer", "real", "text", "blob")
        counts = (self.integers, self.reals, self.texts, self.blobs)
        return frozenset(name for name, count in zip(names, counts, strict=True) if count)


def scan(connection: apsw.Connection, table: str, columns: Sequence[str], stop: Stop) -> list[Found]:
    """One pass over the table for every hundred columns."""
    found: list[Found] = []
    for begin in range(0, len(columns), _AT_ONCE):
        stop.check()
        asked = ", ".join(_ASK.format(c=quote(name)) for name in columns[begin : begin + _AT_ONCE])
        row: tuple[Any, ...] = connection.execute(f"SELECT {asked} FROM main.{quote(table)}").fetchall()[0]
        for at in range(0, len(row), 8):
            integers, reals, texts, blobs, nulls, least, most, with_nul = row[at : at + 8]
            found.append(
                Found(integers or 0, reals or 0, texts or 0, blobs or 0, nulls or 0, least, most, with_nul or 0)
            )
    return found


def settle(
    connection: apsw.Connection, table: str, column: str, declared: str, found: Found, stop: Stop
) -> tuple[NeutralType, list[Loss]]:
    """The type every value of the column has, and what changes for it to be so."""
    wish = wished(declared)
    where = f"{table}.{column}"
    losses: list[Loss] = []
    if wish is not None and _holds(wish, found):
        if (wish.kind in _TEXTUAL and found.texts) or (wish.kind == "text" and wish.size is not None):
            rewritten = _texts(connection, table, column, wish, stop)
            if rewritten is None:
                wish = NeutralType("numeric") if wish.kind == "numeric" and wish.size is not None else None
                rewritten = 0 if wish is not None and _texts(connection, table, column, wish, stop) == 0 else None
                wish = wish if rewritten == 0 else None
            elif rewritten:
                losses.append(Loss("changed", where, f"{rewritten} values are written in one form (ISO 8601, UTC)"))
        if wish is not None:
            return wish, losses
    made = _from_values(found, NeutralType("text") if wish is None else wish)
    if found.classes and (declared or len(found.classes) > 1):
        kinds = ", ".join(sorted(found.classes))
        said = declared or "no type"
        losses.append(Loss("changed", where, f"declared {said}, holds {kinds}: becomes {made.kind}"))
    if made.kind == "text" and found.classes > {"text"}:
        losses.append(Loss("changed", where, "its numbers become text"))
    if made.kind == "bytes" and found.classes - {"blob"}:
        losses.append(Loss("changed", where, "its numbers and texts become bytes (UTF-8)"))
    return made, losses


def _holds(wish: NeutralType, found: Found) -> bool:
    """Whether the storage classes fit; what texts say is looked at afterwards."""
    classes = found.classes
    if wish.kind == "boolean":
        return classes <= {"integer"} and (found.least or 0) >= 0 and (found.most or 0) <= 1
    if wish.kind == "integer":
        bound = _RANGES[wish.size or 8]
        return classes <= {"integer"} and -bound <= (found.least or 0) and (found.most or 0) < bound
    if wish.kind == "float":
        return classes <= {"real"} or (classes <= {"real", "integer"} and _exact(found))
    if wish.kind == "numeric":
        return classes <= {"integer", "real"} if wish.size is None and not found.texts else classes <= {"text"}
    if wish.kind == "bytes":
        return classes <= {"blob"}
    return classes <= {"text"} and not found.with_nul


def _exact(found: Found) -> bool:
    """Integers that a double holds to the last digit."""
    return max(abs(found.least or 0), abs(found.most or 0)) <= 1 << 53


def _from_values(found: Found, empty: NeutralType) -> NeutralType:
    classes = found.classes
    if not classes:
        return empty
    if "blob" in classes or found.with_nul:
        return NeutralType("bytes")
    if "text" in classes:
        return NeutralType("text")
    if classes == {"integer"}:
        return NeutralType("integer", 8)
    return NeutralType("float", 8) if classes == {"real"} or _exact(found) else NeutralType("numeric")


def _texts(connection: apsw.Connection, table: str, column: str, of: NeutralType, stop: Stop) -> int | None:
    """How many texts would be written differently; None when one of them is no value of this kind at all."""
    if of.kind == "other":
        return 0  # only the engine that has the type can read it
    different = 0
    query = f"SELECT {quote(column)} FROM main.{quote(table)} WHERE typeof({quote(column)}) = 'text'"
    for number, (text,) in enumerate(connection.execute(query)):
        if number % 10_000 == 0:
            stop.check()
        one = canonical(of, text)
        if one is None:
            return None
        different += one != text
    return different
