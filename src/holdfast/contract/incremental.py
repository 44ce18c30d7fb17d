"""Leaving out what the parent snapshot has: what a capture says of it, and how that is proven later.

A snapshot is always whole in the repository: what was left out is referred to by the parent's own blobs, so no
restore ever needs a chain. "Incremental" only says that not everything was read again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol, runtime_checkable

from holdfast.contract.catalog import JSON

SAMPLES = 16  # what is believed unchanged is read again within this many snapshots


@dataclass(frozen=True)
class Reuse:
    """What a capture took over from its parent without reading it.

    `kind` "full": everything was read, and `why` says why nothing could be left out (empty: there was no parent).
    `read` and `skipped` are bytes of entries as stored. `proofs`: entries that were read although believed unchanged;
    for pages the cells that were. The vault compares what came with what the parent has in the same place.
    """

    kind: Literal["full", "incremental"] = "full"
    why: str = ""
    read: int = 0
    skipped: int = 0
    proofs: Mapping[str, tuple[int, ...] | None] = field(default_factory=dict)

    def as_json(self) -> dict[str, JSON]:
        """For the manifest: the vault reads it again from there."""
        return {
            "kind": self.kind,
            "read": self.read,
            "skipped": self.skipped,
            "proofs": {path: None if cells is None else list(cells) for path, cells in self.proofs.items()},
            **({"why": self.why} if self.why else {}),
        }


@runtime_checkable
class CanSkip(Protocol):
    """A Capture that may leave out what did not change since its parent."""

    def reuse(self) -> Reuse:
        """After `finish`: what was left out. Also in the manifest as `options["reuse"]`."""
        ...


def sampled(number: int, sample: int) -> bool:
    """Whether the piece of this number is read again in the snapshot of this place in its chain."""
    return (number + sample) % SAMPLES == 0
