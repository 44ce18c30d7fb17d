"""Rows as a JSON array of objects or as one object a line (NDJSON), read and written in bounded memory.

Numbers are exact both ways: a fraction is read as a Decimal, and what a reader could not keep exact is written as text.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from holdfast.formats.delimited import MAX_RECORD_BYTES, too_long
from holdfast.kernel.errors import Invalid

BATCH = 2000
_BLANK = re.compile(r"[\s,]*")
Row = Sequence[Any]


class Found(NamedTuple):
    """One object, or why it is none."""

    line: int
    value: dict[str, Any] | None
    problem: str | None = None
    text: str = ""


class RawJson(str):
    """JSON text that is embedded as it is: a document of the database, exact to the digit."""

    __slots__ = ()


def write_rows(
    names: Sequence[str], batches: Iterable[Sequence[Row]], encode: Callable[[Any], Any], *, array: bool
) -> Iterator[bytes]:
    """One piece per batch. A JSON array cut short does not parse: part of a table must not look like all of it."""
    keys = [json.dumps(name, ensure_ascii=False) + ":" for name in _distinct(names)]
    separator = ",\n" if array else "\n"
    first = True
    if array:
        yield b"["
    for batch in batches:
        if not batch:
            continue
        lines = [_object(keys, row, encode) for row in batch]
        text = separator.join(lines)
        if array:
            yield _bytes(("\n" if first else ",\n") + text)
        else:
            yield _bytes(text + "\n")
        first = False
    if array:
        yield b"\n]\n"


def _object(keys: Sequence[str], row: Row, encode: Callable[[Any], Any]) -> str:
    return "{" + ",".join([key + _text(value, encode) for key, value in zip(keys, row, strict=True)]) + "}"


def _text(value: Any, encode: Callable[[Any], Any]) -> str:
    if value is None:
        return "null"
    kind = type(value)
    if kind is str:
        return _dumps(value)
    if kind is RawJson:
        text = str(value) if "\n" not in value else json.dumps(json.loads(value, parse_float=_Digits), cls=_Exact)
        return '{"$json":' + text + "}" if _TAKEN_FOR_ANOTHER.match(text) else text
    return _dumps(encode(value))


# Documents that would come back as a text, as NULL, or as one of our own marks.
_TAKEN_FOR_ANOTHER = re.compile(r'\s*(?:"|null\s*\Z|\{\s*"(?:\$|\\u0024))')


def document(value: Any) -> RawJson:
    """What was read from JSON, as JSON again: exact to the digit."""
    try:
        return RawJson(json.dumps(value, ensure_ascii=False))
    except TypeError:  # a Decimal, for which only the slow encoder has a word
        return RawJson(json.dumps(_with_digits(value), ensure_ascii=False, cls=_Exact))


def _with_digits(value: Any) -> Any:
    if isinstance(value, Decimal):
        return _Digits(str(value))
    if isinstance(value, dict):
        return {str(key): _with_digits(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_with_digits(item) for item in value]
    return value if value is None or isinstance(value, str | int | float) else str(value)


class _Digits(float):
    """A number that is written as it was read."""

    text: str

    def __new__(cls, text: str) -> _Digits:
        made = super().__new__(cls, text)
        made.text = text
        return made

    def __repr__(self) -> str:
        return self.text


class _Exact(json.JSONEncoder):
    """Uses the pure encoder's `float.__repr__` hook for `_Digits`."""

    def iterencode(self, o: Any, _one_shot: bool = False) -> Iterator[str]:
        def number(value: float) -> str:
            return value.text if isinstance(value, _Digits) else repr(value)

        from json.encoder import _make_iterencode, encode_basestring  # type: ignore[attr-defined]

        made = _make_iterencode({}, self.default, encode_basestring, None, number, ":", ",", False, False, False)
        found: Iterator[str] = made(o, 0)
        return found


_dumps = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


