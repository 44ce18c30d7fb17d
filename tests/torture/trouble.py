"""Stopped owners of locks, and bits that flip where they lie."""

from __future__ import annotations

import signal
from pathlib import Path

from deeds import COLLECTOR_POINTS, WRITER_POINTS, checked, collected, copied, restored
from kit import flip
from life import Broken, Life, expect
from stage import DAMAGED, PLANNED, Child, Harm

_SWEEPING = ("gc.copied", "gc.index", "gc.old_index", "gc.pack", "gc.packs.done")


def stop(life: Life) -> None:
    """SIGSTOP at a random point; its locks are thought stale and removed, others go on; then it wakes up."""
    collecting = life.rng.random() < 0.5
    points, nth = COLLECTOR_POINTS if collecting else WRITER_POINTS, life.rng.choice((1, 1, 2))
    harm = Harm(life.rng.choice(points), nth, signal.SIGSTOP)
    if collecting:
        life.do("a mark", collected(life.house), Harm(), PLANNED)
    tag, deed = ("", collected(life.house, waste=0.01)) if collecting else life.writer()
    child = life.begin(deed, harm)
    if child.stopped():
        life.story.append(f"stopped {tag or 'a collection'} at {harm.point}")
        for name in _locks(life):
            life.repo().store.delete(name)
        _meanwhile(life, tag)
        child.wake()
    ended = life.ended(f"woken {tag or 'collection'}", child.end())
    life.reconcile(*([(tag, ended)] if tag else []))


def _meanwhile(life: Life, tag: str) -> None:
    """Others collect and prune; one may take a snapshot. What the stopped one wrote already may still go."""
    if life.rng.random() < 0.4 and len(life.kept) > 1:
        life.forgotten(life.rng.choice(sorted(life.kept)))
    if life.rng.random() < 0.3:
        life.restic("prune", "--max-unused", "0")
    else:
        for _ in range(2):
            life.do("collection meanwhile", collected(life.house, waste=0.01), life.harm("collect"))
    if not tag and life.rng.random() < 0.5:
        mine, deed = life.writer()
        life.reconcile((mine, life.do(f"snapshot {mine} meanwhile", deed, life.harm("write"))))


def hold(life: Life) -> None:
    """The owner of a lock is stopped: nobody breaks it while it lives, everybody is told at once, nobody waits long;
    when it is dead nobody is kept out any more."""
    life.house = life.house.wrong_by(0.0)
    collecting = life.rng.random() < 0.5
    if collecting:
        life.do("a mark", collected(life.house), Harm(), PLANNED)
    tag, deed = ("", collected(life.house, waste=0.01)) if collecting else life.writer()
    child = life.begin(deed, Harm(life.rng.choice(_SWEEPING if collecting else WRITER_POINTS), 1, signal.SIGSTOP))
    if child.stopped():
        _kept_out(life, child, tag)
    ended = life.ended(f"held by {tag or 'a collection'}", child.end())
    life.reconcile(*([(tag, ended)] if tag else []))
    after = life.calm("a collection after the lock", collected(life.house))
    expect(f"a dead owner's lock blocks: {after}", after["state"] != "busy")


def _kept_out(life: Life, child: Child, tag: str) -> None:
    standing = _locks(life)
    expect("who was stopped holds no lock", bool(standing))
    exclusive = any(holder.exclusive for holder in life.repo().locks.holders())
    life.story.append(f"{tag or 'a collection'} is stopped; exclusive: {exclusive}")
    if exclusive:
        mine, deed = life.writer()
        refused = life.do("a snapshot beside an exclusive lock", deed, Harm(), PLANNED)
        expect("a snapshot was taken beside an exclusive lock", refused.error == "repository_locked")
        life.tried.pop(mine)
    else:
        ended = life.do("a collection beside a writer", collected(life.house), Harm(), PLANNED)
        expect("a collection deleted beside a writer", not ended.result or ended.result["state"] != "freed")
    life.restic("prune", "--max-unused", "0", fails=True)
    expect("the lock of a living owner was broken", set(standing) <= set(_locks(life)))
    if life.rng.random() < 0.5:
        life.fault("kill")
        child.kill()
    else:
        child.wake()


def _locks(life: Life) -> list[str]:
    return [name for name, _ in life.repo().store.list("locks")]


def rot(life: Life) -> None:
    """Flipped bits are found and told, or do not matter; nothing is restored wrong, and nobody copies them."""
    there = life.reconcile()
    before = {path.name for kind in ("snapshots", "index") for path in _files(life, kind)}
    chosen = _chosen(life)
    places = [(path, life.rng.randrange(path.stat().st_size)) for path in chosen]
    indexed = {pack.hex() for pack in life.repo().index().packs()}
    for path, at in places:
        flip(path, at)
        life.fault("flip")
    _told(life, chosen, indexed)
    _not_spread(life, there)
    for _ in range(2):
        life.do("collection of damaged", collected(life.house, waste=0.01), life.harm("collect"), DAMAGED)
    gone = {path.name for path in chosen if path.parent.name == "snapshots" and not path.exists()}
    expect(f"damaged snapshots were deleted: {gone & before}", not gone)
    for path, at in places:
        if path.exists():
            flip(path, at)
    life.reconcile()


def _chosen(life: Life) -> list[Path]:
    packs = _files(life, "data")
    found = life.rng.sample(packs, min(len(packs), life.rng.randint(1, 5)))
    if life.rng.random() < 0.4:
        found += life.rng.sample(_files(life, "index"), 1) if _files(life, "index") else []
    if life.rng.random() < 0.4:
        found += life.rng.sample(_files(life, "snapshots"), 1) if _files(life, "snapshots") else []
    return found


def _files(life: Life, kind: str) -> list[Path]:
    """Pieces only: what a killed writer left has another name."""
    return sorted(path for path in (life.house.root / kind).rglob("*") if path.is_file() and len(path.name) == 64)


def _told(life: Life, chosen: list[Path], indexed: set[str]) -> None:
    errors = life.do("check of damaged", checked(life.house), Harm(), DAMAGED)
    if not errors.succeeded:
        return
    said = " ".join(errors.result)
    for path in chosen:
        matters = path.parent.parent.name != "data" or path.name in indexed
        if matters and path.name[:8] not in said:
            unread = any(other.parent.name == "index" for other in chosen)  # what its index named is not known then
            expect(f"a flipped bit in {path.parent.name}/{path.name} was not told: {said}", unread and bool(said))


def _not_spread(life: Life, there: dict[str, str]) -> None:
    if not there:
        return
    tag = life.rng.choice(sorted(there))
    ended = life.do(f"restore {tag} of damaged", restored(life.house, [there[tag]]), Harm(), DAMAGED | PLANNED)
    if ended.succeeded and ended.result[there[tag]] != life.kept[tag]:
        raise Broken(f"{tag} came back wrong out of a damaged pack")
    if life.other is not None:
        deed = copied(life.house, life.other, [there[tag]])
        if life.do(f"copy {tag} of damaged", deed, Harm(), DAMAGED | PLANNED).succeeded:
            life.copied[tag] = life.kept[tag]
