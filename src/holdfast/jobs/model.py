"""A run: one durable execution, as everyone reads it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, Protocol, TypeVar

import sqlalchemy as sa

from holdfast.contract.catalog import JSON
from holdfast.kernel.stop import Stop

RunState = Literal["queued", "running", "succeeded", "failed", "cancelled"]
ENDED: frozenset[str] = frozenset({"succeeded", "failed", "cancelled"})
T = TypeVar("T")


@dataclass(frozen=True)
class Progress:
    """`done` of `total` in `unit` ("bytes", "rows", "steps"); `total` None when unknown. `rate` per second.

    `phases`: each `phase` so far and the moment it began (`at`), oldest first."""

    phase: str
    done: int = 0
    total: int | None = None
    unit: str = "steps"
    rate: float | None = None
    eta_seconds: float | None = None
    phases: Sequence[Mapping[str, str]] = ()


@dataclass(frozen=True)
class Run:
    """Our row and the only status anyone reads. `epoch` rises with each claim: a runner that paused and woke up
    holds an old one and can change nothing. `deaths` counts the runners that died with it (see jobs/giving_up).
    Only runners of `node` claim it; None = any. Runs of one `lane` share a limit (see jobs/lanes). One at work for
    longer than `deadline_seconds` is cancelled. One with a `carrier` is taken along by that run (see jobs/carrying)."""

    id: str
    kind: str
    state: RunState
    project_id: str
    environment_id: str | None
    resource_id: str | None
    actor: str
    trigger: str
    input: Mapping[str, JSON]
    result: Mapping[str, JSON] | None
    error: Mapping[str, Any] | None
    progress: Progress | None
    epoch: int
    claimed_by: str | None
    correlation_id: str | None
    requested_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    cancel_requested_at: datetime | None
    deaths: int = 0
    node: str | None = None
    lane: str | None = None
    deadline_seconds: int | None = None
    not_before: datetime | None = None
    carrier: str | None = None


@dataclass(frozen=True)
class End:
    """How a carried run ends: `state` "succeeded", "failed" or "cancelled"."""

    run: Run
    state: str
    result: Mapping[str, JSON] | None = None
    error: Mapping[str, Any] | None = None
    progress: Progress | None = None


class TaskContext(Protocol):
    """What a task may use. Tasks are synchronous functions on a runner thread; a task carries ids only, reads the
    record once and may be run again from the start after a crash, so every step is idempotent by key."""

    run: Run
    stop: Stop  # set when cancel was asked for, the runner shuts down, or the claim was lost
    scratch: Path  # private directory, removed when the run ends

    def step(self, name: str, work: Callable[[], T]) -> T:
        """Run `work` once per run: a re-run returns its recorded JSON result. Checks `stop` first; names a crash point
        before and after itself (see kernel/crashpoints)."""
        ...

    def progress(self, phase: str, done: int = 0, total: int | None = None, unit: str = "steps") -> None:
        """Cheap to call often from any thread; written at most every half second, with rate and ETA worked out."""
        ...

    def log(self, message: str, **fields: JSON) -> None:
        """A line of the run's own log."""
        ...

    def commit(self) -> AbstractContextManager[sa.Connection]:
        """The one transaction that writes state: `Conflict("claim_lost")` when our epoch is not current."""
        ...

    def carry(self, limit: int) -> Sequence[TaskContext]:
        """Up to `limit` of the runs this one carries, claimed for it: empty when no more can be taken along now.

        They share its `stop`. Each is to be ended by `end_carried` or goes back by `let_go`. What was never taken along
        is set free when this run ends: a runner takes each by itself. See jobs/carrying."""
        ...

    def end_carried(self, conn: sa.Connection, ends: Sequence[End]) -> frozenset[str]:
        """Inside `commit`: the ids of those that ended now. One whose claim is lost stays as it is."""
        ...

    def cancelled_carried(self, conn: sa.Connection) -> frozenset[str]:
        """Ids of the carried runs at work that somebody wants stopped."""
        ...

    def let_go(self, *, cancel: bool = False, only: Sequence[str] | None = None) -> int:
        """What was taken along and did not end (of that `only` some) waits for a runner by itself now; `cancel`: which
        finds it asked to stop and undoes what was begun. How many."""
        ...


Task = Callable[[TaskContext], Mapping[str, JSON] | None]
