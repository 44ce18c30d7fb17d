"""What is to run, out of the rows: read by every process of the runtime after a wake-up, and every few seconds."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from holdfast.features.databases import store as databases
from holdfast.features.databases.model import Resource
from holdfast.features.kv import store as namespaces
from holdfast.features.kv.model import Namespace
from holdfast.features.secrets import store as secret_store
from holdfast.features.secrets.model import USER, Secret, user_secret_versions
from holdfast.features.workers import store, variable_store
from holdfast.features.workers.model import Deployment, Version, Worker
from holdfast.features.workers.settings import settings_of
from holdfast.features.workers.shelf import Shelf
from holdfast.features.workers.variable_store import Variable
from holdfast.features.workers.variables import chosen_secrets, chosen_vars, secrets_of
from holdfast.kernel.db import Database
from holdfast.kernel.secrets import Secrets
from holdfast.runtime.live import TRIAL, Binding, LiveVersion

TOPIC = "workers"
LEAVING_SECONDS = 90.0  # more than a pool takes: it hears, takes what still comes for 30 s, and waits 30 s for its end


def living(db: Database, data: Path) -> list[LiveVersion]:
    """Every version that takes requests, of workers that are switched on; a handful of statements however many.

    A binding whose database is not ready (being made, stopped, restored) has the path "".
    """
    return _read(db, data, None)


def served(db: Database, data: Path, now: datetime) -> list[LiveVersion]:
    """`living`, and as `leaving` what took requests until a moment ago: what runs in it keeps its bindings and its way
    out until it has ended, LEAVING_SECONDS at most. A worker that is switched off or deleted has nothing from then on.
    """
    return _read(db, data, now - timedelta(seconds=LEAVING_SECONDS))


def _read(db: Database, data: Path, since: datetime | None) -> list[LiveVersion]:
    with db.read() as conn:
        pairs = [(worker, deployed) for worker, deployed in store.current(conn) if worker.enabled]
        if since is not None:
            pairs += _left(pairs, store.superseded(conn, since))
        versions = store.versions_by_id(conn, [each["version_id"] for _, one in pairs for each in one.versions])
        variables = variable_store.all_of(conn)
        paths = _Paths.of(conn, [one for _, one in pairs])
        kept = secret_store.living_in(conn, sorted({worker.environment_id for worker, _ in pairs})) if pairs else ()
    shelf, found = Shelf(data), list[LiveVersion]()
    for worker, deployed in pairs:
        for share in deployed.versions:
            version = versions.get(share["version_id"])
            if version is None or version.state != "ready":
                continue
            if db.embedded or shelf.here(worker.id, version.id):  # else another node has its code, and runs it
                found.append(_live(shelf, worker, version, share, variables, paths, _secrets(kept, worker)))
    return found


def _left(
    pairs: Sequence[tuple[Worker, Deployment]], superseded: Sequence[Deployment]
) -> list[tuple[Worker, Deployment]]:
    """The shares of versions that have none now, each as it was bound last."""
    workers = {worker.id: worker for worker, _ in pairs}
    seen = {share["version_id"] for _, deployed in pairs for share in deployed.versions}
    found = []
    for deployed in reversed(superseded):
        if deployed.worker_id not in workers:
            continue
        left = [each for each in deployed.versions if each["version_id"] not in seen]
        shares = [{**each, "weight": 0, "leaving": True} for each in left]
        seen |= {each["version_id"] for each in shares}
        found.append((workers[deployed.worker_id], replace(deployed, versions=shares)))
    return found


def tried(db: Database, data: Path, runtime: Path) -> list[LiveVersion]:
    """Versions that the pool starts once before they are deployed: as `leaving`, since nobody may call them."""
    found = []
    for said in (runtime / "w").glob(f"{TRIAL}*/trial"):
        try:
            told = json.loads(said.read_bytes())
        except FileNotFoundError:
            continue  # it is over
        version = candidate(db, data, told["version_id"], told["bindings"])
        if version is not None:
            found.append(replace(version, token=said.parent.name, leaving=True))
    return found


def candidate(
    db: Database, data: Path, version_id: str, bindings: Sequence[Mapping[str, Any]] = ()
) -> LiveVersion | None:
    """A version as it would live if it were deployed with these bindings; behind the names of others it has is nothing.
    None when there is none that is ready."""
    with db.read() as conn:
        version = store.version(conn, version_id)
        worker = None if version is None else store.get(conn, version.worker_id)
        if version is None or worker is None or version.state != "ready":
            return None
        variables = variable_store.all_of(conn)
        kept = secret_store.living_in(conn, [worker.environment_id])
        named = {each["name"] for each in bindings}
        bound = [*bindings, *(each for each in _by_name(version.config) if each["name"] not in named)]
        paths = _Paths.of_bound(conn, bound)
    share = {"weight": 0, "bindings": bound}
    return _live(Shelf(data), worker, version, share, variables, paths, _secrets(kept, worker))


def _by_name(config: Mapping[str, Any]) -> list[dict[str, Any]]:
    kinds: tuple[tuple[str, str, dict[str, str]], ...] = (
        ("kv_namespaces", "kv", {"namespace_id": ""}),
        ("d1_databases", "d1", {"resource_id": ""}),
        ("services", "service", {"worker_id": ""}),
        ("ratelimits", "ratelimit", {}),
    )
    found = [
        {"name": entry.get("binding") or entry["name"], "kind": kind, "target": target}
        for key, kind, target in kinds
        for entry in config.get(key, ())
    ]
    name = config.get("version_metadata")
    return [*found, {"name": name, "kind": "version", "target": {}}] if name else found


def secret_values(db: Database, secrets: Secrets, version: LiveVersion) -> dict[str, str]:
    """Name -> value of what `version.secrets` names, for the process that starts it. Keep it nowhere."""
    c = user_secret_versions.c
    with db.read() as conn:
        named = secrets_of(conn, version.environment_id, version.worker_id)
        found = {
            name: secrets.select(conn, USER, sa.and_(c.secret_id == each.id, c.version == each.version))
            for name, each in named.items()
        }
    return {name: value for name, value in found.items() if value is not None}


class _Paths:
    """Where the files of bound databases are, while they are ready."""

    def __init__(self, kv: Mapping[str, Namespace], d1: Mapping[str, Resource]) -> None:
        self._kv = kv
        self._d1 = d1

    @classmethod
    def of(cls, conn: sa.Connection, deployments: Sequence[Deployment]) -> _Paths:
        return cls.of_bound(conn, [each for one in deployments for share in one.versions for each in share["bindings"]])

    @classmethod
    def of_bound(cls, conn: sa.Connection, bound: Sequence[Mapping[str, Any]]) -> _Paths:
        kv = {each["target"]["namespace_id"] for each in bound if each["kind"] == "kv"}
        d1 = {each["target"]["resource_id"] for each in bound if each["kind"] == "d1"}
        return cls(namespaces.by_ids(conn, sorted(kv)) if kv else {}, databases.by_ids(conn, sorted(d1)) if d1 else {})

    def target(self, kind: str, target: Mapping[str, Any]) -> dict[str, Any]:
        if kind == "kv":
            namespace = self._kv.get(target["namespace_id"])
            if namespace is None:
                return {**target, "path": ""}
            path = (namespace.path or "") if namespace.state == "ready" else ""
            return {**target, "resource_id": namespace.resource_id, "path": path}
        if kind == "d1":
            resource = self._d1.get(target["resource_id"])
            ready = resource is not None and resource.state == "ready"
            return {**target, "path": ((resource.endpoint or {}).get("path") or "") if resource and ready else ""}
        return dict(target)


def _live(
    shelf: Shelf,
    worker: Worker,
    version: Version,
    share: Mapping[str, Any],
    variables: Sequence[Variable],
    paths: _Paths,
    secrets: Mapping[str, Secret],
) -> LiveVersion:
    config, settings = version.config, settings_of(worker.settings)
    bindings = tuple(
        Binding(each["name"], each["kind"], paths.target(each["kind"], each["target"])) for each in share["bindings"]
    )
    taken = {each.name for each in bindings}
    taken |= secrets.keys()
    named = {name: value for name, (_, value) in chosen_vars(variables, version, worker).items() if name not in taken}
    return LiveVersion(
        id=version.id,
        number=version.number,
        tag=version.tag,
        worker_id=worker.id,
        worker=worker.slug,
        project_id=worker.project_id,
        environment_id=worker.environment_id,
        code=shelf.code(worker.id, version.id),
        main=config["main"],
        packages=Path(version.packages) if version.packages else None,
        token=version.token,
        weight=share["weight"],
        created_at=version.created_at.isoformat(),
        compatibility_date=config.get("compatibility_date") or "2026-01-01",
        flags=tuple(config.get("compatibility_flags", ())),
        vars=named,
        secrets=tuple(sorted(name for name in secrets if name not in {each.name for each in bindings})),
        secrets_revision=_revision(secrets),
        bindings=bindings,
        crons=zoned(config.get("crons", ()), settings.tz),
        missed=settings.missed,
        routes=tuple((config.get("own") or {}).get("routes") or ()),
        answers=settings.answers,
        schemas=(config.get("own") or {}).get("schemas") or {},
        limits=settings.limits_for(config),
        permits=settings.permitted(),
        warm=settings.warm_for(config),
        idle_seconds=settings.idle_for(config),
        leaving="leaving" in share,
    )


def _secrets(kept: Sequence[Secret], worker: Worker) -> dict[str, Secret]:
    return chosen_secrets(kept, worker.environment_id, worker.id)


def _revision(secrets: Mapping[str, Secret]) -> str:
    """Another one for any other value, and nothing of the values: ids and versions."""
    text = "\n".join(f"{name}={each.id}.{each.version}" for name, each in sorted(secrets.items()))
    return hashlib.sha256(text.encode()).hexdigest()[:16] if secrets else ""


def zoned(crons: Sequence[str], tz: str) -> tuple[str, ...]:
    """The lines with the worker's time zone, where they say none of their own."""
    return tuple(line if tz == "UTC" or "CRON_TZ=" in line else f"CRON_TZ={tz} {line}" for line in crons)


def cron_takers(conn: sa.Connection, worker: Worker) -> dict[str, Version]:
    """Each line of what is deployed, with the version that takes its turns, as the pool has it."""
    shares = [each for each in store.by_share(store.deployment(conn, worker.id)) if each["weight"] > 0]
    versions = store.versions_by_id(conn, [each["version_id"] for each in shares])
    tz = settings_of(worker.settings).tz
    found: dict[str, Version] = {}
    for share in shares:
        if (version := versions.get(share["version_id"])) is not None:
            for line in zoned(version.config.get("crons", ()), tz):
                found.setdefault(line, version)
    return found
