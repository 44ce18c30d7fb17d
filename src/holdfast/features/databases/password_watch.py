"""Logins whose password somebody changed at the server, past Holdfast: found out, said, mended by a rotation.

A PostgreSQL role may always change its own password, and then the URL that Holdfast reveals opens nothing, while
somebody has one that no reveal was audited for.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from holdfast.contract.rotation import CanRotate
from holdfast.features.databases import store
from holdfast.features.databases.gate import Gate
from holdfast.features.databases.model import DRIFTED, Resource
from holdfast.features.databases.reach import Reach
from holdfast.kernel import audit
from holdfast.kernel.clock import Clock
from holdfast.kernel.db import Database
from holdfast.kernel.errors import Conflict, HoldfastError

_log = logging.getLogger("holdfast.databases")
_ACTOR = "system:sweep"


class PasswordWatch:
    """Called by the runner every few seconds: looks at one database each time, round and round. Of this node only."""

    def __init__(self, db: Database, reach: Reach, gate: Gate, clock: Clock) -> None:
        self._db = db
        self._reach = reach
        self._gate = gate
        self._clock = clock
        self._last = ""

    def sweep(self) -> None:
        engines = [engine.name for engine in self._reach.engines if isinstance(engine, CanRotate)]
        with self._db.read() as conn:
            resource = store.next_ready(conn, engines, self._reach.node, self._last)
        self._last = resource.id if resource else ""
        if resource is not None:
            self.look(resource)

    def look(self, resource: Resource) -> None:
        """Nothing is said of a server that does not answer: others look after that."""
        engine = self._reach.engine(resource)
        if not isinstance(engine, CanRotate):
            return
        try:
            with self._gate.shared(resource.id), self._reach.open(resource) as at:
                drifted = engine.drifted(at)
        except Conflict:
            return  # being stopped or changed: the next turn sees how it came out
        except HoldfastError as error:
            _log.warning("the logins of %s could not be looked at: %s", resource.id, error.code)
            return
        said = (resource.state_reason or {}).get("code") == DRIFTED
        if bool(drifted) != said:
            self._keep(resource, _reason(drifted) if drifted else None)

    def _keep(self, resource: Resource, reason: Mapping[str, Any] | None) -> None:
        with self._db.write() as conn:
            changed = store.change(
                conn, resource.id, now=self._clock.now(), states=("ready",), version=resource.version,
                state_reason=reason,
            )  # fmt: skip
            if changed is not None and reason is not None:
                audit.record(
                    conn,
                    actor=_ACTOR,
                    action="database.password.drifted",
                    project_id=resource.project_id,
                    environment_id=resource.environment_id,
                    resource_id=resource.id,
                    details={"name": resource.name, **reason["details"]},
                )


def _reason(drifted: tuple[str, ...]) -> dict[str, Any]:
    return {
        "code": DRIFTED,
        "message": f"the password of {', '.join(drifted)} was changed at the server: the revealed URL does not open",
        "hint": "`holdfast db rotate` gives it new ones and ends the sessions of whoever changed it.",
        "details": {"logins": list(drifted)},
        "retryable": False,
    }
