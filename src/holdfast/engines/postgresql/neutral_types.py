"""PostgreSQL's types in neutral words, and back."""

from __future__ import annotations

import re

from holdfast.contract.neutral import NeutralType

_PLAIN: dict[str, NeutralType] = {
    "bool": NeutralType("boolean"),
    "int2": NeutralType("integer", 2),
    "int4": NeutralType("integer", 4),
    "int8": NeutralType("integer", 8),
    "float4": NeutralType("float", 4),
    "float8": NeutralType("float", 8),
    "text": NeutralType("text"),
    "bytea": NeutralType("bytes"),
    "date": NeutralType("date"),
    "uuid": NeutralType("uuid"),
    "json": NeutralType("json"),
    "jsonb": NeutralType("json", spelling="jsonb"),
}
_MOMENTS = {"time": "time", "timetz": "timetz", "timestamp": "timestamp", "timestamptz": "timestamptz"}
_SPELLED = {
    "boolean": "boolean",
    "bytes": "bytea",
    "date": "date",
    "uuid": "uuid",
}
_INTEGERS = {2: "smallint", 4: "integer", 8: "bigint"}
# Types an `other` may name: those of every supported version. Anything else would be SQL text of a stranger.
_KNOWN = (
    "bigint|bit|bit varying|boolean|box|bytea|character|character varying|cidr|circle|date|daterange|datemultirange|"
    "double precision|inet|int4range|int4multirange|int8range|int8multirange|integer|interval|json|jsonb|line|lseg|"
    "macaddr|macaddr8|money|numeric|nummultirange|numrange|oid|path|pg_lsn|point|polygon|real|smallint|text|"
    "time without time zone|time with time zone|timestamp without time zone|timestamp with time zone|tsmultirange|"
    "tsquery|tsrange|tstzmultirange|tstzrange|tsvector|uuid|xml|name|jsonpath"
)
_OTHER = re.compile(rf"(?:{_KNOWN})(?:\(\d+(?:,-?\d+)?\))?(?: (?:year|month|day|hour|minute|second)[a-z ]*)?(?:\[\])*")


def neutral_type(name: str, modifier: int, spelling: str, values: tuple[str, ...]) -> NeutralType:
    """`name` and `modifier` as pg_type and pg_attribute have them, `spelling` as format_type writes it."""
    if values:
        return NeutralType("enum", values=values, spelling=spelling)
    if name in _PLAIN:
        return _PLAIN[name]
    if name in _MOMENTS:
        return NeutralType(_MOMENTS[name], modifier if modifier >= 0 else None)  # type: ignore[arg-type]
    if name in ("varchar", "bpchar"):
        return NeutralType("text", modifier - 4 if modifier >= 0 else None, fixed=name == "bpchar")
    if name == "numeric":
        if modifier < 0:
            return NeutralType("numeric")
        packed = modifier - 4
        return NeutralType("numeric", (packed >> 16) & 0xFFFF, ((packed & 0x7FF) ^ 1024) - 1024)
    return NeutralType("other", spelling=spelling)


def spelled(of: NeutralType) -> str | None:
    """The type in SQL; None when there is none here."""
    if of.kind in _SPELLED:
        return _SPELLED[of.kind]
    if of.kind == "integer":
        return _INTEGERS[of.size or 8]
    if of.kind == "float":
        return "real" if of.size == 4 else "double precision"
    if of.kind == "numeric":
        return "numeric" if of.size is None else f"numeric({of.size},{of.scale or 0})"
    if of.kind == "json":
        return "jsonb" if of.spelling == "jsonb" else "json"
    if of.kind == "text":
        if of.size is None:
            return "text"
        return f"{'character' if of.fixed else 'character varying'}({of.size})"
    if of.kind in ("time", "timetz", "timestamp", "timestamptz"):
        precision = "" if of.size is None else f"({of.size})"
        return f"{of.kind.removesuffix('tz')}{precision}{' with time zone' if of.kind.endswith('tz') else ''}"
    if of.kind == "other" and of.spelling and _OTHER.fullmatch(of.spelling):
        return of.spelling
    return None
