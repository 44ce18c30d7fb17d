"""Delimited text (CSV, TSV): cut at record ends, parsed, written. RFC 4180, and what PostgreSQL's COPY makes of it.

NULL and the empty string stay apart: an unquoted field that equals the NULL word is NULL, a quoted one is text.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from holdfast.kernel.errors import Invalid, LimitExceeded

SEGMENT_BYTES = 1 << 20
MAX_RECORD_BYTES = 32 << 20  # one record in memory, also while it is looked for: a quote left open must not eat it all
FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True)
class Dialect:
    """How a file is written. `quote` "" = nothing is quoted; `newline` is "\\n" (also for "\\r\\n") or "\\r"."""

    delimiter: str = ","
    quote: str = '"'
    header: bool = True
    null: str = ""
    encoding: str = "utf-8"
    newline: str = "\n"

    def __post_init__(self) -> None:
        """Raises Invalid (code "dialect_invalid") for characters that cannot be told apart."""
        if len(self.delimiter) != 1 or self.delimiter in "\r\n\0" or not self.delimiter.isascii():
            raise _invalid("delimiter", "is one ASCII character, not a line break")
        if self.quote and (len(self.quote) != 1 or self.quote in "\r\n\0" or not self.quote.isascii()):
            raise _invalid("quote", "is one ASCII character, or nothing")
        if self.quote == self.delimiter:
            raise _invalid("quote", "is the delimiter")
        if any(mark and mark in self.null for mark in (self.delimiter, self.quote, "\r", "\n", "\0")):
            raise _invalid("null", "holds the delimiter, the quote or a line break")
        if self.newline not in ("\n", "\r"):
            raise _invalid("newline", "is \\n or \\r")
        try:
            codecs.lookup(self.encoding)
        except (LookupError, ValueError):
            raise _invalid("encoding", f"{self.encoding!r} is unknown") from None


def _invalid(name: str, message: str) -> Invalid:
    fields = [{"field": f"csv.{name}", "message": message}]
    return Invalid(f"the {name} {message}", code="dialect_invalid", details={"fields": fields})


class Segment(NamedTuple):
    """Whole records as UTF-8, and the number (1-based) of their first line in the file."""

    data: bytes
    line: int


class Record(NamedTuple):
    """`fields` as read; or `problem`, and `text` as it stands."""

    line: int
    fields: list[str | None]
    problem: str | None = None


def transcoded(chunks: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    """UTF-8 without a byte order mark, from any encoding. UTF-8 itself is not looked at here: `parse` names the line.

    Raises Invalid (code "encoding_invalid") where the bytes are not in the encoding.
    """
    if codecs.lookup(encoding).name in ("utf-8", "utf-8-sig", "ascii"):
        first = True
        for chunk in chunks:
            yield chunk.removeprefix(codecs.BOM_UTF8) if first else chunk
            first = False
        return
    decoder = codecs.getincrementaldecoder(encoding)()
    first = True
    try:
        for chunk in chunks:
            text = decoder.decode(chunk)
            if first and text:
                text, first = text.removeprefix("\ufeff"), False
            if text:
                yield text.encode()
        if tail := decoder.decode(b"", True):
            yield tail.encode()
    except UnicodeError as error:
        raise Invalid(
            f"the file is not {encoding}: {error}", code="encoding_invalid", hint="say its encoding (csv.encoding)"
        ) from None


def segments(chunks: Iterable[bytes], dialect: Dialect, size: int = SEGMENT_BYTES) -> Iterator[Segment]:
    """Cut where a record ends. A quote toggles wherever it stands, as COPY reads it, so the count decides.

    Raises LimitExceeded (code "record_too_long") with the line at which the endless record begins.
    """
    quote, newline = dialect.quote.encode(), dialect.newline.encode()
    held, line, wanted = bytearray(), 1, size
    for chunk in chunks:
        held += chunk
        if len(held) < wanted:
            continue
        cut = _cut(held, quote, newline)
        if cut == 0:
            if len(held) > MAX_RECORD_BYTES:
                raise too_long(line)
            wanted = len(held) + size
            continue
        data = bytes(held[:cut])
        del held[:cut]
        yield Segment(data, line)
        line += data.count(newline)
        wanted = size
    if held:
        yield Segment(bytes(held), line)


def too_long(line: int) -> LimitExceeded:
    return LimitExceeded(
        f"line {line}: a record takes more than {MAX_RECORD_BYTES >> 20} MiB; is a quote left open?",
        code="record_too_long",
        hint="look at that line, or say which quote character the file uses",
        details={"line": line, "limit_bytes": MAX_RECORD_BYTES},
    )


def _cut(held: bytearray, quote: bytes, newline: bytes) -> int:
    """Just after the last line break outside quotes; 0 when there is none."""
    at = held.rfind(newline)
    if at < 0 or not quote:
        return at + 1
    odd = held.count(quote, 0, at) & 1
    while odd:
        before = held.rfind(newline, 0, at)
        if before < 0:
            return 0
        odd ^= held.count(quote, before, at) & 1
        at = before
    return at + 1


def parse(data: bytes, dialect: Dialect, line: int = 1) -> Iterator[Record]:
    """The records of a segment. A record that cannot be read comes with its `problem`; the next goes on."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = data.decode("utf-8", "surrogateescape")
    rows = text.removesuffix(dialect.newline).split(dialect.newline)
    crlf = dialect.newline == "\n" and "\r" in text
    if not dialect.quote or dialect.quote not in text:
        delimiter, null = dialect.delimiter, dialect.null
        for number, row in enumerate(rows, line):
            fields = (row.removesuffix("\r") if crlf else row).split(delimiter)
            yield _checked(number, [None if field == null else field for field in fields])
        return
    yield from _parse_quoted(rows, dialect, line, crlf)


