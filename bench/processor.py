"""Processor seconds of everything that takes part: this process, its children, a server and its backends."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Self

_TICK = os.sysconf("SC_CLK_TCK")


@dataclass
class Used:
    """`with Used(pid of the server) as used: ...`; children count once they were waited for."""

    server: int
    own: float = 0.0
    children: float = 0.0
    backends: float = 0.0

    def __enter__(self) -> Self:
        self.own, self.children, self.backends = self._now()
        return self

    def __exit__(self, *exc: object) -> None:
        own, children, backends = self._now()
        self.own, self.children, self.backends = own - self.own, children - self.children, backends - self.backends

    def _now(self) -> tuple[float, float, float]:
        times = os.times()
        found = [_of(entry) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
        ticks = sum(used for pid, parent, used in found if self.server in (pid, parent))
        return times.user + times.system, times.children_user + times.children_system, ticks / _TICK

    @property
    def all(self) -> float:
        return self.own + self.children + self.backends

    def __str__(self) -> str:
        return f"{self.all:.2f} s ({self.own:.2f} own, {self.children:.2f} tools, {self.backends:.2f} server)"


def _of(entry: Path) -> tuple[int, int, int]:
    """(pid, parent, ticks used by it and by its children that have ended); nothing when it has ended itself."""
    try:
        text = (entry / "stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0, 0, 0
    fields = text[text.rindex(")") + 2 :].split()
    return int(entry.name), int(fields[1]), sum(map(int, fields[11:15]))
