"""Which snapshot the next one may take over from, what is recorded of that, and the proof of what was not read.

A chain is a history of reading, not of storage: every snapshot is whole in the repository, whatever it took over.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from holdfast.contract.catalog import JSON
from holdfast.contract.incremental import CanSkip, Reuse
from holdfast.contract.snapshot import Capture, Check, Entry, Level, Manifest, Verdict
from holdfast.features.backups.model import Snapshot
from holdfast.kernel.errors import Corrupt
from holdfast.vault.repository import Repository

LONGEST = timedelta(days=14)  # then everything is read again, whatever is believed
MISMATCH = "incremental_mismatch"
METHOD = "rolling sample"
_KEPT_MEMBERS = 100


@dataclass(frozen=True)
class Parent:
    """What the next snapshot builds on. `full`: why everything is to be read; None = not decided here."""

    restic_id: str | None = None
    snapshot_id: str | None = None
    manifest: Manifest | None = None
    full: str | None = None

    @property
    def chain(self) -> Mapping[str, Any]:
        """What the parent's manifest says of its own chain."""
        found = self.manifest.facts.get("chain") if self.manifest is not None else None
        return found if isinstance(found, Mapping) else {}

    @property
    def sequence(self) -> int:
        """The place the next snapshot has in this chain: 0 is one that was read as a whole."""
        return int(self.chain.get("sequence", 0)) + 1


def decided(parent: Parent, newest: Snapshot | None, asked: bool, now: datetime) -> Parent:
    """The parent, and whether everything is to be read: asked for, after a failed proof, or because it is time."""
    if asked:
        return replace(parent, full="asked for")
    if newest is not None and (newest.error or {}).get("code") == MISMATCH:
        return replace(parent, full=f"what {newest.id} left out was not what it believed")
    began = parent.chain.get("base_at")
    if isinstance(began, str) and not timedelta(0) <= now - datetime.fromisoformat(began) < LONGEST:
        return replace(parent, full=f"the chain is {LONGEST.days} days old")
    return parent


class Chained:
    """A capture that also says in its manifest what it builds on. Implements Capture."""

    def __init__(self, capture: Capture, parent: Parent, snapshot_id: str, now: datetime) -> None:
        self._capture, self._parent, self._id, self._now = capture, parent, snapshot_id, now
        self.position: Mapping[str, JSON] = {}  # known once it is entered

    def entries(self) -> Iterator[Entry]:
        return self._capture.entries()

    def companions(self) -> Mapping[str, bytes]:
        return self._capture.companions()

    def finish(self) -> Manifest:
        manifest = self._capture.finish()
        reuse = (
            self._capture.reuse() if isinstance(self._capture, CanSkip) else Reuse(why="the engine reads everything")
        )
        if reuse.kind == "full" and self._parent.full:
            reuse = replace(reuse, why=self._parent.full)
        return replace(
            manifest,
            options={**manifest.options, "reuse": reuse.as_json()},
            facts={**manifest.facts, "chain": self._chain(reuse)},
        )

    def _chain(self, reuse: Reuse) -> dict[str, JSON]:
        if reuse.kind == "full" or self._parent.snapshot_id is None:
            return {"type": "full", "sequence": 0, "base": self._id, "base_at": self._now.isoformat(), "members": []}
        before = self._parent.chain
        members = [*before.get("members", ()), self._parent.snapshot_id][-_KEPT_MEMBERS:]
        return {
            "type": "incremental",
            "sequence": self._parent.sequence,
            "base": before.get("base", self._parent.snapshot_id),
            "base_at": before.get("base_at", self._now.isoformat()),
            "parent": self._parent.snapshot_id,
            "parent_restic_id": self._parent.restic_id,
            "members": members,
        }

    def __enter__(self) -> Chained:
        self._capture.__enter__()
        self.position = self._capture.position
        return self

    def __exit__(self, *exc: object) -> None:
        self._capture.__exit__(*exc)


def summary(manifest: Manifest) -> dict[str, Any]:
    """What a row keeps of it."""
    chain, reuse = manifest.facts.get("chain"), manifest.options.get("reuse")
    if not isinstance(chain, Mapping) or not isinstance(reuse, Mapping):
        return {}
    kept = {key: chain[key] for key in ("type", "sequence", "base", "parent", "members") if key in chain}
    proofs = _proofs(reuse)
    return {
        **kept,
        "read_bytes": reuse.get("read", 0),
        "skipped_bytes": reuse.get("skipped", 0),
        "proofs": sum(1 if cells is None else len(cells) for cells in proofs.values()),
        **({"why_full": reuse["why"]} if reuse.get("why") else {}),
    }


def proven(
    repository: Repository, restic_id: str, manifest: Manifest, present: Container[str] | None = None
) -> Verdict | None:
    """Compare what was read again with what the parent has in the same places; None when nothing was left out.

    `present`: names of the snapshots that are in the repository, when the caller knows."""
    chain, reuse = manifest.facts.get("chain"), manifest.options.get("reuse")
    if not isinstance(chain, Mapping) or not isinstance(reuse, Mapping) or chain.get("type") != "incremental":
        return None
    proofs = _proofs(reuse)
    parent = chain.get("parent_restic_id")
    if present is None:
        present = {info.id for info in repository.snapshots()}
    if not isinstance(parent, str) or parent not in present:
        return Verdict(Level.HASHES, (Check("rolling sample", None, detail="the parent snapshot is gone"),))
    before, after = repository.nodes(parent), repository.nodes(restic_id)
    checks = [Check("rolling sample", True, actual=f"{len(proofs)} entries")] if proofs else []
    for path, cells in proofs.items():
        then, now = before[path].content if path in before else b"", after[path].content
        checks += _differences(path, then, now, cells)
    return Verdict(Level.HASHES, tuple(checks)) if checks else None


def _differences(path: str, then: bytes, now: bytes, cells: Sequence[int] | None) -> Iterator[Check]:
    if cells is None:
        if then != now:
            yield Check(path, False, "unchanged", "changed")
        return
    for cell in cells:
        if then[cell * 32 : cell * 32 + 32] != now[cell * 32 : cell * 32 + 32]:
            yield Check(f"{path} cell {cell}", False, "unchanged", "changed")


def mismatch(verdict: Verdict, manifest: Manifest) -> Corrupt:
    """What everybody is told: this snapshot and those since the chain began may hold old contents."""
    chain = manifest.facts.get("chain")
    bad = [check.name for check in verdict.checks if check.ok is False]
    members = chain.get("members") if isinstance(chain, Mapping) else None
    suspects = list(members) if isinstance(members, list | tuple) else []
    return Corrupt(
        f"what was believed unchanged had changed: {', '.join(bad[:5])}",
        code=MISMATCH,
        hint="The next snapshot reads everything: take it now. Do not rely on this one, nor on those before it back to "
        "the last that was read as a whole.",
        details={"entries": bad[:50], "suspects": suspects},
    )


def _proofs(reuse: Mapping[str, Any]) -> dict[str, Sequence[int] | None]:
    found = reuse.get("proofs")
    return dict(found) if isinstance(found, Mapping) else {}
