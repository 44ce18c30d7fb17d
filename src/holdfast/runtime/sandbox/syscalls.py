"""The kernel calls the sandbox is built from, by ctypes: each raises OSError with the errno the kernel gave.

Constants from Linux' uapi headers. x86-64 and aarch64 share the numbers of every call made by number here.
"""

from __future__ import annotations

import ctypes
import os
from typing import Any, Final

CLONE_NEWNS: Final = 0x00020000
CLONE_NEWCGROUP: Final = 0x02000000
CLONE_NEWUTS: Final = 0x04000000
CLONE_NEWIPC: Final = 0x08000000
CLONE_NEWUSER: Final = 0x10000000
CLONE_NEWPID: Final = 0x20000000
CLONE_NEWNET: Final = 0x40000000

MS_RDONLY: Final = 0x1
MS_NOSUID: Final = 0x2
MS_NODEV: Final = 0x4
MS_NOEXEC: Final = 0x8
MS_REMOUNT: Final = 0x20
MS_NOATIME: Final = 0x400
MS_NODIRATIME: Final = 0x800
MS_BIND: Final = 0x1000
MS_REC: Final = 0x4000
MS_SLAVE: Final = 0x80000
MS_RELATIME: Final = 0x200000
MNT_DETACH: Final = 2

PR_SET_PDEATHSIG: Final = 1
PR_SET_DUMPABLE: Final = 4
PR_SET_NAME: Final = 15
PR_SET_SECCOMP: Final = 22
PR_CAPBSET_DROP: Final = 24
PR_SET_NO_NEW_PRIVS: Final = 38
PR_CAP_AMBIENT: Final = 47
PR_CAP_AMBIENT_CLEAR_ALL: Final = 4
SECCOMP_MODE_FILTER: Final = 2

_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}
_CAPSET = {"x86_64": 126, "aarch64": 91}
_CLOSE_RANGE = 436
_LANDLOCK_CREATE, _LANDLOCK_ADD, _LANDLOCK_RESTRICT = 444, 445, 446
_CAPABILITY_VERSION_3 = 0x20080522
_LAST_CAPABILITY = 63  # the kernel says EINVAL above its own last one

_libc = ctypes.CDLL(None, use_errno=True)
_KEEP_FLAGS = {
    os.ST_RDONLY: MS_RDONLY,
    os.ST_NOSUID: MS_NOSUID,
    os.ST_NODEV: MS_NODEV,
    os.ST_NOEXEC: MS_NOEXEC,
    os.ST_NOATIME: MS_NOATIME,
    os.ST_NODIRATIME: MS_NODIRATIME,
    os.ST_RELATIME: MS_RELATIME,
}


def machine() -> str:
    """`x86_64` or `aarch64`. Raises OSError (ENOSYS) for others: their call numbers are not known here."""
    name = os.uname().machine
    if name not in _PIVOT_ROOT:
        raise OSError(38, f"the sandbox does not know the processor {name}")
    return name


def counts_by_namespace() -> bool:
    """Whether RLIMIT_NPROC counts the tasks of a user namespace, not all that the user has (since Linux 5.14)."""
    numbers = os.uname().release.split("-")[0].split(".")[:2]
    return tuple(int(one) if one.isdigit() else 0 for one in numbers) >= (5, 14)


def _check(result: int, about: str = "") -> int:
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code) + (f": {about}" if about else ""))
    return result


def syscall(number: int, *arguments: Any, about: str = "") -> int:
    """A call by number. Integers are passed as longs."""
    raw = [ctypes.c_long(value) if isinstance(value, int) else value for value in arguments]
    return _check(_libc.syscall(ctypes.c_long(number), *raw), about)


def prctl(option: int, *arguments: int) -> None:
    values = [ctypes.c_ulong(value) for value in (*arguments, 0, 0, 0, 0)[:4]]
    _check(_libc.prctl(option, *values), f"prctl {option}")


def unshare(flags: int) -> None:
    _check(_libc.unshare(flags), "unshare")


def setns(descriptor: int, kind: int) -> None:
    _check(_libc.setns(descriptor, kind), "setns")


def mount(source: str | None, target: str, kind: str | None, flags: int, options: str | None = None) -> None:
    raw = [None if text is None else os.fsencode(text) for text in (source, target, kind, options)]
    _check(_libc.mount(raw[0], raw[1], raw[2], ctypes.c_ulong(flags), raw[3]), target)


def bind_readonly(source: str, target: str, *, devices: bool = False, recursive: bool = True) -> None:
    """Show `source` at `target`, read-only, without set-user-id. The flags its mount has already are kept: inside a
    user namespace the kernel refuses to take them off."""
    mount(source, target, None, MS_BIND | (MS_REC if recursive else 0))
    present = os.statvfs(target).f_flag
    kept = sum(flag for seen, flag in _KEEP_FLAGS.items() if present & seen)
    mount(None, target, None, kept | MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | (0 if devices else MS_NODEV))


def pivot_root(new: str) -> None:
    """Make `new` (a mount point) the root and let go of everything that was there. The directory is / afterwards."""
    os.chdir(new)
    syscall(_PIVOT_ROOT[machine()], ctypes.c_char_p(b"."), ctypes.c_char_p(b"."), about="pivot_root")
    _check(_libc.umount2(b".", MNT_DETACH), "umount of the old root")
    os.chdir("/")


def close_from(first: int) -> None:
    """Close every descriptor from `first` on."""
    try:
        syscall(_CLOSE_RANGE, first, 0x7FFFFFFF, 0)
    except OSError:  # before Linux 5.9
        os.closerange(first, os.sysconf("SC_OPEN_MAX"))


def drop_bounding_set() -> None:
    """No program this process or a child ever starts can gain a capability. Needs CAP_SETPCAP."""
    for capability in range(_LAST_CAPABILITY + 1):
        try:
            prctl(PR_CAPBSET_DROP, capability)
        except OSError as error:
            if error.errno != 22:
                raise
            break
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL)


def drop_capabilities() -> None:
    """Effective, permitted and inheritable sets: empty."""
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    nothing = (ctypes.c_uint32 * 6)()
    syscall(_CAPSET[machine()], header, nothing, about="capset")


def landlock_version() -> int:
    """0 where the kernel has no Landlock or it is switched off at boot."""
    try:
        return syscall(_LANDLOCK_CREATE, None, 0, 1)
    except OSError:
        return 0


def landlock_create(attributes: ctypes.Structure) -> int:
    """A rule set's descriptor."""
    size = ctypes.sizeof(attributes)
    return syscall(_LANDLOCK_CREATE, ctypes.byref(attributes), size, 0, about="landlock_create_ruleset")


def landlock_allow_path(ruleset: int, rule: ctypes.Structure) -> None:
    syscall(_LANDLOCK_ADD, ruleset, 1, ctypes.byref(rule), 0, about="landlock_add_rule")


def landlock_restrict(ruleset: int) -> None:
    """For this process and its children, for ever. Needs no_new_privs."""
    syscall(_LANDLOCK_RESTRICT, ruleset, 0, about="landlock_restrict_self")


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def install_filter(program: bytes) -> None:
    """A seccomp program (classic BPF) for this process and its children. Needs no_new_privs."""
    loaded = _Program(len(program) // 8, program)
    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.addressof(loaded))
