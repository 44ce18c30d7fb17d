"""What the pool needs of others: something that starts processes, and something that makes control groups."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from holdfast.runtime.live import LiveVersion, Sockets


@dataclass(frozen=True)
class Order:
    """One process to start. The descriptors stay the pool's: the process gets copies of them."""

    version: LiveVersion
    sockets: Sockets
    listeners: tuple[int, int]  # http, inner
    channel: int  # one end of a SOCK_SEQPACKET pair
    groups: tuple[str, ...]
    payload: bytes = field(repr=False)  # holds secrets


class Exit(Protocol):
    """`status`: the exit code, or minus the signal. `words`: for people."""

    @property
    def status(self) -> int: ...
    @property
    def out_of_memory(self) -> bool: ...
    @property
    def words(self) -> str: ...
    @property
    def cpu_seconds(self) -> float | None: ...


class Running(Protocol):
    """A process, its walls up."""

    @property
    def pid(self) -> int: ...
    async def wait(self) -> Exit:
        """How it ended; may be awaited by many and after the end."""

    def kill(self) -> None:
        """End it and everything it started. Idempotent, never a stranger's process."""

    def signal(self, number: int) -> None: ...


Spawn = Callable[[Order], Awaitable[Running]]
"""Raises HoldfastError in words when the process cannot be made."""


@dataclass(frozen=True)
class Used:
    """Of the groups of one process; None where it cannot be told."""

    memory_bytes: int | None = None
    cpu_seconds: float | None = None
    oom_kills: int = 0


class Groups(Protocol):
    """Control groups, one set per process."""

    def make(self, name: str, version: LiveVersion) -> tuple[str, ...]:
        """Directories to join, the version's limits written; none where nothing can be limited. In a thread. Raises
        HoldfastError."""

    def used(self, directories: tuple[str, ...]) -> Used: ...
    def spent(self, directories: tuple[str, ...]) -> float | None:
        """Processor seconds alone: asked for often."""

    def members(self, directories: tuple[str, ...]) -> set[int]:
        """Processes in them."""

    def idle(self, directories: tuple[str, ...], *, only: bool) -> None:
        """Whether what is in them gets only the time that no others want, where the kernel can do that."""

    def remove(self, directories: tuple[str, ...]) -> None:
        """End what is left in them and remove them. May take seconds."""


class NoGroups:
    """Where there are none: nothing is limited by the kernel, and nothing measured."""

    def make(self, name: str, version: LiveVersion) -> tuple[str, ...]:
        del name, version
        return ()

    def used(self, directories: tuple[str, ...]) -> Used:
        del directories
        return Used()

    def spent(self, directories: tuple[str, ...]) -> float | None:
        del directories
        return None

    def members(self, directories: tuple[str, ...]) -> set[int]:
        del directories
        return set()

    def idle(self, directories: tuple[str, ...], *, only: bool) -> None:
        del directories, only

    def remove(self, directories: tuple[str, ...]) -> None:
        del directories


Secrets = Callable[[LiveVersion], "dict[str, str]"]
"""The values of `version.secrets`, fetched at each start, in a thread, and kept nowhere."""


def no_secrets(version: LiveVersion) -> dict[str, str]:
    del version
    return {}


def state_file(data: Path) -> Path:
    """Where the last turn of every schedule is kept."""
    return data / "workers" / "schedules.json"
