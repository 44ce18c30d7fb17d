"""A script's statements by the rules of psql's scanner (src/fe_utils/psqlscan.l), psql's own commands refused."""

from __future__ import annotations

import re

from holdfast.contract.scripts import MAX_STATEMENTS, ScriptStatement
from holdfast.kernel.errors import Invalid

_WORD = r"[A-Za-z_\x80-\U0010ffff][A-Za-z0-9_$\x80-\U0010ffff]*"
# A string goes on after blanks that hold a newline: 'a'\n'b'. Comments may stand before that newline and after it.
_GOES_ON = re.compile(r"(?:[ \t\f\v]|--[^\n\r]*)*[\n\r](?:[ \t\n\r\f\v]+|--[^\n\r]*[\n\r])*'")
_TOKEN = re.compile(
    rf"""(?P<blank>[ \t\n\r\f\v]+ | --[^\n\r]*)
    | (?P<comment>/\*)
    | (?P<escaped>[eE]')
    | (?P<string>(?:[nNbBxX]|[uU]&)?')
    | (?P<name>(?:[uU]&)?")
    | (?P<dollar>\$(?:[A-Za-z_\x80-\U0010ffff][A-Za-z0-9_\x80-\U0010ffff]*)?\$)
    | (?P<word>{_WORD})
    | (?P<command>\\)
    | (?P<end>;)
    | (?P<other>(?:[0-9](?:_?[0-9])*(?:\.(?:[0-9](?:_?[0-9])*)?)? | \.[0-9](?:_?[0-9])* | \$[0-9]+)(?:{_WORD})? | .)""",
    re.VERBOSE | re.DOTALL,
)
_IN_COMMENT = re.compile(r"/\*|\*/")
_STRING = re.compile(r"(?:[^']|'')*'")
_ESCAPED = re.compile(r"(?:[^'\\]|''|\\.)*'", re.DOTALL)
_NAME = re.compile(r'(?:[^"]|"")*"')
_TRANSACTION = frozenset({"begin", "start", "commit", "end", "rollback", "abort", "savepoint", "release"})
_ROUTINE = re.compile(r"c(?:or)?[fp]")  # first letters of CREATE [OR REPLACE] FUNCTION | PROCEDURE
_COUNTED = frozenset({"create", "function", "procedure", "or", "replace"})


def split(text: str) -> list[ScriptStatement]:
    """See `CanScript.split`."""
    if "\0" in text:
        raise Invalid("a script cannot hold a zero byte", code="statement_invalid", details={"line": 1})
    return _Scan(text).run()


class _Scan:
    """One pass. `_depth` counts parentheses, `_blocks` the BEGIN ATOMIC ... END bodies we are in."""

    def __init__(self, text: str) -> None:
        self._text, self._at, self._line = text, 0, 1
        self._found: list[ScriptStatement] = []
        self._fresh()

    def _fresh(self) -> None:
        self._start: int | None = None
        self._depth = self._blocks = 0
        self._words: list[str] = []
        self._letters = ""

    def run(self) -> list[ScriptStatement]:
        while self._at < len(self._text):
            match = _TOKEN.match(self._text, self._at)
            assert match is not None  # noqa: S101  the last branch takes any character
            kind = match.lastgroup or "other"
            if kind == "end" and not self._depth and not self._blocks:
                self._add(self._at)
                self._go(match.end())
                continue
            if kind not in ("blank", "comment", "end") and self._start is None:
                self._start, self._first = self._at, self._line
            self._token(kind, match)
        self._add(len(self._text))
        return self._found

    def _token(self, kind: str, match: re.Match[str]) -> None:
        if kind == "command":
            raise Invalid(
                f"line {self._line}: a script holds SQL only, psql's own commands (\\) are not run here",
                code="script_command",
                hint="Take the line out; COPY data goes in by an import.",
                details={"line": self._line},
            )
        if kind == "comment":
            self._go(self._comment(match.end()))
        elif kind in ("escaped", "string"):
            self._go(self._string(_ESCAPED if kind == "escaped" else _STRING, match.end()))
        elif kind == "name":
            self._go(self._closed(_NAME, match.end(), '"'))
        elif kind == "dollar":
            close = self._text.find(match[0], match.end())
            self._go(close + len(match[0]) if close >= 0 else self._open(match[0]))
        else:
            if kind == "word":
                self._word(match[0].lower())
            elif match[0] == "(":
                self._depth += 1
            elif match[0] == ")":
                self._depth = max(0, self._depth - 1)
            self._go(match.end())

    def _string(self, rule: re.Pattern[str], at: int) -> int:
        while True:
            at = self._closed(rule, at, "'")
            more = _GOES_ON.match(self._text, at)
            if more is None:
                return at
            at = more.end()

    def _closed(self, rule: re.Pattern[str], at: int, what: str) -> int:
        match = rule.match(self._text, at)
        return match.end() if match else self._open(what)

    def _comment(self, at: int) -> int:
        """They nest."""
        depth = 1
        while depth:
            match = _IN_COMMENT.search(self._text, at)
            if match is None:
                return self._open("/*")
            depth += 1 if match[0] == "/*" else -1
            at = match.end()
        return at

    def _open(self, what: str) -> int:
        raise Invalid(
            f"the {what} on line {self._line} is never closed", code="script_unterminated", details={"line": self._line}
        )

    def _word(self, word: str) -> None:
        if len(self._words) < 3:
            self._words.append(word)
        if len(self._letters) < 4:
            self._letters += word[0] if word in _COUNTED else "-"
        if self._depth or not _ROUTINE.match(self._letters):
            return
        if word == "begin" or (word == "case" and self._blocks):
            self._blocks += 1
        elif word == "end" and self._blocks:
            self._blocks -= 1

    def _go(self, at: int) -> None:
        self._line += self._text.count("\n", self._at, at)
        self._at = at

    def _add(self, end: int) -> None:
        if self._start is None:
            return
        text, first = self._text[self._start : end].rstrip(), self._words[:1]
        prepared = self._words[:2] == ["prepare", "transaction"]
        if prepared or (first and first[0] in _TRANSACTION and text[: len(first[0])].lower() == first[0]):
            raise Invalid(
                f"line {self._first}: a script does not begin or end transactions, the whole of it is one",
                code="script_transaction",
                hint="Leave the statement out; a script that cannot run in one says `-- holdfast: no-transaction`.",
                details={"line": self._first},
            )
        if len(self._found) >= MAX_STATEMENTS:
            raise Invalid(
                f"a script takes at most {MAX_STATEMENTS} statements",
                code="script_too_long",
                details={"line": self._first},
            )
        self._found.append(ScriptStatement(len(self._found) + 1, self._first, text))
        self._fresh()