def _parse_quoted(rows: list[str], dialect: Dialect, line: int, crlf: bool) -> Iterator[Record]:
    quote = dialect.quote
    open_rows: list[str] = []
    odd = 0
    for number, row in enumerate(rows, line):
        odd ^= row.count(quote) & 1
        open_rows.append(row)
        if odd:
            continue
        begun = number - len(open_rows) + 1
        whole = dialect.newline.join(open_rows) if len(open_rows) > 1 else row
        open_rows = []
        yield _checked(begun, split_record(whole.removesuffix("\r") if crlf else whole, dialect))
    if open_rows:
        first = line + len(rows) - len(open_rows)
        yield Record(first, [open_rows[0][:200]], f"a {quote} is never closed")


def _checked(line: int, fields: list[str | None]) -> Record:
    for field in fields:
        if field is not None and not field.isascii() and _SURROGATE.search(field):
            return Record(line, fields, "the text is not UTF-8; say the file's encoding")
    return Record(line, fields)


_SURROGATE = re.compile("[\ud800-\udfff]")


def split_record(record: str, dialect: Dialect) -> list[str | None]:
    """One whole record's fields. Between quotes everything is text, and two quotes are one."""
    delimiter, quote, null = dialect.delimiter, dialect.quote, dialect.null
    if not quote or quote not in record:
        return [None if field == null else field for field in record.split(delimiter)]
    fields: list[str | None] = []
    current: list[str] = []
    quoted = False
    parts = record.split(quote)
    last = len(parts) - 1
    for index, part in enumerate(parts):
        if index & 1:
            current.append(part)
            quoted = True
        elif not part and 0 < index < last:
            current.append(quote)
        else:
            first, *more = part.split(delimiter)
            current.append(first)
            for piece in more:
                text = "".join(current)
                fields.append(None if text == null and not quoted else text)
                current, quoted = [piece], False
    text = "".join(current)
    fields.append(None if text == null and not quoted else text)
    return fields


def quoter(dialect: Dialect, *, formula_safe: bool = False) -> Callable[[str | None], str]:
    """What writes one field. Text that could be taken for NULL, a separator or a formula is marked or quoted.

    `formula_safe`: a quote mark before what spreadsheets would run (OWASP, CSV injection); numbers stay numbers.
    """
    quote, null = dialect.quote, dialect.null
    special = re.compile("[" + re.escape(dialect.delimiter + quote) + "\r\n]")
    doubled = quote * 2
    edge = null == ""

    def field(value: str | None) -> str:
        if value is None:
            return null
        if formula_safe and value.startswith(FORMULA) and not _NUMBER.fullmatch(value):
            value = "'" + value
        if value == null or special.search(value) or value == "\\." or (edge and not value):
            if not quote:
                raise Invalid("a value holds the delimiter or a line break, and nothing is quoted", code="csv_quote")
            return quote + value.replace(quote, doubled) + quote
        return value

    return field


_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?|[+-]?Infinity")


def guarded(data: bytes, dialect: Dialect) -> bytes:
    """The records of a segment, written again so that no field is a formula."""
    field = quoter(dialect, formula_safe=True)
    lines = [dialect.delimiter.join(map(field, record.fields)) for record in parse(data, dialect)]
    return (dialect.newline.join(lines) + dialect.newline).encode()


def header_line(names: Sequence[str], dialect: Dialect, *, formula_safe: bool = False) -> bytes:
    field = quoter(dialect, formula_safe=formula_safe)
    return (dialect.delimiter.join(map(field, names)) + dialect.newline).encode()
