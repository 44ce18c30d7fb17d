"""A statement's text with every literal and comment removed: what history may keep."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # a thirtieth of the api's start, so it waits for the first statement
    from sqlglot.tokenizer_core import Token

MAX_LENGTH = 2000
_MAX_KEPT = 4096
_MAX_TOKENISED = 64 * 1024  # longer statements take the crude way: history must not cost more than the query
_FIRST = 200  # characters and words of a command in which its name must stand
_WORDS = 3
_LIST = re.compile(r"\(\s*\?(?:\s*,\s*\?)+\s*\)")
_ROWS = re.compile(r"\(\?\)(?:\s*,\s*\(\?\))+")
_CRUDE = re.compile(
    r"""--[^\n]*|/\*.*?(?:\*/|\Z)          # comments
    |\$(\w*)\$.*?(?:\$\1\$|\Z)             # dollar quotes
    |[eExXbBnN]?'(?:[^']|'')*(?:'|\Z)      # strings, also unfinished ones
    |"(?:[^"]|"")*(?:"|\Z)                 # may be a string in some dialects
    |(?<![\w$])[+-]?(?:\d[\w.]*|\.\d+\w*)  # numbers
    """,
    re.DOTALL | re.VERBOSE,
)


def fingerprint(statement: str, dialect: str | None, vocabulary: frozenset[str] = frozenset()) -> str:
    """The shape of `statement`: literals are `?`, comments gone, blanks folded, lists of literals shortened.

    A text that cannot be tokenised loses everything that looks like a literal, quoted names included. `dialect` None
    means the language is not SQL: only its first word of the engine's `vocabulary` stays; any other may be a value.
    """
    if dialect is None:
        words = (word.lower() for word in statement[:_FIRST].split()[:_WORDS])
        return next((word.upper() for word in words if word in vocabulary), "?")
    return _shape(statement, dialect) if len(statement) <= _MAX_KEPT else _shape.__wrapped__(statement, dialect)


@lru_cache(maxsize=256)
def _shape(statement: str, dialect: str) -> str:
    """Programs ask the same again and again, and taking a statement apart costs as much as running a small one."""
    shape = _tokenised(statement, dialect) if len(statement) <= _MAX_TOKENISED else None
    if shape is None:
        shape = " ".join(_CRUDE.sub(" ? ", statement).split())
    shape = _ROWS.sub("(?)", _LIST.sub("(?)", shape))
    return shape if len(shape) <= MAX_LENGTH else shape[: MAX_LENGTH - 1] + "…"


def _tokenised(statement: str, dialect: str) -> str | None:
    from sqlglot.dialects.dialect import Dialect
    from sqlglot.errors import SqlglotError

    try:
        tokens = Dialect.get_or_raise(dialect).tokenize(statement)
    except (SqlglotError, ValueError):
        return None
    parts: list[str] = []
    end = 0
    for token in tokens:
        if parts and token.start > end:
            parts.append(" ")
        parts.append("?" if _literal(token) else statement[token.start : token.end + 1])
        end = token.end + 1
    return "".join(parts)


def _literal(token: Token) -> bool:
    kind = token.token_type.name
    return kind == "NUMBER" or kind.endswith("STRING")
