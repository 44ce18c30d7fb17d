"""Keys and values as words of a command line: text, with \\xff for a byte that is not part of any."""

from __future__ import annotations

import base64
import json
import re
from typing import Any

from holdfast.terminal.failure import Usage

_BYTE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|\\)")


def key_of(text: str) -> Any:
    r"""What the API takes: text, or {"$bytes"} when \xff made it no text. `\\` is one backslash."""
    raw, at = bytearray(), 0
    for match in _BYTE.finditer(text):
        raw += text[at : match.start()].encode(errors="surrogateescape")
        raw += bytes.fromhex(match[1]) if match[1] else b"\\"
        at = match.end()
    raw += text[at:].encode(errors="surrogateescape")
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return {"$bytes": base64.b64encode(bytes(raw)).decode()}


def value_of(text: str, kind: str) -> list[Any]:
    """The elements of a value. Raises Usage when they must be JSON and are not."""
    if kind == "string":
        return [key_of(text)]
    try:
        found = json.loads(text)
    except ValueError as error:
        raise Usage(
            f"a {kind} takes its elements as JSON: {error}", hint='\'["a", "b"]\' or \'[["field", "value"]]\''
        ) from None
    if not isinstance(found, list):
        raise Usage(f"a {kind} takes a JSON list of elements")
    return found


def word(value: Any) -> str:
    """A key, field or value on one line; the inverse of `key_of` for keys."""
    if isinstance(value, dict) and set(value) == {"$bytes"}:
        return _line(base64.b64decode(value["$bytes"]).decode(errors="surrogateescape"))
    if isinstance(value, str):
        return _line(value)
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return json.dumps(value, ensure_ascii=False)


def element(one: Any) -> str:
    """One element of a value on one line: a stream's entry as its id and field=value pairs."""
    if not isinstance(one, list):
        return word(one)
    return "\t".join(
        " ".join("=".join(map(word, pair)) for pair in part) if isinstance(part, list) else word(part) for part in one
    )


def _line(text: str) -> str:
    r"""Bytes of no text and what would move the cursor as \xff, a backslash as two."""
    return "".join("\\\\" if char == "\\" else char if char.isprintable() else _hexadecimal(char) for char in text)


def _hexadecimal(char: str) -> str:
    return "".join(f"\\x{byte:02x}" for byte in char.encode(errors="surrogateescape"))
