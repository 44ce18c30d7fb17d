"""What a file is and how it is written, told from its beginning."""

from __future__ import annotations

import codecs
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from holdfast.formats.delimited import Dialect, parse
from holdfast.formats.guessing import kind_of_text

Form = Literal["csv", "json", "ndjson", "sql", "parquet"]
FORMS: tuple[Form, ...] = ("csv", "json", "ndjson", "sql", "parquet")
SAMPLE_BYTES = 256 * 1024
_DELIMITERS = (",", ";", "\t", "|")
_WORD = re.compile(r"[^\W\d][\w .:/()#%-]{0,62}")
_SUFFIXES: dict[str, Form] = {
    "csv": "csv",
    "tsv": "csv",
    "tab": "csv",
    "txt": "csv",
    "json": "json",
    "ndjson": "ndjson",
    "jsonl": "ndjson",
    "sql": "sql",
    "dump": "sql",
    "parquet": "parquet",
    "pq": "parquet",
}
_BOMS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


@dataclass(frozen=True)
class Sniffed:
    """`sure` False: the file was too short or too strange to tell; look at the preview."""

    dialect: Dialect
    sure: bool


def form_of(name: str, head: bytes) -> Form:
    """By the file's name, else by its first bytes (unpacked). Magic numbers win over names."""
    if head.startswith(b"PAR1"):
        return "parquet"
    bare = re.sub(r"\.(gz|zst|zstd|gzip)$", "", name.lower())
    suffix = bare.rpartition(".")[2]
    begins = head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    if (known := _SUFFIXES.get(suffix)) is not None:
        if known in ("json", "ndjson"):
            return "json" if begins == b"[" else "ndjson"
        return known
    if begins == b"[":
        return "json"
    if begins == b"{":
        return "ndjson"
    start = head.lstrip()[:64].upper()
    return "sql" if start.startswith((b"--", b"PRAGMA ", b"BEGIN", b"CREATE ", b"INSERT ", b"SET ")) else "csv"


def encoding_of(head: bytes, *, whole: bool = False) -> str:
    """A byte order mark, else UTF-16 by its zeros, else UTF-8 when it is that, else Windows' Latin-1."""
    for mark, name in _BOMS:
        if head.startswith(mark):
            return name
    sample = head[:4096]
    if len(sample) > 3 and b"\0" in sample:
        zeros = [sample[i::2].count(0) for i in (0, 1)]
        if max(zeros) > len(sample) // 4 > min(zeros) * 4:
            return "utf-16-be" if zeros[0] > zeros[1] else "utf-16-le"
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head, whole)
    except UnicodeDecodeError:
        return "cp1252" if not any(byte in head for byte in b"\x81\x8d\x8f\x90\x9d") else "latin-1"
    return "utf-8"


def sniff(head: bytes, *, whole: bool = False) -> Sniffed:
    """The dialect of delimited text. `whole`: the head is all there is, so its last line counts."""
    encoding = encoding_of(head, whole=whole)
    text = codecs.getincrementaldecoder(encoding)(errors="replace").decode(head).removeprefix("\ufeff")
    newline = "\r" if "\r" in text and "\n" not in text else "\n"
    if not whole and newline in text:
        text = text[: text.rfind(newline)]
    quote = _quote(text, newline)
    scored = [(_score(text, delimiter, quote, newline), delimiter) for delimiter in _DELIMITERS]
    (score, _width), delimiter = max(scored, key=lambda item: item[0])
    rows = _rows(text, Dialect(delimiter if score else ",", quote, newline=newline))
    header = looks_like_header(rows)
    null = _null(rows)
    dialect = Dialect(delimiter if score else ",", quote, header, null, encoding, newline)
    return Sniffed(dialect, score > 0.9 and len(rows) > 1)


def _quote(text: str, newline: str) -> str:
    double = text.count('"')
    single = len(re.findall(rf"(?:^|[,;\t|{newline}])'", text))
    return "'" if not double and single > 3 else '"'


def _rows(text: str, dialect: Dialect, most: int = 200) -> list[list[str | None]]:
    rows = []
    for record in parse(text.encode("utf-8", "replace"), dialect):
        if record.problem is None and record.fields not in ([None], [""]):
            rows.append(record.fields)
        if len(rows) >= most:
            break
    return rows


def _score(text: str, delimiter: str, quote: str, newline: str) -> tuple[float, int]:
    """(share of rows with the usual number of fields, that number); nothing for one field a row."""
    rows = _rows(text, Dialect(delimiter, quote, newline=newline))
    if not rows:
        return 0.0, 0
    width, count = Counter(len(row) for row in rows).most_common(1)[0]
    return (count / len(rows), width) if width > 1 else (0.0, 0)


def looks_like_header(rows: Sequence[Sequence[str | None]]) -> bool:
    """Names above values: words, all different, that do not look like what is under them."""
    if not rows:
        return True
    first, rest = rows[0], rows[1:]
    words = [field for field in first if field]
    if len(words) < len(first) or len({word.lower() for word in words}) < len(words):
        return False
    if any(kind_of_text(word.strip()) != "text" for word in words):
        return False
    if all(_WORD.fullmatch(word.strip()) for word in words):
        return True
    for index in range(len(first)):
        below = {kind_of_text(row[index] or "") for row in rest if len(row) > index and row[index]}
        if below and "text" not in below:
            return True
    return False


def _null(rows: Sequence[Sequence[str | None]]) -> str:
    """`\\N` or NULL where nothing is empty and the word stands among numbers or dates; anywhere else it may be text,
    and text must not be lost for a guess."""
    if any(field is None for row in rows for field in row):
        return ""
    for word in ("\\N", "NULL"):
        for index in range(max((len(row) for row in rows), default=0)):
            column = [row[index] or "" for row in rows[1:] if len(row) > index]
            others = {kind_of_text(field) for field in column if field != word}
            if word in column and others and "text" not in others:
                return word
    return ""
