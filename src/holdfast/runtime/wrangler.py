"""A worker's project file, `wrangler.jsonc`, `wrangler.json` or `wrangler.toml`, as one frozen value.

Keys, shapes and inheritance follow Cloudflare's "Wrangler configuration" page: an environment `env.NAME` inherits the
keys in `INHERITED` and nothing else, so that a staging worker never writes into production's namespace by accident.
What is not acted on here is never dropped in silence: each such key is a `Finding` with its path.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from holdfast.kernel.errors import Invalid, NotFound
from holdfast.runtime import cron, jsonc
from holdfast.runtime.wrangler_config import (
    Assets,
    D1Database,
    Finding,
    KvNamespace,
    Own,
    RateLimit,
    Route,
    Service,
    WorkerConfig,
)
from holdfast.runtime.wrangler_keys import (
    D1_QUIET,
    FOR_EDITORS,
    INHERITED,
    KV_QUIET,
    NOT_INHERITED,
    ROUTE_QUIET,
    SERVICE_QUIET,
    TOP_ONLY,
    UNSUPPORTED,
    WITHOUT_EFFECT,
)
from holdfast.runtime.wrangler_reading import BINDING, DATE, ENVIRONMENT, NAME, Reading

__all__ = [
    "FILES",
    "Assets",
    "D1Database",
    "Finding",
    "KvNamespace",
    "Own",
    "RateLimit",
    "Route",
    "Service",
    "WorkerConfig",
    "environments",
    "find",
    "load",
    "parse",
]

FILES = ("wrangler.json", "wrangler.jsonc", "wrangler.toml")  # Wrangler's own order
Kind = Literal["jsonc", "toml"]


def find(directory: Path) -> Path:
    """The project file of a directory. Raises NotFound("wrangler_missing")."""
    for name in FILES:
        if (path := directory / name).is_file():
            return path
    raise NotFound(
        f"there is no {' or '.join(FILES)} in {directory}",
        code="wrangler_missing",
        hint='Write a wrangler.jsonc such as {"name": "hello", "main": "src/entry.py"}.',
    )


def load(path: Path, environment: str | None = None) -> WorkerConfig:
    """`parse` of a file, its kind told by its name. Raises Invalid as `parse` does, OSError when it cannot be read."""
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise Invalid(f"{path.name} is not UTF-8 at byte {error.start}", code="wrangler_invalid") from error
    return parse(text, kind="toml" if path.suffix == ".toml" else "jsonc", environment=environment, where=path.name)


def parse(
    text: str, *, kind: Kind = "jsonc", environment: str | None = None, where: str = "wrangler.jsonc"
) -> WorkerConfig:
    """What the file says for one environment (None = the top level).

    Raises Invalid("wrangler_invalid"): `details["fields"]` lists every fault with `field` (a path such as
    `env.staging.kv_namespaces[0].id`), `message` and, where known, `line` and `column`.
    """
    document = _document(text, kind, where)
    reading = Reading(document, where)
    if not isinstance(document.value, dict):
        reading.fault((), "a table of keys is expected")
        raise reading.failure()
    config = _Reader(reading, document.value, environment).config()
    if reading.faults:
        raise reading.failure()
    return config


def environments(text: str, *, kind: Kind = "jsonc", where: str = "wrangler.jsonc") -> tuple[str, ...]:
    """The names below `env`, sorted. Raises Invalid("wrangler_invalid") when the file cannot be read at all."""
    value = _document(text, kind, where).value
    table = value.get("env") if isinstance(value, dict) else None
    return tuple(sorted(table)) if isinstance(table, dict) else ()


def _document(text: str, kind: Kind, where: str) -> jsonc.Document:
    try:
        if kind == "jsonc":
            return jsonc.parse(text)
        if len(text) > jsonc.MAX_CHARACTERS:
            raise Invalid("longer than a million characters", code="jsonc_invalid", details={"message": "too long"})
        return jsonc.Document(tomllib.loads(text), text, {})
    except RecursionError:
        raise Invalid(f"{where}: too many levels", code="wrangler_invalid") from None
    except tomllib.TOMLDecodeError as error:
        raise Invalid(
            f"{where}: {error}",
            code="wrangler_invalid",
            details={"fields": [{"field": "", "message": str(error)}]},
        ) from error
    except Invalid as error:
        raise Invalid(
            f"{where}: {error.message}",
            code="wrangler_invalid",
            details={"fields": [{"field": "", **error.details}]},
        ) from error


class _Reader:
    """One pass over the tables that count for an environment; faults and findings gather in `reading`."""

    def __init__(self, reading: Reading, top: dict[str, Any], environment: str | None) -> None:
        self._r = reading
        self._top = top
        self._environment = environment
        self._named: dict[str, jsonc.Place] = {}
        self._own_table: dict[str, Any] | None = None
        self._at: jsonc.Place = ()

    def config(self) -> WorkerConfig:
        names = self._environments()
        self._known(self._top, (), TOP_ONLY)
        if self._own_table is not None:
            self._known(self._own_table, self._at, frozenset())
            self._not_inherited()
        r, crons = self._r, self._crons()
        return WorkerConfig(
            name=self._name(),
            main=self._main(),
            environment=self._environment,
            environments=names,
            compatibility_date=self._date(),
            compatibility_flags=r.strings(*self._get("compatibility_flags")),
            vars=self._vars(),
            secrets=self._secrets(),
            kv_namespaces=self._kv(),
            d1_databases=self._d1(),
            services=self._services(),
            ratelimits=self._ratelimits(),
            version_metadata=self._version_metadata(),
            crons=crons,
            cpu_ms=self._cpu_ms(),
            routes=self._routes(),
            assets=self._assets(),
            own=self._own(),
            findings=tuple(r.findings),
        )

    def _environments(self) -> tuple[str, ...]:
        table = self._r.table(self._top.get("env"), ("env",))
        for name in table:
            if not ENVIRONMENT.fullmatch(name):
                self._r.fault(("env", name), "letters, digits, _ and - only")
        if self._environment is not None:
            self._at = ("env", self._environment)
            if self._environment not in table:
                known = f"known: {', '.join(sorted(table))}" if table else "the file has none"
                self._r.fault(self._at, f"there is no such environment ({known})")
            self._own_table = self._r.table(table.get(self._environment), self._at)
        return tuple(sorted(table))

    def _get(self, key: str) -> tuple[Any, jsonc.Place]:
        """The value that counts and where it stands: the environment's own, else the top's where that is inherited."""
        if self._own_table is None:
            return self._top.get(key), (key,)
        if key in self._own_table:
            return self._own_table[key], (*self._at, key)
        return (self._top.get(key), (key,)) if key in INHERITED else (None, (*self._at, key))

    def _known(self, table: Mapping[str, Any], at: jsonc.Place, more: frozenset[str]) -> None:
        for key, value in table.items():
            place = (*at, key)
            if key in UNSUPPORTED:
                if value not in (None, [], {}, False):
                    self._r.find("unsupported", place, UNSUPPORTED[key])
            elif key in WITHOUT_EFFECT:
                self._r.find("no_effect", place, WITHOUT_EFFECT[key])
            elif key not in INHERITED and key not in NOT_INHERITED and key not in more and key != FOR_EDITORS:
                self._r.find("unknown", place, "no such key")

    def _not_inherited(self) -> None:
        for key in sorted(NOT_INHERITED & set(self._top)):
            if self._own_table is not None and key not in self._own_table and self._top[key]:
                text = f"environments do not inherit it: env.{self._environment} is without"
                self._r.find("not_inherited", (key,), text)

    def _name(self) -> str:
        value, place = self._get("name")
        name = self._r.text(value, place, required=True)
        if self._own_table is not None and "name" not in self._own_table:
            name = f"{name}-{self._environment}"  # as Wrangler does: the environments are workers of their own
        if name and not NAME.fullmatch(name):
            self._r.fault(place, "lower-case letters, digits, - and _, at most 63, a letter or digit first")
        return name

    def _main(self) -> str:
        value, place = self._get("main")
        main = self._r.text(value, place, required=True)
        return self._r.inside(main, place)

    def _date(self) -> str | None:
        value, place = self._get("compatibility_date")
        if value is None:
            return None
        text = str(value)  # TOML has dates of its own
        if not DATE(text):
            self._r.fault(place, "a date such as 2026-01-31")
        return text

    def _vars(self) -> Mapping[str, Any]:
        value, place = self._get("vars")
        table = self._r.table(value, place)
        for name, each in table.items():
            self._binding(name, (*place, name))
            self._r.json(each, (*place, name))
        return dict(table)

    def _secrets(self) -> tuple[str, ...]:
        value, place = self._get("secrets")
        table = self._r.table(value, place)
        self._r.only(table, place, ("required",))
        names = self._r.strings(table.get("required"), (*place, "required"))
        for index, name in enumerate(names):
            self._binding(name, (*place, "required", index))
        return names

    def _kv(self) -> tuple[KvNamespace, ...]:
        found = []
        for entry, place in self._entries("kv_namespaces", ("binding", "id"), KV_QUIET):
            name = self._binding(entry.get("binding"), (*place, "binding"))
            wanted = self._r.text(entry.get("id"), (*place, "id"))
            if wanted.startswith("<") and wanted.endswith(">"):  # as templates have it: `<YOUR_KV_NAMESPACE_ID>`
                self._r.find("no_effect", (*place, "id"), f"a placeholder: the namespace {name} is meant")
                wanted = ""
            found.append(KvNamespace(name, wanted or None))
        return tuple(found)

    def _d1(self) -> tuple[D1Database, ...]:
        found = []
        keys = ("binding", "database_name", "database_id", "migrations_dir", "migrations_table")
        for entry, place in self._entries("d1_databases", keys, D1_QUIET):
            text = {key: self._r.text(entry.get(key), (*place, key)) for key in keys[1:]}
            directory = text["migrations_dir"] or "migrations"
            found.append(
                D1Database(
                    binding=self._binding(entry.get("binding"), (*place, "binding")),
                    database_name=text["database_name"] or None,
                    database_id=text["database_id"] or None,
                    migrations_dir=self._r.inside(directory, (*place, "migrations_dir")),
                    migrations_table=text["migrations_table"] or "d1_migrations",
                )
            )
        return tuple(found)

    def _services(self) -> tuple[Service, ...]:
        found = []
        for entry, place in self._entries("services", ("binding", "service", "entrypoint"), SERVICE_QUIET):
            name = self._binding(entry.get("binding"), (*place, "binding"))
            service = self._r.text(entry.get("service"), (*place, "service"), required=True)
            found.append(Service(name, service, self._r.text(entry.get("entrypoint"), (*place, "entrypoint")) or None))
        return tuple(found)

    def _ratelimits(self) -> tuple[RateLimit, ...]:
        found = []
        for entry, place in self._entries("ratelimits", ("name", "namespace_id", "simple"), {}):
            simple = self._r.table(entry.get("simple"), (*place, "simple"))
            self._r.only(simple, (*place, "simple"), ("limit", "period"))
            found.append(
                RateLimit(
                    name=self._binding(entry.get("name"), (*place, "name")),
                    namespace_id=self._r.text(
                        str(entry["namespace_id"])
                        if type(entry.get("namespace_id")) is int
                        else entry.get("namespace_id"),
                        (*place, "namespace_id"),
                        required=True,
                    ),
                    limit=self._r.number(simple.get("limit"), (*place, "simple", "limit"), 1, 10**9) or 1,
                    period=self._r.number(simple.get("period"), (*place, "simple", "period"), 1, 86400) or 60,
                )
            )
        return tuple(found)

    def _version_metadata(self) -> str | None:
        value, place = self._get("version_metadata")
        if value is None:
            return None
        table = self._r.table(value, place)
        self._r.only(table, place, ("binding",))
        return self._binding(table.get("binding"), (*place, "binding"))

    def _crons(self) -> tuple[str, ...]:
        value, place = self._get("triggers")
        table = self._r.table(value, place)
        self._r.only(table, place, ("crons",))
        lines = self._r.strings(table.get("crons"), (*place, "crons"))
        for index, line in enumerate(lines):
            try:
                if line:
                    cron.parse(line)
            except Invalid as error:
                self._r.fault((*place, "crons", index), error.details["fields"][0]["message"])
        return lines

    def _cpu_ms(self) -> int | None:
        value, place = self._get("limits")
        table = self._r.table(value, place)
        for key in table:
            if key == "subrequests":
                self._r.find("no_effect", (*place, key), "outgoing requests are not counted here")
            elif key != "cpu_ms":
                self._r.find("unknown", (*place, key), "no such key")
        if table.get("cpu_ms") is None:
            return None
        return self._r.number(table["cpu_ms"], (*place, "cpu_ms"), 1, 900_000)

    def _routes(self) -> tuple[Route, ...]:
        several, place = self._get("routes")
        one, one_place = self._get("route")
        if one is not None and several is not None:
            self._r.fault(one_place, "either route or routes")
        listed = [(one, one_place)] if one is not None else self._r.items(several, place)
        return tuple(route for value, at in listed if (route := self._route(value, at)) is not None)

    def _route(self, value: Any, place: jsonc.Place) -> Route | None:
        entry = {"pattern": value} if isinstance(value, str) else self._r.table(value, place)
        self._r.only(entry, place, ("pattern", "custom_domain"), ROUTE_QUIET)
        pattern = self._r.text(entry.get("pattern"), place, required=True)
        route = Route(pattern, custom_domain=self._r.flag(entry.get("custom_domain"), (*place, "custom_domain")))
        if pattern and route.host is None:
            self._r.find("unsupported", place, "a route is a whole host here: `api.example.org` or `api.example.org/*`")
            return None
        if pattern:
            self._r.find("no_effect", place, "a host is the worker's once it is proven: `holdfast worker host add`")
        return route if pattern else None

    def _assets(self) -> Assets | None:
        value, place = self._get("assets")
        if value is None:
            return None
        table = self._r.table(value, place)
        keys = ("directory", "binding", "run_worker_first", "not_found_handling", "html_handling")
        self._r.only(table, place, keys)
        self._r.find("unsupported", place, "static assets are not served yet")
        first = table.get("run_worker_first")
        patterns = self._r.strings(first, (*place, keys[2])) if isinstance(first, list) else ()
        directory = self._r.text(table.get("directory"), (*place, "directory"))
        return Assets(
            directory=self._r.inside(directory, (*place, "directory")) if directory else None,
            binding=self._binding(table["binding"], (*place, "binding")) if "binding" in table else None,
            run_worker_first=patterns or self._r.flag(first if isinstance(first, bool) else None, (*place, keys[2])),
            not_found_handling=self._r.text(table.get(keys[3]), (*place, keys[3])) or "none",
            html_handling=self._r.text(table.get(keys[4]), (*place, keys[4])) or "auto-trailing-slash",
        )

    def _own(self) -> Own:
        value, place = self._get("holdfast")
        return self._r.own(self._r.table(value, place), place)

    def _entries(
        self, key: str, keys: tuple[str, ...], quiet: Mapping[str, str]
    ) -> list[tuple[dict[str, Any], jsonc.Place]]:
        found = []
        for value, place in self._r.items(*self._get(key)):
            entry = self._r.table(value, place)
            self._r.only(entry, place, keys, quiet)
            found.append((entry, place))
        return found

    def _binding(self, value: Any, place: jsonc.Place) -> str:
        """A name in `env`: each only once, whatever it is bound to."""
        name = self._r.text(value, place, required=True)
        if name and not BINDING.fullmatch(name):
            self._r.fault(place, "a name in env: letters, digits and _, no digit first, at most 128")
        elif name in self._named:
            self._r.fault(place, f"{name} is already bound by {self._r.path(self._named[name])}")
        elif name:
            self._named[name] = place
        return name
