"""Start to ready, and from the POST of a database until it is ready.

Required: start < 3 s, sqlite < 200 ms, postgresql < 6 s.
"""

from __future__ import annotations

import statistics
import sys
import time

from bench.server import temporary_server

BARS = {"start to ready": 3.0, "db create sqlite": 0.2, "db create postgresql": 6.0}
RUNS = {"sqlite": 15, "postgresql": 5}


def main() -> int:
    seconds: dict[str, list[float]] = {name: [] for name in BARS}
    for _ in range(5):
        with temporary_server() as server:
            seconds["start to ready"].append(server.seconds_to_ready)
    with temporary_server() as server:
        for engine, runs in RUNS.items():
            server.create(engine, f"warm {engine}")
            for number in range(runs):
                started = time.monotonic()
                server.create(engine, f"{engine} {number}")
                seconds[f"db create {engine}"].append(time.monotonic() - started)
    missed = False
    for name, bar in BARS.items():
        values = seconds[name]
        median = statistics.median(values)
        missed |= median >= bar
        print(
            f"{name:22} median {median:.3f} s  (min {min(values):.3f}, max {max(values):.3f}, n={len(values)})"
            f"  bar {bar} s  {'ok' if median < bar else 'MISSED'}"
        )
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
