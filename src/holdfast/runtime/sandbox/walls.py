"""The walls, built from inside the process that will run worker code. Standard library and ctypes only.

`template` is made once by a zygote: a small root with the interpreter in it, read-only. `part`, `enclose` and `seal`
run in each child: first its own namespaces, then its files and root, then, once it is in its control groups, its user,
capabilities, Landlock and seccomp. A step that fails raises OSError; nobody may go on after that.
"""

from __future__ import annotations

import _thread
import errno
import os
import resource
import signal
import socket
from collections.abc import Iterable, Sequence
from typing import Any

from holdfast.runtime.sandbox import landlock, syscalls
from holdfast.runtime.sandbox.seccomp import Filter
from holdfast.runtime.sandbox.syscalls import MS_NODEV, MS_NOEXEC, MS_NOSUID, MS_RDONLY, bind_readonly, mount

OWN = syscalls.CLONE_NEWNS | syscalls.CLONE_NEWNET | syscalls.CLONE_NEWIPC | syscalls.CLONE_NEWUTS
DEVICES = ("null", "zero", "full", "random", "urandom")
COVERED = ("http", "inner")  # sockets beside `bind` and `egress` that are for others
PLACES = ("proc", "app", "packages", "run", "tmp", "dev", "etc")
FILES = {
    "etc/passwd": "root:x:0:0:root:/:/nonexistent\nnobody:x:65534:65534:nobody:/:/nonexistent\n",
    "etc/group": "root:x:0:\nnogroup:x:65534:\n",
    "etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
    "etc/hosts": "127.0.0.1 localhost\n",
}
_STACK = 8 << 20
_THREAD_STACK = 2 << 20
_BASES = ("/sys", "/mnt", "/srv", "/opt")
_WORDS = MS_NOSUID | MS_NODEV | MS_NOEXEC


