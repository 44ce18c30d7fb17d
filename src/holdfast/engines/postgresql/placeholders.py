"""Named parameters (`:name`) rewritten to the server's own `$1`.

A colon only starts a parameter where an expression could: never in strings, quoted names, comments,
dollar quotes, casts (`::`), array slices (`[a:b]` needs spaces or digits) or `:=`. Lexical rules:
https://www.postgresql.org/docs/18/sql-syntax-lexical.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from holdfast.contract.query import Params
from holdfast.kernel.errors import Invalid

_TOKEN = re.compile(
    r"""
    (?P<estring>\b[eE]'(?:[^'\\]|\\.|'')*(?:'|\Z))
  | (?P<string>'(?:[^']|'')*(?:'|\Z))
  | (?P<name>"(?:[^"]|"")*(?:"|\Z))
  | (?P<line>--[^\n]*)
  | (?P<block>/\*)
  | (?P<dollar>(?<![\w$])\$(?P<tag>(?:[^\W\d]\w*)?)\$)
  | (?P<number>(?<![\w$])\$\d+)
  | (?P<cast>::|:=)
  | (?P<word>[^\W\d][\w$]*)
  | (?P<param>(?<!\w):(?P<key>[^\W\d]\w*))
    """,
    re.VERBOSE | re.DOTALL,
)
_BLOCK = re.compile(r"/\*|\*/")


def bind(statement: str, params: Params) -> tuple[str, Sequence[Any]]:
    """(statement with `$n` only, values in order). A sequence passes as it is.

    Raises Invalid (code "params_invalid") naming parameters that are missing or unused.
    """
    if not isinstance(params, Mapping):
        if isinstance(params, str | bytes):
            raise Invalid("parameters come as a list or an object", code="params_invalid")
        return statement, _counted(statement, list(params))
    if not params:
        return statement, _counted(statement, [])
    order: dict[str, int] = {}
    text = _rewrite(statement, order, params)
    missing = [name for name in order if name not in params]
    unused = [name for name in params if name not in order]
    if missing or unused:
        parts = [f"no value for {', '.join(missing)}"] if missing else []
        parts += [f"not in the statement: {', '.join(unused)}"] if unused else []
        raise Invalid("; ".join(parts), code="params_invalid", details={"missing": missing, "unused": unused})
    return text, [params[name] for name in order]


def _counted(statement: str, values: list[Any]) -> list[Any]:
    """A wrong number is said here: the server may complain of a type first."""
    wanted, at = 0, 0
    while match := _TOKEN.search(statement, at):
        at = _end(statement, match)
        if match.group("number"):
            wanted = max(wanted, int(match.group("number")[1:]))
    if wanted != len(values):
        raise Invalid(
            f"the statement takes {wanted} parameters and {len(values)} were given",
            code="params_invalid",
            details={"wanted": wanted, "given": len(values)},
        )
    return values


def _rewrite(statement: str, order: dict[str, int], params: Mapping[str, Any]) -> str:
    out: list[str] = []
    at = 0
    brackets = 0
    while match := _TOKEN.search(statement, at):
        between = statement[at : match.start()]
        brackets += between.count("[") - between.count("]")
        out.append(between)
        at = _end(statement, match)
        if match.group("number"):
            raise Invalid("use either $1 or :name in one statement", code="params_invalid")
        key = match.group("key")
        # Inside brackets `:name` may be a slice bound; it is a parameter only when one of that name was given.
        if key is not None and (brackets <= 0 or key in params):
            out.append(f"${order.setdefault(key, len(order) + 1)}")
        else:
            out.append(statement[match.start() : at])
    out.append(statement[at:])
    return "".join(out)


def _end(statement: str, match: re.Match[str]) -> int:
    if match.group("dollar"):
        close = statement.find(f"${match.group('tag')}$", match.end())
        return len(statement) if close < 0 else close + len(match.group("dollar"))
    if not match.group("block"):
        return match.end()
    depth, at = 1, match.end()
    while depth:  # PostgreSQL's block comments nest
        edge = _BLOCK.search(statement, at)
        if edge is None:
            return len(statement)
        depth += 1 if edge.group() == "/*" else -1
        at = edge.end()
    return at
