"""What the start of a command costs. Required: the help of any command takes at most 250 ms of processor time."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys

from holdfast.cli import COMMANDS

ROUNDS, BAR = 5, 0.25


def _spent(line: list[str]) -> float:
    """Seconds of processor time of the median round; bytecode is there after the first."""
    took = []
    for _ in range(ROUNDS + 1):
        child = subprocess.Popen([sys.executable, "-m", "holdfast.cli", *line], stdout=subprocess.DEVNULL)
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode != 0:
            raise RuntimeError(f"holdfast {' '.join(line)} ended with {child.returncode}")
        took.append(used.ru_utime + used.ru_stime)
    return statistics.median(took[1:])


def main() -> int:
    spent = {" ".join(line): _spent(line) for line in (["--help"], *([name, "--help"] for name in COMMANDS))}
    slowest = max(spent, key=spent.__getitem__)
    met = spent[slowest] <= BAR
    print(f"holdfast --help {spent['--help'] * 1000:.0f} ms of processor time, median of {ROUNDS}")
    print(f"slowest of {len(spent)}: {slowest}, {spent[slowest] * 1000:.0f} ms, bar {BAR * 1000:.0f} ms  ", end="")
    print("ok" if met else "MISSED", flush=True)
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
