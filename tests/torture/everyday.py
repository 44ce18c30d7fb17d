"""What is done to a repository every day, while it is being harmed."""

from __future__ import annotations

from deeds import collected, restored, verified
from life import Broken, Life, expect
from stage import PLANNED, Harm

DAYS = 86_400.0


def take(life: Life) -> None:
    tag, deed = life.writer()
    life.reconcile((tag, life.do(f"snapshot {tag}", deed, life.harm("write"))))


def _taken(life: Life) -> str:
    tag, deed = life.writer()
    life.reconcile((tag, life.do(f"snapshot {tag}", deed, Harm())))
    expect(f"snapshot {tag} failed, and nobody harmed it", tag in life.kept)
    return tag


def two_writers(life: Life) -> None:
    """And someone who wants to collect meanwhile."""
    first, one = life.writer()
    second, two = life.writer()
    running = [
        life.begin(one, life.harm("write")),
        life.begin(two, life.harm("write")),
        life.begin(collected(life.house), life.harm("collect")),
    ]
    ends = [child.end() for child in running]
    for what, ended in zip((first, second, "collection beside"), ends, strict=True):
        life.ended(what, ended)
    life.reconcile((first, ends[0]), (second, ends[1]))


def collect(life: Life) -> None:
    """Both phases are likely: the first that is due, then the other; often there is something to go."""
    if life.rng.random() < 0.5:
        forget(life)
    for _ in range(life.rng.randint(1, 3)):
        grace = life.rng.choice((0.0, 0.0, 0.0, 0.0, DAYS))
        deed = collected(life.house, grace=grace, waste=life.rng.choice((0.01, 0.25)))
        ended = life.do("collection", deed, life.harm("collect"))
        if ended.result:
            life.counts[f"collection {ended.result['state']}"] += 1
        life.reconcile()


def sweep(life: Life) -> None:
    """There is something to go, it is marked, and who deletes it is killed over it; then somebody else does."""
    big = {f"big {number}": life.rng.randbytes(50_000) for number in range(4)}
    life.data.files |= big
    first = _taken(life)
    for name in list(big)[:2]:
        life.data.files.pop(name, None)
    _taken(life)
    life.forgotten(first)  # of its packs the second snapshot needs some whole, some in part
    for name in big:
        life.data.files.pop(name, None)
    life.do("a mark", collected(life.house), Harm(), PLANNED)
    for harm in (life.point("sweep"), life.point("sweep"), life.harm("collect")):
        life.do("sweep", collected(life.house, waste=0.01), harm)
        life.reconcile()


def forget(life: Life) -> None:
    there = life.reconcile()
    for tag in life.rng.sample(sorted(there), min(len(there), life.rng.randint(1, 2))):
        if len(life.kept) > 1:
            life.forgotten(tag)


def compare(life: Life) -> None:
    """Read by a shaken store: the truth or an error."""
    there = life.reconcile()
    if there:
        tag = life.rng.choice(sorted(there))
        ended = life.do(f"restore {tag}", restored(life.house, [there[tag]]), life.shaking())
        if ended.succeeded and ended.result[there[tag]] != life.kept[tag]:
            raise Broken(f"{tag} came back different")


def verify(life: Life) -> None:
    there = life.reconcile()
    if there:
        tag = life.rng.choice(sorted(there))
        harm = life.shaking()
        ended = life.do(f"verify {tag}", verified(life.house, there[tag]), harm)
        if ended.succeeded and ended.result and not harm.garble:
            raise Broken(f"{tag}: {ended.result}")


def jump(life: Life) -> None:
    """Our clocks are wrong from now on; stock restic's is right."""
    before = life.house.offset
    life.house = life.house.wrong_by(life.rng.choice((0.0, 3600.0, 400 * DAYS, -400 * DAYS)))
    if life.house.offset != before:
        life.fault("clock")
        life.story.append(f"clock {life.house.offset:+.0f}")
