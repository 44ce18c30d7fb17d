"""The built dashboard: every file is listed once and found by its name, so that no address ever reaches the disk.

A build lies in one folder (`make ui` puts it into `web/pages/ui`): `index.html`, `assets/NAME-HASH.EXT`, and beside
each file that packs well the same bytes as `.br` (RFC 7932) and `.gz` (RFC 1952), made at build time.
"""

from __future__ import annotations

import hashlib
import os
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from starlette.datastructures import Headers
from starlette.responses import Response

SHIPPED = Path(__file__).parent / "pages" / "ui"
PACKINGS = {"br": ".br", "gzip": ".gz"}  # by what they save, best first
MEDIA = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".ttf": "font/ttf",
    ".woff2": "font/woff2",
    ".json": "application/json",
    ".webmanifest": "application/manifest+json",
    ".txt": "text/plain; charset=utf-8",
    ".wasm": "application/wasm",
}
# Scripts are files of ours and nothing else. Styles may be written by scripts: the editor and the dialogs measure and
# place what they show (docs/decisions/0038-dashboard-served.md). Nothing may be asked from, or sent to, another origin.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "font-src 'self'; connect-src 'self'; worker-src 'self'; manifest-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
_HASHED = re.compile(r"^assets/.+-[A-Za-z0-9_-]{8}\.[a-z0-9]+$")
_FOREVER = "public, max-age=31536000, immutable"
_ASK_AGAIN = "no-cache"
_PACKED = tuple(PACKINGS.values())


@dataclass(frozen=True)
class Item:
    """One file of a build. `files` holds where its bytes are, by content coding; "" is the plain file."""

    name: str
    media: str
    files: Mapping[str, Path]

    @property
    def cache(self) -> str:
        return _FOREVER if _HASHED.match(self.name) else _ASK_AGAIN


@dataclass
class _Build:
    """The files of one build, and what was read of them."""

    mark: tuple[int, int]
    items: Mapping[str, Item]
    read: dict[tuple[str, str], tuple[bytes, str]] = field(default_factory=dict)

    def content(self, item: Item, coding: str) -> tuple[bytes, str]:
        """The bytes and their ETag. Raises FileNotFoundError when another build took this one's place."""
        known = self.read.get((item.name, coding))
        if known is None:
            content = item.files[coding].read_bytes()
            known = content, f'"{hashlib.sha256(content).hexdigest()[:32]}"'
            self.read[item.name, coding] = known
        return known


class Bundle:
    """A build, and the next one as soon as it lies there. Safe to ask from several threads."""

    def __init__(self, root: Path = SHIPPED) -> None:
        self.root = root
        self._build: _Build | None = None
        self._lock = threading.Lock()

    @property
    def is_built(self) -> bool:
        return self._now() is not None

    def answer(self, name: str, asked: Headers) -> Response | None:
        """The file of that name as the client takes it, or 304; None when the build has no such file."""
        build = self._now()
        item = build.items.get(name) if build else None
        if build is None or item is None:
            return None
        coding = chosen(asked.getlist("accept-encoding"), item.files)
        try:
            content, etag = build.content(item, coding)
        except FileNotFoundError:
            return None
        headers = {"etag": etag, "cache-control": item.cache, "vary": "accept-encoding"}
        if coding:
            headers["content-encoding"] = coding
        if item.media.startswith("text/html"):
            headers["content-security-policy"] = POLICY
        if matches(asked.getlist("if-none-match"), etag):
            return Response(None, 304, headers)
        return Response(content, headers=headers | {"content-type": item.media})

    def _now(self) -> _Build | None:
        """One look at index.html, which a build replaces as the last thing it does."""
        try:
            found = (self.root / "index.html").stat()
        except OSError:
            return None
        mark = (found.st_ino, found.st_mtime_ns)
        with self._lock:
            if self._build is None or self._build.mark != mark:
                self._build = _Build(mark, listed(self.root))
            return self._build


def listed(root: Path) -> dict[str, Item]:
    """Every plain file below `root` by its name from there, "/" between. Links are left out: they may lead anywhere."""
    found: dict[str, Path] = {}
    for folder, _, names in os.walk(root, followlinks=False):
        for each in (Path(folder) / name for name in names):
            if each.is_file() and not each.is_symlink():
                found[each.relative_to(root).as_posix()] = each
    return {name: _item(name, path, found) for name, path in found.items() if not name.endswith(_PACKED)}


def _item(name: str, path: Path, found: Mapping[str, Path]) -> Item:
    packed = {coding: found[name + end] for coding, end in PACKINGS.items() if name + end in found}
    return Item(name, MEDIA.get(path.suffix, "application/octet-stream"), {"": path, **packed})


def chosen(accepted: list[str], there: Mapping[str, Path]) -> str:
    """The content coding to send (RFC 9110, 12.5.3): the best one that is there and wanted, "" for the plain bytes."""
    wanted: dict[str, float] = {}
    for part in ",".join(accepted).split(","):
        coding, *parameters = (each.strip().lower() for each in part.split(";"))
        wanted[coding] = _weight(parameters)
    for coding in PACKINGS:
        if coding in there and wanted.get(coding, wanted.get("*", 0.0)) > 0:
            return coding
    return ""


def _weight(parameters: list[str]) -> float:
    """q, 1 when there is none; what is no number counts as "not wanted"."""
    for each in parameters:
        name, _, value = each.partition("=")
        if name.strip() == "q":
            return float(value) if re.fullmatch(r"[01](\.\d{0,3})?", value.strip()) else 0.0
    return 1.0


def matches(given: list[str], etag: str) -> bool:
    """If-None-Match (RFC 9110, 13.1.2): weak comparison against a list, or "*"."""
    tags = [each.strip().removeprefix("W/") for each in ",".join(given).split(",")]
    return etag in tags or "*" in tags
