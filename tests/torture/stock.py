"""What stock restic does to the same repository in between."""

from __future__ import annotations

import hashlib
import json
import shutil

from deeds import House
from life import Broken, Life


def their_backup(life: Life) -> None:
    foreign = life.beside("foreign")
    foreign.mkdir(exist_ok=True)
    for number in range(2):
        (foreign / f"their {number}").write_bytes(life.rng.randbytes(30_000))
    life.restic("backup", str(foreign), "--tag", f"r{life.seed}")
    life.theirs |= their_snapshots(life)
    life.reconcile()


def their_snapshots(life: Life) -> set[str]:
    found = json.loads(life.restic("snapshots", "--json", "--tag", f"r{life.seed}"))
    return {str(each["id"]) for each in found}


def their_prune(life: Life) -> None:
    """Their own forget of one of their own, and a prune of everything unneeded."""
    if life.theirs and life.rng.random() < 0.5:
        gone = life.rng.choice(sorted(life.theirs))
        life.restic("forget", gone)
        life.theirs.discard(gone)
    life.restic("prune", "--max-unused", "0")
    life.reconcile()


def their_restore(life: Life, tag: str, snapshot_id: str, house: House | None = None) -> None:
    target = life.beside("restored")
    life.restic("restore", snapshot_id, "--target", str(target), house=house)
    found = {
        str(path.relative_to(target)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in target.rglob("*")
        if path.is_file() and path.name not in ("manifest.json", "RESTORE.md", "restore.sh")
    }
    shutil.rmtree(target)
    if found != (life.kept if house is None else life.copied)[tag]:
        raise Broken(f"stock restic restored {tag} different")
