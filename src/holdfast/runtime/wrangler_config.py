"""What a worker's project file says: frozen values, names as in the file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from holdfast.runtime.live import Json


@dataclass(frozen=True)
class Finding:
    """A key that is not acted on as written. `unknown`: nobody knows it. `unsupported`: Cloudflare acts on it, we do
    not (yet): the worker may miss a binding. `no_effect`: harmless here. `not_inherited`: it stands at the top level
    and the chosen environment is without it. `line`/`column` from 1, None in TOML."""

    kind: Literal["unknown", "unsupported", "no_effect", "not_inherited"]
    path: str
    message: str
    line: int | None = None
    column: int | None = None


@dataclass(frozen=True)
class KvNamespace:
    binding: str
    id: str | None


@dataclass(frozen=True)
class D1Database:
    binding: str
    database_name: str | None
    database_id: str | None
    migrations_dir: str = "migrations"
    migrations_table: str = "d1_migrations"


@dataclass(frozen=True)
class Service:
    """Another worker by name; `entrypoint` None is its default one."""

    binding: str
    service: str
    entrypoint: str | None = None


@dataclass(frozen=True)
class RateLimit:
    """`limit` calls within `period` seconds, counted per key in `namespace_id`."""

    name: str
    namespace_id: str
    limit: int
    period: int


@dataclass(frozen=True)
class Route:
    pattern: str
    custom_domain: bool = False

    @property
    def host(self) -> str | None:
        """The host it stands for; None when it is only a part of one or many of them."""
        text = self.pattern.removeprefix("https://").removeprefix("http://").removesuffix("/*").removesuffix("/")
        return None if not text or "*" in text or "/" in text else text.lower()


@dataclass(frozen=True)
class Assets:
    directory: str | None
    binding: str | None
    run_worker_first: bool | tuple[str, ...]
    not_found_handling: str
    html_handling: str


@dataclass(frozen=True)
class Own:
    """The `holdfast` table: what Cloudflare's file has no word for. None = not said. Bytes and seconds; `network`
    lists the hosts it may reach, as in `Permits`."""

    network: tuple[str, ...] | None = None
    subprocess: bool | None = None
    memory_mb: int | None = None
    timeout_seconds: int | None = None
    concurrency: int | None = None
    warm: int | None = None
    idle_seconds: int | None = None
    routes: tuple[Mapping[str, Json], ...] = ()  # as `declared.Declared` has them; a schema may be a file's path still
    schemas: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True)
class WorkerConfig:
    """One worker as one environment of its file has it."""

    name: str
    main: str
    environment: str | None = None
    environments: tuple[str, ...] = ()
    compatibility_date: str | None = None
    compatibility_flags: tuple[str, ...] = ()
    vars: Mapping[str, Json] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()  # names that must have a value before it is deployed
    kv_namespaces: tuple[KvNamespace, ...] = ()
    d1_databases: tuple[D1Database, ...] = ()
    services: tuple[Service, ...] = ()
    ratelimits: tuple[RateLimit, ...] = ()
    version_metadata: str | None = None  # the name it has in env
    crons: tuple[str, ...] = ()
    cpu_ms: int | None = None
    routes: tuple[Route, ...] = ()
    assets: Assets | None = None
    own: Own = Own()
    findings: tuple[Finding, ...] = ()

    @property
    def unsupported(self) -> tuple[Finding, ...]:
        """Findings that may make the worker fail: to be agreed to before a deploy."""
        return tuple(each for each in self.findings if each.kind in ("unknown", "unsupported"))
