"""Deleting a detached repository's files: what is ours, and nothing else."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from holdfast.contract.catalog import JSON
from holdfast.features.backups import store
from holdfast.features.backups.adopting import stored
from holdfast.features.backups.keys import Keys
from holdfast.features.backups.model import RepositoryRow
from holdfast.jobs.model import TaskContext
from holdfast.kernel.crashpoints import crash_point
from holdfast.kernel.db import Database
from holdfast.kernel.errors import NotFound
from holdfast.vault.repository import Repository

# Snapshots first: half of it gone, no snapshot points to what is missing. The key last: until then it opens.
_ORDER = ("snapshots", "index", "data", "claims")


class Clearer:
    """`repository.delete`: run again it goes on. A repository that also holds somebody else's snapshots stays, without
    ours."""

    def __init__(self, db: Database, keys: Keys) -> None:
        self._db = db
        self._keys = keys

    def clear(self, ctx: TaskContext) -> Mapping[str, JSON]:
        with self._db.read() as conn:
            row = store.get(conn, RepositoryRow, str(ctx.run.input["repository_id"]))
        if row is None:
            raise NotFound("the repository is gone")
        try:
            repository = self._keys.open(replace(row, state="ready"), ctx.stop, deleting=True)
        except NotFound:
            return {"repository_id": row.id, "deleted": 0, "kept": 0}  # an earlier attempt had come to the end
        found = stored(repository)
        ours = [each for each in found if each.origin != "foreign"]
        with repository.lock(exclusive=True, stop=ctx.stop):
            for each in ours:
                repository.forget(each.info.id)
            crash_point("clear.forgotten")
            if len(ours) == len(found):
                self._everything(ctx, repository)
        if len(ours) < len(found):
            ctx.log("it holds snapshots that are not ours: they stay, and what they need", kept=len(found) - len(ours))
        else:
            for kind in ("config", "locks", "keys"):
                self._remove(repository, kind)
            if row.on_disk:
                _remove_empty(self._keys.places.directory(row))
        return {"repository_id": row.id, "deleted": len(ours), "kept": len(found) - len(ours)}

    def _everything(self, ctx: TaskContext, repository: Repository) -> None:
        for kind in _ORDER:
            names = [name for name, _ in repository.store.list(kind)]
            for done, name in enumerate(names):
                ctx.progress(f"deleting {kind}", done, len(names), "files")
                ctx.stop.check()
                repository.store.delete(name)

    @staticmethod
    def _remove(repository: Repository, kind: str) -> None:
        if kind == "config":
            repository.store.delete(kind)
            return
        for name, _ in list(repository.store.list(kind)):
            repository.store.delete(name)


def _remove_empty(directory: Path) -> None:
    """The directories that are left; one that holds anything else stays."""
    for folder, _, _ in os.walk(directory, topdown=False):
        with suppress(OSError):
            os.rmdir(folder)
