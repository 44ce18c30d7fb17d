"""What the processes of a sandbox use, where no control group counts it: read from /proc, which anybody may.

Memory that a process shares with the one that forked it counts for both: the sum is never too small. What is more exact
(proc_pid_smaps(5)) the kernel shows to nobody, because the processes are not dumpable.
"""

from __future__ import annotations

import os
from pathlib import Path

from holdfast.runtime.pool.face import Used

_TICKS = os.sysconf("SC_CLK_TCK")


def used(pid: int) -> Used:
    """Of that process and of all that came of it. Nothing is told of one that is gone."""
    found = members(pid)
    memory = [each for each in map(_memory, found) if each is not None]
    seconds = [each for each in map(_seconds, found) if each is not None]
    return Used(sum(memory) if memory else None, sum(seconds) if seconds else None)


def members(pid: int) -> set[int]:
    """The process, its children and theirs; in a process namespace also those whose parents have ended, which are then
    children of the namespace's first process."""
    if pid <= 0:  # it is not to be seen from here
        return set()
    found: set[int] = set()
    waiting = [_first(pid)]
    while waiting:
        at = waiting.pop()
        if at not in found:
            found.add(at)
            waiting += _children(at)
    return found


def _first(pid: int) -> int:
    """Of its process namespace: itself, or its parent (bubblewrap's)."""
    status = _status(pid)
    numbers = status.get("NSpid", "").split()
    if len(numbers) < 2 or numbers[-1] == "1":
        return pid
    parent = int(status["PPid"])
    above = _status(parent).get("NSpid", "").split()
    return parent if len(above) == len(numbers) and above[-1] == "1" else pid


def _children(pid: int) -> list[int]:
    found: list[int] = []
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            found += [int(each) for each in Path(f"/proc/{pid}/task/{task}/children").read_text().split()]
    except OSError:
        pass  # it has ended: what it had started is somebody else's by now
    return found


def _memory(pid: int) -> int | None:
    """Resident, without what lies in files anyway."""
    status = _status(pid)
    if "RssAnon" not in status:
        return None
    return sum(int(status[name].split()[0]) * 1024 for name in ("RssAnon", "RssShmem"))


def _seconds(pid: int) -> float | None:
    """Of the process and of its children that ended (proc_pid_stat(5), fields 14 to 17)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return sum(int(each) for each in fields[11:15]) / _TICKS


def _status(pid: int) -> dict[str, str]:
    """proc_pid_status(5); empty when it is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return {}
    return {name: value for name, _, value in (line.partition(":") for line in lines)}
