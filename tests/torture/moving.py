"""A second repository under a key of its own, new passwords, a lost index, and retention by two runners at once."""

from __future__ import annotations

import shutil
from datetime import datetime, timedelta

from deeds import House, copied, created, opens, repaired, restored, retained, rotated
from life import Broken, Life, expect
from stage import DAMAGED, PLANNED

from holdfast.kernel.clock import parse_timestamp
from holdfast.vault.repository import Repository
from holdfast.vault.stores.local import LocalStore

_SKEW = timedelta(minutes=10)


def copy(life: Life) -> None:
    """Some snapshots into the second repository. What was told copied is there, and is what it was."""
    there, other = life.reconcile(), _other(life)
    wanted = {tag: there[tag] for tag in life.rng.sample(sorted(there), min(len(there), life.rng.randint(1, 3)))}
    harm = life.point("copy") if life.rng.random() < 0.5 else life.harm("copy")
    ended = life.do("copy", copied(life.house, other, wanted.values()), harm, DAMAGED)
    found = life.ours(other)
    if ended.succeeded and (lost := set(wanted) - set(found)):
        raise Broken(f"told copied, and not there: {sorted(lost)}")
    if lost := set(life.copied) - set(found):
        raise Broken(f"lost in the copy: {sorted(lost)}")
    life.copied.update({tag: life.kept[tag] for tag in wanted if tag in found})
    expect("more was copied than asked for", set(found) <= set(life.copied))


def _other(life: Life) -> House:
    """Made by somebody who may be killed over it, as often as it takes."""
    if life.other is None:
        root, life.other_password = life.beside(f"copy{len(life.story)}"), f"other ü\"b'; -- {life.seed}"
        deed = created(root, life.other_password)
        while not life.do("creation", deed, life.harm("rotate"), DAMAGED | {"repository_exists"}).succeeded:
            if (root / "config").exists():
                break
        repo = Repository.open(LocalStore(root), life.other_password)
        life.other = House(root, repo.key, repo.config, life.house.cache, life.house.offset)
        life.restic("snapshots", house=life.other)
    return life.other


def rekey(life: Life) -> None:
    """A new master key: all is copied, read back and compared; then the copy is the repository."""
    other = _other(life)
    infos = life.repo().snapshots()
    life.do("copy of all", copied(life.house, other, [each.id for each in infos]), life.harm("copy"), DAMAGED)
    made = life.calm("the rest of it", copied(life.house, other, [each.id for each in infos]))
    again = life.calm("once more", copied(life.house, other, [each.id for each in infos[:2]]))
    expect("what is there was copied again", again.items() <= made.items())
    copies, repo = set(made.values()), life.repo(other)
    for info in repo.snapshots():
        if info.id not in copies:  # copied once, and forgotten here since
            repo.forget(info.id)
    there = life.ours(other)
    expect(f"a window was lost: {sorted(life.kept)} became {sorted(there)}", set(there) == set(life.kept))
    found = life.calm("all of the copy", restored(other, there.values()))
    for tag, snapshot_id in there.items():
        expect(f"{tag} is different in the copy", found[snapshot_id] == life.kept[tag])
    life.theirs = {made[each] for each in life.theirs}
    shutil.rmtree(life.house.root)
    life.house, life.password = other.wrong_by(life.house.offset), life.other_password
    life.other, life.copied = None, {}
    life.reconcile()


def rotate(life: Life) -> None:
    """Whatever happens on the way, one of both opens; after the end only the new one does."""
    root, old, new = life.house.root, life.password, f"pass ü\"b'; -- {life.rng.getrandbits(32):08x}"
    deed = rotated(root, old, new)
    ended = life.do("rotation", deed, life.harm("rotate"), DAMAGED | {"repository_password"})
    works = [each for each in (old, new) if life.calm("opening", opens(root, each))]
    expect("neither the old password nor the new one opens", bool(works))
    if ended.succeeded:
        expect("the old password opens after the rotation", works == [new])
    else:
        life.calm("the rest of the rotation", deed)
        works = [each for each in (old, new) if life.calm("opening", opens(root, each))]
        expect("after the rotation not only the new password opens", works == [new])
    life.password = new
    if life.rng.random() < 0.3:
        life.restic("snapshots")


def repair(life: Life) -> None:
    """An index file is lost or damaged: made again from the packs, killed or not, nothing is lost."""
    files = sorted((life.house.root / "index").glob("*"))
    if files:
        chosen = life.rng.choice(files)
        life.fault("index lost")
        if life.rng.random() < 0.5:
            chosen.unlink()
        else:
            data = bytearray(chosen.read_bytes())
            chosen.write_bytes(data[: len(data) // 2])
    for harm in (life.point("repair"), life.harm("repair"))[: life.rng.randint(1, 2)]:
        life.do("repair", repaired(life.house), harm, DAMAGED)
    life.calm("a quiet repair", repaired(life.house))
    life.reconcile()


def retain(life: Life) -> None:
    """Two runners apply a policy at once, with clocks of their own: never more goes than one of them may, and of what
    both know the newest stay."""
    there, last = life.reconcile(), life.rng.randint(1, 4)
    if not there:
        return
    taken = {info.id: parse_timestamp(info.time) for info in life.repo().snapshots() if info.id in there.values()}
    houses = [life.house, life.house.wrong_by(life.rng.choice((0.0, 400 * 86_400.0, -400 * 86_400.0)))]
    running = [life.begin(retained(each, last), life.harm("retain")) for each in houses]
    may = set().union(*(_may_go(taken, each.open(LocalStore).clock.now(), last) for each in houses))
    ends = [
        life.ended(f"retention {number}", child.end(), frozenset({"clock_implausible"}) | PLANNED)
        for number, child in enumerate(running)
    ]
    left = set(life.ours().values())
    gone = set(taken) - left
    expect(f"more was deleted than the policy says: {sorted(gone - may)}", gone <= may)
    expect("nothing is left", bool(left))
    for ended in ends:
        expect("told deleted, and there", not (ended.succeeded and set(ended.result) & left))
    for tag in [tag for tag, snapshot_id in there.items() if snapshot_id in gone]:
        del life.kept[tag]
    life.reconcile()


def _may_go(taken: dict[str, datetime], now: datetime, last: int) -> set[str]:
    """All but the newest so many of those that are not from the future."""
    past = sorted((moment, each) for each, moment in taken.items() if moment <= now + _SKEW)
    return {each for _, each in past[: max(len(past) - last, 0)]}
