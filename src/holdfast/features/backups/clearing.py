"""Deleting a detached repository's files: what is ours, and nothing else."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from holdfast.contract.catalog import JSON
from holdfast.features.backups import store as rows
from holdfast.features.backups.adopting import stored
from holdfast.features.backups.keys import Keys
from holdfast.features.backups.model import RepositoryRow
from holdfast.jobs.model import TaskContext
from holdfast.kernel.crashpoints import crash_point
from holdfast.kernel.db import Database
from holdfast.kernel.errors import NotFound
from holdfast.vault.repository import Repository
from holdfast.vault.stores.base import Store

# Snapshots first: half of it gone, no snapshot points to what is missing. The key last: until then it opens.
_ORDER = ("snapshots", "index", "data", "claims", "stream")
_LAST = ("config", "locks", "keys")


class Clearer:
    """`repository.delete`: run again it goes on. A repository that also holds somebody else's snapshots stays, without
    ours."""

    def __init__(self, db: Database, keys: Keys) -> None:
        self._db = db
        self._keys = keys

    def clear(self, ctx: TaskContext) -> Mapping[str, JSON]:
        with self._db.read() as conn:
            row = rows.get(conn, RepositoryRow, str(ctx.run.input["repository_id"]))
        if row is None:
            raise NotFound("the repository is gone")
        try:
            repository = self._keys.open(replace(row, state="ready"), ctx.stop, deleting=True)
        except NotFound:
            self._end_of_earlier(ctx, row)
            return {"repository_id": row.id, "deleted": 0, "kept": 0}
        found = stored(repository)
        ours = [each for each in found if each.origin != "foreign"]
        with repository.lock(exclusive=True, stop=ctx.stop):
            for each in ours:
                repository.forget(each.info.id)
            crash_point("clear.forgotten")
            if len(ours) == len(found):
                self._everything(ctx, repository)
                crash_point("clear.emptied")
        if len(ours) < len(found):
            ctx.log("it holds snapshots that are not ours: they stay, and what they need", kept=len(found) - len(ours))
        else:
            self._remove_last(repository.store, row)
        return {"repository_id": row.id, "deleted": len(ours), "kept": len(found) - len(ours)}

    def _everything(self, ctx: TaskContext, repository: Repository) -> None:
        for kind in _ORDER:
            names = [name for name, _ in repository.store.list(kind)]
            for done, name in enumerate(names):
                ctx.progress(f"deleting {kind}", done, len(names), "files")
                ctx.stop.check()
                repository.store.delete(name)

    def _end_of_earlier(self, ctx: TaskContext, row: RepositoryRow) -> None:
        """An attempt that was killed had taken the config away. Where there is data beside a missing config somebody
        else did, and its keys stay."""
        store = self._keys.pieces(row, ctx.stop, deleting=True)
        if not any(next(iter(store.list(kind)), None) for kind in _ORDER):
            self._remove_last(store, row)

    def _remove_last(self, store: Store, row: RepositoryRow) -> None:
        for kind in _LAST:
            for name in [kind] if kind == "config" else [name for name, _ in store.list(kind)]:
                store.delete(name)
            crash_point(f"clear.{kind}")
        if row.on_disk:
            directory = self._keys.places.directory(row)
            with suppress(FileNotFoundError):
                shutil.rmtree(directory / "tmp")  # what killed writers never finished
            _remove_empty(directory)


def _remove_empty(directory: Path) -> None:
    """The directories that are left; one that holds anything else stays."""
    for folder, _, _ in os.walk(directory, topdown=False):
        with suppress(OSError):
            os.rmdir(folder)
