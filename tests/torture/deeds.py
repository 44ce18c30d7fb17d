"""What a child of the harness does with a repository, and the data it does it with."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from kit import BytesCapture, drain, page_entry
from stage import Deed, OffsetClock

from holdfast.formats.restic.sealing import Key
from holdfast.vault.gc import GcOptions, collect
from holdfast.vault.pipeline import SnapshotOptions, write_snapshot
from holdfast.vault.repository import Repository
from holdfast.vault.stores.local import LocalStore

PAGE = 4096
WRITER_POINTS = (
    "capture.half",
    "upload.pack",
    "upload.pack.done",
    "upload.index",
    "upload.index.done",
    "upload.snapshot",
    "upload.snapshot.done",
)
COLLECTOR_POINTS = (
    "gc.mark",
    "gc.mark.done",
    "gc.copied",
    "gc.copied.done",
    "gc.index",
    "gc.index.done",
    "gc.old_index",
    "gc.old_index.done",
    "gc.pack",
    "gc.packs.done",
    "upload.pack",
    "upload.pack.done",
    "upload.index",
    "upload.index.done",
)


@dataclass
class Data:
    """Files, and one that is pages of 4 KiB; `changed` are the pages since the snapshot it last went into."""

    files: dict[str, bytes] = field(default_factory=dict)
    pages: list[bytes] = field(default_factory=list)

    def change(self, rng: random.Random) -> None:
        for _ in range(rng.randint(1, 3)):
            act = rng.random()
            if act < 0.2 and len(self.files) > 2:
                del self.files[rng.choice(sorted(self.files))]
            elif act < 0.4 and self.files:
                self.files[f"dir/copy {rng.randint(0, 5)}"] = self.files[rng.choice(sorted(self.files))]
            else:
                self.files[f"f{rng.randint(0, 9)} ü\"b'; --"] = rng.randbytes(rng.choice((1, 900, 20_000, 50_000)))
        while len(self.pages) < 12:
            self.pages.append(rng.randbytes(PAGE))
        for _ in range(rng.randint(0, 3)):
            self.pages[rng.randrange(len(self.pages))] = rng.randbytes(PAGE)

    def digests(self) -> dict[str, str]:
        found = {path: hashlib.sha256(data).hexdigest() for path, data in self.files.items()}
        return found | {"pages": hashlib.sha256(b"".join(self.pages)).hexdigest()}


@dataclass(frozen=True)
class House:
    """What opens the repository without its password: the key derivation would be most of the time."""

    key: Key
    config: Mapping[str, Any]
    offset: float = 0.0

    def open(self, store: LocalStore) -> Repository:
        return Repository(store, self.key, dict(self.config), OffsetClock(self.offset))


def snapshot(house: House, data: Data, tag: str, parent: tuple[str, list[bytes]] | None) -> Deed:
    """With a parent only the pages that differ from it are read."""
    files, pages = dict(data.files), list(data.pages)

    def deed(store: LocalStore) -> str:
        repo, cells, parent_id = house.open(store), dict(enumerate(pages)), None
        if parent is not None and parent[0] in {info.id for info in repo.snapshots()}:
            parent_id = parent[0]
            cells = {n: page for n, page in cells.items() if n >= len(parent[1]) or parent[1][n] != page}
        entry = page_entry("pages", cells, PAGE * len(pages), PAGE)
        written = write_snapshot(
            repo,
            BytesCapture(files, (entry,)),
            parent=parent_id,
            hostname="h",
            paths=["/x"],
            tags=[tag],
            options=SnapshotOptions(readers=1, workers=1),
        )
        return written.id

    return deed


def restored(house: House, snapshot_id: str) -> Deed:
    """The digest of every file of ours."""

    def deed(store: LocalStore) -> dict[str, str]:
        with house.open(store).source(snapshot_id) as source:
            return {path: hashlib.sha256(drain(source.open(path))).hexdigest() for path in _own(source.paths())}

    return deed


def _own(paths: Any) -> Iterator[str]:
    return (path for path in paths if path not in ("manifest.json", "RESTORE.md", "restore.sh"))


def verified(house: House, snapshot_id: str) -> Deed:
    return lambda store: house.open(store).verify_snapshot(snapshot_id).errors


def checked(house: House) -> Deed:
    return lambda store: house.open(store).check(read_data=True).errors


def collected(house: House, *, grace: float = 0.0, waste: float = 0.25, dry_run: bool = False) -> Deed:
    options = GcOptions(grace=timedelta(seconds=grace), waste=waste, wait=0.0)
    return lambda store: collect(house.open(store), options, dry_run=dry_run).as_json()
