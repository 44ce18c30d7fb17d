"""Control groups v2 as far as they are files: what is written where, and what is read back."""

from __future__ import annotations

from pathlib import Path

import pytest

from holdfast.contract.spec import Limits
from holdfast.hosts import limits
from holdfast.hosts.limits import Groups, usage
from holdfast.runtime.live import Sockets, WorkerLimits
from holdfast.runtime.sandbox.cell import Cell
from holdfast.runtime.sandbox.process import oom_kills

MIB = 1 << 20
FILES = ("memory.max", "memory.swap.max", "cpu.max", "pids.max", "cgroup.procs")


@pytest.fixture
def group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Groups, Path]:
    """Groups below a directory that looks like the kernel's; the kernel itself makes these files."""
    made = tmp_path / "house" / "w-token-1"
    made.mkdir(parents=True)
    for name in FILES:
        (made / name).write_text("")
    parents = dict.fromkeys(("memory", "cpu", "pids"), tmp_path)
    monkeypatch.setattr(limits, "_detect", lambda label: (2, parents, ""))
    return Groups("house"), made


def test_limits_are_written_once_for_all_controllers(group: tuple[Groups, Path]) -> None:
    groups, directory = group
    assert groups.create("w-token-1", Limits(96 * MIB, 0.5, 24)) == (str(directory),)
    found = {name: (directory / name).read_text() for name in FILES[:4]}
    assert found == {
        "memory.max": str(96 * MIB),
        "memory.swap.max": "0",
        "cpu.max": "50000 100000",
        "pids.max": "24",
    }
    groups.create("w-token-1", Limits())
    found = {name: (directory / name).read_text() for name in FILES[:4]}
    assert found == {
        "memory.max": "max",
        "memory.swap.max": "max",
        "cpu.max": "max 100000",
        "pids.max": "max",
    }


def test_what_was_used_is_read_back(group: tuple[Groups, Path]) -> None:
    _, directory = group
    (directory / "memory.current").write_text(f"{40 * MIB}\n")
    (directory / "memory.peak").write_text(f"{50 * MIB}\n")
    (directory / "memory.stat").write_text(f"anon 1\ninactive_file {10 * MIB}\n")
    (directory / "memory.events").write_text("low 0\nhigh 0\nmax 7\noom 2\noom_kill 2\n")
    (directory / "cpu.stat").write_text("usage_usec 1500000\nuser_usec 1\n")
    found = usage((str(directory),))
    assert (found.memory_bytes, found.peak_bytes, found.oom_kills, found.cpu_seconds) == (30 * MIB, 50 * MIB, 2, 1.5)
    assert oom_kills((str(directory),)) == 2


def test_a_sandbox_knows_that_its_memory_is_grouped(group: tuple[Groups, Path], tmp_path: Path) -> None:
    """Else it is bounded by a resource limit, which kills nobody and is told by nobody."""
    _, directory = group
    place = Sockets.of(tmp_path, "token")

    def cell(groups: tuple[str, ...]) -> Cell:
        return Cell("w", "d", 200_000, tmp_path, None, place, (0, 1), 2, limits=WorkerLimits(), groups=groups)

    assert cell((str(directory),)).order()["data_bytes"] is None
    assert cell(()).order()["data_bytes"] == WorkerLimits().memory_bytes
