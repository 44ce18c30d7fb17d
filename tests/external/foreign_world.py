"""A whole Holdfast that may call loopback ports, and the verbs of registering."""

from __future__ import annotations

from typing import Any

from foreign_pg import LOGIN, PASSWORDS, READER
from pg_server import Cluster
from world import OWNER, World

from holdfast.features.databases.external_service import Registration
from holdfast.features.databases.external_target import Target
from holdfast.features.databases.model import Resource
from holdfast.jobs import Run


def target(cluster: Cluster, database: str, **more: Any) -> Target:
    """The stranger's server by its fields, without TLS unless said."""
    given: dict[str, Any] = {
        "host": "127.0.0.1",
        "port": cluster.endpoint.port,
        "database": database,
        "user": LOGIN,
        "password": PASSWORDS["login"],
        "reader_user": READER,
        "reader_password": PASSWORDS["reader"],
        "tls": "disable",
    }
    return Target(**(given | more))


def register(here: World, name: str, target: Target, engine: str = "postgresql", **more: Any) -> tuple[Resource, Run]:
    wish = Registration(here.environment.id, engine, name, target, **more)
    resource, run = here.services.externals.register(OWNER, wish)
    done = here.ended(run)
    return here.database(resource.id), done


def registered(here: World, name: str, target: Target, engine: str = "postgresql", **more: Any) -> Resource:
    resource, run = register(here, name, target, engine, **more)
    assert run.state == "succeeded", run.error
    assert resource.state == "ready"
    return resource
