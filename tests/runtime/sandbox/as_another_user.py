"""Run by a test as root: `as_another_user.py <uid> <argv...>` runs argv as an ordinary user, who may reach the
interpreter and this clone although they may lie below a directory of root's. A mount namespace of its own.

With `--without-namespaces` before the uid it may make no user namespace, as where AppArmor forbids them.
"""

from __future__ import annotations

import os
import stat
import struct
import sys
from pathlib import Path

from holdfast.runtime.sandbox import calls, syscalls
from holdfast.runtime.sandbox.syscalls import MS_BIND, MS_REC, MS_SLAVE, mount


def closed(path: Path) -> Path | None:
    """The outermost directory above the path that others may not pass."""
    above = [*reversed(path.parents), path]
    return next((one for one in above if not one.stat().st_mode & stat.S_IXOTH), None)


def forbid_namespaces() -> None:
    """unshare and clone with CLONE_NEWUSER answer EPERM, clone3 ENOSYS. Classic BPF, see sandbox/seccomp.py."""
    machine = syscalls.machine()
    numbers = calls.numbers(calls.REFUSED, machine) | calls.numbers(calls.BY_ARGUMENT, machine)
    program = [
        (0x20, 0, 0, 0),
        (0x15, 5, 0, numbers["clone3"]),
        (0x15, 1, 0, numbers["unshare"]),
        (0x15, 0, 2, numbers["clone"]),
        (0x20, 0, 0, 16),
        (0x45, 2, 0, syscalls.CLONE_NEWUSER),
        (0x06, 0, 0, 0x7FFF0000),
        (0x06, 0, 0, 0x50000 | 38),
        (0x06, 0, 0, 0x50000 | 1),
    ]
    syscalls.prctl(syscalls.PR_SET_NO_NEW_PRIVS, 1)
    syscalls.install_filter(b"".join(struct.pack("HBBI", *one) for one in program))


def main() -> None:
    words = sys.argv[1:]
    forbidden = words[0] == "--without-namespaces"
    uid, argv = int(words[forbidden]), words[forbidden + 1 :]
    wanted = {Path(sys.base_prefix).resolve(), Path(sys.prefix).resolve(), Path(__file__).resolve().parents[3]}
    wanted |= {Path(one).resolve() for one in sys.path if one and Path(one).is_dir()}
    syscalls.unshare(syscalls.CLONE_NEWNS)
    mount("none", "/", None, MS_REC | MS_SLAVE)
    wanted = {path for path in wanted if not any(path.is_relative_to(other) for other in wanted - {path})}
    opened = [(path, os.open(path, os.O_PATH), wall) for path in sorted(wanted) if (wall := closed(path)) is not None]
    for wall in {wall for _, _, wall in opened}:
        mount("none", str(wall), "tmpfs", 0, "mode=0755")
    for path, descriptor, _ in opened:
        path.mkdir(parents=True, exist_ok=True)
        mount(f"/proc/self/fd/{descriptor}", str(path), None, MS_BIND | MS_REC)
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    if forbidden:
        forbid_namespaces()
    os.execv(argv[0], argv)  # noqa: S606 - never a shell


if __name__ == "__main__":
    main()
