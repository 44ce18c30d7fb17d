"""A life from its first snapshot to the judge; whatever happens, what was promised is there at the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from deeds import collected, restored
from everyday import collect, compare, forget, jump, sweep, take, two_writers, verify
from life import Broken, Life
from moving import copy, rekey, repair, retain, rotate
from trouble import hold, rot, stop

from stock import their_backup, their_prune, their_restore, their_snapshots

ACTS: dict[Callable[[Life], None], int] = {
    take: 5,
    collect: 4,
    sweep: 3,
    two_writers: 3,
    forget: 2,
    compare: 3,
    verify: 2,
    jump: 2,
    stop: 2,
    hold: 1,
    rot: 2,
    copy: 3,
    rekey: 1,
    rotate: 2,
    repair: 2,
    retain: 2,
    their_backup: 1,
    their_prune: 1,
}


def live(life: Life, steps: int) -> Counter[str]:
    take(life)
    for _ in range(steps):
        act = life.rng.choices(list(ACTS), list(ACTS.values()))[0]
        life.counts[f"step {act.__name__}"] += 1
        life.story.append(f"-- {act.__name__}")
        act(life)
    judge(life)
    return life.counts


def judge(life: Life) -> None:
    """Every snapshot comes back; the next collections finish what was begun; stock restic reads every byte."""
    life.story.append("-- the judge")
    life.house = life.house.wrong_by(0.0)
    if life.rng.random() < 0.3:  # what is wrong here cannot have been cleared away by the collections
        life.restic("check", "--read-data")
    _all_comes_back(life)
    _all_is_freed(life)
    said = life.restic("check", "--read-data")
    life.restic("check")  # the other version
    if "not referenced" in said:
        raise Broken(said)
    there = life.reconcile()
    if there:
        tag = life.rng.choice(sorted(there))
        their_restore(life, tag, there[tag])
    if life.theirs and their_snapshots(life) != life.theirs:
        raise Broken("stock restic's own snapshots are not what it made")
    if life.other is not None:
        _judge_other(life)


def _all_comes_back(life: Life) -> None:
    there = life.reconcile()
    found = life.calm("all of it", restored(life.house, there.values()))
    for tag, snapshot_id in there.items():
        if found[snapshot_id] != life.kept[tag]:
            raise Broken(f"{tag} came back different")


def _all_is_freed(life: Life) -> None:
    states = [life.calm("last collection", collected(life.house, waste=0.0))["state"] for _ in range(3)]
    if "freed" not in states:
        raise Broken(f"nothing was ever freed: {states}")
    left = life.calm("dry run", collected(life.house, dry_run=True, waste=0.0))
    if left["free_bytes"]:
        raise Broken(f"garbage is left: {left}")


def _judge_other(life: Life) -> None:
    other = life.other
    if other is None:
        return
    life.restic("check", "--read-data", house=other)
    there = life.ours(other)
    found = life.calm("all of the copy", restored(other.wrong_by(0.0), there.values()))
    for tag, snapshot_id in there.items():
        if found[snapshot_id] != life.copied[tag]:
            raise Broken(f"{tag} is different in the copy")
    if there and life.rng.random() < 0.3:
        tag = life.rng.choice(sorted(there))
        their_restore(life, tag, there[tag], other)
