"""Control groups, both generations: a group per resource, what it may use and what it used.

Where no group can be made, nothing is limited, and `Groups.reason` says why: never silently.
v1: memory.limit_in_bytes, cpu.cfs_quota_us, pids.max (kernel Documentation/admin-guide/cgroup-v1).
v2: memory.max, cpu.max, pids.max (kernel Documentation/admin-guide/cgroup-v2.rst).
"""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from holdfast.contract.spec import Limits
from holdfast.kernel.errors import Permanent

_CONTROLLERS = ("memory", "cpu", "pids")
_PERIOD = 100_000
_LEAF = "holdfast-self"


@dataclass(frozen=True)
class Usage:
    """`memory_bytes`: working set (without the page cache the kernel may drop at once). `cpu_seconds` only rises."""

    memory_bytes: int | None = None
    peak_bytes: int | None = None
    oom_kills: int = 0
    cpu_seconds: float | None = None


class Groups:
    """Control groups of this installation. `label` keeps two installations on one machine apart."""

    def __init__(self, label: str) -> None:
        self._label = label
        self.version, self._parents, self.reason = _detect(label)

    @property
    def controllers(self) -> tuple[str, ...]:
        """Those under which limits are enforced."""
        return tuple(self._parents)

    def create(self, name: str, limits: Limits) -> tuple[str, ...]:
        """Directories to join, limits written. Idempotent; a second call changes limits of a living group.

        Raises Permanent (code "limits_refused") when the kernel refuses a value.
        """
        made = []
        for controller, parent in self._parents.items():
            directory = parent / self._label / name
            directory.mkdir(parents=True, exist_ok=True)
            try:
                if self.version == 2:
                    _write_v2(directory, limits)
                else:
                    _write_v1(directory, controller, limits)
            except OSError as error:
                raise Permanent(f"the kernel refused the limits of {name}: {error}", code="limits_refused") from error
            made.append(str(directory))
        return tuple(dict.fromkeys(made))

    def sweep(self) -> None:
        """Remove every empty group of this installation, and its parent when nothing is left."""
        for parent in dict.fromkeys(self._parents.values()):
            top = parent / self._label
            if not top.is_dir():
                continue
            for directory in (*(d for d in top.iterdir() if d.is_dir()), top):
                try:
                    directory.rmdir()
                except OSError:
                    continue  # someone lives there


def remove(directories: tuple[str, ...], seconds: float = 5.0) -> None:
    """Kill whatever is left in the groups and remove them. Absent is success; a group that stays is left empty."""
    until = time.monotonic() + seconds
    for text in directories:
        directory = Path(text)
        while directory.is_dir():
            for pid in members((text,)):
                _kill(pid)
            try:
                directory.rmdir()
            except OSError:
                if time.monotonic() > until:
                    break
                time.sleep(0.01)


def empty(directories: tuple[str, ...]) -> None:
    """Kill whatever is left in the groups; the groups and their counters stay."""
    for pid in members(directories):
        _kill(pid)


def members(directories: tuple[str, ...]) -> set[int]:
    """Processes in the groups."""
    found: set[int] = set()
    for text in directories:
        try:
            found |= {int(line) for line in (Path(text) / "cgroup.procs").read_text().split()}
        except OSError:
            continue
    return found - {0}


def idle(directories: tuple[str, ...], *, only: bool) -> None:
    """Whether the groups' tasks get only what no others want (`cpu.idle`, both generations, Linux 5.15). Without that
    file nothing changes."""
    for directory in map(Path, directories):
        try:
            (directory / "cpu.idle").write_text("1" if only else "0")
        except OSError:
            continue


def usage(directories: tuple[str, ...]) -> Usage:
    """Readings of the memory and cpu controllers; None where there is none."""
    cpu = cpu_seconds(directories)
    for text in directories:
        directory = Path(text)
        current = _number(directory / "memory.current", _number(directory / "memory.usage_in_bytes", None))
        if current is None:
            continue
        stat = _pairs(directory / "memory.stat")
        idle = stat.get("total_inactive_file", stat.get("inactive_file", 0))
        peak = _number(directory / "memory.peak", _number(directory / "memory.max_usage_in_bytes", None))
        kills = _pairs(directory / "memory.events").get("oom_kill", 0)
        kills += _pairs(directory / "memory.oom_control").get("oom_kill", 0)
        return Usage(max(0, current - idle), peak, kills, cpu)
    return Usage(cpu_seconds=cpu)


def cpu_seconds(directories: tuple[str, ...]) -> float | None:
    """Processor seconds of all that was in the groups; None where nothing tells it.

    v1: cpuacct.usage in nanoseconds, mounted with cpu on most systems; v2: cpu.stat usage_usec."""
    for directory in map(Path, directories):
        nanoseconds = _number(directory / "cpuacct.usage", None)
        if nanoseconds is not None:
            return nanoseconds / 1e9
        microseconds = _pairs(directory / "cpu.stat").get("usage_usec")
        if microseconds is not None:
            return microseconds / 1e6
    return _seconds_of(members(directories))


def _seconds_of(pids: set[int]) -> float | None:
    """From /proc/PID/stat (proc_pid_stat(5), fields 14 to 17): a parent's count takes in the children that ended, so
    the sum keeps rising while a server's workers come and go. None when nobody is there."""
    ticks, seen = 0, False
    for pid in pids:
        fields = _read(Path(f"/proc/{pid}/stat")).rpartition(")")[2].split()
        if len(fields) > 14:
            ticks, seen = ticks + sum(int(field) for field in fields[11:15]), True
    return ticks / os.sysconf("SC_CLK_TCK") if seen else None


