"""Run by a test as root: `as_another_user.py <uid> <argv...>` runs argv as an ordinary user, who may reach the
interpreter and this clone although they may lie below a directory of root's. A mount namespace of its own."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

from holdfast.runtime.sandbox import syscalls
from holdfast.runtime.sandbox.syscalls import MS_BIND, MS_REC, MS_SLAVE, mount


def closed(path: Path) -> Path | None:
    """The outermost directory above the path that others may not pass."""
    above = [*reversed(path.parents), path]
    return next((one for one in above if not one.stat().st_mode & stat.S_IXOTH), None)


def main() -> None:
    uid, argv = int(sys.argv[1]), sys.argv[2:]
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
    os.execv(argv[0], argv)  # noqa: S606 - never a shell


if __name__ == "__main__":
    main()
