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
from holdfast.features.backups.format_registry import format_of
from holdfast.features.backups.keys import Keys
from holdfast.features.backups.model import RepositoryRow
from holdfast.jobs.model import TaskContext
from holdfast.kernel.db import Database
from holdfast.kernel.errors import NotFound
from holdfast.vault.stores.local import LocalStore


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
            format_of(row).end_clearing(self._keys.pieces(row, ctx.stop, deleting=True))
            self._remove_directory(row)
            return {"repository_id": row.id, "deleted": 0, "kept": 0}
        found = stored(repository)
        ours = [each for each in found if each.origin != "foreign"]
        format_of(row).clear(
            repository,
            [each.info.id for each in ours],
            everything=len(ours) == len(found),
            stop=ctx.stop,
            progress=lambda done, total: ctx.progress("deleting", done, total, "files"),
        )
        if len(ours) < len(found):
            ctx.log("it holds snapshots that are not ours: they stay, and what they need", kept=len(found) - len(ours))
        else:
            self._remove_directory(row)
        return {"repository_id": row.id, "deleted": len(ours), "kept": len(found) - len(ours)}

    def _remove_directory(self, row: RepositoryRow) -> None:
        """Of a local one, when nothing else is in it."""
        if row.on_disk:
            directory = self._keys.places.directory(row)
            if not format_of(row).there(LocalStore(directory)):
                with suppress(FileNotFoundError):
                    shutil.rmtree(directory / "tmp")  # what killed writers never finished
            _remove_empty(directory)


def _remove_empty(directory: Path) -> None:
    """The directories that are left; one that holds anything else stays."""
    for folder, _, _ in os.walk(directory, topdown=False):
        with suppress(OSError):
            os.rmdir(folder)
