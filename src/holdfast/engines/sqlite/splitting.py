"""A script's statements, where `sqlite3_complete` says that one ends."""

from __future__ import annotations

import re

import apsw

from holdfast.contract.scripts import MAX_STATEMENTS, ScriptStatement
from holdfast.kernel.errors import Invalid

# What tokenize.c reads as one token although a semicolon may be inside.
_TOKEN = re.compile(
    r"""(?P<blank>[ \t\n\f\r]+ | --[^\n]* | /\*(?s:.*?)(?:\*/|\Z))
    | (?P<quoted>'[^']*' | "[^"]*" | `[^`]*` | \[[^\]]*\])
    | (?P<open>['"`\[])
    | (?P<end>;)
    | (?P<word>[^ \t\n\f\r'"`\[;\-/]+ | [-/])""",
    re.VERBOSE,
)
_TRANSACTION = re.compile(r"(?:BEGIN|COMMIT|END|ROLLBACK|SAVEPOINT|RELEASE)(?![A-Za-z0-9_$])", re.IGNORECASE)


def split(text: str) -> list[ScriptStatement]:
    """See `CanScript.split`. Each semicolon outside of quotes and comments is a candidate; SQLite decides, since only
    it knows where a trigger's body is over."""
    if "\0" in text:
        raise Invalid("a script cannot hold a zero byte", code="statement_invalid", details={"line": 1})
    found: list[ScriptStatement] = []
    start: int | None = None  # of the statement's first word
    line, at, first_line = 1, 0, 1
    while at < len(text):
        match = _TOKEN.match(text, at)
        assert match is not None  # noqa: S101  the last branches take any character
        if match["open"]:
            raise Invalid(
                f"the {match[0]} on line {line} is never closed", code="script_unterminated", details={"line": line}
            )
        if match["end"]:
            if start is not None and apsw.complete(text[start : match.end()]):
                _add(found, text[start:at], first_line)
                start = None
        elif not match["blank"] and start is None:
            start, first_line = at, line
        line += match[0].count("\n")
        at = match.end()
    if start is not None:
        _add(found, text[start:], first_line)
    return found


def _add(found: list[ScriptStatement], text: str, line: int) -> None:
    if _TRANSACTION.match(text):
        raise Invalid(
            f"line {line}: a script does not begin or end transactions, the whole of it is one",
            code="script_transaction",
            hint="Leave the statement out; a script that cannot run in one says `-- holdfast: no-transaction`.",
            details={"line": line},
        )
    if len(found) >= MAX_STATEMENTS:
        raise Invalid(
            f"a script takes at most {MAX_STATEMENTS} statements", code="script_too_long", details={"line": line}
        )
    found.append(ScriptStatement(len(found) + 1, line, text.rstrip()))