def _detect(label: str) -> tuple[int, dict[str, Path], str]:
    """(version or 0, {controller: directory under which our groups go}, why nothing is enforced)."""
    own = _own_paths()
    parents, unified = _mounted(own)
    if parents:
        usable = {name: path for name, path in parents.items() if _can_make(path, label)}
        return (1, usable, "" if usable else "control groups v1 are mounted but may not be written by this user")
    if unified is None:
        return 0, {}, "no control groups are mounted"
    return _detect_v2(unified, own.get("", "/"), label)


def _mounted(own: dict[str, str]) -> tuple[dict[str, Path], Path | None]:
    """({controller of v1: our own group's directory}, where v2 is mounted)."""
    mounts = [line.split() for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    parents: dict[str, Path] = {}
    unified: Path | None = None
    for fields in mounts:
        dash = fields.index("-")
        root, where, kind, options = fields[3], Path(fields[4]), fields[dash + 1], fields[-1].split(",")
        if kind == "cgroup2":
            unified = where
        elif kind == "cgroup":
            for controller in _CONTROLLERS:
                if controller in options:
                    parents[controller] = _below(where, root, own.get(controller, "/"))
    return parents, unified


def step_aside() -> None:
    """Called once by who is not root, before it starts anything. Control groups v2 give the children of a group no
    controller while processes live in the group itself: where it is ours alone (systemd: Delegate=yes), we move into a
    child of it. Where that is refused nothing changes, and `Groups.reason` goes on saying why nothing is limited."""
    own = _own_paths()
    parents, unified = _mounted(own)
    if os.geteuid() != 0 and not parents and unified is not None:
        _aside(unified / own.get("", "/").strip("/"))


def _aside(group: Path) -> None:
    pids = members((str(group),))
    mine = os.readlink("/proc/self/exe")
    try:
        if not pids <= {os.getpid(), os.getppid()} or {os.readlink(f"/proc/{pid}/exe") for pid in pids} != {mine}:
            return  # somebody else's group too, as that of a terminal
        (group / _LEAF).mkdir(exist_ok=True)
        for pid in pids:
            (group / _LEAF / "cgroup.procs").write_text(str(pid))
    except OSError:
        return  # not delegated to us


def _detect_v2(root: Path, own: str, label: str) -> tuple[int, dict[str, Path], str]:
    here = root / own.strip("/")
    for parent in (root, here.parent if here.name == _LEAF else here):
        top = parent / label
        if not _can_make(parent, label):
            continue
        for directory in (parent, top):
            _enable(directory)
        enabled = _read(top / "cgroup.subtree_control").split()
        if usable := {name: parent for name in _CONTROLLERS if name in enabled}:
            return 2, usable, ""
    return 2, {}, "control groups v2 are mounted but no controller is delegated to this user (systemd: Delegate=yes)"


def _enable(directory: Path) -> None:
    """Pass controllers on to children. A refusal shows up when the result is read back."""
    available = _read(directory / "cgroup.controllers").split()
    for controller in _CONTROLLERS:
        if controller in available:
            try:
                (directory / "cgroup.subtree_control").write_text(f"+{controller}")
            except OSError:
                continue


def _own_paths() -> dict[str, str]:
    found = {}
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        for controller in controllers.split(","):
            found[controller] = path
    return found


def _below(where: Path, root: str, own: str) -> Path:
    """Our own group's directory, so that limits set on us hold for our servers too."""
    inside = own[len(root) :] if root != "/" and own.startswith(root) else own
    mine = where / inside.strip("/")
    return mine if mine.is_dir() else where


def _can_make(parent: Path, label: str) -> bool:
    try:
        (parent / label).mkdir(exist_ok=True)
    except OSError:
        return False
    return os.access(parent / label, os.W_OK)


def _write_v1(directory: Path, controller: str, limits: Limits) -> None:
    if controller == "memory":
        value = str(limits.memory_bytes or -1)
        swap = directory / "memory.memsw.limit_in_bytes"
        order = [directory / "memory.limit_in_bytes", swap]
        now = _number(swap, None)  # the one with swap is never the lower of the two, on the way either
        lower = limits.memory_bytes is not None and (now is None or limits.memory_bytes <= now)
        for file in order if lower else reversed(order):
            if file.exists():
                file.write_text(value)
    elif controller == "cpu":
        (directory / "cpu.cfs_period_us").write_text(str(_PERIOD))
        quota = int(limits.cpus * _PERIOD) if limits.cpus else -1
        (directory / "cpu.cfs_quota_us").write_text(str(quota))
    elif controller == "pids":
        (directory / "pids.max").write_text(str(limits.tasks or "max"))


def _write_v2(directory: Path, limits: Limits) -> None:
    quota = f"{int(limits.cpus * _PERIOD)} {_PERIOD}" if limits.cpus else f"max {_PERIOD}"
    values = {
        "memory.max": str(limits.memory_bytes or "max"),
        "memory.swap.max": "0" if limits.memory_bytes else "max",
        "cpu.max": quota,
        "pids.max": str(limits.tasks or "max"),
    }
    for name, value in values.items():
        if (directory / name).exists():
            (directory / name).write_text(value)


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def _number(path: Path, default: int | None) -> int | None:
    text = _read(path).strip()
    return int(text) if text.isdigit() else default


def _pairs(path: Path) -> dict[str, int]:
    lines = (line.split() for line in _read(path).splitlines())
    return {parts[0]: int(parts[1]) for parts in lines if len(parts) == 2 and parts[1].isdigit()}
