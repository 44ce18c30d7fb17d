"""SQLite's declared types in neutral words, and back.

A declared type binds no value, it only leans (https://sqlite.org/datatype3.html). So a type SQLite does not have is
declared by its own name, and with the word "text" behind it where the name alone would turn digits into numbers: a
numeric(10,2) stays exact, and its name is found again on the way back.
"""

from __future__ import annotations

import re

from holdfast.contract.neutral import NeutralType
from holdfast.engines.sqlite.connections import quote

_BY_NAME: dict[str, NeutralType] = {
    "BOOLEAN": NeutralType("boolean"),
    "BOOL": NeutralType("boolean"),
    "INT2": NeutralType("integer", 2),
    "SMALLINT": NeutralType("integer", 2),
    "INT4": NeutralType("integer", 4),
    "FLOAT4": NeutralType("float", 4),
    "DATE": NeutralType("date"),
    "TIME": NeutralType("time"),
    "TIMETZ": NeutralType("timetz"),
    "TIMESTAMP": NeutralType("timestamp"),
    "DATETIME": NeutralType("timestamp"),
    "TIMESTAMPTZ": NeutralType("timestamptz"),
}
_MOMENTS = frozenset({"time", "timetz", "timestamp", "timestamptz"})
_SIZED = re.compile(r"(\w+(?: \w+)*?) ?\( ?(\d+) ?(?:, ?(-?\d+) ?)?\)")
_OURS = re.compile(r"(.+) text")
_NUMERIC = re.compile(r"numeric(?:\((\d+),(-?\d+)\))?")


def wished(declared: str) -> NeutralType | None:
    """What a declaration asks for, whatever the values are; None for a column without a type."""
    ours = _OURS.fullmatch(declared)
    if ours is not None:
        return _ours(ours[1])
    sized = _SIZED.fullmatch(declared)
    word, size = (sized[1].upper(), int(sized[2])) if sized else (declared.upper(), None)
    if word in _BY_NAME:
        known = _BY_NAME[word]
        return NeutralType(known.kind, size) if size is not None and known.kind in _MOMENTS else known
    if "INT" in word:
        return NeutralType("integer", 8)
    if any(part in word for part in ("CHAR", "CLOB", "TEXT")):
        fixed = word in ("CHARACTER", "CHAR", "NCHAR")
        return NeutralType("text", size, fixed=fixed and size is not None)
    if not word or "BLOB" in word:
        return NeutralType("bytes") if word else None
    if any(part in word for part in ("REAL", "FLOA", "DOUB")):
        return NeutralType("float", 8)
    return NeutralType("numeric")


def _ours(spelling: str) -> NeutralType:
    numeric = _NUMERIC.fullmatch(spelling)
    if numeric is not None:
        size, scale = (int(part) if part else None for part in numeric.groups())
        return NeutralType("numeric", size, scale)
    plain = {"uuid": NeutralType("uuid"), "json": NeutralType("json"), "jsonb": NeutralType("json", spelling="jsonb")}
    return plain.get(spelling) or NeutralType("other", spelling=spelling)


def declared(of: NeutralType) -> str:
    """The type as a column declares it, quoted where it is not a plain word."""
    if of.kind == "integer":
        return {2: "INT2", 4: "INT4"}.get(of.size or 8, "INTEGER")
    if of.kind == "float":
        return "FLOAT4" if of.size == 4 else "REAL"
    if of.kind == "text":
        return "TEXT" if of.size is None else f"{'CHARACTER' if of.fixed else 'VARCHAR'}({of.size})"
    if of.kind == "numeric":
        return quote("numeric text" if of.size is None else f"numeric({of.size},{of.scale or 0}) text")
    if of.kind in ("uuid", "json"):
        return quote(f"{of.spelling or of.kind} text")
    if of.kind == "other":
        return quote(f"{of.spelling} text")
    if of.kind == "enum":
        return "TEXT"
    word = {"boolean": "BOOLEAN", "bytes": "BLOB"}.get(of.kind, of.kind.upper())
    return word if of.size is None or of.kind not in _MOMENTS else f"{word}({of.size})"
