"""A worker's OpenAPI document, out of the routes its deployed version declares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from holdfast.features.access.actor import Actor, hidden, no_such
from holdfast.features.workers import store
from holdfast.features.workers.guard import found
from holdfast.features.workers.model import Version, Worker, worker_hosts
from holdfast.features.workers.settings import settings_of
from holdfast.kernel.db import Database
from holdfast.runtime.openapi import About, document

_HINT = (
    "This version declares no routes. Declare them as holdfast.routes in its wrangler.jsonc; a FastAPI application "
    "makes a document of its own, at /openapi.json, and a page, at /docs, of the worker's address."
)


# Packages that make a document of their own, and where it is unless the code says otherwise.
_FRAMEWORKS = (
    ("fastapi", "/openapi.json"),
    ("litestar", "/schema/openapi.json"),
    ("quart_schema", "/openapi.json"),
    ("apiflask", "/openapi.json"),
)


class DescribingService:
    """`suffixes`: the domains below which a worker's slug is its host; `port`: where apps are served."""

    def __init__(self, db: Database, suffixes: Sequence[str], port: int) -> None:
        self._db = db
        self._suffixes = suffixes
        self._port = port

    def openapi(self, actor: Actor, worker_id: str, version_id: str | None = None) -> dict[str, Any]:
        """Of the version named, else of the one that takes most requests, else of the newest. When there are no
        routes, `x-holdfast-hint` says what to do, and `x-holdfast-own` where the code has a document itself, as far as
        its packages tell."""
        with self._db.read() as conn:
            worker = found(conn, actor, worker_id, "worker.read")
            version = _version(conn, actor, worker, version_id)
            c = worker_hosts.c
            query = sa.select(c.host).where(c.worker_id == worker.id, c.verified_at.is_not(None)).order_by(c.host)
            hosts = list(conn.execute(query).scalars())
        own: Mapping[str, Any] = ((version.config.get("own") or {}) if version else {}) or {}
        about = About(
            title=worker.name,
            version=(version.tag or str(version.number)) if version else "-",
            description=worker.description,
            servers=[*(f"https://{host}" for host in hosts), *self._addresses(worker)],
            protected=settings_of(worker.settings).protected,
        )
        made = document(about, own.get("routes") or (), own.get("schemas") or {})
        if made["paths"]:
            return made
        path = _own_path(version)
        return made | {"x-holdfast-hint": _HINT} | ({"x-holdfast-own": path} if path else {})

    def _addresses(self, worker: Worker) -> list[str]:
        return [
            f"http://{worker.slug}.{each}:{self._port}" if each == "localhost" else f"https://{worker.slug}.{each}"
            for each in self._suffixes
        ]


def _own_path(version: Version | None) -> str | None:
    if version is None or not version.packages:
        return None
    packages = Path(version.packages)
    return next((path for name, path in _FRAMEWORKS if (packages / name).is_dir()), None)


def _version(conn: sa.Connection, actor: Actor, worker: Worker, version_id: str | None) -> Version | None:
    """Raises NotFound for one that is not this worker's."""
    if version_id is not None:
        version = store.version(conn, version_id)
        if version is None:
            raise no_such("worker_version")
        if not actor.sees(version.place) or version.worker_id != worker.id:
            raise hidden("worker_version")
        return version
    deployed = store.deployment(conn, worker.id)
    for share in sorted(deployed.versions, key=lambda each: -each["weight"]) if deployed else ():
        if (version := store.version(conn, share["version_id"])) is not None:
            return version
    return next(iter(store.versions(conn, worker.id, before=None, limit=1)), None)
