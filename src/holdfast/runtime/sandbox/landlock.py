"""Landlock: what may be done to files, a second wall behind the mounts (kernel Documentation/userspace-api/landlock).

From version 6 also: no abstract sockets and no signals out of the sandbox; from 4: no TCP.
"""

from __future__ import annotations

import ctypes
import os

from holdfast.runtime.sandbox import syscalls

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_OF_FILES = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 4: (1 << 15) - 1, 5: (1 << 16) - 1}
_NET = 0b11  # bind and connect, TCP
_SCOPES = 0b11  # abstract unix sockets, signals
_TRUNCATE = 1 << 14


class _Ruleset(ctypes.Structure):
    _fields_ = (("fs", ctypes.c_uint64), ("net", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class _RulesetWithoutNet(ctypes.Structure):
    _fields_ = (("fs", ctypes.c_uint64),)


class _PathRule(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32))


def restrict(writable: tuple[str, ...]) -> int:
    """Everything may be read and run, only below `writable` may anything be made or changed. Returns the kernel's
    version of Landlock, 0 where it has none: then the mounts stand alone."""
    version = syscalls.landlock_version()
    if version == 0:
        return 0
    every = _OF_FILES[min(version, max(_OF_FILES))]
    attributes = _RulesetWithoutNet(every) if version < 4 else _Ruleset(every, _NET, _SCOPES if version >= 6 else 0)
    ruleset = syscalls.landlock_create(attributes)
    try:
        _allow(ruleset, "/", _EXECUTE | _READ_FILE | _READ_DIR)
        for path in writable:
            _allow(ruleset, path, every & ~_EXECUTE)
        for device in ("/dev/null", "/dev/full"):  # not /dev/zero: mapped, it is shared memory that nobody counts
            _allow(ruleset, device, every & (_READ_FILE | _WRITE_FILE | _TRUNCATE))
        syscalls.landlock_restrict(ruleset)
    finally:
        os.close(ruleset)
    return version


def _allow(ruleset: int, path: str, rights: int) -> None:
    descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        syscalls.landlock_allow_path(ruleset, _PathRule(rights, descriptor))
    finally:
        os.close(descriptor)
