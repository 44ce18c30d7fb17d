"""Random lives of repositories by seed: `python tests/torture/torture.py --seeds 0-39`, or until so many faults.

tests/vault and tests/support must be on PYTHONPATH. With --log every finished seed is a line of a file, and a second
call goes on where the first ended.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path

from deeds import House
from kit import PASSWORD
from life import Life
from ram import roomy
from sequence import live

from holdfast.formats.restic import keyfile
from holdfast.vault import locks, packing
from holdfast.vault.repository import Repository
from holdfast.vault.stores.local import LocalStore

STEPS = 14


def cheap() -> None:
    """Small packs, so that there are many; a key file that opens at once, for stock restic's sake. A lock is looked at
    again after 10 ms: that wait is for stores that list late, and this one does not."""
    packing.TARGET_BYTES = 64 << 10  # type: ignore[misc]
    keyfile.SCRYPT_N = 1 << 10
    locks._SETTLE_SECONDS = 0.01


def template(base: Path) -> House:
    path = base / "template"
    repo = Repository.create(LocalStore(path), PASSWORD)
    return House(path, repo.key, repo.config)


def lived(seed: int, base: Path, made: House, steps: int) -> Counter[str]:
    """One life; its story goes with whatever ends it early."""
    root = base / f"r{seed}"
    shutil.copytree(made.root, root)
    cache = base / f"r{seed}-cache" if seed % 2 else None
    life = Life(seed, root, replace(made, root=root, cache=cache), PASSWORD)
    try:
        return live(life, steps)
    except BaseException:
        print(f"seed {seed}:\n  " + "\n  ".join(life.story[-60:]), file=sys.stderr, flush=True)
        raise
    finally:
        life.clean()


def finished(log: Path | None) -> dict[int, dict[str, int]]:
    """Seeds that broke are lived again."""
    if log is None or not log.exists():
        return {}
    lines = map(json.loads, log.read_text().splitlines())
    return {line["seed"]: line["counts"] for line in lines if "broken" not in line["counts"]}


def faults(counts: Iterable[dict[str, int]]) -> int:
    return sum(value for each in counts for name, value in each.items() if name.startswith("fault "))


def told(log: Path) -> None:
    """The sums of a log, by kind of fault, by point somebody was killed or stopped at, and by deed."""
    total = Counter[str]()
    for counts in finished(log).values():
        total.update(counts)
    total["seeds"], total["faults in all"] = len(finished(log)), faults([total])
    for name in sorted(total):
        print(f"{total[name]:>8} {name}")


def wanted(seeds: str, share: tuple[int, int]) -> Iterator[int]:
    first, _, last = seeds.partition("-")
    numbers = range(int(first), int(last or first) + 1) if seeds else count()
    return (seed for seed in numbers if seed % share[1] == share[0])


def work(options: argparse.Namespace, share: tuple[int, int]) -> int:
    """The seeds of one share, until there are enough faults; how many broke."""
    broken, own = 0, dict[int, dict[str, int]]()
    with tempfile.TemporaryDirectory(prefix="hf-torture-", dir=options.work) as name:
        base = Path(name)
        made = template(base)
        for seed in wanted(options.seeds, share):
            known = finished(options.log) if options.log else own
            if options.faults and faults(known.values()) >= options.faults:
                break
            if seed in known:
                continue
            try:
                counts = dict(lived(seed, base, made, options.steps))
            except Exception:  # noqa: BLE001  one broken seed does not hide the others
                traceback.print_exc()
                broken, counts = broken + 1, {"broken": 1}
            own[seed] = counts
            line = json.dumps({"seed": seed, "counts": counts}) + "\n"
            if options.log:
                with options.log.open("a") as log:
                    log.write(line)
            else:
                sys.stdout.write(line)
                sys.stdout.flush()
    return broken


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", default="", help="FIRST-LAST; else from 0 until there are enough faults")
    parser.add_argument("--faults", type=int, default=0, help="stop after so many injected faults")
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--log", type=Path, help="a line for every finished seed; a second call goes on after them")
    parser.add_argument("--work", default=roomy(), help="where the repositories lie meanwhile")
    parser.add_argument("--report", action="store_true", help="only say what the log holds")
    options = parser.parse_args()
    if options.report and options.log:
        told(options.log)
        return 0
    if not options.seeds and not options.faults:
        parser.error("say --seeds or --faults")
    began = time.monotonic()
    cheap()
    pids = []
    for share in range(1, options.jobs):
        pid = os.fork()
        if pid == 0:
            os._exit(min(work(options, (share, options.jobs)), 100))
        pids.append(pid)
    broken = work(options, (0, options.jobs))
    for pid in pids:
        broken += os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if options.log:
        told(options.log)
    print(f"{time.monotonic() - began:.0f} s, {broken} broken", file=sys.stderr)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
