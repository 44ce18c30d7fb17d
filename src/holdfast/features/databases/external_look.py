"""Looking at a foreign database: can it be reached, what may our login do there, and what follows for its record."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from holdfast.contract.engine import Engine
from holdfast.contract.privileges import CanReport, Report
from holdfast.features.databases import external_store
from holdfast.features.databases.endpoints import endpoint_from_json
from holdfast.features.databases.external_reach import lease_of
from holdfast.features.databases.external_target import registering
from holdfast.features.databases.model import Look, Resource
from holdfast.features.databases.reach import Reach
from holdfast.kernel.clock import Clock
from holdfast.kernel.errors import HoldfastError


@dataclass(frozen=True)
class Seen:
    """What a successful look changes: the report, and the record with the roles that were proven."""

    report: Report
    record: Mapping[str, Any]

    def report_json(self) -> dict[str, Any]:
        return report_json(self.report)

    def spec(self, engine: Engine) -> dict[str, Any]:
        """The engine's spec as far as the server decides it: its major version among it."""
        return engine.spec.model_validate(dict(self.report.spec)).model_dump(mode="json")


class Looker:
    """Synchronous: for threads. Writes nothing at the foreign server."""

    def __init__(self, reach: Reach, clock: Clock, scratch: Path) -> None:
        self._reach = reach
        self._clock = clock
        self._scratch = scratch

    def look(self, engine: Engine, record: Mapping[str, Any], secrets: Mapping[str, str]) -> Seen:
        """Raises the reason: NeedsOperator, Retryable, Permanent or Invalid, each with its own code."""
        able = registering(engine)
        if not isinstance(engine, CanReport):
            raise TypeError(f"{engine.name} registers without reporting")
        at = endpoint_from_json(candidate(record), secrets)
        self._scratch.mkdir(mode=0o711, parents=True, exist_ok=True)
        tools = self._reach.hosts.tools(None, None, self._scratch)
        with lease_of(able, at, record, self._reach.hosts.lines, self._reach.settings) as lease:
            report = asyncio.run(engine.report(lease.endpoint, tools))
        return Seen(report, proven(record, report))

    def look_at(self, resource: Resource) -> Seen:
        return self.look(self._reach.engine(resource), resource.endpoint or {}, self._reach.secrets(resource))

    def keep(self, conn: sa.Connection, resource_id: str, found: Seen | HoldfastError) -> Look:
        """In the caller's transaction."""
        ok = isinstance(found, Seen)
        report = report_json(found.report) if isinstance(found, Seen) else None
        error = found.as_dict() if isinstance(found, HoldfastError) else None
        look = Look(resource_id, self._clock.now(), ok, report, error)
        external_store.keep(conn, look)
        return look


def candidate(record: Mapping[str, Any]) -> dict[str, Any]:
    """The record with the logins as registered, proven or not."""
    logins = record.get("logins", record.get("roles", {}))
    return {**record, "roles": logins}


def proven(record: Mapping[str, Any], report: Report) -> dict[str, Any]:
    """Only what was proven becomes a role: an engine has no way to use one that is not there."""
    logins = candidate(record)["roles"]
    roles = {}
    if logins:
        roles["admin"] = logins["admin"]
        if report.can("write"):
            roles["owner"] = roles["rw"] = logins["admin"]
        if report.can("read"):
            roles["ro"] = logins["ro"]
    return {**record, "logins": logins, "roles": roles, "maintenance": report.maintenance}


def report_json(report: Report) -> dict[str, Any]:
    plain = asdict(report)
    plain["powers"] = [{**power, "remedy": list(power["remedy"])} for power in plain["powers"]]
    plain["warnings"] = list(plain["warnings"])
    return plain
