"""The route table: which host or path leads to which versions of which worker.

`<runtime>/routes.json` is written whole and renamed into place by whoever deploys; this is its only reader here. What
is not exactly of the form below is refused as a whole: half a table would answer strangers with 404.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zlib import crc32

from holdfast.runtime.edge.rates import Rate
from holdfast.runtime.live import Sockets

_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_HOST = re.compile(
    r"(?=.{1,253}\Z)[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)*"
)
_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,64}")
_KEY = re.compile(r"[0-9a-f]{64}(?::[0-9]{1,12})?")  # a digest, and when it expires
_NAME = re.compile(r"[!-~]{1,200}")  # of a header, a method, an origin: nothing that could end a line
_RUN = b"/run/"
MOST_BYTES = 64 * 1024 * 1024
ALWAYS_BARE = ("localhost", "127.0.0.1", "[::1]")


class BadRoutes(ValueError):
    """The file is no route table; the message names the place and what is wrong there."""


@dataclass(frozen=True)
class Version:
    """A version that may be asked for. `socket` is where it listens."""

    id: str
    socket: str
    weight: int
    tag: str | None = None


@dataclass(frozen=True)
class Cors:
    """Who may call from other origins (https://fetch.spec.whatwg.org/#http-cors-protocol). `origins` may hold "*"."""

    origins: frozenset[str]
    methods: tuple[str, ...]
    headers: tuple[str, ...]
    credentials: bool
    max_age: int
    expose: tuple[str, ...] = ()

    def admits(self, origin: str) -> bool:
        return origin in self.origins or "*" in self.origins


@dataclass(frozen=True)
class Route:
    """One worker. Seconds until it must have begun to answer; bytes of a request's body. `keys`: by digest, the
    seconds since 1970 at which each expires."""

    slug: str
    worker_id: str
    hosts: tuple[str, ...]
    versions: tuple[Version, ...]
    cors: Cors | None
    keys: Mapping[str, float] | None
    timeout_seconds: float
    body_bytes: int
    enabled: bool
    rate: Rate | None = None
    named: Mapping[str, Version] = field(default_factory=dict)
    total: int = 0

    def pick(self, client: bytes) -> Version | None:
        """By weight, the same for the same client while the weights stay. None = no version takes requests."""
        if self.total <= 0:
            return None
        mark = crc32(client, crc32(self.worker_id.encode())) % self.total
        for version in self.versions:
            mark -= version.weight
            if mark < 0:
                return version
        return None


@dataclass(frozen=True, slots=True)
class Found:
    """Where a request goes. `bare`: it was named by path, on the host that all workers share."""

    route: Route
    target: bytes
    bare: bool = False


@dataclass(frozen=True)
class Table:
    """Frozen: a request keeps the table it began with."""

    revision: int = 0
    suffixes: tuple[str, ...] = ("localhost",)
    routes: tuple[Route, ...] = ()
    by_host: Mapping[bytes, Route] = field(default_factory=dict)
    by_slug: Mapping[bytes, Route] = field(default_factory=dict)
    bare: frozenset[bytes] = frozenset(name.encode() for name in ALWAYS_BARE)

    def find(self, host: bytes, target: bytes) -> Found | None:
        """`host` in lower case, without a port; `target` in origin form. None = nobody here by that name."""
        route = self.by_host.get(host)
        if route is not None:
            return Found(route, target)
        if host not in self.bare or not target.startswith(_RUN):
            return None
        slug, mark, query = target[len(_RUN) :].partition(b"?")
        slug, slash, rest = slug.partition(b"/")
        route = self.by_slug.get(slug)
        if route is None:
            return None
        return Found(route, slash + rest + mark + query, bare=True)

    @property
    def keys(self) -> frozenset[str]:
        """Digests of every worker's keys."""
        return frozenset(digest for route in self.routes for digest in route.keys or ())

    @property
    def sockets(self) -> frozenset[str]:
        return frozenset(version.socket for route in self.routes for version in route.versions)


def read(path: Path, runtime: Path) -> Table:
    """Raises BadRoutes, OSError (none there: FileNotFoundError)."""
    with path.open("rb") as file:
        raw = file.read(MOST_BYTES + 1)
    if len(raw) > MOST_BYTES:
        raise BadRoutes(f"larger than {MOST_BYTES} bytes")
    return parse(raw, runtime)


def parse(raw: bytes, runtime: Path) -> Table:
    """Raises BadRoutes."""
    try:
        given = json.loads(raw, object_pairs_hook=_object)
    except BadRoutes:
        raise
    except (ValueError, RecursionError) as error:
        raise BadRoutes(f"no JSON: {error}") from None
    top = _Reader(given, "table", {"revision", "suffixes", "workers"})
    suffixes = tuple(_matching(_HOST, text, "suffixes") for text in top.strings("suffixes"))
    routes = tuple(_route(each, f"workers[{n}]", runtime) for n, each in enumerate(top.items("workers")))
    by_slug: dict[bytes, Route] = {}
    by_host: dict[bytes, Route] = {}
    bare = frozenset(name.encode() for name in (*suffixes, *ALWAYS_BARE))
    for route in routes:
        if by_slug.setdefault(route.slug.encode(), route) is not route:
            raise BadRoutes(f"two workers have the slug {route.slug!r}")
        for host in (*(f"{route.slug}.{suffix}" for suffix in suffixes), *route.hosts):
            if host.encode() in bare or by_host.setdefault(host.encode(), route) is not route:
                raise BadRoutes(f"the host {host!r} is taken twice")
    return Table(top.integer("revision", 0), suffixes, routes, by_host, by_slug, bare)


def _route(given: Any, where: str, runtime: Path) -> Route:
    names = {"slug", "worker_id", "hosts", "versions", "cors", "keys", "timeout_seconds", "body_bytes", "enabled"}
    it = _Reader(given, where, names, {"rate"})
    versions = tuple(_version(each, f"{where}.versions[{n}]", runtime) for n, each in enumerate(it.items("versions")))
    keys = None if it.given["keys"] is None else it.strings("keys")
    named: dict[str, Version] = {version.tag: version for version in versions if version.tag}
    named |= {version.id: version for version in versions}
    return Route(
        slug=_matching(_SLUG, it.string("slug"), f"{where}.slug"),
        worker_id=it.string("worker_id"),
        hosts=tuple(_matching(_HOST, host, f"{where}.hosts") for host in it.strings("hosts")),
        versions=versions,
        cors=None if it.given["cors"] is None else _cors(it.given["cors"], f"{where}.cors"),
        keys=None if keys is None else dict(_key(each, f"{where}.keys") for each in keys),
        timeout_seconds=it.seconds("timeout_seconds"),
        body_bytes=it.integer("body_bytes", 0),
        enabled=it.flag("enabled"),
        rate=None if it.given.get("rate") is None else _rate(it.given["rate"], f"{where}.rate"),
        named=named,
        total=sum(version.weight for version in versions),
    )


def _version(given: Any, where: str, runtime: Path) -> Version:
    it = _Reader(given, where, {"id", "token", "weight", "tag"})
    tag = None if it.given["tag"] is None else it.string("tag")
    token = _matching(_TOKEN, it.string("token"), f"{where}.token")
    return Version(it.string("id"), str(Sockets.of(runtime, token).http), it.integer("weight", 0), tag)


def _key(text: str, where: str) -> tuple[str, float]:
    digest, mark, until = _matching(_KEY, text, where).partition(":")
    return digest, float(until) if mark else math.inf


def _rate(given: Any, where: str) -> Rate:
    it = _Reader(given, where, {"requests", "seconds", "by"})
    by = it.string("by")
    if by not in ("client", "key", "worker"):
        raise BadRoutes(f"{where}.by: none of client, key, worker")
    return Rate(it.integer("requests", 1), it.seconds("seconds"), by)  # type: ignore[arg-type]


def _cors(given: Any, where: str) -> Cors:
    it = _Reader(given, where, {"origins", "methods", "headers", "credentials", "max_age"}, {"expose"})
    it.given.setdefault("expose", [])
    lists = {name: tuple(_matching(_NAME, text, where) for text in it.strings(name)) for name in _LISTS}
    credentials = it.flag("credentials") and "*" not in lists["origins"]  # no browser takes both, nor may one
    age = it.integer("max_age", 0)
    return Cors(frozenset(lists["origins"]), lists["methods"], lists["headers"], credentials, age, lists["expose"])


_LISTS = ("origins", "methods", "headers", "expose")


class _Reader:
    """A JSON object whose keys are exactly these; `more` may be missing: a table of the release before has them not."""

    def __init__(self, given: Any, where: str, names: set[str], more: Collection[str] = ()) -> None:
        if not isinstance(given, dict) or set(given) - set(more) != names:
            odd = sorted((set(given) - set(more)) ^ names) if isinstance(given, dict) else "no object"
            raise BadRoutes(f"{where}: {odd} (wanted: {', '.join(sorted(names))})")
        self.given: dict[str, Any] = given
        self._where = where

    def string(self, name: str) -> str:
        value = self.given[name]
        if not isinstance(value, str) or not 0 < len(value) <= 255:
            raise BadRoutes(f"{self._where}.{name}: no text of 1 to 255 characters")
        return value

    def strings(self, name: str) -> list[str]:
        value = self.given[name]
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            raise BadRoutes(f"{self._where}.{name}: no list of texts")
        return value

    def items(self, name: str) -> list[Any]:
        value = self.given[name]
        if not isinstance(value, list):
            raise BadRoutes(f"{self._where}.{name}: no list")
        return value

    def integer(self, name: str, least: int) -> int:
        value = self.given[name]
        if type(value) is not int or not least <= value < 2**63:
            raise BadRoutes(f"{self._where}.{name}: no whole number from {least}")
        return value

    def seconds(self, name: str) -> float:
        value = self.given[name]
        if type(value) not in (int, float) or not 0 < value <= 86400:
            raise BadRoutes(f"{self._where}.{name}: no number of seconds up to a day")
        return float(value)

    def flag(self, name: str) -> bool:
        value = self.given[name]
        if not isinstance(value, bool):
            raise BadRoutes(f"{self._where}.{name}: neither true nor false")
        return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise BadRoutes("a key is there twice")
    return made


def _matching(pattern: re.Pattern[str], text: str, where: str) -> str:
    if not pattern.fullmatch(text):
        raise BadRoutes(f"{where}: {text[:80]!r} is not of the form wanted here")
    return text
