"""URL and URLSearchParams for what JavaScript examples do with them. Parsing is urllib's: not every oddity of the URL
standard is followed, but what is accepted keeps its meaning and a line break or a space is never let through."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urljoin, urlsplit, urlunsplit

_PORTS = {"http": "80", "https": "443", "ws": "80", "wss": "443", "ftp": "21"}
_UNSAFE = re.compile(r"[\0-\x20\x7f-\U0010ffff\"<>`{}\\^|]")
_HOST = re.compile(r"[^\0-\x20#/:<>?@\[\\\]^|%]+|\[[0-9a-fA-F:.]+\]")
_SCHEME = re.compile(r"[a-zA-Z][a-zA-Z0-9+.\-]*:")


class URLSearchParams:
    """Query parameters, in order, several per name."""

    def __init__(self, init: Any = "", _owner: URL | None = None) -> None:
        self._owner = _owner
        if isinstance(init, str):
            self._items = parse_qsl(init.removeprefix("?"), keep_blank_values=True)
        elif isinstance(init, URLSearchParams):
            self._items = list(init._items)
        else:
            source = init.items() if isinstance(init, Mapping) or hasattr(init, "items") else init
            self._items = [(str(name), str(value)) for name, value in source]

    @classmethod
    def new(cls, init: Any = "") -> URLSearchParams:
        return cls(init)

    def get(self, name: str) -> str | None:
        return next((value for key, value in self._items if key == name), None)

    def getAll(self, name: str) -> list[str]:  # noqa: N802 - as published
        return [value for key, value in self._items if key == name]

    get_all = getAll

    def has(self, name: str) -> bool:
        return any(key == name for key, _ in self._items)

    def append(self, name: str, value: Any) -> None:
        self._items.append((str(name), str(value)))
        self._changed()

    def set(self, name: str, value: Any) -> None:
        position = next((at for at, (key, _) in enumerate(self._items) if key == name), len(self._items))
        rest = [item for item in self._items[position:] if item[0] != name]
        self._items = [*self._items[:position], (str(name), str(value)), *rest]
        self._changed()

    def delete(self, name: str) -> None:
        self._items = [item for item in self._items if item[0] != name]
        self._changed()

    def sort(self) -> None:
        self._items.sort(key=lambda item: item[0])
        self._changed()

    def items(self) -> Iterator[tuple[str, str]]:
        return iter(list(self._items))

    entries = items

    def keys(self) -> Iterator[str]:
        return iter([name for name, _ in self._items])

    def values(self) -> Iterator[str]:
        return iter([value for _, value in self._items])

    @property
    def size(self) -> int:
        return len(self._items)

    def toString(self) -> str:  # noqa: N802 - as published
        return urlencode(self._items)

    def _changed(self) -> None:
        if self._owner is not None:
            self._owner._query = self.toString()

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return self.items()

    def __contains__(self, name: object) -> bool:
        return any(key == name for key, _ in self._items)

    def __getitem__(self, name: str) -> str:
        for key, value in self._items:
            if key == name:
                return value
        raise KeyError(name)

    __str__ = toString


class URL:
    """An absolute address in parts. Raises ValueError when `url` (against `base`) is none."""

    def __init__(self, url: Any, base: Any = None) -> None:
        text = str(url).strip()
        whole = urljoin(str(base), text) if base is not None else text
        if not _SCHEME.match(whole):
            raise ValueError(f"not an absolute URL: {whole!r}")
        parts = urlsplit(whole)
        self._scheme = parts.scheme.lower()
        self._user, self._password = parts.username or "", parts.password or ""
        self._host = _host(parts.hostname or "", whole) if parts.netloc or self._scheme in _PORTS else ""
        port = "" if parts.port is None else str(parts.port)
        self._port = "" if port == _PORTS.get(self._scheme) else port
        self._path = _quoted(parts.path) or ("/" if self._host else "")
        self._query, self._fragment = _quoted(parts.query), _quoted(parts.fragment)

    @classmethod
    def new(cls, url: Any, base: Any = None) -> URL:
        """As `js.URL.new(...)`."""
        return cls(url, base)

    @property
    def protocol(self) -> str:
        return f"{self._scheme}:"

    @property
    def username(self) -> str:
        return self._user

    @property
    def password(self) -> str:
        return self._password

    @property
    def hostname(self) -> str:
        return self._host

    @property
    def port(self) -> str:
        return self._port

    @property
    def host(self) -> str:
        return f"{self._host}:{self._port}" if self._port else self._host

    @property
    def origin(self) -> str:
        return f"{self._scheme}://{self.host}"

    @property
    def pathname(self) -> str:
        return self._path

    @pathname.setter
    def pathname(self, value: str) -> None:
        self._path = "/" + _quoted(value).replace("?", "%3F").replace("#", "%23").lstrip("/")

    @property
    def search(self) -> str:
        return f"?{self._query}" if self._query else ""

    @search.setter
    def search(self, value: str) -> None:
        self._query = _quoted(value.removeprefix("?")).replace("#", "%23")

    @property
    def hash(self) -> str:
        return f"#{self._fragment}" if self._fragment else ""

    @property
    def searchParams(self) -> URLSearchParams:  # noqa: N802 - as published
        return URLSearchParams(self._query, _owner=self)

    search_params = searchParams

    @property
    def href(self) -> str:
        if not self._host:
            return urlunsplit((self._scheme, "", self._path, self._query, self._fragment))
        login = f"{self._user}:{self._password}@" if self._password else f"{self._user}@" if self._user else ""
        return f"{self._scheme}://{login}{self.host}{self._path}{self.search}{self.hash}"

    def toString(self) -> str:  # noqa: N802 - as published
        return self.href

    __str__ = toString

    def __repr__(self) -> str:
        return f"URL({self.href!r})"


def _host(host: str, whole: str) -> str:
    if ":" in host:
        host = f"[{host}]"
    elif not host.isascii():
        try:
            host = host.encode("idna").decode()
        except UnicodeError as error:
            raise ValueError(f"not a host name: {host!r}") from error
    if not _HOST.fullmatch(host):
        raise ValueError(f"the URL names no host: {whole!r}")
    return host.lower()


def _quoted(text: str) -> str:
    """Characters that no URL may carry, written by their bytes; what is written so already stays."""
    return _UNSAFE.sub(lambda found: quote(found.group(), safe="", errors="replace"), text)
