"""Runs of whole repositories: a new password, a copy, taking one in, deleting one's files."""

from __future__ import annotations

from holdfast.features.backups.clearing import Clearer
from holdfast.features.backups.damage import explained
from holdfast.features.backups.keys import Keys
from holdfast.features.backups.moving_house import HouseMover
from holdfast.features.backups.rotating import Rotator
from holdfast.features.backups.taking_in import Adopter
from holdfast.jobs import TaskRegistry
from holdfast.kernel.clock import Clock
from holdfast.kernel.db import Database
from holdfast.kernel.secrets import Secrets


class RepositoryTasks:
    """Each may be run again from the start."""

    def __init__(self, db: Database, keys: Keys, secrets: Secrets, clock: Clock) -> None:
        self._rotator = Rotator(db, keys, secrets, clock)
        self._mover = HouseMover(db, keys)
        self._adopter = Adopter(db, keys, clock)
        self._clearer = Clearer(db, keys)

    def register(self, tasks: TaskRegistry) -> None:
        tasks.add("repository.rotate", self._rotator.rotate)
        tasks.add("repository.copy", explained(self._mover.copy))
        tasks.add("repository.adopt", explained(self._adopter.adopt))
        tasks.add("repository.delete", self._clearer.clear)
