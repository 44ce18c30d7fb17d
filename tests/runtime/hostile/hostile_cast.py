"""Who lives in the house: one innocent worker, and hostile ones, each with limits of its own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from holdfast.runtime.live import Binding, LiveVersion, Permits, WorkerLimits

HERE = Path(__file__).parent
MIB = 1 << 20
SECRET = "the innocent one's secret"
BASE = WorkerLimits(timeout_seconds=1.5, memory_bytes=128 * MIB, tasks=24, files=256, temporary_bytes=8 * MIB)
PUBLIC_NAME = "holdfast.example.test"

LIMITS = {
    "loop": BASE,
    "deaf": BASE,
    "blind": BASE,
    "frozen": BASE,
    "bomb": replace(BASE, memory_bytes=512 * MIB),  # without control groups what forks share counts for each
    "threads": BASE,
    "memory": replace(BASE, timeout_seconds=20.0, memory_bytes=96 * MIB),
    "hoard": replace(BASE, timeout_seconds=20.0, memory_bytes=96 * MIB, temporary_bytes=512 * MIB),
    "disk": BASE,
    "chatter": replace(BASE, timeout_seconds=20.0),
    "liar": replace(BASE, timeout_seconds=10.0),
    "crowd": replace(BASE, timeout_seconds=20.0, files=4096),
    "prober": replace(BASE, timeout_seconds=20.0),
    "caller": replace(BASE, timeout_seconds=20.0),
    "spy": replace(BASE, timeout_seconds=20.0),
    "killer": replace(BASE, timeout_seconds=5.0),
    "binder": replace(BASE, timeout_seconds=10.0),
    "trickle": BASE,
    "splitter": BASE,
    "sleeper": BASE,
    "stopper": BASE,
    "linked": BASE,
}
PERMITS = {
    "bomb": Permits(subprocess=True),
    "caller": Permits(network=("*",)),
    "spy": Permits(subprocess=True),
    "killer": Permits(subprocess=True),
}


def living(root: Path) -> list[LiveVersion]:
    """`linked` has a main file that is a link to another's code."""
    innocent = _version(
        root,
        "innocent",
        main="innocent.py",
        secrets=("SECRET",),
        limits=WorkerLimits(),
        bindings=(Binding("KV", "kv", {"namespace_id": "innocent", "path": str(root / "innocent.kv")}),),
        warm=1,
    )
    hostile = [
        _version(root, name, limits=limits, permits=PERMITS.get(name, Permits()), idle_seconds=3600.0)
        for name, limits in LIMITS.items()
    ]
    return [innocent, *(_with_bindings(root, one) for one in hostile)]


def _with_bindings(root: Path, one: LiveVersion) -> LiveVersion:
    if one.worker not in ("binder", "crowd"):
        return one
    own = Binding("KV", "kv", {"namespace_id": "own", "path": str(root / "own.kv")})
    table = Binding("DB", "d1", {"resource_id": "own", "path": str(root / "own.db")})
    return replace(one, bindings=(own, table))


def _version(root: Path, name: str, **fields: object) -> LiveVersion:
    made = LiveVersion(
        id=f"version-{name}",
        number=1,
        tag=None,
        worker_id=name,
        worker=name,
        project_id="p",
        environment_id="e",  # the same for all: they share a zygote, which is the harder case
        code=root / "code" / name,
        main="main.py",
        packages=None,
        token=f"{name}-token",
        weight=100,
        created_at="2026-01-01T00:00:00Z",
    )
    return replace(made, **fields)  # type: ignore[arg-type]


TAKE_OVER = """
import gc, os, socket, threading
gc.unfreeze()
host, = [one for one in gc.get_objects() if type(one).__name__ == "Host"]
gc.freeze()
listener = socket.socket(fileno=os.dup(3))
for one in host._servers:
    one.close()
listener.setblocking(True)
def accept():
    while True:
        line, _ = listener.accept()
        try:
            talk(line)
        except OSError:
            pass
def serve(threads):
    for _ in range(threads):
        threading.Thread(target=accept, daemon=True).start()
    for each in list(host._connections):
        each.close_when_idle()
"""
