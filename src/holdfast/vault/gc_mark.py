"""What an earlier look found unneeded: `stream/gc/mark`, sealed with the repository's key.

Only what a mark names, and what a second look after the grace finds unneeded still, is deleted. The mark alone is
never trusted.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from holdfast.formats.restic import documents
from holdfast.kernel.clock import Clock, parse_timestamp, timestamp
from holdfast.kernel.errors import Corrupt, NotFound
from holdfast.vault.gc_survey import Survey
from holdfast.vault.repository import Repository

MARK = "stream/gc/mark"
_VERSION = 1
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True)
class Mark:
    """`packs`: bits of unneeded blobs, as in `Waste`. `locks`: lock files that looked stale by their age alone.
    `uptime`: seconds on the monotonic clock of the boot `boot`."""

    at: datetime
    boot: str
    uptime: float
    packs: Mapping[bytes, int]
    orphans: frozenset[str]
    locks: frozenset[str]

    @classmethod
    def of(cls, found: Survey, locks: frozenset[str], clock: Clock) -> Mark:
        packs = {pack: waste.unused for pack, waste in found.wastes.items() if waste.unused or not waste.size}
        return cls(clock.now(), boot(), clock.monotonic(), packs, frozenset(found.orphans), locks)

    def age(self, clock: Clock) -> timedelta:
        """By the wall clock, but on the same boot never more than really passed: a clock set forward ends no grace."""
        age = clock.now() - self.at
        if self.boot and self.boot == boot():
            age = min(age, timedelta(seconds=clock.monotonic() - self.uptime))
        return age

    def with_locks(self, locks: frozenset[str]) -> Mark:
        return replace(self, locks=locks)


def read_mark(repo: Repository) -> Mark | None:
    """None when there is none, or none that can be used: another repository's, damaged, or from the future."""
    try:
        document = documents.decode(repo.store.get(MARK), repo.key)
        if document["version"] != _VERSION or document["repository"] != repo.id:
            return None
        mark = Mark(
            parse_timestamp(document["time"]),
            str(document["boot"]),
            float(document["uptime"]),
            {bytes.fromhex(pack): _bits(text) for pack, text in document["packs"].items()},
            frozenset(document["orphans"]),
            frozenset(document["locks"]),
        )
    except (NotFound, Corrupt, KeyError, TypeError, ValueError, AttributeError):
        return None
    return mark if mark.at <= repo.clock.now() + timedelta(minutes=10) else None


def write_mark(repo: Repository, mark: Mark) -> None:
    document = {
        "version": _VERSION,
        "repository": repo.id,
        "time": timestamp(mark.at),
        "boot": mark.boot,
        "uptime": mark.uptime,
        "packs": {pack.hex(): _text(bits) for pack, bits in mark.packs.items()},
        "orphans": sorted(mark.orphans),
        "locks": sorted(mark.locks),
    }
    repo.store.put(MARK, [documents.encode(document, repo.key)])


def boot() -> str:
    """Which start of the machine this is; empty where that is not known."""
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return ""


def _text(bits: int) -> str:
    return base64.b64encode(bits.to_bytes((bits.bit_length() + 7) // 8, "little")).decode()


def _bits(text: str) -> int:
    return int.from_bytes(base64.b64decode(text), "little")
