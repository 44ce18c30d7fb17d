"""One process that may be somebody else's child: found again by pid, start time and boot, watched by a descriptor."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import select
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Identity:
    """`started` in clock ticks since boot (/proc/pid/stat field 22): with the boot id it tells a reused pid apart."""

    pid: int
    started: int
    boot: str


def boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def started_at(pid: int) -> int | None:
    """Start time of a living process; None when there is none or it is a zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in ("Z", "X") else int(fields[19])


def identify(pid: int) -> Identity | None:
    started = started_at(pid)
    return None if started is None else Identity(pid, started, boot_id())


def read_identity(path: Path) -> Identity | None:
    """The process that wrote this pid file, if it still lives."""
    try:
        raw = json.loads(path.read_text())
        found = Identity(int(raw["pid"]), int(raw["started"]), str(raw["boot"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return found if found.boot == boot_id() and started_at(found.pid) == found.started else None


class Handle:
    """A living process, held by a descriptor: a signal can never reach another one that reused its pid."""

    def __init__(self, identity: Identity, child: subprocess.Popen[bytes] | None = None) -> None:
        self.identity = identity
        self._child = child
        self._descriptor = os.pidfd_open(identity.pid)
        if child is None and started_at(identity.pid) != identity.started:
            self.close()
            raise ProcessLookupError(identity.pid)

    @property
    def pid(self) -> int:
        return self.identity.pid

    def send(self, number: int) -> None:
        """Absent is success."""
        try:
            signal.pidfd_send_signal(self._descriptor, number)
        except ProcessLookupError:
            return

    def ended(self) -> bool:
        poll = select.poll()
        poll.register(self._descriptor, select.POLLIN)
        return bool(poll.poll(0))

    async def wait(self) -> None:
        """Return when the process has ended."""
        loop = asyncio.get_running_loop()
        done = loop.create_future()

        def finish() -> None:
            if not done.done():
                done.set_result(None)

        loop.add_reader(self._descriptor, finish)
        try:
            await done
        finally:
            loop.remove_reader(self._descriptor)

    def close(self) -> str:
        """Reap it when it is our child and forget it; how it ended, in words."""
        os.close(self._descriptor)
        if self._child is None:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(self.pid, os.WNOHANG)  # another keeper of this very process may have started it
            return "ended"
        status = self._child.wait()
        return f"was killed by signal {-status}" if status < 0 else f"ended with status {status}"


def group_memory(pid: int) -> int | None:
    """Memory of the session led by `pid` in bytes (proportional set sizes); for servers without a control group."""
    total, seen = 0, False
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            if os.getsid(int(entry)) != pid:
                continue
            for line in Path(f"/proc/{entry}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total, seen = total + int(line.split()[1]) * 1024, True
        except (OSError, ValueError):
            continue
    return total if seen else None
