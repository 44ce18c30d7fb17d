"""What a login may do at a server that is not ours, and what to run there so that it may do more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol, runtime_checkable

from holdfast.contract.catalog import JSON
from holdfast.contract.engine import Engine
from holdfast.contract.spec import Endpoint
from holdfast.contract.tools import Tools

PowerName = Literal["look", "read", "write", "snapshot", "restore_new", "restore_in_place", "point_in_time"]


@dataclass(frozen=True)
class Power:
    """One thing Holdfast can do there, or why not. `remedy`: statements for the server's operator, never run by us."""

    name: PowerName
    ok: bool
    reason: str = ""
    remedy: tuple[str, ...] = ()


@dataclass(frozen=True)
class Report:
    """What was found at one moment.

    `spec` are settings of the engine's spec that fit this server (its major version among them); `maintenance` is the
    database from which others are made and renamed. `warnings` are sentences for the operator.
    """

    engine: str
    version: str
    user: str
    powers: tuple[Power, ...]
    warnings: tuple[str, ...] = ()
    spec: Mapping[str, JSON] = field(default_factory=dict)
    facts: Mapping[str, JSON] = field(default_factory=dict)
    maintenance: str | None = None

    def can(self, name: PowerName) -> bool:
        return any(power.ok for power in self.powers if power.name == name)

    def power(self, name: PowerName) -> Power | None:
        return next((power for power in self.powers if power.name == name), None)


@runtime_checkable
class CanReport(Engine, Protocol):
    """Engines that can look at a login of a foreign server."""

    async def report(self, at: Endpoint, tools: Tools) -> Report:
        """Reads only, in a bounded number of statements. Role "admin" is the login, "ro" the one for readers.

        Raises what connecting raises: NeedsOperator (code "login_refused"), Permanent ("database_absent",
        "server_version", "protocol_foreign"), Retryable when nothing answers.
        """
        ...
