"""Run the benchmarks one after the other and fail when a required bar is missed."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

ALL = (
    "start",
    "create",
    "snapshot_sqlite",
    "snapshot_write",
    "batch",
    "read_back",
    "vault_scale",
    "capture_postgresql",
    "second_snapshot",
    "api_latency",
    "trust",
    "gateway",
    "many",
    "transfer",
    "files",
    "kv",
    "edge",
    "sandbox",
    "host",
    "workers",
    "workers_life",
    "hostile",
)


def machine() -> str:
    """One line that names where the numbers come from."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.split(":", 1)[1].strip() for line in lines if "model name" in line]
    model = names[0] if names else "unknown processor"
    memory = int(Path("/proc/meminfo").read_text().split()[1]) >> 20
    return (
        f"{model}, {os.cpu_count()} cores, {memory} GiB, Linux {platform.release()}, Python {platform.python_version()}"
    )


def main(names: list[str]) -> int:
    print(f"machine: {machine()}\n", flush=True)
    failed = []
    for name in names or ALL:
        print(f"== {name}", flush=True)
        if subprocess.run([sys.executable, "-m", f"bench.{name}"], check=False).returncode != 0:
            failed.append(name)
        print(flush=True)
    if failed:
        print(f"required bars missed: {', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