def _bytes(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:  # a lone surrogate, which is no text but legal in JSON when escaped
        return re.sub("[\ud800-\udfff]", lambda match: f"\\u{ord(match[0]):04x}", text).encode()


def _distinct(names: Sequence[str]) -> list[str]:
    """Columns that share a name get #2, #3, so that none is lost."""
    made: list[str] = []
    for name in names:
        unique, count = name, 1
        while unique in made:
            count += 1
            unique = f"{name}#{count}"
        made.append(unique)
    return made


def _decoder() -> json.JSONDecoder:
    return json.JSONDecoder(parse_float=Decimal, parse_constant=float)


def read_lines(chunks: Iterable[bytes]) -> Iterator[Found]:
    """NDJSON: one object a line; empty lines are passed over. Raises LimitExceeded for an endless line."""
    decode = _decoder().decode
    held, line = b"", 0
    for chunk in chunks:
        held += chunk
        *lines, held = held.split(b"\n")
        if len(held) > MAX_RECORD_BYTES:
            raise too_long(line + len(lines) + 1)
        for text in lines:
            line += 1
            if text and not text.isspace():
                yield _line(decode, text, line)
    if held and not held.isspace():
        yield _line(decode, held, line + 1)


def _line(decode: Callable[[str], Any], raw: bytes, line: int) -> Found:
    try:
        text = raw.decode()
        return _made(decode(text), line, text)
    except UnicodeDecodeError:
        return Found(line, None, "the line is not UTF-8", raw[:200].decode("utf-8", "replace"))
    except (ValueError, RecursionError) as error:
        return Found(line, None, f"not JSON: {_reason(error)}", raw[:200].decode("utf-8", "replace"))


def _made(value: Any, line: int, text: str) -> Found:
    if isinstance(value, dict):
        return Found(line, value)
    return Found(line, None, f"an object is wanted, this is {_word(value)}", text[:200])


def _reason(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at character {error.colno}"
    return "nested too deep" if isinstance(error, RecursionError) else str(error)


def _word(value: Any) -> str:
    names = {list: "a list", str: "text", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number")


def read_array(chunks: Iterable[bytes]) -> Iterator[Found]:
    """The objects of one JSON array. After something that is no JSON nothing more can be read: that raises Invalid
    (code "json_invalid") with the line."""
    reader = _ArrayReader(chunks)
    reader.open()
    while (found := reader.next()) is not None:
        yield found


class _ArrayReader:
    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._utf8 = codecs.getincrementaldecoder("utf-8")()
        self._scan = _decoder().raw_decode
        self._text, self._at, self._line, self._over = "", 0, 1, False

    def open(self) -> None:
        while not self._text.strip("\ufeff \t\r\n") and self._more():
            pass
        self._at = _BLANK.match(self._text, 1 if self._text.startswith("\ufeff") else 0).end()  # type: ignore[union-attr]
        if self._text[self._at : self._at + 1] != "[":
            raise self._invalid("a JSON file is one array of objects; for one object a line say ndjson")
        self._at += 1

    def next(self) -> Found | None:
        while True:
            self._skip()
            if self._at >= len(self._text):
                if not self._more():
                    raise self._invalid("the file ends inside the array")
                continue
            if self._text[self._at] == "]":
                self._end()
                return None
            begun = self._at
            try:
                value, end = self._scan(self._text, begun)
            except (ValueError, RecursionError) as error:
                if isinstance(error, RecursionError) or not self._more():
                    raise self._invalid(f"not JSON: {_reason(error)}") from None
                continue
            if end == len(self._text) and self._more():
                continue  # a number may go on in the next piece
            found = _made(value, self._line, self._text[begun : begun + 200])
            self._line += self._text.count("\n", begun, end)
            self._at = end
            return found

    def _skip(self) -> None:
        match = _BLANK.match(self._text, self._at)
        if match is not None:
            self._line += self._text.count("\n", self._at, match.end())
            self._at = match.end()

    def _more(self) -> bool:
        if self._over:
            return False
        chunk = next(self._chunks, None)
        rest = self._text[self._at :]
        if len(rest) > MAX_RECORD_BYTES:
            raise too_long(self._line)
        try:
            fresh = self._utf8.decode(chunk or b"", chunk is None)
        except UnicodeDecodeError:
            raise self._invalid("the file is not UTF-8") from None
        self._over = chunk is None
        self._text, self._at = rest + fresh, 0
        return bool(fresh) or not self._over

    def _end(self) -> None:
        """Only blanks may follow."""
        rest = self._text[self._at + 1 :]
        while not rest.strip() and self._more():
            rest = self._text
        if rest.strip().removeprefix("]").strip():
            raise self._invalid("something follows the array")

    def _invalid(self, message: str) -> Invalid:
        return Invalid(f"line {self._line}: {message}", code="json_invalid", details={"line": self._line})
