"""Pieces that the store itself keeps from being changed for a time, whatever a credential may do (S3: Object Lock).

What a repository needs for good is locked when it is written. Locks of restic, marks of the garbage collection and
probes never are: a repository whose locks/ cannot be deleted is locked up for ever.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol, runtime_checkable

LOCKED = ("data/", "index/", "snapshots/", "keys/")
CONFIG = "config"
MODES = ("governance", "compliance")
LEAST_DAYS, MOST_DAYS = 14, 36_500  # collections come once a week, and renew what is half over


@dataclass(frozen=True)
class ObjectLock:
    """`mode`: governance (whoever has a special permission may lift it) or compliance (nobody may)."""

    mode: str
    days: int

    @property
    def lasts(self) -> timedelta:
        return timedelta(days=self.days)


def is_locked(name: str) -> bool:
    """Whether a piece of this name is of those that are locked."""
    return name.startswith(LOCKED) or name == CONFIG


@runtime_checkable
class CanLock(Protocol):
    """A store with locks; `object_lock` None: it has none, and nothing else here is asked."""

    @property
    def object_lock(self) -> ObjectLock | None: ...

    def locked_until(self, name: str) -> datetime | None:
        """None when it is locked no more, or never was. Raises as `Store.get`."""
        ...

    def lock_again(self, name: str) -> None:
        """From now for the whole time; a lock is only ever made longer. Raises as `Store.put`."""
        ...


def locking(store: object) -> CanLock | None:
    """The store when it locks pieces."""
    return store if isinstance(store, CanLock) and store.object_lock is not None else None
