"""A store that fails by chance, and the tally of what was done to whom, which outlives a killed child."""

from __future__ import annotations

import mmap
import random
import re
import struct
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import holdfast.vault
from holdfast.kernel.errors import DiskFull, Retryable
from holdfast.vault.stores.base import Pieces
from holdfast.vault.stores.local import LocalStore

KINDS = ("kill", "stop", "full", "failed", "answer lost", "late", "torn", "duplicate", "slow", "garbled")
STORE_POINTS = ("store.put", "store.put.done", "store.delete", "store.delete.done")
_SLOW_SECONDS = 0.01


def named_points() -> tuple[str, ...]:
    """Every crash point that the vault's source names; `put_document` has one before and one after for its callers.
    Plain files are no repository of restic's: their points have tests of their own."""
    sources = sorted(Path(holdfast.vault.__path__[0]).rglob("*.py"))
    text = "".join(path.read_text() for path in sources if path.parent.name != "plain")
    found = set(re.findall(r'crash_point\("([^"]+)"\)', text))
    for point in re.findall(r'put_document\([^)]*"([^"]+)"\)', text):
        found |= {point, f"{point}.done"}
    return tuple(sorted(found))


POINTS = (*named_points(), *STORE_POINTS)
_SLOTS = (*(f"fault {kind}" for kind in KINDS), *(f"point {name}" for name in POINTS))


class Tally:
    """One number for each kind of fault, and for each point somebody was killed or stopped at, in shared memory."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, mmap.PAGESIZE)
        self._turn = threading.Lock()

    def fault(self, kind: str) -> None:
        self._add(f"fault {kind}")

    def signalled(self, kind: str, point: str) -> None:
        self._add(f"fault {kind}")
        self._add(f"point {point}")

    def _add(self, slot: str) -> None:
        at = _SLOTS.index(slot) * 8
        with self._turn:
            (count,) = struct.unpack_from("<q", self._memory, at)
            struct.pack_into("<q", self._memory, at, count + 1)

    def read(self) -> Counter[str]:
        found = struct.unpack_from(f"<{len(_SLOTS)}q", self._memory, 0)
        self._memory.close()
        return Counter({slot: count for slot, count in zip(_SLOTS, found, strict=True) if count})


class Dice:
    """When a call of a store goes wrong, and how. `garble`: what is read may have a bit flipped on its way."""

    def __init__(self, chance: float, seed: int, tally: Tally, *, garble: bool) -> None:
        self._chance, self._rng, self._tally, self._garble = chance, random.Random(seed), tally, garble

    def throw(self, *kinds: str) -> str:
        if self._rng.random() >= self._chance:
            return ""
        kind = self._rng.choice([kind for kind in kinds if kind != "garbled" or self._garble])
        if kind == "full" and self._rng.random() < 0.7:  # nobody tries again after that
            kind = "failed"
        if kind == "garbled" and self._rng.random() < 0.5:  # nor after that
            kind = "failed"
        self._tally.fault(kind)
        if kind == "slow":
            time.sleep(_SLOW_SECONDS)
        if kind == "failed":
            raise Retryable("failed, says the test")
        if kind == "full":
            raise DiskFull("no room left, says the test", hint="-")
        return kind

    def below(self, most: int) -> int:
        return self._rng.randrange(most)


class Passed(Protocol):
    """Hears of named points; may not come back from one."""

    def __call__(self, point: str) -> None: ...


class ShakenStore(LocalStore):
    """A local store that fails before the act, after it, half way, twice, late, slowly, or for want of room.

    `passed` hears of every write and deletion, before and after: a child may be killed there.
    """

    def __init__(self, root: Path, dice: Dice, passed: Passed) -> None:
        super().__init__(root)
        self._dice, self._passed = dice, passed
        self._turn = threading.Lock()
        self._late: list[tuple[int, str, bytes]] = []

    def put(self, name: str, pieces: Pieces) -> None:
        self._arrive()
        self._passed("store.put")
        kind = self._dice.throw("failed", "failed", "answer lost", "late", "torn", "duplicate", "slow", "full")
        if kind == "late":
            with self._turn:
                self._late.append((1 + self._dice.below(4), name, b"".join(pieces)))
            raise Retryable("no answer, says the test")
        if kind == "torn":
            self._torn(name, b"".join(pieces))
        super().put(name, pieces)
        if kind == "duplicate":
            super().put(name, pieces)
        self._passed("store.put.done")
        if kind == "answer lost":
            raise Retryable("the answer was lost, says the test")

    def _torn(self, name: str, whole: bytes) -> None:
        """Half of a pack may lie under its name: nothing names it. Of all else a store keeps nothing or the whole."""
        half = whole[: len(whole) // 2]
        if name.startswith("data/"):
            super().put(name, [half])
        else:
            self._tmp.mkdir(parents=True, exist_ok=True)
            (self._tmp / uuid.uuid4().hex).write_bytes(half)
        raise Retryable("torn, says the test")

    def get(self, name: str, offset: int = 0, length: int | None = None) -> bytes:
        self._arrive()
        kind = self._dice.throw("failed", "failed", "failed", "slow", "garbled", "garbled")
        data = super().get(name, offset, length)
        if kind != "garbled" or not data:
            return data
        wrong = bytearray(data)
        wrong[self._dice.below(len(wrong))] ^= 1 << self._dice.below(8)
        return bytes(wrong)

    def exists(self, name: str) -> bool:
        self._dice.throw("failed", "failed", "failed", "slow")
        return super().exists(name)

    def list(self, prefix: str) -> Iterator[tuple[str, int]]:
        self._arrive()
        self._dice.throw("failed", "failed", "failed", "slow")
        return super().list(prefix)

    def delete(self, name: str) -> None:
        self._arrive()
        self._passed("store.delete")
        kind = self._dice.throw("failed", "failed", "answer lost", "slow")
        super().delete(name)
        self._passed("store.delete.done")
        if kind == "answer lost":
            raise Retryable("the answer was lost, says the test")

    def _arrive(self, *, all_of_it: bool = False) -> None:
        with self._turn:
            if not self._late:
                return
            waiting = [(left - 1, name, whole) for left, name, whole in self._late]
            self._late = [each for each in waiting if each[0] > 0 and not all_of_it]
            due = [each for each in waiting if each[0] <= 0 or all_of_it]
        for _, name, whole in due:
            super().put(name, [whole])

    def settle(self) -> None:
        """What is still under way arrives."""
        self._arrive(all_of_it=True)
