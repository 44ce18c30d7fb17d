"""Blob and File (File API): immutable bytes with a media type and, for a File, a name."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any, Literal

Bytes = bytes  # inside Blob the name is taken by its method
BlobEnding = Literal["transparent", "native"]


class Blob:
    """Bytes that do not change. `parts`: text, bytes, another Blob, or a list of those."""

    def __init__(
        self,
        parts: Any = (),
        content_type: str | None = None,
        endings: BlobEnding = "transparent",
        **options: Any,
    ) -> None:
        if content_type is None:
            inherited = parts.content_type if isinstance(parts, Blob) else ""
            content_type = str(options.get("type", inherited))
        whole = parts if isinstance(parts, Iterable) and not isinstance(parts, str | bytes | memoryview) else [parts]
        self._data = b"".join(_part(part) for part in whole)
        if endings == "native":
            self._data = self._data.replace(b"\r\n", b"\n")
        self.content_type: str = content_type

    @classmethod
    def new(cls, *parts: Any, **named: Any) -> Any:
        """As `js.Blob.new(parts, {type})` and `js.File.new(parts, name, {type})`."""
        options = parts[-1] if len(parts) > 1 and isinstance(parts[-1], dict) else {}
        return cls(*(parts[:-1] if options else parts), **{**options, **named})

    @property
    def type(self) -> str:
        return self.content_type

    @property
    def size(self) -> int:
        return len(self._data)

    @property
    def js_object(self) -> Blob:
        return self

    async def text(self) -> str:
        return self._data.decode(errors="replace")

    async def bytes(self) -> Bytes:
        return self._data

    arrayBuffer = bytes  # noqa: N815 - as published

    def slice(self, start: int = 0, end: int | None = None, content_type: str = "") -> Blob:
        return Blob([self._data[start:end]], content_type=content_type)

    def __bytes__(self) -> Bytes:
        return self._data

    def __iter__(self) -> Any:
        return iter([self._data])

    def __repr__(self) -> str:
        return f"{type(self).__name__}(size={self.size}, content_type={self.content_type!r})"


class File(Blob):
    """A Blob with a name, as a form carries it."""

    def __init__(
        self,
        parts: Any = (),
        filename: str = "",
        content_type: str | None = None,
        endings: BlobEnding = "transparent",
        last_modified: int | None = None,
        **options: Any,
    ) -> None:
        super().__init__(parts, content_type, endings, **options)
        self.name = filename
        self.last_modified = int(time.time() * 1000) if last_modified is None else last_modified

    @property
    def filename(self) -> str:
        return self.name

    @property
    def lastModified(self) -> int:  # noqa: N802 - as published
        return self.last_modified


def _part(part: Any) -> bytes:
    if isinstance(part, str):
        return part.encode()
    if isinstance(part, Blob):
        return bytes(part)
    if isinstance(part, bytes | bytearray | memoryview):
        return bytes(part)
    raise TypeError(f"a Blob is made of text, bytes or blobs, not {type(part).__name__}")
