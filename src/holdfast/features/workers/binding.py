"""What a version's names in `env` are bound to: looked up once, when it is deployed, by whoever deploys it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from holdfast.features.access.actor import Actor
from holdfast.features.databases import store as databases
from holdfast.features.databases.model import EXTERNAL, Resource
from holdfast.features.databases.service import DatabasesService, Wanted
from holdfast.features.kv import store as namespaces
from holdfast.features.kv.model import Namespace
from holdfast.features.kv.service import NamespacesService
from holdfast.features.projects.scope import Environment, environment_of
from holdfast.features.workers import store
from holdfast.features.workers.model import Version, Worker
from holdfast.kernel.errors import Conflict, HoldfastError
from holdfast.kernel.ids import is_id

D1_ENGINE = "sqlite"


@dataclass(frozen=True)
class Bound:
    """A name in `env` with what it stands for, without paths: those are looked up when it runs."""

    name: str
    kind: str
    target: Mapping[str, Any]

    def as_json(self) -> dict[str, Any]:
        return {"name": self.name, "kind": self.kind, "target": dict(self.target)}


class Binder:
    """Whoever deploys must hold on every target what the code will be able to do with it: `kv.read` and `kv.write`,
    `database.query.write`, `worker.invoke`."""

    def __init__(self, databases: DatabasesService, namespaces: NamespacesService) -> None:
        self._databases = databases
        self._namespaces = namespaces

    def bind(
        self,
        conn: sa.Connection,
        actor: Actor,
        worker: Worker,
        version: Version,
        *,
        create_missing: bool,
        only_look: bool = False,
    ) -> list[Bound]:
        """Raises Conflict("binding_missing") whose `details["missing"]` lists every one at once; Denied. `only_look`:
        nothing is made, and what would be is left out."""
        config, missing, bound = version.config, [], []

        def see(kind: str, entry: Mapping[str, Any], look: Callable[[Mapping[str, Any]], Bound | str]) -> None:
            made = look(entry)
            if isinstance(made, Bound):
                bound.append(made)
            else:
                missing.append({"binding": entry["binding"], "kind": kind, "wanted": made})

        here = _Here(self, conn, actor, worker, create_missing and not only_look)
        for entry in config.get("kv_namespaces", ()):
            see("kv", entry, here.kv)
        for entry in config.get("d1_databases", ()):
            see("d1", entry, here.d1)
        for entry in config.get("services", ()):
            see("service", entry, here.service)
        if only_look and create_missing:  # what cannot be made is refused when it is to be
            missing = [each for each in missing if each["kind"] == "service"]
        if missing:
            raise _missing(worker, missing)
        for entry in config.get("ratelimits", ()):
            counted = {"namespace": f"{worker.environment_id}:{entry['namespace_id']}"}
            counted |= {"limit": entry["limit"], "period": entry["period"]}
            bound.append(Bound(entry["name"], "ratelimit", counted))
        if name := config.get("version_metadata"):
            bound.append(Bound(name, "version", {}))
        return bound

    def make_namespace(self, conn: sa.Connection, actor: Actor, environment: Environment, name: str) -> Namespace:
        return self._namespaces.insert(conn, actor, environment, name)[0]

    def make_database(self, conn: sa.Connection, actor: Actor, environment: Environment, name: str) -> Resource:
        wanted = Wanted(environment.id, D1_ENGINE, name, {}, {})
        made = self._databases.insert(conn, actor, environment, wanted, state="creating")
        return self._databases.submit(conn, actor, made, "database.create")[0]


@dataclass(frozen=True)
class _Here:
    """One deployment's look-ups, all in the worker's environment."""

    binder: Binder
    conn: sa.Connection
    actor: Actor
    worker: Worker
    create_missing: bool

    def kv(self, entry: Mapping[str, Any]) -> Bound | str:
        """By id, or by name; without either by the binding's own name."""
        wanted = entry.get("id") or entry["binding"]
        found = (
            namespaces.get(self.conn, wanted)
            if is_id(wanted, "kvn")
            else namespaces.named(self.conn, self.worker.environment_id, wanted)
        )
        if found is not None and (found.environment_id != self.worker.environment_id or found.state == "deleted"):
            found = None
        if found is None and self.create_missing and not is_id(wanted, "kvn"):
            environment = environment_of(self.conn, self.actor, self.worker.environment_id, "kv.create")
            found = self.binder.make_namespace(self.conn, self.actor, environment, wanted)
        if found is None:
            return str(wanted)
        for permission in ("kv.read", "kv.write"):
            self.actor.require(permission, found.place, noun="kv_namespace")
        return Bound(entry["binding"], "kv", {"namespace_id": found.id})

    def d1(self, entry: Mapping[str, Any]) -> Bound | str:
        """By id or name of a SQLite database here."""
        wanted, name = entry.get("database_id"), entry.get("database_name")
        found = databases.get(self.conn, wanted) if wanted and is_id(wanted, "db") else None
        if found is None and (name or wanted):
            found = databases.by_name(self.conn, self.worker.environment_id, name or wanted or "")
        if found is not None and not self._serves(found):
            found = None
        if found is None and self.create_missing and name:
            environment = environment_of(self.conn, self.actor, self.worker.environment_id, "database.create")
            found = self.binder.make_database(self.conn, self.actor, environment, name)
        if found is None:
            return str(name or wanted or entry["binding"])
        self.actor.require("database.query.write", found.place, noun="database")
        return Bound(entry["binding"], "d1", {"resource_id": found.id})

    def _serves(self, resource: Resource) -> bool:
        same = resource.environment_id == self.worker.environment_id and resource.deleted_at is None
        return same and resource.engine == D1_ENGINE and resource.host != EXTERNAL

    def service(self, entry: Mapping[str, Any]) -> Bound | str:
        """By name or slug. Itself needs no right."""
        wanted = entry["service"]
        if wanted in (self.worker.name, self.worker.slug):
            found: Worker | None = self.worker
        else:
            found = store.in_environment(self.conn, self.worker.environment_id, wanted)
            if found is not None:
                self.actor.require("worker.invoke", found.place, noun="worker")
        if found is None:
            return str(wanted)
        return Bound(entry["binding"], "service", {"worker_id": found.id, "entrypoint": entry.get("entrypoint")})


def _missing(worker: Worker, missing: list[dict[str, Any]]) -> HoldfastError:
    words = {"kv": "key-value namespace", "d1": "SQLite database", "service": "worker"}
    said = ", ".join(f"{each['binding']} wants the {words[each['kind']]} {each['wanted']!r}" for each in missing)
    return Conflict(
        f"not in the environment of {worker.name!r}: {said}",
        code="binding_missing",
        hint="holdfast deploy --create-missing makes namespaces and databases; create what else is missing first.",
        details={"missing": missing},
    )
