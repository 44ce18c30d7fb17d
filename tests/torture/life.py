"""One random life of a repository, held to a model: what it promised, and what may be there beside that."""

from __future__ import annotations

import random
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from deeds import (
    COLLECTOR_POINTS,
    COPY_POINTS,
    REPAIR_POINTS,
    RETAIN_POINTS,
    ROTATE_POINTS,
    SWEEP_POINTS,
    WRITER_POINTS,
    Data,
    House,
    snapshot,
)
from stage import Child, Deed, Ended, Harm, chosen, done, start
from stock_restic import stock, whose

from holdfast.vault.repository import Repository
from holdfast.vault.stores.local import LocalStore

_POINTS = {
    "write": WRITER_POINTS,
    "collect": COLLECTOR_POINTS,
    "sweep": SWEEP_POINTS,
    "copy": COPY_POINTS,
    "repair": REPAIR_POINTS,
    "rotate": ROTATE_POINTS,
    "retain": RETAIN_POINTS,
}


class Broken(AssertionError):
    """The repository did not keep its word."""


@dataclass
class Life:
    """`kept`: tag -> digests of every snapshot that must be there. `tried`: of those that may be.

    `other`: a second repository under a key of its own, and `copied`, what was copied there.
    """

    seed: int
    root: Path
    house: House
    password: str
    rng: random.Random = field(init=False)
    data: Data = field(default_factory=Data)
    kept: dict[str, dict[str, str]] = field(default_factory=dict)
    tried: dict[str, dict[str, str]] = field(default_factory=dict)
    parents: dict[str, list[bytes]] = field(default_factory=dict)
    theirs: set[str] = field(default_factory=set)
    other: House | None = None
    other_password: str = ""
    copied: dict[str, dict[str, str]] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    story: list[str] = field(default_factory=list)
    asked_restic: int = 0
    _made: int = 0

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)
        self._harms = {name: chosen(self.rng, points, self.seed * 11) for name, points in _POINTS.items()}

    # -- running ---------------------------------------------------------------------------------------------

    def harm(self, kind: str) -> Harm:
        return next(self._harms[kind])

    def point(self, kind: str) -> Harm:
        """A kill at one of its own points, each in its turn."""
        return replace(next(harm for harm in self._harms[kind] if harm.point), nth=1)

    def shaking(self) -> Harm:
        """For who only reads: nothing is killed."""
        seed, chance = self.rng.getrandbits(32), self.rng.choice((0.0, 0.2, 0.4))
        return Harm(chance=chance, seed=seed, patient=True, garble=self.rng.random() < 0.4)

    def do(self, what: str, deed: Deed, harm: Harm, allowed: frozenset[str] = frozenset()) -> Ended:
        return self.ended(what, done(deed, harm), allowed)

    def begin(self, deed: Deed, harm: Harm) -> Child:
        return start(deed, harm)

    def ended(self, what: str, ended: Ended, allowed: frozenset[str] = frozenset()) -> Ended:
        """Count its faults, and refuse what nobody planned."""
        came = "killed" if ended.killed else ended.error or ended.bug or "done"
        self.story.append(f"{what}: {came} {dict(ended.counts)}")
        self.counts.update(ended.counts)
        if ended.bug:
            raise Broken(f"{what}: {ended.bug}")
        if ended.error and ended.error not in (ended.harm.allowed | allowed):
            raise Broken(f"{what}: {ended.error}")
        return ended

    def calm(self, what: str, deed: Deed) -> Any:
        """Without harm it must succeed."""
        ended = self.ended(what, done(deed))
        if not ended.succeeded:
            raise Broken(f"{what}: {ended.error or 'it died'}, and nobody harmed it")
        return ended.result

    def fault(self, kind: str, count: int = 1) -> None:
        self.counts[f"fault {kind}"] += count

    def repo(self, house: House | None = None) -> Repository:
        return (house or self.house).open(LocalStore)

    # -- the model -------------------------------------------------------------------------------------------

    def writer(self) -> tuple[str, Deed]:
        """Somebody changes the data and wants a snapshot of it."""
        self.data.change(self.rng)
        self._made += 1
        tag, there, parent = f"t{self._made}", self.reconcile(), None
        if there and self.rng.random() < 0.6:
            old = self.rng.choice(sorted(there))
            parent = (there[old], self.parents[old])
        self.tried[tag] = self.data.digests()
        self.parents[tag] = list(self.data.pages)
        return tag, snapshot(self.house, self.data, tag, parent)

    def reconcile(self, *writers: tuple[str, Ended]) -> dict[str, str]:
        """Tag -> id of ours. What was reported must be there; what was not may be."""
        there = self.ours()
        for tag, ended in writers:
            if ended.succeeded and tag not in there:
                raise Broken(f"{tag} was reported as written and is not there")
            digests = self.tried.pop(tag)
            if tag in there:
                self.kept[tag] = digests
        if lost := set(self.kept) - set(there):
            raise Broken(f"lost: {sorted(lost)}")
        if odd := set(there) - set(self.kept) - set(self.tried):
            raise Broken(f"not asked for: {sorted(odd)}")
        return there

    def ours(self, house: House | None = None) -> dict[str, str]:
        """Each is there once, however often it was tried."""
        infos = self.repo(house).snapshots()
        found = [(tag, info.id) for info in infos for tag in info.tags if tag.startswith("t")]
        expect(f"something is there twice: {sorted(found)}", len(found) == len(dict(found)))
        return dict(found)

    def forgotten(self, tag: str) -> None:
        self.repo().forget(self.ours()[tag])
        del self.kept[tag]
        self.story.append(f"forgot {tag}")

    # -- stock restic ----------------------------------------------------------------------------------------

    def restic(self, *arguments: str, house: House | None = None, fails: bool = False) -> str:
        """What only reads takes no lock: that is a fifth of a second each time. `fails`: it has to refuse."""
        root = (house or self.house).root
        password = self.password if house is None else self.other_password
        self.asked_restic += 1  # another version each time
        reads = arguments[0] in ("check", "snapshots", "restore")
        turn = whose(self.seed + self.asked_restic)
        for words in self._words(root, (*arguments, *(["--no-lock"] if reads else [])), unlock=not reads):
            ran = stock(root, *words, password=password, check=False, version=turn)
            if ran.returncode != 0 and not (fails and words[0] == arguments[0]):
                raise Broken(f"restic {' '.join(words)}: {ran.stdout}{ran.stderr}")
        if fails and ran.returncode == 0:
            raise Broken(f"restic {' '.join(arguments)} did not heed a lock")
        self.story.append(f"restic {arguments[0]}")
        return ran.stdout

    @staticmethod
    def _words(root: Path, arguments: tuple[str, ...], *, unlock: bool) -> Iterator[tuple[str, ...]]:
        if unlock and (root / "locks").is_dir() and any((root / "locks").iterdir()):
            yield ("unlock",)  # only what is stale by restic's own rule
        yield arguments

    def beside(self, name: str) -> Path:
        """A path for something of this life's own."""
        return self.root.with_name(f"{self.root.name}-{name}")

    def clean(self) -> None:
        for path in self.root.parent.glob(f"{self.root.name}*"):
            if path == self.root or path.name.startswith(f"{self.root.name}-"):
                shutil.rmtree(path, ignore_errors=True)


def expect(what: str, holds: bool) -> None:
    if not holds:
        raise Broken(what)
