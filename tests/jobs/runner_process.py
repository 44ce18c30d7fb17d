"""A runner as a process, for tests that kill or stop it. argv: url, root, name, lease seconds."""

import os
import signal
import sys
import time
from pathlib import Path

from holdfast.jobs import Runner, TaskContext, TaskRegistry
from holdfast.jobs.schema import runs
from holdfast.kernel.clock import SystemClock
from holdfast.kernel.db import Database
from holdfast.kernel.stop import Stop
from holdfast.kernel.wake import Wake

url, root, name, lease = sys.argv[1], Path(sys.argv[2]), sys.argv[3], float(sys.argv[4])


def effect(text: str) -> str:
    descriptor = os.open(root / "effects", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.write(descriptor, f"{text}\n".encode())
    os.close(descriptor)
    return text


def steps(ctx: TaskContext) -> dict[str, object]:
    return {"made": [ctx.step(step, lambda step=step: effect(step)) for step in ("one", "two", "three")]}


def once(ctx: TaskContext) -> dict[str, object]:
    effect(f"{ctx.run.id}:{ctx.run.epoch}")
    time.sleep(0.005)
    return {}


def paused(ctx: TaskContext) -> dict[str, object]:
    """Says that it began, waits for the file `go`, then tries to change the run's row and to end well."""
    effect(f"begun:{name}:{ctx.run.epoch}")
    while not (root / "go").exists():
        time.sleep(0.01)
    try:
        with ctx.commit() as conn:
            conn.execute(runs.update().where(runs.c.id == ctx.run.id).values(correlation_id=name))
        effect(f"wrote:{name}")
    except Exception as error:  # noqa: BLE001 - the test reads which
        effect(f"refused:{name}:{getattr(error, 'code', error)}")
    return {"by": name}


def deadly(ctx: TaskContext) -> dict[str, object]:
    """Dies of its work; when it is stopped it undoes, as every task does, and with the file `stubborn` dies of that."""
    if ctx.stop.stopped:
        effect("undo")
        if (root / "stubborn").exists():
            os.kill(os.getpid(), signal.SIGKILL)
        ctx.stop.check()
    effect("work")
    os.kill(os.getpid(), signal.SIGKILL)
    return {}


tasks = TaskRegistry()
tasks.add("deadly", deadly)
tasks.add("steps", steps)
tasks.add("once", once)
tasks.add("paused", paused)
db, wake = Database(url), Wake(root / "r")
runner = Runner(
    db, tasks, name=name, scratch_root=root / "scratch", clock=SystemClock(), wake=wake, lease_seconds=lease
)
runner.run_forever(Stop())
