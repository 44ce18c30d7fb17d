"""Who is connected to a database, who waits for whom, and ending it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, runtime_checkable

from holdfast.contract.spec import Endpoint


@dataclass(frozen=True)
class Present:
    """One session at the server. `statement` as the server tells it, literals and all: whoever shows it removes them.
    `ours`: an administrator's, such as the one that holds a snapshot's moment; it is shown and never ended."""

    id: str
    user: str | None
    application: str | None
    address: str | None
    state: str
    statement: str | None
    since: datetime | None
    statement_since: datetime | None
    waiting_for: str | None = None
    blocked_by: tuple[str, ...] = ()
    ours: bool = False


@dataclass(frozen=True)
class Wait:
    """`waiter` wants `mode` on `target` and `holder` is in its way."""

    waiter: str
    holder: str
    mode: str
    target: str
    since: datetime | None


@runtime_checkable
class CanActivity(Protocol):
    """Synchronous; one statement each. Sees the sessions of this one database only."""

    def sessions(self, at: Endpoint) -> tuple[Present, ...]:
        """Oldest first."""
        ...

    def waits(self, at: Endpoint) -> tuple[Wait, ...]: ...

    def cancel(self, at: Endpoint, session: str) -> bool:
        """End its statement, not the session. False when there is no such session of this database, or it is ours.
        Raises Conflict (code "cannot_cancel") where a statement cannot be ended by itself."""
        ...

    def end(self, at: Endpoint, session: str) -> bool:
        """End the session; what it had begun is undone. False as `cancel`."""
        ...