def template(view: dict[str, Any]) -> str:
    """A root of our own on a directory nothing is read from; private to this mount namespace. Returns its path."""
    mount("none", "/", None, syscalls.MS_REC | syscalls.MS_SLAVE)
    base = next(path for path in _BASES if os.path.isdir(path))
    mount("holdfast", base, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755,size=1m,nr_inodes=8k")
    for name in PLACES:
        os.mkdir(f"{base}/{name}", 0o755)
    for name, target in view["links"].items():
        os.symlink(target, f"{base}/{name}")
    for path in view["visible"]:
        _place(path, base + path)
        bind_readonly(path, base + path)
    empty = f"{base}/proc"  # nothing is in it yet
    for path in view["empty"]:
        bind_readonly(empty, base + path, recursive=False)
    for name in DEVICES:
        _place(f"/dev/{name}", f"{base}/dev/{name}")
        bind_readonly(f"/dev/{name}", f"{base}/dev/{name}", devices=True)
    for name, content in FILES.items():
        if not os.path.exists(f"{base}/{name}"):
            with open(f"{base}/{name}", "w") as file:
                file.write(content)
    mount(None, base, None, syscalls.MS_BIND | syscalls.MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV)
    return base


def outermost(paths: Iterable[str]) -> tuple[str, ...]:
    """The paths that lie below no other of them."""
    ordered = sorted(set(paths))
    kept: list[str] = []
    for path in ordered:
        if not any(path.startswith(other + "/") for other in kept):
            kept.append(path)
    return tuple(kept)


def _place(source: str, target: str) -> None:
    """An empty directory or file to mount on. Paths may meet: one was made for the other's sake."""
    if os.path.isdir(source):
        os.makedirs(target, 0o755, exist_ok=True)
        return
    os.makedirs(os.path.dirname(target), 0o755, exist_ok=True)
    if not os.path.exists(target):
        os.close(os.open(target, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o644))


def part(base: str) -> None:
    """Namespaces of its own, the same for every version. The process must be the first of its pid namespace."""
    expendable()
    syscalls.unshare(OWN)
    socket.sethostname("worker")
    _own_proc(f"{base}/proc")


def enclose(order: dict[str, Any], base: str, visible: Sequence[str], *, root: bool) -> int:
    """Files, in a process that has parted. Afterwards / is the new root. Returns a descriptor of the process' directory
    in the /proc that was there.

    `visible`: what the template shows; of it, what lies in /tmp is shown again above the private one."""
    _files(order, base, root=root)
    if order["temporary_bytes"]:
        for path in visible:
            if path.startswith("/tmp/"):  # noqa: S108 - an installation below /tmp
                _place(path, base + path)
                bind_readonly(path, base + path)
    process = os.open("/proc/self", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)  # the one inside is read-only
    syscalls.pivot_root(base)
    return process


def alone(process: int) -> None:
    """A user namespace of its own: the kernel counts tasks by user and namespace, so that what the sandboxes beside it
    and the rest of the machine start is not in its count. No capability in it reaches the mounts made before.

    `process`: its directory in /proc, opened where that can be written; closed here.
    """
    try:
        user, group = os.geteuid(), os.getegid()
        syscalls.unshare(syscalls.CLONE_NEWUSER)
        for name, text in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
            with open(os.open(name, os.O_WRONLY | os.O_CLOEXEC, dir_fd=process), "w") as file:
                file.write(text)
    finally:
        os.close(process)


def expendable() -> None:
    """When the machine runs out of memory, a worker goes before the databases beside it."""
    with open("/proc/self/oom_score_adj", "w") as file:
        file.write("500")


def _files(order: dict[str, Any], base: str, *, root: bool) -> None:
    for path in (order["code"], order["packages"], order["sockets"]):
        if path and not os.path.isdir(path):
            raise FileNotFoundError(errno.ENOENT, "no such directory", path)
    bind_readonly(order["code"], f"{base}/app")
    if order["packages"]:
        bind_readonly(order["packages"], f"{base}/packages")
    bind_readonly(order["sockets"], f"{base}/run")
    for name in COVERED:
        bind_readonly(f"{base}/dev/null", f"{base}/run/{name}")
    if order["temporary_bytes"]:
        inodes = max(64, order["temporary_bytes"] // 4096)
        owner = f",uid={order['uid']},gid={order['uid']}" if root else ""
        options = f"mode=0700,size={order['temporary_bytes']},nr_inodes={inodes}{owner}"
        mount("private", f"{base}/tmp", "tmpfs", _WORDS, options)  # noqa: S108 - the sandbox's own


def _own_proc(target: str) -> None:
    """Processes of this namespace only, without the machine's tunables. Where a container's masked /proc makes the
    kernel refuse a new one, there is none."""
    for options in ("subset=pid,hidepid=invisible", None):
        try:
            mount("proc", target, "proc", _WORDS | MS_RDONLY, options)
        except OSError as error:
            if error.errno == errno.EINVAL:
                continue  # before Linux 5.8
            if error.errno != errno.EPERM:
                raise
        return


def _limit(order: dict[str, Any], *, root: bool) -> None:
    """Resource limits. Tasks count by user, and are only limited where that is the sandbox's own affair: the version's
    user (two times, because an old and a new process of it may live side by side), or a user namespace."""
    wanted = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_NOFILE: order["files"],
        resource.RLIMIT_FSIZE: max(order["temporary_bytes"], 1 << 20),
        resource.RLIMIT_MEMLOCK: 1 << 16,
        resource.RLIMIT_MSGQUEUE: 0,
        resource.RLIMIT_STACK: _STACK,
    }
    if root:
        wanted[resource.RLIMIT_NPROC] = 2 * order["tasks"]
    elif syscalls.counts_by_namespace():
        wanted[resource.RLIMIT_NPROC] = order["tasks"]
    if order["data_bytes"]:
        wanted[resource.RLIMIT_DATA] = order["data_bytes"]
        _thread.stack_size(_THREAD_STACK)  # RLIMIT_DATA counts all of it at once: thirty of 8 MiB would be all there is
    for kind, value in wanted.items():
        hard = resource.getrlimit(kind)[1]
        bound = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (bound, bound))


def seal(order: dict[str, Any], *, root: bool, bounded: bool = False) -> None:
    """The last walls; only what the worker may do works afterwards. In its control groups before this is called.
    `bounded`: the bounding set is empty already, and there is no capability to empty it with."""
    _limit(order, root=root)
    if not bounded:
        syscalls.drop_bounding_set()
    if root:
        _become(order["uid"])
    syscalls.drop_capabilities()
    if 0 in os.getresuid() + os.getresgid():
        raise OSError(errno.EPERM, "worker code never runs as root")
    os.umask(0o077)
    os.chdir("/app")
    _restrict(order)


def _become(uid: int) -> None:
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)


def _restrict(order: dict[str, Any]) -> None:
    """What needs no privilege: nobody reads this process' memory or environment, it dies with whoever made it (the
    kernel forgot that when the user changed), Landlock, seccomp."""
    syscalls.prctl(syscalls.PR_SET_PDEATHSIG, signal.SIGKILL)
    syscalls.prctl(syscalls.PR_SET_DUMPABLE, 0)
    syscalls.prctl(syscalls.PR_SET_NO_NEW_PRIVS, 1)
    landlock.restrict(("/tmp",) if order["temporary_bytes"] else ())  # noqa: S108 - the sandbox's own
    chosen = Filter(subprocess=order["subprocess"], shared_memory=order["data_bytes"] is None)
    syscalls.install_filter(chosen.program(syscalls.machine()))
