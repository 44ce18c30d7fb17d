"""restic's format: deduplicated, always encrypted, opened by a stock restic. The default."""

from __future__ import annotations

import secrets as tokens
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from holdfast.contract.registry import Registry
from holdfast.contract.snapshot import Capture
from holdfast.features.backups.formats import (
    Abilities,
    Material,
    Movable,
    Opened,
    Settings,
    StoredFile,
    Taken,
    Taking,
    restic,
)
from holdfast.kernel.crashpoints import crash_point
from holdfast.kernel.errors import Invalid
from holdfast.kernel.stop import Stop
from holdfast.vault.colder import movable
from holdfast.vault.gc import GcOptions, GcReport, collect
from holdfast.vault.pipeline import write_snapshot
from holdfast.vault.plain.settings import FILE_WORDS
from holdfast.vault.proving import Progress
from holdfast.vault.repository import Repository, SnapshotInfo
from holdfast.vault.stores.base import Store
from holdfast.vault.usage import Usage, measure

LOCK_PATIENCE = 600.0  # seconds that a snapshot waits for a collection of garbage to end
# Snapshots first: half of it gone, no snapshot points to what is missing. The key last: until then it opens.
_ORDER, _LAST = ("snapshots", "index", "data", "claims", "stream"), ("config", "locks", "keys")


# ruff: noqa: ARG002  one face for formats that need different parts of what they are given


class ResticFormat:
    """See `RepositoryFormat`."""

    name = "restic"
    abilities = Abilities(
        title="restic's format",
        stock="restic",
        dedup=True,
        incremental=True,
        copies=True,
        repairs=True,
        rekeys=True,
        foreign=True,
        records=True,
        stages=False,
        batches=True,
        archives=False,
    )

    def checked(self, settings: Settings | None) -> Settings | None:
        if settings is not None:
            raise Invalid("`files` goes with format plain, and only with it", code="repository_format")
        return None

    def chosen(self, settings: Settings | None, words: Mapping[str, Any]) -> Settings | None:
        if said := [name for name in FILE_WORDS if words.get(name) is not None]:
            raise Invalid(
                f"a restic repository takes no {said[0]}: it packs with zstd, and encrypts with its own key always",
                code="snapshot_options",
                hint="Choose a level: off, fast, default or max. For other files take a repository of format plain.",
                details={"fields": [{"field": f"options.{name}", "message": "is of format plain"} for name in said]},
            )
        return settings

    def weaker(self, settings: Settings | None, chosen: Settings | None) -> bool:
        return False

    def opens(self, settings: Settings | None) -> bool:
        return True

    def reads(self, opened: Opened, snapshot_id: str) -> bool:
        return True

    def new_key(self, settings: Settings | None) -> str:
        return tokens.token_urlsafe(32)

    def there(self, store: Store) -> bool:
        return store.exists("config")

    def open(self, store: Store, material: Material) -> Opened:
        return Repository.open(store, material.password, cache=material.cache)

    def create(self, store: Store, material: Material) -> Opened:
        return Repository.create(store, material.password, cache=material.cache)

    def adopted(self, store: Store, password: str, material: Material) -> tuple[Opened, Material]:
        return Repository.open(store, password), Material(password)

    def find(self, opened: Opened, snapshot_id: str, tag: str) -> str | None:
        """Its document is written last of all, so what has one is complete."""
        return next((info.id for info in opened.snapshots() if tag in (info.tags or ())), None)

    def said(self, opened: Opened, snapshot_id: str) -> Mapping[str, Any]:
        return {}

    def take(
        self, opened: Opened, capture: Capture, taking: Taking, settings: Settings | None, engines: Registry
    ) -> Taken:
        written = write_snapshot(
            restic(opened),
            capture,
            parent=taking.parent,
            hostname="holdfast",
            paths=[f"/{taking.resource_id}"],
            tags=taking.tags,
            facts=taking.facts,
            stop=taking.stop,
            progress=taking.reading,
            options=taking.options,
            patience=LOCK_PATIENCE,
        )
        return Taken(written.id, written.manifest, written.stats, taking.options.as_json())

    def usage(self, opened: Opened, owner: Callable[[str], str], stop: Stop, progress: Progress) -> Usage:
        return measure(restic(opened), owner, stop, progress)

    def collect(
        self,
        opened: Opened,
        known: Collection[str],
        options: GcOptions,
        *,
        dry_run: bool,
        stop: Stop,
        progress: Callable[[str, int, int], None],
    ) -> GcReport:
        """It asks the repository's own snapshots what is needed."""
        return collect(restic(opened), options, dry_run=dry_run, stop=stop, progress=progress)

    @contextmanager
    def movable(
        self, opened: Opened, young: Callable[[SnapshotInfo], bool], stop: Stop, progress: Progress
    ) -> Iterator[Movable]:
        """Under the readers' lock: nobody prunes or rewrites packs meanwhile."""
        repository = restic(opened)
        with repository.locks.reading():
            yield Movable(movable(repository, young, stop, progress))

    def heavy(self, opened: Opened, snapshot_id: str) -> Sequence[str]:
        return ()

    def stored(self, opened: Opened, snapshot_id: str) -> StoredFile | None:
        return None

    def bytes(self, store: Store) -> int:
        return sum(size for _, size in store.list("data"))

    def clear(self, opened: Opened, ours: Sequence[str], *, everything: bool, stop: Stop, progress: Progress) -> None:
        repository = restic(opened)
        with repository.lock(exclusive=True, stop=stop):
            for each in ours:
                repository.forget(each)
            crash_point("clear.forgotten")
            for kind in _ORDER if everything else ():
                names = [name for name, _ in repository.store.list(kind)]
                for done, name in enumerate(names):
                    progress(done, len(names))
                    stop.check()
                    repository.store.delete(name)
        if everything:
            crash_point("clear.emptied")
            _remove_last(repository.store)

    def end_clearing(self, store: Store) -> None:
        if not any(next(iter(store.list(kind)), None) for kind in _ORDER):
            _remove_last(store)


def _remove_last(store: Store) -> None:
    for kind in _LAST:
        for name in [kind] if kind == "config" else [name for name, _ in store.list(kind)]:
            store.delete(name)
        crash_point(f"clear.{kind}")
