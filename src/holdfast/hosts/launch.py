"""The last steps before a child becomes someone else's program: groups, namespaces, user, limits, exec.

Started as `python -I -S launch.py <fd>` with a JSON document on that descriptor (written by `launching.py`). Imports
the standard library only. The process that runs here *becomes* the program: same pid, so whoever recorded it can
adopt it. A step that fails is written as JSON {step, errno, text} to the document's error pipe; an empty pipe means
that exec happened.
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import resource
import signal
import socket
import struct
import sys
from typing import Any

CLONE_NEWNS, CLONE_NEWNET = 0x00020000, 0x40000000
MS_RDONLY, MS_REMOUNT, MS_BIND, MS_REC, MS_SLAVE = 0x1, 0x20, 0x1000, 0x4000, 0x80000
MS_NOSUID, MS_NODEV, MS_NOEXEC = 0x2, 0x4, 0x8
PR_SET_PDEATHSIG, PR_SET_NO_NEW_PRIVS = 1, 38
SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 0x1
_HIGH = 200  # our own descriptors are moved above this, out of the way of the ones the program asked for

_libc = ctypes.CDLL(None, use_errno=True)
_step = "start"


def _call(name: str, *arguments: Any) -> None:
    if getattr(_libc, name)(*arguments) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


def _mount(source: str | None, target: str, kind: str | None, flags: int, options: str | None = None) -> None:
    raw = [None if text is None else os.fsencode(text) for text in (source, target, kind, options)]
    try:
        _call("mount", raw[0], raw[1], raw[2], ctypes.c_ulong(flags), raw[3])
    except OSError as error:
        raise OSError(error.errno, f"{error.strerror}: {target}") from None


def _join_groups(document: dict[str, Any]) -> None:
    for directory in document["cgroups"]:
        with open(os.path.join(directory, "cgroup.procs"), "w") as file:
            file.write(str(os.getpid()))


def _record_pid(document: dict[str, Any]) -> None:
    """Written by the process itself: a keeper killed between starting us and noting it would lose a live server."""
    path = document["pidfile"]
    if path is None:
        return
    with open("/proc/self/stat") as file:
        started = file.read().rpartition(")")[2].split()[19]
    with open("/proc/sys/kernel/random/boot_id") as file:
        boot = file.read().strip()
    if os.getppid() != document["parent"]:
        raise OSError(3, "the keeper that asked for this server is gone")
    temporary = f"{path}.{os.getpid()}"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.write(descriptor, json.dumps({"pid": os.getpid(), "started": int(started), "boot": boot}).encode())
    os.close(descriptor)
    os.replace(temporary, path)


def _namespaces(document: dict[str, Any]) -> None:
    if not document["mounts"]:
        return
    flags = CLONE_NEWNS | (CLONE_NEWNET if document["isolated"] else 0)
    _call("unshare", flags)
    _mount("none", "/", None, MS_REC | MS_SLAVE)  # our mounts stay here; the host's unmounts still reach us
    passwd = os.open(document["passwd"], os.O_PATH | os.O_CLOEXEC) if document["passwd"] else None
    _arrange(document["veils"], document["paths"])
    if passwd is not None:
        _mount(f"/proc/self/fd/{passwd}", "/etc/passwd", None, MS_BIND)
        _mount(None, "/etc/passwd", None, MS_BIND | MS_REMOUNT | MS_RDONLY)
    if document["isolated"]:
        _loopback_up()


def _arrange(veils: list[str], paths: list[list[Any]]) -> None:
    """Cover each veil with an empty directory and put back only our own paths, at the same place as outside.

    That makes a data directory below a 0700 parent reachable for an unprivileged user, and hides its neighbours.
    Sources are opened first: once covered they cannot be named any more.
    """
    covered = [(path, bool(ro)) for path, ro in paths if any(path.startswith(veil + "/") for veil in veils)]
    opened = [(path, ro, os.open(path, os.O_PATH | os.O_CLOEXEC), os.path.isdir(path)) for path, ro in covered]
    for veil in veils:
        _mount("holdfast", veil, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0755,size=1m,nr_inodes=4k")
    for path, ro, descriptor, is_directory in sorted(opened):
        if is_directory:
            os.makedirs(path, 0o755, exist_ok=True)
        elif not os.path.exists(path):
            os.makedirs(os.path.dirname(path), 0o755, exist_ok=True)
            os.close(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o644))
        _mount(f"/proc/self/fd/{descriptor}", path, None, MS_BIND | MS_REC)
        if ro:
            _mount(None, path, None, MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV)
        os.close(descriptor)
    for veil in veils:
        _mount(None, veil, None, MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC)


def _loopback_up() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        request = struct.pack("16sh14x", b"lo", 0)
        flags = struct.unpack("16sh14x", fcntl.ioctl(probe, SIOCGIFFLAGS, request))[1]
        fcntl.ioctl(probe, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags | IFF_UP))


def _limits(document: dict[str, Any]) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if document["nofile"]:
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        wanted = document["nofile"] if hard == resource.RLIM_INFINITY else min(document["nofile"], hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, wanted))


def _identity(document: dict[str, Any]) -> None:
    user = document["user"]
    if user is not None:
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
        if os.getuid() != user or os.geteuid() != user or os.getgroups():
            raise OSError(1, "the user was not changed")
    os.umask(document["umask"])
    os.chdir(document["cwd"])


def _bonds(document: dict[str, Any]) -> None:
    """After the change of user: the kernel forgets a death signal when credentials change."""
    if document["no_new_privileges"]:
        _call("prctl", PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if document["death_signal"]:
        _call("prctl", PR_SET_PDEATHSIG, document["death_signal"], 0, 0, 0)
        if os.getppid() != document["parent"]:
            os._exit(125)


def _descriptors(document: dict[str, Any], errors: int) -> None:
    high = [(fcntl.fcntl(source, fcntl.F_DUPFD_CLOEXEC, _HIGH), target) for source, target in document["descriptors"]]
    for source, target in high:
        os.dup2(source, target, inheritable=True)
    keep = {0, 1, 2, errors} | {target for _, target in high}
    for name in os.listdir("/proc/self/fd"):
        if int(name) not in keep:
            try:
                os.close(int(name))
            except OSError:
                continue  # the listing's own descriptor


def _exec(document: dict[str, Any]) -> None:
    for number in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)  # Python ignores some, and an ignored signal survives exec
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    try:
        os.execve(document["argv"][0], document["argv"], document["env"])  # noqa: S606 - never a shell
    except OSError as error:
        raise OSError(error.errno, f"{error.strerror}: {document['argv'][0]}") from None


def main() -> None:
    """Read the document, take every step, become the program. Exits 126 when a step fails."""
    global _step  # noqa: PLW0603 - read by the handler below after any step
    with os.fdopen(int(sys.argv[1]), "rb") as file:
        document: dict[str, Any] = json.loads(file.read())
    errors = fcntl.fcntl(document["errors"], fcntl.F_DUPFD_CLOEXEC, _HIGH)
    os.close(document["errors"])
    try:
        for _step, act in (
            ("cgroup", _join_groups),
            ("record", _record_pid),
            ("namespace", _namespaces),
            ("limits", _limits),
            ("user", _identity),
            ("bonds", _bonds),
        ):
            act(document)
        _step = "descriptors"
        _descriptors(document, errors)
        _step = "exec"
        _exec(document)
    except OSError as error:
        report = {"step": _step, "errno": error.errno, "text": error.strerror or str(error)}
        os.write(errors, json.dumps(report).encode())
        os._exit(126)


if __name__ == "__main__":
    main()
