"""What a child of the harness does with a repository, and the data it does it with."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, timedelta
from pathlib import Path
from typing import Any

from kit import BytesCapture, drain, page_entry
from stage import Deed, OffsetClock, Place

from holdfast.features.retention.policy import Item, Policy, decide
from holdfast.formats.restic.sealing import Key
from holdfast.kernel.clock import parse_timestamp
from holdfast.kernel.errors import Corrupt, Denied
from holdfast.kernel.stop import Stop
from holdfast.vault.copying import copy_snapshot
from holdfast.vault.gc import GcOptions, collect
from holdfast.vault.pipeline import SnapshotOptions, write_snapshot
from holdfast.vault.repair import rebuild_index
from holdfast.vault.repository import Repository

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
SWEEP_POINTS = tuple(point for point in COLLECTOR_POINTS if point.startswith("gc."))
COPY_POINTS = (
    "copy.half",
    "copy.snapshot",
    "copy.snapshot.done",
    "upload.pack",
    "upload.pack.done",
    "upload.index",
    "upload.index.done",
)
REPAIR_POINTS = ("repair.index", "repair.index.done", "repair.index.removed")
ROTATE_POINTS = ("store.put", "store.put.done", "store.delete", "store.delete.done")
RETAIN_POINTS = ("store.delete", "store.delete.done")


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

    root: Path
    key: Key
    config: Mapping[str, Any]
    cache: Path | None = None
    offset: float = 0.0

    def open(self, place: Place) -> Repository:
        return Repository(place(self.root), self.key, dict(self.config), OffsetClock(self.offset), self.cache)

    def wrong_by(self, seconds: float) -> House:
        return replace(self, offset=seconds)


def created(root: Path, password: str) -> Deed:
    return lambda place: Repository.create(place(root), password).id


def snapshot(house: House, data: Data, tag: str, parent: tuple[str, list[bytes]] | None) -> Deed:
    """With a parent only the pages that differ from it are read."""
    files, pages = dict(data.files), list(data.pages)

    def deed(place: Place) -> str:
        repo, cells, parent_id = house.open(place), dict(enumerate(pages)), None
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


def restored(house: House, ids: Iterable[str]) -> Deed:
    """By snapshot the digest of every file of ours."""
    wanted = list(ids)

    def deed(place: Place) -> dict[str, dict[str, str]]:
        repo, found = house.open(place), {}
        for snapshot_id in wanted:
            with repo.source(snapshot_id) as source:
                found[snapshot_id] = {
                    path: hashlib.sha256(drain(source.open(path))).hexdigest() for path in _own(source.paths())
                }
        return found

    return deed


def _own(paths: Any) -> Iterator[str]:
    return (path for path in paths if path not in ("manifest.json", "RESTORE.md", "restore.sh"))


def verified(house: House, snapshot_id: str) -> Deed:
    return lambda place: house.open(place).verify_snapshot(snapshot_id).errors


def checked(house: House) -> Deed:
    return lambda place: house.open(place).check(read_data=True).errors


def collected(house: House, *, grace: float = 0.0, waste: float = 0.25, dry_run: bool = False) -> Deed:
    options = GcOptions(grace=timedelta(seconds=grace), waste=waste, wait=0.0)
    return lambda place: collect(house.open(place), options, dry_run=dry_run).as_json()


def repaired(house: House) -> Deed:
    return lambda place: rebuild_index(house.open(place), stop=Stop()).packs_added


def copied(house: House, other: House, ids: Iterable[str]) -> Deed:
    """Ids in the other repository, by ours."""
    wanted = list(ids)

    def deed(place: Place) -> dict[str, str]:
        source, target = house.open(place), other.open(place)
        return {each: copy_snapshot(source, target, each).id for each in wanted}

    return deed


def rotated(root: Path, old: str, new: str) -> Deed:
    """What the service does with the repository itself: the new key opens before the old one goes. Can be run again."""

    def deed(place: Place) -> int:
        try:
            repo = Repository.open(place(root), old)
        except Denied:  # an earlier attempt had removed it
            repo = Repository.open(place(root), new)
        if not repo.keys_of(new):
            repo.add_key(new)
        fresh = set(repo.keys_of(new))
        if not fresh:
            raise Denied("the new key is not there", code="repository_password")
        for key_id in repo.keys_of(old):
            if key_id not in fresh:
                repo.remove_key(key_id)
        return len(repo.keys())

    return deed


def opens(root: Path, password: str) -> Deed:
    """A password of nothing but a dead creator's key opens it as little as one of no key."""

    def deed(place: Place) -> bool:
        try:
            Repository.open(place(root), password)
        except (Denied, Corrupt):
            return False
        return True

    return deed


def retained(house: House, last: int) -> Deed:
    """As a second runner would: look, decide, forget. Ids of what it asked to go."""

    def deed(place: Place) -> list[str]:
        repo, gone = house.open(place), []
        items = [Item(info.id, parse_timestamp(info.time)) for info in repo.snapshots() if _is_ours(info.tags)]
        policy = Policy(last=last, daily=None, weekly=None, monthly=None, minimum=1)
        for decision in decide(items, policy, repo.clock.now(), UTC):
            if not decision.keep:
                repo.forget(decision.id)
                gone.append(decision.id)
        return gone

    return deed


def _is_ours(tags: Iterable[str]) -> bool:
    return any(tag.startswith("t") for tag in tags)
