"""JSON with comments and trailing commas, read strictly, with the place of every value kept for later complaints.

The dialect is that of `wrangler.jsonc`: JSON (RFC 8259) plus `// line` and `/* block */` comments and one comma before
a closing bracket. Nothing else: single quotes, bare names and hexadecimal numbers are errors with a position.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from holdfast.kernel.errors import Invalid

Place = tuple[str | int, ...]
MAX_DEPTH = 64
MAX_CHARACTERS = 1024 * 1024

_TOKEN = re.compile(
    r"""(?P<space>[ \t\r\n]+)
      | (?P<line>//[^\n]*)
      | (?P<block>/\*.*?\*/)
      | (?P<mark>[{}\[\]:,])
      | (?P<string>"(?:[^"\\\x00-\x1f]|\\.)*")
      | (?P<number>-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?(?![0-9A-Za-z_.]))
      | (?P<word>true|false|null)(?![0-9A-Za-z_])""",
    re.VERBOSE | re.DOTALL,
)
_WORDS = {"true": True, "false": False, "null": None}


@dataclass(frozen=True)
class Document:
    """A value and where its parts stand: `places` maps a path such as ("env", "staging", 0) to an offset."""

    value: Any
    text: str
    places: Mapping[Place, int]

    def position(self, place: Place) -> tuple[int, int] | None:
        """Line and column (both from 1) of a value, or of the nearest one around it that is known."""
        while place not in self.places:
            if not place:
                return None
            place = place[:-1]
        return position(self.text, self.places[place])


def position(text: str, offset: int) -> tuple[int, int]:
    """Line and column of an offset, both from 1; columns count characters."""
    before = text[:offset]
    return before.count("\n") + 1, offset - (before.rfind("\n") + 1) + 1


def parse(text: str) -> Document:
    """Raises Invalid("jsonc_invalid") with `line` and `column` in its details: also for a name given twice, more than
    64 levels, more than a million characters and half a surrogate pair."""
    if len(text) > MAX_CHARACTERS:
        raise _error(text, 0, "longer than a million characters")
    return _Parser(text).document()


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    at: int


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = self._scan()
        self._places: dict[Place, int] = {}
        self._next = next(self._tokens)

    def document(self) -> Document:
        value = self._value(())
        if self._next.kind != "end":
            raise self._wrong("nothing more")
        return Document(value, self._text, self._places)

    def _scan(self) -> Iterator[_Token]:
        at = 1 if self._text.startswith("\ufeff") else 0
        while at < len(self._text):
            match = _TOKEN.match(self._text, at)
            if match is None:
                raise _error(self._text, at, _unreadable(self._text, at))
            kind = match.lastgroup or ""
            if kind not in ("space", "line", "block"):
                yield _Token(kind, match.group(), at)
            at = match.end()
        yield _Token("end", "", at)

    def _take(self) -> _Token:
        token = self._next
        if token.kind != "end":
            self._next = next(self._tokens)
        return token

    def _is(self, mark: str) -> bool:
        return self._next.kind == "mark" and self._next.text == mark

    def _value(self, place: Place) -> Any:
        token = self._next
        self._places[place] = token.at
        if len(place) > MAX_DEPTH:
            raise _error(self._text, token.at, f"more than {MAX_DEPTH} levels")
        if self._is("{"):
            return self._object(place)
        if self._is("["):
            return self._array(place)
        if token.kind == "string":
            return self._string(self._take())
        if token.kind == "number":
            return self._number(self._take())
        if token.kind == "word":
            return _WORDS[self._take().text]
        raise self._wrong("a value")

    def _object(self, place: Place) -> dict[str, Any]:
        self._take()
        found: dict[str, Any] = {}
        while not self._is("}"):
            if self._next.kind != "string":
                raise self._wrong('a name in double quotes or "}"')
            token = self._take()
            name = self._string(token)
            if name in found:
                raise _error(self._text, token.at, f"{name!r} is there twice")
            if not self._is(":"):
                raise self._wrong('":"')
            self._take()
            found[name] = self._value((*place, name))
            if not self._is("}"):
                self._comma("}")
        self._take()
        return found

    def _array(self, place: Place) -> list[Any]:
        self._take()
        found: list[Any] = []
        while not self._is("]"):
            found.append(self._value((*place, len(found))))
            if not self._is("]"):
                self._comma("]")
        self._take()
        return found

    def _comma(self, end: str) -> None:
        if not self._is(","):
            raise self._wrong(f'"," or "{end}"')
        self._take()

    def _string(self, token: _Token) -> str:
        try:
            text: str = json.loads(token.text)
            text.encode()
        except json.JSONDecodeError as error:
            raise _error(self._text, token.at + error.pos, "an escape nobody knows") from None
        except UnicodeEncodeError:
            raise _error(self._text, token.at, "half a surrogate pair") from None
        return text

    def _number(self, token: _Token) -> int | float:
        if len(token.text) > 400:
            raise _error(self._text, token.at, "a number of more than 400 characters")
        value: int | float = json.loads(token.text)
        if value in (float("inf"), float("-inf")):
            raise _error(self._text, token.at, "a number too large")
        return value

    def _wrong(self, wanted: str) -> Invalid:
        token = self._next
        found = "the end" if token.kind == "end" else repr(token.text[:40])
        return _error(self._text, token.at, f"expected {wanted}, found {found}")


def _unreadable(text: str, at: int) -> str:
    if text[at] == '"':
        return "a string that does not end on its line"
    if text.startswith("/*", at):
        return "a comment that does not end"
    if text[at] == "'":
        return "strings have double quotes"
    return f"cannot read {text[at : at + 20].partition(chr(10))[0]!r}"


def _error(text: str, at: int, message: str) -> Invalid:
    line, column = position(text, at)
    return Invalid(
        f"line {line}, column {column}: {message}",
        code="jsonc_invalid",
        details={"line": line, "column": column, "message": message},
    )
