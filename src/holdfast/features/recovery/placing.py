"""The new data directory: repositories copied in, the master key in its place, and the metadata last of all.

`recover/recovering.json` is there from the first change to the last: while it is, no Holdfast starts on the directory,
and `holdfast recover` may begin again.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from holdfast.features.recovery.marker import MARKER, WORK
from holdfast.kernel.crashpoints import crash_point
from holdfast.kernel.db import Database
from holdfast.kernel.db.copy import copy_metadata, require_empty
from holdfast.kernel.db.moment import settle
from holdfast.kernel.errors import Conflict, NeedsOperator
from holdfast.kernel.master import FileSource, keys_in
from holdfast.kernel.master_source import source_of
from holdfast.kernel.settings import Settings


class Site:
    """The directory that a recovery fills."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.work = settings.data / WORK
        self._marker = self.work / MARKER
        self._database = settings.data / "meta" / "holdfast.db"

    def begin(self, facts: Mapping[str, Any]) -> None:
        """Raises Conflict ("data_in_use", "metadata_not_empty") for a directory or a PostgreSQL database that is
        somebody's already, NeedsOperator("metadata_unreachable"). Asked again each time until the last step: before it
        nothing of ours is in that database, and the repositories must not be taken over for nothing."""
        if not self._marker.exists():
            self._must_be_free()
        self.require_metadata_free()
        self.settings.data.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, parents=True, exist_ok=True)
        self.work.mkdir(mode=0o700, exist_ok=True)
        self._mark({**facts, "stage": "preparing"})

    def require_metadata_free(self) -> None:
        """See `begin`; changes nothing."""
        if self.settings.database_url is None:
            return
        db = Database(self.settings.metadata_url)
        try:
            require_empty(db)
        finally:
            db.close()

    def _must_be_free(self) -> None:
        if self._database.exists():
            raise Conflict(
                f"{self.settings.data} is a Holdfast's already: nothing was changed",
                code="data_in_use",
                hint="Recover into an empty directory with --data, and keep the other one until all is well.",
            )

    def finished(self) -> bool:
        """Whether a recovery that was cut off had come as far as its last step: then only the tidying is left."""
        if not self._marker.exists():
            return False
        known = json.loads(self._marker.read_text())
        if known.get("stage") != "placing":
            return False
        if self.settings.database_url is None:
            return self._database.exists()
        return _epoch_of(self.settings.metadata_url) == (known["installation"], known["epoch"])

    def known(self) -> dict[str, Any]:
        """What the marker says; empty without one."""
        return dict(json.loads(self._marker.read_text())) if self._marker.exists() else {}

    def copy_repository(self, repository_id: str, directory: Path, told: Callable[[int], None]) -> None:
        """Whole or not at all: what a crash left half copied is gone on with, and is never in the right place."""
        root = self.settings.data / "repositories"
        target, half = root / repository_id, root / f".{repository_id}.recovering"
        if target.exists():  # it is where it has to be, or an earlier attempt had copied it
            return
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        for folder, _, names in os.walk(directory):
            there = half / Path(folder).relative_to(directory)
            there.mkdir(mode=0o700, parents=True, exist_ok=True)
            if there.parent == half and there.name in ("locks", "tmp"):  # of processes that are no more
                continue
            for name in names:
                told(_copied(Path(folder) / name, there / name))
            _sync(there)
        crash_point("recover.copied")
        os.replace(half, target)
        _sync(root)

    def put_master_key(self, texts: Mapping[str, str]) -> str:
        """The kit's keys where the settings say; that place. One that is there already must be the kit's.

        Raises NeedsOperator("master_key_other"), or "master_key_missing" when only a person can put it there.
        """
        source = source_of(self.settings)
        if source.exists():
            if not {key.id for key in source.read()} & set(texts):
                raise NeedsOperator(
                    f"another master key is in {source.where}",
                    code="master_key_other",
                    hint="Name an empty place with HOLDFAST_MASTER_KEY_FILE, or put that one away.",
                )
            return source.where
        if not isinstance(source, FileSource):
            raise NeedsOperator(
                f"there is no master key in {source.where}",
                code="master_key_missing",
                hint="Put it there: `holdfast recovery-kit open` prints it.",
            )
        source.put_first(keys_in("\n".join(texts.values()), "the kit"))
        return source.where

    def place(self, staged: Path, facts: Mapping[str, Any]) -> None:
        """The last step: from here on it is a Holdfast's data directory. The staged file may be open nowhere."""
        self._mark({**facts, "stage": "placing"})
        settle(staged)
        crash_point("recover.placing")
        if self.settings.database_url is None:
            self._database.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.replace(staged, self._database)
            _sync(self._database.parent)
        else:
            old, new = Database(f"sqlite+apsw:///{staged}"), Database(self.settings.metadata_url)
            try:
                copy_metadata(old, new)
            finally:
                old.close()
                new.close()
        crash_point("recover.placed")

    def tidy(self) -> None:
        """After `place`: Holdfast may start."""
        shutil.rmtree(self.work)

    def _mark(self, facts: Mapping[str, Any]) -> None:
        fresh = self._marker.with_suffix(".new")
        fresh.write_text(json.dumps(dict(facts)))
        os.replace(fresh, self._marker)
        _sync(self.work)


def _copied(source: Path, target: Path) -> int:
    """Names are hashes of contents: the same name and size is the same file. Durable once it has its name."""
    size = source.stat().st_size
    if target.exists() and target.stat().st_size == size:
        return size
    half = target.with_name(f".{target.name}.half")
    with source.open("rb") as old, half.open("wb") as new:
        shutil.copyfileobj(old, new, 1 << 20)
        new.flush()
        os.fsync(new.fileno())
    os.replace(half, target)
    return size


def _epoch_of(url: str) -> tuple[str, int] | None:
    from holdfast.features.secrets.store import installation_epoch

    db = Database(url)
    try:
        db.migrate()
        with db.read() as conn:
            return installation_epoch(conn)
    finally:
        db.close()


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
