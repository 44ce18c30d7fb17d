"""Form data: multipart/form-data (RFC 7578) and application/x-www-form-urlencoded, both ways."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode

from holdfast.runtime.python.workers.blobs import Blob, File

FormDataValue = str | Blob
_PARAMETER = re.compile(r';\s*([!#$%&\'*+\-.^_`|~0-9A-Za-z]+)=(?:"((?:[^"\\]|\\.)*)"|([^;\s]*))')
MOST_PARTS = 1000


class FormData:
    """Names with values, in order, several per name; a value is text or a Blob (a File when it has a name)."""

    def __init__(self, init: Any = None) -> None:
        self._items: list[tuple[str, FormDataValue]] = []
        if init is None:
            return
        items = init.items() if isinstance(init, FormData | Mapping) or hasattr(init, "items") else init
        for name, value in items:
            for each in value if isinstance(value, list) else [value]:
                self.append(name, each)

    @classmethod
    def new(cls, init: Any = None) -> FormData:
        """As `js.FormData.new()`."""
        return cls(init)

    def append(self, name: str, value: Any, filename: str | None = None) -> None:
        self._items.append((str(name), _value(value, filename)))

    def set(self, name: str, value: Any, filename: str | None = None) -> None:
        self.delete(name)
        self.append(name, value, filename)

    def delete(self, name: str) -> None:
        self._items = [item for item in self._items if item[0] != name]

    def get(self, name: str, default: Any = None) -> Any:
        return next((value for key, value in self._items if key == name), default)

    def get_all(self, name: str) -> list[FormDataValue]:
        return [value for key, value in self._items if key == name]

    getAll = get_all  # noqa: N815 - as published

    def has(self, name: str) -> bool:
        return name in self

    def items(self) -> Iterator[tuple[str, FormDataValue]]:
        return iter(list(self._items))

    entries = items

    def keys(self) -> Iterator[str]:
        return iter([name for name, _ in self._items])

    def values(self) -> Iterator[FormDataValue]:
        return iter([value for _, value in self._items])

    @property
    def js_object(self) -> FormData:
        return self

    def __getitem__(self, name: str) -> Any:
        for key, value in self._items:
            if key == name:
                return value
        raise KeyError(name)

    def __setitem__(self, name: str, value: Any) -> None:
        self.set(name, value)

    def __delitem__(self, name: str) -> None:
        self.delete(name)

    def __contains__(self, name: object) -> bool:
        return any(key == name for key, _ in self._items)

    def __iter__(self) -> Iterator[str]:
        return self.keys()

    def __len__(self) -> int:
        return len(self._items)

    def __repr__(self) -> str:
        return f"FormData({self._items!r})"


def _value(value: Any, filename: str | None) -> FormDataValue:
    if isinstance(value, Blob):
        if filename is not None:
            return File([bytes(value)], filename, value.content_type)
        return value
    if isinstance(value, bytes | bytearray | memoryview):
        return File([value], filename or "blob")
    return value if isinstance(value, str) else str(value)


def media_type(value: str) -> tuple[str, dict[str, str]]:
    """A content type and its parameters, names in lower case: 'text/html; charset=utf-8'."""
    essence, _, _ = value.partition(";")
    found = {}
    for name, quoted, plain in _PARAMETER.findall(value[len(essence) :]):
        found[name.lower()] = re.sub(r"\\(.)", r"\1", quoted) if quoted else plain
    return essence.strip().lower(), found


def parse_form(body: bytes, content_type: str) -> FormData:
    """The form in `body`. Raises ValueError when the type names no form or the parts do not fit it."""
    essence, parameters = media_type(content_type)
    if essence == "application/x-www-form-urlencoded":
        text = body.decode(errors="replace")
        return FormData(parse_qsl(text, keep_blank_values=True, errors="replace", max_num_fields=MOST_PARTS))
    if essence == "multipart/form-data":
        boundary = parameters.get("boundary", "")
        if not 0 < len(boundary) <= 256:
            raise ValueError("the form's content type names no boundary")
        return parse_multipart(body, boundary.encode("latin-1", "replace"))
    raise ValueError(f"the content type is no form: {content_type or 'none was sent'}")


def parse_multipart(body: bytes, boundary: bytes) -> FormData:
    """Raises ValueError when the body is cut short, holds too many parts, or a part has no name."""
    form = FormData()
    mark = b"\r\n--" + boundary
    whole = b"\r\n" + body
    position = whole.find(mark)
    if position < 0:
        raise ValueError("the form does not begin with its boundary")
    while True:
        position += len(mark)
        if whole[position : position + 2] == b"--":
            return form
        start = whole.find(b"\r\n", position)
        if start < 0 or whole[position:start].strip(b" \t"):
            raise ValueError("a part of the form does not follow its boundary")
        if len(form) >= MOST_PARTS:
            raise ValueError(f"the form has more than {MOST_PARTS} parts")
        position = whole.find(mark, start)
        if position < 0:
            raise ValueError("the form ends before its last boundary")
        _add_part(form, whole, start, position)


def _add_part(form: FormData, whole: bytes, start: int, end: int) -> None:
    split = whole.find(b"\r\n\r\n", start, end)
    head, content_at = (whole[start + 2 : split], split + 4) if split >= 0 else (whole[start + 2 : end], end)
    headers = {}
    for line in head.split(b"\r\n"):
        key, colon, value = line.partition(b":")
        if colon:
            headers[key.strip().lower().decode("latin-1")] = value.strip().decode("utf-8", "replace")
    kind, parameters = media_type(headers.get("content-disposition", ""))
    if kind != "form-data" or "name" not in parameters:
        raise ValueError("a part of the form has no name")
    content = whole[content_at:end]
    name = _unescape(parameters["name"])
    filename = parameters.get("filename")
    if "filename*" in parameters:
        filename = unquote(parameters["filename*"].rpartition("'")[2])
    if filename is None:
        form.append(name, content.decode(errors="replace"))
    else:
        form.append(name, File([content], _unescape(filename), headers.get("content-type", "application/octet-stream")))


def encode_multipart(form: FormData, boundary: str | None = None) -> tuple[bytes, str]:
    """The body and its content type."""
    boundary = boundary or f"----holdfast{os.urandom(12).hex()}"
    chunks: list[bytes] = []
    for name, value in form.items():
        chunks.append(f'--{boundary}\r\ncontent-disposition: form-data; name="{_escape(name)}"'.encode())
        if isinstance(value, Blob):
            filename = value.name if isinstance(value, File) else "blob"
            kind = (value.content_type or "application/octet-stream").translate({10: None, 13: None})
            chunks.append(f'; filename="{_escape(filename)}"\r\ncontent-type: {kind}\r\n\r\n'.encode())
            chunks.append(bytes(value))
        else:
            chunks.append(b"\r\n\r\n" + value.encode(errors="replace"))
        chunks.append(b"\r\n")
    chunks.append(f"--{boundary}--\r\n".encode())
    return b"".join(chunks), f"multipart/form-data; boundary={boundary}"


def encode_urlencoded(form: FormData) -> bytes:
    return urlencode([(name, value) for name, value in form.items() if isinstance(value, str)]).encode()


def _escape(text: str) -> str:
    """As browsers write names (HTML standard, "multipart/form-data encoding algorithm")."""
    return (
        text.encode(errors="replace")
        .decode()
        .replace("\r", "%0D")
        .replace("\n", "%0A")
        .replace('"', "%22")
        .replace("\\", "\\\\")
    )


def _unescape(text: str) -> str:
    return text.replace("%0D", "\r").replace("%0A", "\n").replace("%22", '"')
