"""One random life of a repository, held to a model; whatever happens, what it promised is there at the end."""

from __future__ import annotations

import hashlib
import json
import random
import shutil
import signal
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from deeds import (
    COLLECTOR_POINTS,
    WRITER_POINTS,
    Data,
    House,
    checked,
    collected,
    restored,
    snapshot,
    verified,
)
from kit import PASSWORD, flip, packs
from stage import Deed, Ended, Harm, chosen, done, start
from stock_restic import stock

from holdfast.vault.repository import Repository
from holdfast.vault.stores.local import LocalStore

DAYS = 86_400.0
PLANNED = {  # errors that an honest repository may answer with while it is being harmed
    "unavailable",
    "storage_full",
    "disk_full",
    "repository_lock_lost",
    "repository_locked",
    "snapshot_missing",
    "cancelled",
}


class Broken(AssertionError):
    """The repository did not keep its word."""


@dataclass
class Life:
    """`kept`: tag -> digests of every snapshot that must be there. `tried`: of those that may be."""

    seed: int
    root: Path
    house: House
    foreign: Path
    rng: random.Random = field(init=False)
    data: Data = field(default_factory=Data)
    kept: dict[str, dict[str, str]] = field(default_factory=dict)
    tried: dict[str, dict[str, str]] = field(default_factory=dict)
    parents: dict[str, list[bytes]] = field(default_factory=dict)
    theirs: set[str] = field(default_factory=set)
    counts: Counter[str] = field(default_factory=Counter)
    story: list[str] = field(default_factory=list)
    asked_restic: int = 0

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)
        self.harms = {
            "write": chosen(self.rng, WRITER_POINTS),
            "collect": chosen(self.rng, COLLECTOR_POINTS),
        }

    # -- running ---------------------------------------------------------------------------------------------

    def live(self, steps: int) -> Counter[str]:
        acts: dict[Any, int] = {
            self.take: 6,
            self.collect: 6,
            self.forget: 3,
            self.compare: 2,
            self.verify: 1,
            self.two_writers: 1,
            self.stop: 3,
            self.jump: 2,
            self.flip: 1,
            self.their_backup: 1,
            self.their_prune: 1,
        }
        self.take()
        for _ in range(steps):
            act = self.rng.choices(list(acts), list(acts.values()))[0]
            self.counts[f"step {act.__name__}"] += 1
            act()
        self.judge()
        return self.counts

    def ended(self, what: str, ended: Ended, allowed: set[str] = PLANNED) -> Ended:
        """Count its faults, and refuse what nobody planned."""
        self.story.append(f"{what}: {'killed' if ended.killed else ended.error or ended.bug or 'done'} {ended.faults}")
        for kind, count in ended.faults.items():
            self.counts[f"fault {kind}"] += count
        if ended.bug:
            raise Broken(f"{what}: {ended.bug}")
        if ended.error and ended.error not in allowed:
            raise Broken(f"{what}: {ended.error}")
        return ended

    def calm(self, what: str, deed: Deed) -> Any:
        """Without harm it must succeed."""
        ended = self.ended(what, done(self.root, deed), set())
        if ended.killed:
            raise Broken(f"{what} died")
        return ended.result

    def repo(self) -> Repository:
        return self.house.open(LocalStore(self.root))

    def reconcile(self, *writers: tuple[str, Ended]) -> dict[str, str]:
        """Tag -> id of ours. What was reported must be there; what was not may be."""
        there = {tag: info.id for info in self.repo().snapshots() for tag in info.tags if tag.startswith("t")}
        for tag, ended in writers:
            if ended.succeeded and tag not in there:
                raise Broken(f"{tag} was reported as written and is not there")
            digests = self.tried.pop(tag)
            if tag in there:
                self.kept[tag] = digests
        if lost := set(self.kept) - set(there):
            raise Broken(f"lost: {sorted(lost)}")
        if odd := set(there) - set(self.kept):
            raise Broken(f"not asked for: {sorted(odd)}")
        return there

    # -- what is done ----------------------------------------------------------------------------------------

    def _writer(self) -> tuple[str, Deed]:
        self.data.change(self.rng)
        tag, there = f"t{len(self.kept) + len(self.tried)}-{self.rng.getrandbits(32):08x}", self.reconcile()
        parent = None
        if there and self.rng.random() < 0.6:
            old = self.rng.choice(sorted(there))
            parent = (there[old], self.parents[old])
        self.tried[tag] = self.data.digests()
        self.parents[tag] = list(self.data.pages)
        return tag, snapshot(self.house, self.data, tag, parent)

    def take(self) -> None:
        tag, deed = self._writer()
        ended = self.ended(f"snapshot {tag}", done(self.root, deed, next(self.harms["write"])))
        self.reconcile((tag, ended))

    def two_writers(self) -> None:
        """And someone who wants to collect meanwhile."""
        first, one = self._writer()
        second, other = self._writer()
        running = [
            start(self.root, one, next(self.harms["write"])),
            start(self.root, other, next(self.harms["write"])),
            start(self.root, collected(self.house), next(self.harms["collect"])),
        ]
        ends = [child.end() for child in running]
        for what, ended in zip((first, second, "collection beside"), ends, strict=True):
            self.ended(what, ended)
        self.reconcile((first, ends[0]), (second, ends[1]))

    def collect(self) -> None:
        """Both phases are likely: the first that is due, then the other."""
        for _ in range(self.rng.randint(1, 2)):
            grace = self.rng.choice((0.0, 0.0, 0.0, DAYS))
            deed = collected(self.house, grace=grace, waste=self.rng.choice((0.01, 0.25)))
            ended = self.ended("collection", done(self.root, deed, next(self.harms["collect"])))
            if ended.result:
                self.counts[f"collection {ended.result['state']}"] += 1
            self.reconcile()

    def forget(self) -> None:
        there = self.reconcile()
        for tag in self.rng.sample(sorted(there), min(len(there), self.rng.randint(1, 2))):
            if len(self.kept) > 1:
                self.repo().forget(there[tag])
                del self.kept[tag]
                self.story.append(f"forgot {tag}")

    def compare(self) -> None:
        there = self.reconcile()
        if there:
            tag = self.rng.choice(sorted(there))
            self._compare(tag, there[tag])

    def _compare(self, tag: str, snapshot_id: str) -> None:
        if self.calm(f"restore {tag}", restored(self.house, snapshot_id)) != self.kept[tag]:
            raise Broken(f"{tag} came back different")

    def verify(self) -> None:
        there = self.reconcile()
        if there:
            tag = self.rng.choice(sorted(there))
            if errors := self.calm(f"verify {tag}", verified(self.house, there[tag])):
                raise Broken(f"{tag}: {errors}")

    def jump(self) -> None:
        """Some of our clocks are wrong from now on; stock restic's is right."""
        self.house = replace(self.house, offset=self.rng.choice((0.0, 3600.0, 400 * DAYS, -400 * DAYS)))
        self.counts["fault clock"] += 1
        self.story.append(f"clock {self.house.offset:+.0f}")

    def stop(self) -> None:
        """SIGSTOP at a random point; its locks are thought stale and removed, others go on; then it wakes up."""
        collecting = self.rng.random() < 0.5
        points, nth = COLLECTOR_POINTS if collecting else WRITER_POINTS, self.rng.choice((1, 1, 2))
        harm = Harm(self.rng.choice(points), nth, signal.SIGSTOP)
        if collecting:
            self.ended("a mark", done(self.root, collected(self.house)))
        tag, deed = ("", collected(self.house, waste=0.01)) if collecting else self._writer()
        child = start(self.root, deed, harm)
        if child.stopped():
            self.story.append(f"stopped {tag or 'a collection'} at {harm.point}")
            for name, _ in list(self.repo().store.list("locks")):
                self.repo().store.delete(name)
            self._meanwhile(tag)
            child.wake()
        ended = self.ended(f"woken {tag or 'collection'}", child.end())
        self.reconcile(*([(tag, ended)] if tag else []))

    def _meanwhile(self, tag: str) -> None:
        """Others collect and prune; one may take a snapshot. What the stopped one wrote already may still go."""
        there = {found: info.id for info in self.repo().snapshots() for found in info.tags if found.startswith("t")}
        if self.rng.random() < 0.4 and len(self.kept) > 1:
            old = self.rng.choice(sorted(self.kept))
            self.repo().forget(there[old])
            del self.kept[old]
        if self.rng.random() < 0.3:
            self._restic("prune", "--max-unused", "0")
        else:
            for _ in range(2):
                self.ended("collection meanwhile", done(self.root, collected(self.house, waste=0.01)))
        if not tag and self.rng.random() < 0.5:
            mine, deed = self._writer()
            self.reconcile((mine, self.ended(f"snapshot {mine} meanwhile", done(self.root, deed))))

    def flip(self) -> None:
        """A flipped bit is found or does not matter; nothing is restored wrong, and no collection copies it."""
        found = packs(self.root)
        if not found:
            return
        pack, there = self.rng.choice(found), self.reconcile()
        at = self.rng.randrange(pack.stat().st_size)
        flip(pack, at)
        self.counts["fault flip"] += 1
        damaged = {"corrupt", "gc_refused"}
        if there:
            tag = self.rng.choice(sorted(there))
            ended = self.ended(f"restore {tag} of damaged", done(self.root, restored(self.house, there[tag])), damaged)
            if ended.succeeded and ended.result != self.kept[tag]:
                raise Broken(f"{tag} came back wrong out of a damaged pack")
        errors = self.ended("check of damaged", done(self.root, checked(self.house)), damaged)
        indexed = pack.name in {p.hex() for p in self.repo().index().packs()}
        if indexed and errors.succeeded and not errors.result:
            raise Broken("a flipped bit in a pack that an index names was not found")
        for _ in range(2):
            self.ended("collection of damaged", done(self.root, collected(self.house, waste=0.01)), damaged | PLANNED)
        if pack.exists():
            flip(pack, at)
        self.reconcile()

    # -- stock restic ----------------------------------------------------------------------------------------

    def _restic(self, *arguments: str) -> str:
        self.asked_restic += 1
        for words in (("unlock",), arguments):
            ran = stock(self.root, *words, password=PASSWORD, check=False, seed=self.seed + self.asked_restic)
            if ran.returncode != 0:
                raise Broken(f"restic {' '.join(words)}: {ran.stdout}{ran.stderr}")
        self.story.append(f"restic {arguments[0]}")
        return ran.stdout

    def their_backup(self) -> None:
        for number in range(2):
            (self.foreign / f"their {number}").write_bytes(self.rng.randbytes(30_000))
        self._restic("backup", str(self.foreign), "--tag", f"r{self.seed}")
        self.theirs.add(self.newest_of_theirs())

    def newest_of_theirs(self) -> str:
        found = json.loads(self._restic("snapshots", "--json", "--tag", f"r{self.seed}"))
        return str(next(each["id"] for each in found if each["id"] not in self.theirs))

    def their_prune(self) -> None:
        """Their own forget of one of their own, and a prune of everything unneeded."""
        if self.theirs and self.rng.random() < 0.5:
            gone = self.rng.choice(sorted(self.theirs))
            self._restic("forget", gone)
            self.theirs.discard(gone)
        self._restic("prune", "--max-unused", "0")
        self.reconcile()

    # -- the end ---------------------------------------------------------------------------------------------

    def judge(self) -> None:
        """Stock restic reads every byte; every snapshot comes back; the next collections finish what was begun."""
        self.house = replace(self.house, offset=0.0)
        self._restic("check", "--read-data")
        there = self.reconcile()
        for tag, snapshot_id in there.items():
            self._compare(tag, snapshot_id)
        states = []
        for _ in range(3):
            self.calm("last forgetting of locks", lambda store: len(self.house.open(store).locks.holders()))
            states.append(self.calm("last collection", collected(self.house, waste=0.0))["state"])
        if "freed" not in states:
            raise Broken(f"nothing was ever freed: {states}")
        left = self.calm("dry run", collected(self.house, dry_run=True, waste=0.0))
        if left["free_bytes"]:
            raise Broken(f"garbage is left: {left}")
        said = self._restic("check", "--read-data")
        if "not referenced" in said:
            raise Broken(said)
        if there:
            tag = self.rng.choice(sorted(there))
            self._their_restore(tag, there[tag])
        self.reconcile()
        if {
            each["id"] for each in json.loads(self._restic("snapshots", "--json", "--tag", f"r{self.seed}"))
        } != self.theirs:
            raise Broken("stock restic's own snapshots are not what it made")

    def _their_restore(self, tag: str, snapshot_id: str) -> None:
        target = self.root.with_name(f"{self.root.name}-restored")
        self._restic("restore", snapshot_id, "--target", str(target))
        found = {
            str(path.relative_to(target)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in target.rglob("*")
            if path.is_file() and path.name not in ("manifest.json", "RESTORE.md", "restore.sh")
        }
        shutil.rmtree(target)
        if found != self.kept[tag]:
            raise Broken(f"stock restic restored {tag} different")
