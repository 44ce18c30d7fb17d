"""Rows of workers and namespaces, each as its slice would write it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import sqlalchemy as sa
from inside_rows import NOW, resource_row

from holdfast.features.databases import store as databases
from holdfast.features.databases.model import Resource
from holdfast.features.kv import store as namespaces
from holdfast.features.workers import case_model, store, variable_store
from holdfast.features.workers.model import (
    Deployment,
    OwnHost,
    Variable,
    Version,
    Worker,
    WorkerKey,
    worker_hosts,
    worker_keys,
)
from holdfast.features.workers.settings import checked_settings
from holdfast.kernel.ids import new_id


def settle_workers(conn: sa.Connection, resource: Resource, number: int) -> dict[str, str]:
    """A worker that was deployed, with one of everything, and a namespace."""
    place = {"project_id": resource.project_id, "environment_id": resource.environment_id}
    made = {"created_by": "usr_walk", "created_at": NOW}
    worker = worker_row(place, f"worker{number}")
    store.insert(conn, worker)
    here = {**place, "worker_id": worker.id}
    version = version_row(here, 1)
    store.insert_version(conn, version)
    share = {"version_id": version.id, "number": 1, "tag": None, "weight": 100, "bindings": []}
    deployed = Deployment(id=new_id("wdep"), **here, number=1, trigger="deploy", versions=[share], message="", **made)
    store.insert_deployment(conn, deployed)
    none: Any = None
    host = OwnHost(new_id("whst"), *here.values(), f"w{number}.example.org", "t", none, none, none, "usr_walk", NOW)
    conn.execute(worker_hosts.insert().values(**asdict(host)))
    key = WorkerKey(new_id("wkey"), *here.values(), f"key{number}", "hfw_abcdef", "0" * 64, None, "usr_walk", NOW)
    conn.execute(worker_keys.insert().values(**asdict(key)))
    variable_store.put(conn, Variable(new_id("wvar"), *here.values(), "WALK", 1, "usr_walk", NOW))
    request = {"method": "GET", "path": "/", "headers": [], "body": "", "encoded": False}
    case_model.put(conn, case_model.Case(new_id("wcas"), *here.values(), "WALK", request, {}, "usr_walk", NOW))
    namespace = new_id("kvn")
    base = resource_row(resource.project_id, resource.environment_id, f"kv-kv{number}")
    databases.insert(conn, base)
    namespaces.insert(conn, id=namespace, **place, resource_id=base.id, name=f"kv{number}", **made)
    return {
        "worker": worker.id,
        "worker_version": version.id,
        "worker_host": host.id,
        "worker_key": key.id,
        "kv_namespace": namespace,
        "kv_database": base.id,
    }


def worker_row(place: dict[str, str], name: str) -> Worker:
    values: dict[str, Any] = dict.fromkeys(Worker.__dataclass_fields__)
    values |= {"id": new_id("wrk"), **place, "name": name, "slug": f"w{new_id('wrk')[-20:]}", "description": ""}
    values |= {"labels": {}, "settings": checked_settings({}), "enabled": True, "version": 1}
    return Worker(**{**values, "created_by": "usr_walk", "created_at": NOW, "updated_at": NOW})


def version_row(here: dict[str, str], number: int) -> Version:
    values: dict[str, Any] = dict.fromkeys(Version.__dataclass_fields__)
    entry = {"path": "a.py", "size": 0, "sha256": "0" * 64}
    values |= {"id": new_id("wver"), **here, "number": number, "message": "", "config": {"main": "a.py"}}
    values |= {"files": [entry], "digest": "0" * 64, "size": 0, "state": "ready", "token": new_id("tok")}
    return Version(**{**values, "created_by": "usr_walk", "created_at": NOW})
