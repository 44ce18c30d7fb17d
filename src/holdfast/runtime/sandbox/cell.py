"""What a sandbox is made of, and how it ended: frozen values between the pool and the sandbox."""

from __future__ import annotations

import signal
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from holdfast.runtime.live import Permits, Sockets, WorkerLimits


@dataclass(frozen=True)
class Cell:
    """One process of a version, before it starts.

    `domain`: who shares a zygote (one project and environment). `uid`: whose it is where we are root, never 0; ignored
    otherwise. `sockets`: their directory is seen at /run, `http` and `inner` in it are covered. `listeners`: of `http`
    and `inner`, listening. `channel`: one end of a SOCK_SEQPACKET pair. The descriptors stay the caller's:
    the sandbox gets copies. `groups`: control group directories, joined before any code of the version runs.
    """

    name: str
    domain: str
    uid: int
    code: Path
    packages: Path | None
    sockets: Sockets
    listeners: tuple[int, int]
    channel: int
    limits: WorkerLimits = field(default_factory=WorkerLimits)
    permits: Permits = field(default_factory=Permits)
    payload: bytes = field(default=b"{}", repr=False)  # holds secrets
    groups: tuple[str, ...] = ()

    def order(self) -> dict[str, Any]:
        """What the walls are built from, as JSON: nothing secret."""
        return {
            "name": self.name,
            "uid": self.uid,
            "code": str(self.code.absolute()),
            "packages": None if self.packages is None else str(self.packages.absolute()),
            "sockets": str(self.sockets.directory.absolute()),
            "files": self.limits.files,
            "tasks": self.limits.tasks,
            "temporary_bytes": self._temporary_bytes() if self.permits.write else 0,
            "data_bytes": None if self.memory_grouped else self.limits.memory_bytes,
            "subprocess": self.permits.subprocess,
        }

    def _temporary_bytes(self) -> int:
        """Files in memory: a group counts them with the rest; without one they come on top, as much again at most."""
        wanted = self.limits.temporary_bytes
        return wanted if self.memory_grouped else min(wanted, self.limits.memory_bytes)

    @property
    def memory_grouped(self) -> bool:
        """Whether a control group bounds its memory: a machine may enforce only some of the controllers."""
        names = ("memory.max", "memory.limit_in_bytes")
        return any(Path(directory, name).exists() for directory in self.groups for name in names)


@dataclass(frozen=True)
class Exit:
    """`status`: the exit code, or minus the signal. `out_of_memory`: its control group's limit killed it. What it used
    is None where only its control groups can say (bubblewrap)."""

    status: int
    cpu_seconds: float | None = None
    peak_bytes: int | None = None
    out_of_memory: bool = False

    @property
    def words(self) -> str:
        """For the worker's own log."""
        if self.out_of_memory:
            return "the process used more memory than its limit and was stopped"
        if self.status >= 0:
            return f"it ended with status {self.status}"
        number = -self.status
        name = signal.Signals(number).name if number in {one.value for one in signal.Signals} else f"signal {number}"
        return f"the process was ended by {name}"


class Running(Protocol):
    """A sandboxed process, its walls up, its entry called."""

    @property
    def pid(self) -> int:
        """As seen from here. May be another's after the process ended: send signals with `signal` and `kill` only."""

    async def wait(self) -> Exit:
        """How it ended; may be awaited by many and after the end."""

    def kill(self) -> None:
        """End it and everything it started, at once. Idempotent, never a stranger's process."""

    def signal(self, number: int) -> None:
        """Send a signal to the process. It is its namespace's first: without a handler it ignores all but SIGKILL."""
