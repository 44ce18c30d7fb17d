"""Header lists: case-insensitive, ordered, `set-cookie` never joined (Fetch standard, section 2.2.2)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, overload

_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_FORBIDDEN = re.compile("[\0\r\n]")

HeadersInit = "Headers | Mapping[str, Any] | Iterable[tuple[str, Any]] | None"


class Headers:
    """The headers of a request or an answer.

    Reads like `http.client.HTTPMessage` (a missing name is None) and like JavaScript's `Headers`. Several values of
    one name are joined by ", ", except `set-cookie`, which `get_all` and `getSetCookie` give one by one.
    Raises ValueError for a name or value that HTTP cannot carry: otherwise an answer could be split in two.
    """

    __slots__ = ("_items", "_raw")

    def __init__(self, init: Any = None) -> None:
        self._items: list[tuple[str, str]] = []
        self._raw: list[tuple[bytes, bytes]] | None = None
        if init is None:
            return
        for name, value in pairs(init):
            self.append(name, value)

    @classmethod
    def new(cls, init: Any = None) -> Headers:
        """As `js.Headers.new(...)`."""
        return cls(init)

    @classmethod
    def from_wire(cls, raw: list[tuple[bytes, bytes]]) -> Headers:
        """Of a parsed message: names are already lower-case and values already clean; decoded when first read."""
        headers = cls()
        headers._raw = raw
        return headers

    def default(self, name: str, value: str) -> None:
        """Add `value` where `name`, in lower case, is not there yet."""
        items = self._list()
        if not items or not self.has(name):
            items.append((name, _clean_value(value)))

    def _list(self) -> list[tuple[str, str]]:
        if self._raw is not None:
            self._items = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in self._raw]
            self._raw = None
        return self._items

    def wire(self) -> list[tuple[bytes, bytes]]:
        """Names and values as they are sent. A value beyond Latin-1 goes as UTF-8."""
        if self._raw is not None:
            return list(self._raw)
        return [(name.encode("latin-1"), encode_value(value)) for name, value in self._items]

    def append(self, name: str, value: Any) -> None:
        self._list().append((_clean_name(name), _clean_value(value)))

    def set(self, name: str, value: Any) -> None:
        """Replace every value of `name`."""
        key, text = _clean_name(name), _clean_value(value)
        self.delete(key)
        self._items.append((key, text))

    def delete(self, name: str) -> None:
        key = name.lower()
        self._items = [item for item in self._list() if item[0] != key]

    def has(self, name: str) -> bool:
        key = name.lower()
        return any(item[0] == key for item in self._list())

    @overload
    def get(self, name: str) -> str | None: ...
    @overload
    def get(self, name: str, default: str) -> str: ...
    def get(self, name: str, default: str | None = None) -> str | None:
        key = name.lower()
        values = [value for item, value in self._list() if item == key]
        return ", ".join(values) if values else default

    def get_all(self, name: str, default: Any = None) -> Any:
        """The values of `name`: one joined value, or each cookie; `default` where there is none."""
        key = name.lower()
        values = [value for item, value in self._list() if item == key]
        if not values:
            return default
        return values if key == "set-cookie" else [", ".join(values)]

    getAll = get_all  # noqa: N815 - as published

    def getSetCookie(self) -> list[str]:  # noqa: N802 - as published
        return [value for name, value in self._list() if name == "set-cookie"]

    def items(self) -> list[tuple[str, str]]:
        joined: dict[str, str] = {}
        cookies: list[tuple[str, str]] = []
        for name, value in self._list():
            if name == "set-cookie":
                cookies.append((name, value))
            else:
                joined[name] = f"{joined[name]}, {value}" if name in joined else value
        return [*joined.items(), *cookies]

    entries = items

    def keys(self) -> list[str]:
        return [name for name, _ in self.items()]

    def values(self) -> list[str]:
        return [value for _, value in self.items()]

    def copy(self) -> Headers:
        twin = Headers()
        twin._items = list(self._list())
        return twin

    def __getitem__(self, name: str) -> str | None:
        return self.get(name)

    def __setitem__(self, name: str, value: Any) -> None:
        self.set(name, value)

    def __delitem__(self, name: str) -> None:
        self.delete(name)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self.has(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def __len__(self) -> int:
        return len(self.items())

    def __eq__(self, other: object) -> bool:
        return self.items() == other.items() if isinstance(other, Headers) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Headers({self.items()!r})"


def pairs(init: Any) -> list[tuple[str, Any]]:
    """The names and values of anything that stands for headers: a mapping, pairs, Headers, an HTTPMessage."""
    if isinstance(init, Headers):
        return [(name, value) for name, value in init._list()]
    if hasattr(init, "items"):
        return list(init.items())
    return [(name, value) for name, value in init]


def encode_value(value: str) -> bytes:
    try:
        return value.encode("latin-1")
    except UnicodeEncodeError:
        return value.encode()


def _clean_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError(f"not a header name: {name!r}")
    return name.lower()


def _clean_value(value: Any) -> str:
    text = (value if isinstance(value, str) else str(value)).strip(" \t\r\n")
    if _FORBIDDEN.search(text):
        raise ValueError(f"a header value may not hold line breaks or NUL: {text!r}")
    return text
