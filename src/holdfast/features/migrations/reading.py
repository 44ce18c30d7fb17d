"""Looking into a database: its ledger and its structure. Changes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from holdfast.contract.scripts import CanScript, CanSplit, LedgerRow
from holdfast.contract.spec import Access, Endpoint
from holdfast.contract.tools import Tools
from holdfast.features.databases.gate import Gate
from holdfast.features.databases.model import Resource
from holdfast.features.databases.reach import Reach
from holdfast.features.databases.service import wrong_state
from holdfast.features.migrations.shapes import shape_of
from holdfast.kernel.errors import Conflict


@contextmanager
def scripting(reach: Reach, resource: Resource, at: Endpoint, tools: Tools, access: Access) -> Iterator[Any]:
    """An open session that runs scripts. Raises Conflict (code "engine_cannot_migrate")."""
    session = reach.engine(resource).connect(at, tools, access)
    try:
        if not isinstance(session, CanScript):
            raise cannot(reach, resource)
        yield session
    finally:
        asyncio.run(session.close())


def splitter(reach: Reach, resource: Resource) -> CanSplit:
    engine = reach.engine(resource)
    if not isinstance(engine, CanSplit):
        raise cannot(reach, resource)
    return engine


def cannot(reach: Reach, resource: Resource) -> Conflict:
    title = reach.engine(resource).capabilities.title
    return Conflict(f"{title} has no migrations", code="engine_cannot_migrate")


class Reader:
    """For the api process; blocking."""

    def __init__(self, reach: Reach, gate: Gate, scratch: Path) -> None:
        self._reach, self._gate, self._scratch = reach, gate, scratch

    def ledger(self, resource: Resource) -> Sequence[LedgerRow]:
        """Raises Conflict unless the database is ready."""
        with self._open(resource) as session:
            found: Sequence[LedgerRow] = session.ledger()
            return found

    def shape(self, resource: Resource) -> dict[str, Any]:
        with self._open(resource) as session:
            return seen(session)

    @contextmanager
    def _open(self, resource: Resource) -> Iterator[Any]:
        if resource.state != "ready":
            raise wrong_state(resource, "look into")
        self._scratch.mkdir(mode=0o700, parents=True, exist_ok=True)
        endpoint, tools = self._reach.endpoint(resource), self._reach.tools(resource, self._scratch)
        with self._gate.shared(resource.id), scripting(self._reach, resource, endpoint, tools, "ro") as session:
            yield session


def seen(session: Any) -> dict[str, Any]:
    """The structure as an open session sees it."""
    return shape_of(asyncio.run(session.inspect("shallow")), session.definitions())
